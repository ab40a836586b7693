//! A batch job that pushes its metrics at its end, however it ends.
//!
//! `cargo run --example batch --features push -- push http://127.0.0.1:9091 /tmp instance=a`, where a Pushgateway listens; `add` in place of
//! `push` keeps other metrics of the group, and `delete` removes the group.

use quipu::Registry;
use quipu::push::{Gateway, PushError};
use std::error::Error;
use std::fs;
use std::process::ExitCode;

/// What the job does: it reads a folder.
fn look_at(folder: &str, registry: &Registry) -> Result<(), Box<dyn Error>> {
    let files =
        registry.counter("batch_files_total", "Files and folders that were seen.").labels(["kind"]).register()?;
    let sizes = registry.histogram("batch_file_size_bytes", "Size of a file.").bounds([10.0, 1e3, 1e6]).register()?;
    for file in fs::read_dir(folder)? {
        let file = file?.metadata()?;
        if file.is_file() {
            files.with(["file"]).inc();
            sizes.observe(file.len() as f64);
        } else {
            files.with(["other"]).inc();
        }
    }
    // Alert on its age. A job that fails does not have it: then `add` leaves that of the last success at the gateway, and `push` does not.
    let help = "When the job ended well, in seconds since 1970.";
    registry.gauge("batch_last_success_timestamp_seconds", help).register()?.set_to_current_time();
    Ok(())
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument =
        |what: &str| arguments.next().ok_or(format!("give {what}: METHOD GATEWAY FOLDER [LABEL=VALUE]..."));
    let (method, url, folder) = (argument("a method")?, argument("a gateway")?, argument("a folder")?);
    let registry = Registry::new();
    let mut gateway = Gateway::builder(registry.clone(), url, "batch");
    for label in arguments {
        let (name, value) = label.split_once('=').ok_or(format!("`{label}` is no LABEL=VALUE"))?;
        gateway = gateway.grouping(name, value);
    }
    let gateway = gateway.build()?;

    let send: fn(&Gateway) -> Result<(), PushError> = match &*method {
        "push" => Gateway::push_blocking,
        "add" => Gateway::add_blocking,
        "delete" => return Ok(gateway.delete_blocking()?),
        _ => return Err(format!("`{method}` is none of push, add and delete").into()),
    };
    // Pushed also when the job has failed; and a job that has done its work does not fail for its metrics.
    let result = look_at(&folder, &registry);
    if let Err(error) = send(&gateway) {
        eprintln!("{error}");
    }
    result
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
