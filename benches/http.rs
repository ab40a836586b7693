//! What the HTTP layer adds to a request, and how long a scrape takes over loopback.
//!
//! The layer: compare `request/recorded` with `request/bare`; `request/another layer` is what any layer costs on axum.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quipu::Registry;
use quipu::http::HttpMetrics;
use tower::layer::util::Identity;

mod works {
    pub(crate) mod request;
}
use works::request::{request, router, runtime, served, uri};

fn requests(criterion: &mut Criterion) {
    let registry = Registry::new();
    let recorded = HttpMetrics::new(&registry).unwrap();
    let excluded = HttpMetrics::builder().exclude("/v1/tenants/{tenant}/items");
    let excluded = excluded.register(&registry).unwrap();
    let routers = [
        ("bare", router()),
        ("another layer", router().layer(Identity::new())),
        ("recorded", router().layer(quipu_axum::layer(&recorded))),
        ("excluded", router().layer(quipu_axum::layer(&excluded))),
    ];
    let (runtime, uri) = (runtime(), uri());
    let mut group = criterion.benchmark_group("request");
    for (name, router) in routers {
        let mut router = served(router);
        group.bench_function(name, |bencher| bencher.iter(|| request(&runtime, &mut router, &uri)));
    }
}

/// A scrape by a client that only counts: the bytes of one response.
fn scrape(stream: &mut TcpStream, buffer: &mut [u8]) -> u64 {
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: bench\r\n\r\n").unwrap();
    let (mut total, mut tail) = (0, Vec::new());
    while !tail.ends_with(b"\r\n0\r\n\r\n") {
        let length = stream.read(buffer).unwrap();
        assert_ne!(length, 0, "the response was cut off");
        total += length as u64;
        tail.extend_from_slice(&buffer[length.saturating_sub(16)..length]);
        tail.drain(..tail.len().saturating_sub(16));
    }
    total
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn scrapes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scrape");
    group.sample_size(20);
    for series in [1_000, 100_000, 1_000_000] {
        let registry = Registry::new();
        let family = registry.counter("http_requests_total", "Requests.");
        let family = family.labels(["method", "path", "tenant"]).register().unwrap();
        for n in 0..series {
            let labels = ["GET", "/v1/incidents/{id}", &format!("{n:08}")];
            family.with(labels).inc_by(n);
        }
        let server = quipu::export::serve("127.0.0.1:0", registry).unwrap();
        let mut stream = connect(server.local_addr());
        let mut buffer = vec![0; 256 * 1024];
        group.throughput(Throughput::Bytes(scrape(&mut stream, &mut buffer)));
        group.bench_function(BenchmarkId::from_parameter(series), |bencher| {
            bencher.iter(|| scrape(&mut stream, &mut buffer));
        });
        server.stop();
    }
}

criterion_group!(benches, requests, scrapes);
criterion_main!(benches);
