//! A scrape server with made-up metrics, for `ci/fire`: `scrape_server SERIES LABEL_BYTES ADDRESS`.

use quipu::Registry;
use quipu::export::Server;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [series, bytes, address] = &arguments[..] else {
        return Err("scrape_server SERIES LABEL_BYTES ADDRESS".into());
    };
    let (series, bytes): (u64, usize) = (series.parse()?, bytes.parse()?);
    let registry = Registry::builder().unlimited().build()?;
    let requests = registry
        .counter("http_requests_total", "Requests.")
        .labels(["method", "path", "status", "tenant"])
        .register()?;
    for n in 0..series {
        requests.with(["GET", "/v1/incidents/{id}", "200", &format!("{n:0>bytes$}")]).inc_by(n);
    }
    let server = Server::builder(registry).serve(address.as_str())?;
    println!("{}", server.local_addr());
    server.join();
    Ok(())
}
