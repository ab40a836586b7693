//! What the server does about clients that are slow, silent, or many: with shorter limits than it has in earnest.

mod crowd;

use std::future::pending;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::builder::LIMITS;
use super::*;
use crate::collect::{CollectError, Collector, Declaration, Samples};

const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n";
const SHORT: Duration = Duration::from_millis(300);
/// Long enough for whatever should happen, on a machine that is busy.
const LONG: Duration = Duration::from_secs(20);

const PATIENT: Limits = Limits {
    connections: 64,
    connections_per_address: 64,
    grace: Duration::from_millis(10),
    header: LONG,
    idle: LONG,
    response: LONG,
    accept: Duration::from_millis(20),
    stop: LONG,
};

/// Of 4 KB each.
const SERIES: usize = 4_000;

struct Running {
    address: SocketAddr,
    registry: Registry,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// A server whose scrape does not fit into the buffers between it and a client that does not read.
async fn run(limits: Limits) -> Running {
    let registry = Registry::builder().unlimited().build().unwrap();
    let family = registry.counter("items_total", "Items.").labels(["item"]);
    let family = family.register().unwrap();
    for item in 0..SERIES {
        family.handle([&*format!("{item:0>4000}")]);
    }
    let mut builder = Server::builder(registry.clone());
    builder.limits = limits;
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let address = server.local_addr();
    let shutdown = async {
        if stopped.await.is_err() {
            pending().await
        }
    };
    let task = tokio::spawn(server.serve(shutdown));
    Running { address, registry, stop, task }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// From another address of this machine.
    #[cfg(target_os = "linux")]
    async fn connect_from(&self, host: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, host], 0).into()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn ask(&self, request: &[u8]) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        stream
    }
}

/// Reads until the end of a chunked body, and says how many bytes that was.
async fn read_response(stream: &mut TcpStream) -> io::Result<usize> {
    let mut buffer = vec![0; 64 * 1024];
    let mut tail = Vec::new();
    let mut total = 0;
    while !tail.ends_with(b"\r\n0\r\n\r\n") {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        total += length;
        tail.extend_from_slice(&buffer[..length]);
        tail.drain(..tail.len().saturating_sub(16));
    }
    Ok(total)
}

/// Waits until the server has closed a connection on which nothing more is to be read, and says whether that was by a reset.
async fn closed(stream: &mut TcpStream) -> bool {
    let end = timeout(LONG, stream.read(&mut [0])).await;
    let end = end.expect("the server closes the connection");
    assert!(matches!(&end, Ok(0) | Err(_)), "{end:?}");
    end.is_err()
}

/// Asks on a connection that may have been closed.
async fn scrape(stream: &mut TcpStream) -> io::Result<usize> {
    stream.write_all(SCRAPE).await?;
    timeout(LONG, read_response(stream)).await.expect("an answer")
}

async fn is_open(stream: &mut TcpStream) -> bool {
    timeout(SHORT / 3, stream.read(&mut [0])).await.is_err()
}

#[test]
fn the_limits_in_earnest_are_those_of_the_documentation() {
    assert_eq!(LIMITS.connections, 512);
    assert_eq!(LIMITS.connections_per_address, 256);
    assert_eq!(LIMITS.grace, Duration::from_millis(100));
    assert_eq!(LIMITS.header, Duration::from_secs(5));
    assert_eq!(LIMITS.idle, Duration::from_secs(30));
    assert_eq!(LIMITS.response, Duration::from_secs(60));
    assert_eq!(LIMITS.accept, Duration::from_millis(100));
    assert_eq!(LIMITS.stop, Duration::from_secs(10));
}

#[tokio::test]
async fn limits_are_those_that_are_set() {
    let builder =
        Server::builder(Registry::new()).max_connections(0).max_connections_per_address(0).stop_timeout(SHORT);
    let builder = builder.header_timeout(SHORT * 2).response_timeout(SHORT * 3).idle_timeout(SHORT * 4);
    let limits = builder.bind("127.0.0.1:0").await.unwrap().limits;
    assert_eq!([limits.connections, limits.connections_per_address], [1, 1]);
    let times = [limits.stop, limits.header, limits.response, limits.idle];
    assert_eq!(times, [SHORT, SHORT * 2, SHORT * 3, SHORT * 4]);
}

#[tokio::test]
async fn the_longest_duration_is_no_limit() {
    let builder = Server::builder(Registry::new()).header_timeout(Duration::MAX).idle_timeout(Duration::MAX);
    let builder = builder.response_timeout(Duration::MAX).stop_timeout(Duration::MAX);
    let limits = builder.bind("127.0.0.1:0").await.unwrap().limits;
    let server = run(Limits { connections: 64, ..limits }).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        scrape(&mut stream).await.unwrap();
    }
    server.stop.send(()).unwrap();
    timeout(LONG, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let response = SHORT * 3;
    let server = run(Limits { response, ..PATIENT }).await;
    let mut stalled = server.ask(SCRAPE).await;
    let mut trickling = server.ask(SCRAPE).await;
    let mut asking = server.ask(SCRAPE).await;
    let start = Instant::now();
    // Neither reading a little now and then nor sending buys more time.
    while asking.write_all(b"G").await.is_ok() {
        assert!(start.elapsed() < LONG, "what is sent buys time");
        let _ = trickling.read_exact(&mut [0; 1000]).await;
        sleep(SHORT / 10).await;
    }
    assert!(start.elapsed() >= response);
    for stream in [&mut stalled, &mut trickling, &mut asking] {
        let cut = timeout(LONG, read_response(stream)).await.unwrap();
        cut.expect_err("the response was cut off");
    }
}

#[tokio::test]
async fn a_slow_collector_leaves_time_for_the_rest() {
    struct Slow;
    impl Collector for Slow {
        fn declare(&self, families: &mut Declaration) {
            families.gauge("slow", "Slow.");
        }

        fn collect(&mut self, _: &mut Samples) -> Result<(), CollectError> {
            std::thread::sleep(LONG);
            Ok(())
        }
    }
    let registry = Registry::new();
    registry.collect(Slow).unwrap();
    let server = Server::builder(registry).response_timeout(Duration::from_secs(4)).serve("127.0.0.1:0").unwrap();
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    scrape(&mut stream).await.unwrap();
}

#[tokio::test]
async fn every_response_of_a_connection_has_its_own_time() {
    let response = SHORT * 3;
    let server = run(Limits { response, ..PATIENT }).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream.write_all(SCRAPE).await.unwrap();
        sleep(SHORT / 3).await;
        read_response(&mut stream).await.unwrap();
        sleep(response).await;
    }
}

#[tokio::test]
async fn a_stop_lets_a_scrape_finish() {
    let server = run(PATIENT).await;
    let mut idle = server.ask(SCRAPE).await;
    let whole = read_response(&mut idle).await.unwrap();
    let mut scraper = server.ask(SCRAPE).await;
    let first = scraper.read(&mut [0; 100]).await.unwrap();
    server.stop.send(()).unwrap();
    closed(&mut idle).await;
    assert!(!server.task.is_finished());
    TcpStream::connect(server.address).await.expect_err("nobody listens any more");
    let rest = read_response(&mut scraper).await.unwrap();
    assert_eq!(first + rest, whole);
    closed(&mut scraper).await;
    timeout(LONG, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let server = run(Limits { stop: SHORT, ..PATIENT }).await;
    let mut stalled = server.ask(SCRAPE).await;
    stalled.read_u8().await.unwrap();
    server.stop.send(()).unwrap();
    timeout(LONG, server.task).await.unwrap().unwrap();
    read_response(&mut stalled).await.expect_err("the response was cut off");
}

/// HTTP/1.0 knows the end of a body by the end of the connection: only an error tells that something is missing.
#[tokio::test]
async fn what_is_broken_off_does_not_look_whole() {
    let server = run(PATIENT).await;
    let mut old = server.ask(b"GET /metrics HTTP/1.0\r\n\r\n").await;
    let mut new = server.ask(SCRAPE).await;
    old.read_u8().await.unwrap();
    new.read_u8().await.unwrap();
    server.task.abort();
    server.task.await.unwrap_err();
    let cut = old.read_to_end(&mut Vec::new()).await;
    assert_eq!(cut.unwrap_err().kind(), ErrorKind::ConnectionReset);
    read_response(&mut new).await.expect_err("the response was cut off");
}

#[tokio::test]
async fn http_1_0_gets_a_whole_scrape() {
    let server = run(PATIENT).await;
    let mut stream = server.ask(b"GET /metrics HTTP/1.0\r\n\r\n").await;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    let response = String::from_utf8(response).unwrap();
    let lines = response.lines();
    assert_eq!(lines.filter(|line| line.starts_with("items_total{")).count(), SERIES);
    assert!(!response.contains("transfer-encoding"));
}

/// The end of a response may be in the buffers of the system when the server has nothing more to write, and is the client's to read
/// for as long as that was promised.
#[tokio::test]
async fn a_response_may_be_read_for_longer_than_a_connection_may_be_idle() {
    let server = run(Limits { idle: SHORT, ..PATIENT }).await;
    let mut stream = server.ask(SCRAPE).await;
    let (mut total, mut tail, mut buffer) = (0, Vec::new(), vec![0; SERIES * 4_100 / 20]);
    while !tail.ends_with(b"\r\n0\r\n\r\n") {
        let length = stream.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0, "the end came after {total} bytes");
        total += length;
        tail.extend_from_slice(&buffer[..length]);
        tail.drain(..tail.len().saturating_sub(16));
        sleep(SHORT / 5).await;
    }
    assert!(total > SERIES * 4_000);
    assert!(!closed(&mut stream).await, "an idle connection was reset");
}

#[tokio::test]
async fn a_scraper_is_not_served_for_longer_than_it_waits() {
    let server = run(PATIENT).await;
    let request = |timeout: &str| {
        format!("GET /metrics HTTP/1.1\r\nhost: test\r\nX-Prometheus-Scrape-Timeout-Seconds: {timeout}\r\n\r\n")
    };
    let mut stalled = server.ask(request("0.3").as_bytes()).await;
    let mut in_time = server.ask(request("30").as_bytes()).await;
    sleep(SHORT * 3).await;
    timeout(LONG, read_response(&mut stalled)).await.unwrap().expect_err("the response was cut off");
    read_response(&mut in_time).await.unwrap();
}
