//! Makes code of the gRPC interface, with a compiler of protocol buffers that is written in Rust.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["incidents.proto"], ["proto"])?;
    tonic_prost_build::compile_fds(files)?;
    Ok(())
}
