//! A registry behind a socket, as protobuf whatever is asked for: the whole of HTTP that a scrape needs, without a framework.
//!
//! `cargo run --example protobuf 127.0.0.1:9091`; `ci/e2e` has a Prometheus scrape it.

use quipu::Registry;
use quipu::export::Format;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// Families of each type, and more series than a chunk holds.
fn registry() -> Result<Registry, Box<dyn Error>> {
    let registry = Registry::builder().label("region", "eu \"1\"\n").without_self_metrics().build()?;
    let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue", "status"]).register()?;
    let seconds = registry.histogram("job_duration_seconds", "Time a job took.").unit("seconds");
    let seconds = seconds.bounds([0.1, 1.0]).labels(["queue"]).register()?;
    for n in 0..10_000 {
        jobs.with([&format!("queue {n}"), "ok"]).inc_by(n);
    }
    for n in 0..1_000 {
        let queue = seconds.handle([&format!("queue {n}")]);
        [0.0625, 0.5, 4.0].iter().for_each(|value| queue.observe(*value));
    }
    registry.gauge("temperature_celsius", "").register()?.set(-1.5);
    Ok(registry)
}

/// Answers one request, which it reads to the end of its head.
fn answer(registry: &Registry, mut client: TcpStream) -> Result<(), Box<dyn Error>> {
    let lines = BufReader::new(client.try_clone()?).lines();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let (mut scrape, mut chunk) = (registry.scrape_as(Format::Protobuf), Vec::new());
    let content_type = scrape.format().content_type();
    write!(
        client,
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )?;
    // If the scrape is broken off, no last chunk follows, and the client knows.
    while scrape.next_chunk(&mut chunk)? {
        write!(client, "{:x}\r\n", chunk.len())?;
        client.write_all(&chunk)?;
        client.write_all(b"\r\n")?;
    }
    client.write_all(b"0\r\n\r\n")?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let (registry, listener) = (registry()?, TcpListener::bind(address)?);
    println!("metrics on http://{}/metrics", listener.local_addr()?);
    for client in listener.incoming() {
        if let Err(error) = answer(&registry, client?) {
            eprintln!("a scrape was not finished: {error}");
        }
    }
    Ok(())
}
