//! What is measured of a whole process, and so in a process of its own.

use super::*;
use crate::warnings::Warnings;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;

/// Runs an ignored test of this binary in a process of its own, with few file descriptors if `descriptors` says so.
fn run_alone(test: &str, descriptors: Option<u32>) {
    let binary = std::env::current_exe().unwrap();
    let limit = descriptors.map_or(String::new(), |n| format!("ulimit -n {n} && "));
    let script = format!("{limit}exec \"$0\" --ignored --exact --nocapture {test}");
    let mut child = Command::new("sh");
    let output = child.args(["-c", &script]).arg(binary).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn memory_stays_flat_when_many_scrape_at_once() {
    run_alone("export::alone::child_a_hundred_scrapes_of_a_hundred_thousand_series", None);
}

/// The most memory that this process has had, in bytes.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    peak.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
#[ignore = "measures the process; run by memory_stays_flat_when_many_scrape_at_once"]
fn child_a_hundred_scrapes_of_a_hundred_thousand_series() {
    const SCRAPES: usize = 100;
    let registry = large(100_000, 15);
    let server = Server::builder(registry).max_scrapes(2 * SCRAPES).serve("127.0.0.1:0").unwrap();
    let address = server.local_addr();
    let scrape = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut buffer = [0; 16 * 1024];
        let (mut total, mut tail) = (0, Vec::new());
        loop {
            let length = stream.read(&mut buffer).unwrap();
            if length == 0 {
                break;
            }
            total += length;
            tail.extend_from_slice(&buffer[..length]);
            tail.drain(..tail.len().saturating_sub(16));
        }
        assert!(tail.ends_with(b"\r\n0\r\n\r\n"));
        total
    };
    let size = scrape();
    let before = peak_memory();
    let scrapes: Vec<_> = (0..SCRAPES).map(|_| thread::spawn(scrape)).collect();
    for scrape in scrapes {
        assert_eq!(scrape.join().unwrap(), size);
    }
    let each = (peak_memory() - before) / SCRAPES;
    assert!(each < 4 * 64 * 1024, "{each} bytes for a scrape of {size}");
}

#[test]
fn a_server_out_of_file_descriptors_waits_and_recovers() {
    run_alone("export::alone::child_out_of_file_descriptors", Some(64));
}

/// The processor time that this process has used, in seconds, from its `/proc/self/stat`.
fn processor_time(stat: &File) -> f64 {
    let mut text = [0; 1024];
    let length = stat.read_at(&mut text, 0).unwrap();
    let text = str::from_utf8(&text[..length]).unwrap();
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks = |n: usize| fields[n].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

#[test]
#[ignore = "uses up its file descriptors; run by a_server_out_of_file_descriptors_waits_and_recovers"]
fn child_out_of_file_descriptors() {
    let warnings = Warnings::default();
    tracing::subscriber::set_global_default(warnings.clone()).unwrap();
    let registry = small();
    let server = start(registry.clone());
    let address = server.local_addr();
    let stat = File::open("/proc/self/stat").unwrap();
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect(address) {
        clients.push(client);
    }
    assert!(clients.len() > 10);
    let (before, start) = (processor_time(&stat), Instant::now());
    while start.elapsed() < Duration::from_secs(2) {
        // What the server sets free.
        clients.extend(TcpStream::connect(address));
        thread::sleep(Duration::from_millis(10));
    }
    let used = processor_time(&stat) - before;
    assert!(used < 0.2, "{used} s of processor time in 2 s");
    drop(clients);
    let (text, seconds) = (ask(address, "GET", "/metrics").body, start.elapsed().as_secs());
    let warnings = warnings.messages().len() as u64;
    assert!((1..=2 + seconds).contains(&warnings), "{warnings} warnings in {seconds} s");
    let errors = text.lines().find_map(|line| line.strip_prefix("quipu_scrape_accept_errors_total "));
    let errors: u32 = errors.unwrap().parse().unwrap();
    assert!((1..100).contains(&errors), "{errors} errors");
}
