//! A scrape of 1,000,000 series over loopback HTTP, served by a process of its own.

use std::future::pending;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use quipu::export::Server;

use crate::Bench;
use crate::child::{self, Running};
use crate::harness::{self, Sample};
use crate::rival::QUIPU;
use crate::rivals::registry_of_counters;
use crate::table::Table;

const SERIES: usize = 1_000_000;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

pub(super) fn over_http(bench: &mut Bench) {
    let server = Running::start(&["serve"]);
    let before = child::resident(server.id());
    child::forget_peak(server.id());

    let mut buffer = vec![0; 256 * 1024];
    let times = harness::numbers(bench.long_rounds, bench.time)
        .map(|_| {
            let start = Instant::now();
            let lines = scrape(&server.greeting, &mut buffer);
            let time = start.elapsed();
            assert!(lines >= SERIES, "the scrape ended after {lines} lines");
            time.as_secs_f64() * 1e3
        })
        .collect();
    let growth = (child::peak(server.id()).saturating_sub(before)) as f64 / MEBIBYTE;

    let work = "scrape of 1,000,000 series over HTTP";
    let table = Table::new(work, "ms", vec![Sample::of_rounds(QUIPU, times)], Vec::new());
    table.print();
    println!("  the server's resident memory grew by {growth:.1} MiB at most");
    bench.targets.at_most(work, table.quipu(), 60.0, "ms");
    let what = format!("{work}: growth of the server");
    bench.targets.at_most(what, growth, 8.0, "MiB");
}

/// Reads a response to its end and returns the number of line ends in it.
fn scrape(address: &str, buffer: &mut [u8]) -> usize {
    let mut connection = TcpStream::connect(address).expect("the server listens");
    connection
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("the server reads");
    let mut lines = 0;
    loop {
        match connection.read(buffer).expect("the server writes") {
            0 => return lines,
            read => lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count(),
        }
    }
}

/// In the child: prints its address and serves until it is killed.
pub(crate) fn serve() {
    let registry = registry_of_counters(SERIES);
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
        let server = Server::bind("127.0.0.1:0", registry).await.expect("a port is free");
        println!("{}", server.local_addr());
        server.serve(pending()).await;
    });
}
