//! The scrape endpoint where a scraper meets it: over TCP, on the server and on axum, and as a plain service.

#[cfg(target_os = "linux")]
mod alone;
mod names;
mod page;
mod requests;
mod scrapes;

use std::error::Error;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use http_body::Body;
use http_body_util::BodyExt;
use quipu::Registry;
use quipu::export::{Format, ScrapeService, Server, ServerHandle, serve};
use tower::{Service, ServiceExt};

/// A response as it came over the wire, with its body put together again.
#[derive(Debug)]
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|header| header.0 == name);
        header.map(|header| &*header.1)
    }

    /// All headers but the clock and what frames the body.
    fn content_headers(&self) -> Vec<&(String, String)> {
        let headers = self.headers.iter();
        headers.filter(|header| !matches!(&*header.0, "date" | "transfer-encoding")).collect()
    }
}

fn small() -> Registry {
    let registry = Registry::new();
    let jobs = registry.counter("jobs_total", "Jobs finished.");
    jobs.register().unwrap().inc_by(17);
    registry
}

/// So many series, each with a label of this length.
fn large(series: usize, length: usize) -> Registry {
    let registry = Registry::builder().unlimited().build().unwrap();
    let family = registry
        .counter("http_requests_total", "Requests.")
        .labels(["method", "path", "status", "tenant"])
        .register()
        .unwrap();
    for n in 0..series {
        let tenant = format!("{n:0>length$}");
        family.with(["GET", "/v1/incidents/{id}", "200", &tenant]).inc_by(n as u64);
    }
    registry
}

fn start(registry: Registry) -> ServerHandle {
    serve("127.0.0.1:0", registry).unwrap()
}

/// Serves a router on TCP from a thread that ends with the process.
fn start_axum(app: Router) -> SocketAddr {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    receiver.recv().unwrap()
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    BufReader::new(stream)
}

fn send(stream: &mut BufReader<TcpStream>, request_line: &str) {
    let head = format!("{request_line} HTTP/1.1\r\nhost: test\r\n\r\n");
    stream.get_mut().write_all(head.as_bytes()).unwrap();
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}

fn read_response(stream: &mut impl BufRead, has_body: bool) -> io::Result<Response> {
    let status = read_line(stream)?.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut response = Response { status, headers, body: String::new() };
    if has_body {
        let body = match response.header("content-length") {
            Some(length) => read_exact(stream, length.parse().unwrap())?,
            None => read_chunks(stream)?,
        };
        response.body = String::from_utf8(body).unwrap();
    }
    Ok(response)
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(&read_line(stream)?, 16).unwrap();
        body.extend(read_exact(stream, length)?);
        assert_eq!(read_line(stream)?, "");
        if length == 0 {
            return Ok(body);
        }
    }
}

fn read_exact(stream: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn ask(address: SocketAddr, method: &str, path: &str) -> Response {
    let mut stream = connect(address);
    send(&mut stream, &format!("{method} {path}"));
    read_response(&mut stream, method != "HEAD").unwrap()
}

/// The endpoint on a server of its own and within an axum application.
fn both() -> Vec<(&'static str, SocketAddr, Registry)> {
    let (first, second) = (small(), small());
    let server = start(first.clone());
    let app = Router::new().route("/", get(async || "hello"));
    let app = app.merge(quipu_axum::router(second.clone()));
    vec![("server", server.local_addr(), first), ("axum", start_axum(app), second)]
}

#[test]
fn get_is_the_text_of_the_registry() {
    for (name, address, registry) in both() {
        for path in ["/metrics", "/metrics?debug=1"] {
            let response = ask(address, "GET", path);
            assert_eq!(response.status, 200, "{name}");
            assert_eq!(response.header("content-type"), Some(Format::Text.content_type()), "{name}");
            assert_eq!(response.body, registry.to_text(), "{name}");
            assert!(response.body.contains("\njobs_total 17\n"), "{name}");
        }
    }
}

#[test]
fn head_is_get_without_its_body() {
    for (name, address, _) in both() {
        let get = ask(address, "GET", "/metrics");
        let mut stream = connect(address);
        send(&mut stream, "HEAD /metrics");
        let head = read_response(&mut stream, false).unwrap();
        assert_eq!(head.status, 200, "{name}");
        assert_eq!(head.content_headers(), get.content_headers(), "{name}");
        // Whatever followed the head would be taken for the next response.
        send(&mut stream, "GET /metrics");
        let next = read_response(&mut stream, true).unwrap();
        assert_eq!((next.status, next.body), (200, get.body), "{name}");
    }
}

#[test]
fn other_methods_are_not_allowed() {
    for (name, address, _) in both() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let response = ask(address, method, "/metrics");
            assert_eq!(response.status, 405, "{method} {name}");
            assert_eq!(response.header("allow"), Some("GET, HEAD"), "{method} {name}");
            assert!(!response.body.contains("jobs_total"), "{method} {name}");
        }
    }
}

#[test]
fn other_paths_are_not_found() {
    for (name, address, _) in both() {
        for path in ["/metrics/", "/metrics/x", "/metric", "/METRICS", "/x?/metrics"] {
            for method in ["GET", "POST"] {
                let response = ask(address, method, path);
                assert_eq!(response.status, 404, "{method} {path} {name}");
                assert!(!response.body.contains("jobs_total"), "{method} {path} {name}");
            }
        }
    }
    let server = start(small());
    assert_eq!(ask(server.local_addr(), "GET", "/").status, 404);
}

#[test]
fn a_connection_is_used_again() {
    let registry = small();
    let server = start(registry.clone());
    let mut stream = connect(server.local_addr());
    for n in 0..10 {
        registry.counter(format!("more_{n}_total"), "More.").register().unwrap();
        send(&mut stream, "GET /metrics");
        let response = read_response(&mut stream, true).unwrap();
        assert_eq!(response.body, registry.to_text());
    }
}

#[test]
fn what_is_no_http_ends_the_connection_and_nothing_else() {
    let server = start(small());
    let garbage: [&[u8]; 4] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[b'x'; 100_000],
    ];
    for bytes in garbage {
        let mut stream = TcpStream::connect(server.local_addr()).unwrap();
        let mut answer = Vec::new();
        // The server may have closed the connection before it has read everything.
        let _ = stream.write_all(bytes);
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(ask(server.local_addr(), "GET", "/metrics").status, 200);
}

#[test]
fn a_large_scrape_is_whole() {
    let registry = large(50_000, 15);
    let server = start(registry.clone());
    let response = ask(server.local_addr(), "GET", "/metrics");
    assert_eq!(response.header("transfer-encoding"), Some("chunked"));
    assert_eq!(response.body, registry.to_text());
}

#[test]
fn a_stop_finishes_the_scrape_and_gives_the_port_back() {
    let registry = large(4_000, 4_000);
    let server = start(registry.clone());
    let text = registry.to_text();
    let address = server.local_addr();
    let mut stream = connect(address);
    send(&mut stream, "GET /metrics");
    stream.fill_buf().unwrap();
    let stopping = thread::spawn(|| server.stop());
    while TcpStream::connect(address).is_ok() {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!stopping.is_finished());
    let response = read_response(&mut stream, true).unwrap();
    assert_eq!(response.body.len(), text.len());
    stopping.join().unwrap();
    serve(address, registry).unwrap().stop();
}

#[test]
fn a_stop_does_not_wait_for_idle_connections() {
    let server = start(small());
    let mut idle = connect(server.local_addr());
    send(&mut idle, "GET /metrics");
    read_response(&mut idle, true).unwrap();
    let silent = connect(server.local_addr());
    assert_eq!(ask(server.local_addr(), "GET", "/metrics").status, 200);
    let start = Instant::now();
    server.stop();
    assert!(start.elapsed() < Duration::from_secs(5));
    drop(silent);
}

#[test]
fn a_server_outlives_its_handle() {
    let server = start(small());
    let address = server.local_addr();
    drop(server);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(ask(address, "GET", "/metrics").status, 200);
}

#[test]
fn an_address_that_cannot_be_taken_is_named() {
    let server = start(small());
    let taken = server.local_addr();
    let error = serve(taken, small()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let message = error.to_string();
    assert!(message.starts_with(&format!("cannot serve metrics on {taken}: ")), "{message}");
    assert!(format!("{error:?}").contains(&message), "{error:?}");
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>()).unwrap();
    assert!(source.raw_os_error().is_some(), "{source:?}");
    let error = serve(&*taken.to_string(), small()).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert!(format!("{error:?}").contains(&message), "{error:?}");

    let error = serve("no port here", small()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let message = error.to_string();
    assert!(message.starts_with("cannot serve metrics on no port here: "), "{message}");
    assert!(message.ends_with("; write HOST:PORT, such as 127.0.0.1:9090"), "{message}");
    let message = serve("http://127.0.0.1:9090", small()).unwrap_err().to_string();
    assert!(message.ends_with("; write HOST:PORT, such as 127.0.0.1:9090"), "{message}");
}

#[test]
fn an_address_without_a_host_is_answered_with_two_that_have_one() {
    let message = serve(":9090", small()).unwrap_err().to_string();
    assert!(message.starts_with("cannot serve metrics on :9090: "), "{message}");
    let advice = "; write \"0.0.0.0:9090\" to be reached from everywhere, or \"127.0.0.1:9090\"";
    assert!(message.ends_with(advice), "{message}");
    let message = serve(":http", small()).unwrap_err().to_string();
    assert!(message.ends_with("; write HOST:PORT, such as 127.0.0.1:9090"), "{message}");
}

#[test]
fn the_name_of_the_metric_of_the_server_itself_cannot_be_taken() {
    let registry = Registry::new();
    let taken = registry.counter("quipu_scrape_accept_errors_total", "Mine.").register();
    taken.expect_err("the server would go without");
    let server = start(registry);
    let text = ask(server.local_addr(), "GET", "/metrics").body;
    assert!(text.contains("\nquipu_scrape_accept_errors_total 0\n"), "{text}");
}

#[test]
fn a_server_serves_at_the_paths_it_is_given() {
    let registry = small();
    let server = Server::builder(registry.clone()).path("/a").path("/b/c").serve("127.0.0.1:0").unwrap();
    for path in ["/a", "/b/c", "/a?x"] {
        assert_eq!(ask(server.local_addr(), "GET", path).body, registry.to_text(), "{path}");
    }
    for path in ["/metrics", "/", "/b"] {
        let response = ask(server.local_addr(), "GET", path);
        assert_eq!((response.status, &*response.body), (404, "metrics are at /a, /b/c\n"), "{path}");
    }
    for path in ["metrics", "", "/a?b", "/a b", "/#"] {
        let error = Server::builder(small()).path(path).serve("127.0.0.1:0").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with(&format!("cannot serve metrics at the path {path:?}: ")), "{error}");
    }
}

#[test]
fn several_registries_are_one_exposition() {
    let (ours, theirs) = (small(), Registry::new());
    theirs.gauge("depth", "Depth.").register().unwrap().set(3.0);
    let server = Server::builder(ours).registry(theirs).serve("127.0.0.1:0").unwrap();
    let text = ask(server.local_addr(), "GET", "/metrics").body;
    let read = crate::reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(read.value("jobs_total", &[]), Some(17.0));
    assert_eq!(read.value("depth", &[]), Some(3.0));
    for family in ["jobs_total", "depth"] {
        assert_eq!(read.value("quipu_series", &[("family", family)]), Some(1.0), "{family}");
    }
}

#[test]
fn the_metric_of_the_server_itself_has_one_name_in_all_registries() {
    let server = start(Registry::builder().namespace("shop").build().unwrap());
    let text = ask(server.local_addr(), "GET", "/metrics").body;
    assert!(text.contains("\nquipu_scrape_accept_errors_total 0\n"), "{text}");
}

#[tokio::test]
async fn a_server_names_the_address_that_it_cannot_take() {
    let server = start(small());
    let taken = server.local_addr();
    let error = Server::bind(taken, small()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("cannot serve metrics on {taken}: ")), "{error}");
}

#[tokio::test]
async fn serve_can_be_called_inside_a_runtime() {
    let server = start(small());
    let address = server.local_addr();
    let asking = tokio::task::spawn_blocking(move || {
        let status = ask(address, "GET", "/metrics").status;
        server.stop();
        status
    });
    assert_eq!(asking.await.unwrap(), 200);
}

#[tokio::test]
async fn a_server_that_is_dropped_breaks_off_what_it_was_sending() {
    let server = Server::bind("127.0.0.1:0", large(4_000, 4_000)).await.unwrap();
    let address = server.local_addr();
    let reading = tokio::task::spawn_blocking(move || {
        let mut stream = connect(address);
        send(&mut stream, "GET /metrics");
        stream.fill_buf().unwrap();
        thread::sleep(Duration::from_millis(500));
        read_response(&mut stream, true)
    });
    let serving = server.serve(std::future::pending());
    tokio::time::timeout(Duration::from_millis(250), serving).await.unwrap_err();
    reading.await.unwrap().expect_err("half a scrape looked like a whole one");
}

#[tokio::test]
async fn the_service_answers_at_any_path() {
    let registry = small();
    let service = ScrapeService::new(registry.clone());
    let request = |method: &str| {
        let request = http::Request::builder().method(method).uri("/any/path");
        request.body(()).unwrap()
    };
    let response = service.clone().oneshot(request("GET")).await.unwrap();
    assert_eq!(response.headers()["content-type"], Format::Text.content_type());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, registry.to_text());
    let response = service.clone().oneshot(request("HEAD")).await.unwrap();
    assert_eq!(response.headers()["content-type"], Format::Text.content_type());
    assert!(response.body().is_end_stream());
    assert_eq!(response.body().size_hint().exact(), None);
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    let response = service.oneshot(request("POST")).await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.body().size_hint().exact(), Some(34));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.len(), 34);
}

#[test]
fn a_body_is_encoded_in_chunks_and_lets_others_run_between_them() {
    let registry = large(10_000, 15);
    let mut service = ScrapeService::new(registry.clone());
    let mut response = pin!(service.call(http::Request::new(())));
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(response)) = response.as_mut().poll(&mut cx) else {
        panic!("the response waits");
    };
    let mut body = pin!(response.into_body());
    let mut text = Vec::new();
    let (mut large_chunks, mut rests) = (0, 0);
    loop {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let chunk = frame.into_data().unwrap();
                assert!(!chunk.is_empty() && chunk.len() < 72 * 1024, "{}", chunk.len());
                large_chunks += usize::from(chunk.len() >= 32 * 1024);
                text.extend_from_slice(&chunk);
            }
            Poll::Pending => rests += 1,
            Poll::Ready(Some(Err(error))) => panic!("{error}"),
            Poll::Ready(None) => break,
        }
    }
    assert!(large_chunks > 10);
    assert_eq!(rests, large_chunks);
    assert_eq!(text, registry.to_text().into_bytes());
}
