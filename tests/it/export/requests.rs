//! What is asked in unusual ways: by strict and by careless clients.

use super::*;

/// Sends these bytes, and reads the status and the headers of the answer.
fn head_of(address: SocketAddr, request: &[u8]) -> Response {
    let mut stream = connect(address);
    stream.get_mut().write_all(request).unwrap();
    read_response(&mut stream, false).unwrap()
}

#[test]
fn http_1_1_has_one_valid_host() {
    let server = start(small());
    for (hosts, status) in [
        ("", 400),
        ("host: a\r\nhost: a\r\n", 400),
        ("host: a\r\nhost: b\r\n", 400),
        ("host: a b\r\n", 400),
        ("host: user@a\r\n", 400),
        ("host: a/b\r\n", 400),
        ("host:\r\n", 200),
        ("host: my_service:9090\r\n", 200),
        ("host: [::1]:9090\r\n", 200),
        ("host: 127.0.0.1\r\n", 200),
    ] {
        let request = format!("GET /metrics HTTP/1.1\r\n{hosts}\r\n");
        let response = head_of(server.local_addr(), request.as_bytes());
        assert_eq!(response.status, status, "{hosts:?}");
    }
    for (hosts, status) in [("", 200), ("host: a\r\n", 200), ("host: a\r\nhost: a\r\n", 400)] {
        let request = format!("GET /metrics HTTP/1.0\r\n{hosts}\r\n");
        let response = head_of(server.local_addr(), request.as_bytes());
        assert_eq!(response.status, status, "HTTP/1.0 {hosts:?}");
    }
}

#[test]
fn paths_are_decoded() {
    let registry = small();
    let server = Server::builder(registry.clone()).path("/metrics").path("/métriques").serve("127.0.0.1:0").unwrap();
    for path in ["/%6detrics", "/%6D%65trics?x=%zz", "/m%C3%A9triques", "http://test/metrics"] {
        let response = ask(server.local_addr(), "GET", path);
        assert_eq!((response.status, response.body), (200, registry.to_text()), "{path}");
    }
    for path in ["/%", "/%6", "/%6gmetrics", "/metrics%00", "/metrics%3f", "/%ff", "/metrics%2f"] {
        assert_eq!(ask(server.local_addr(), "GET", path).status, 404, "{path}");
    }
}

#[test]
fn paths_with_empty_or_dotted_segments_are_redirected() {
    let server = Server::builder(small()).path("/metrics").path("/a/b").serve("127.0.0.1:0").unwrap();
    for (path, location) in [
        ("//metrics", "/metrics"),
        ("///metrics?name[]=x", "/metrics?name[]=x"),
        ("/./metrics", "/metrics"),
        ("/x/../metrics", "/metrics"),
        ("/%2e%2E/metrics", "/metrics"),
        ("/%2fmetrics", "/metrics"),
        ("/a//b", "/a/b"),
    ] {
        let response = ask(server.local_addr(), "GET", path);
        assert_eq!((response.status, response.header("location")), (301, Some(location)), "{path}");
    }
    for path in ["//example.org", "//example.org/metrics", "//metrics/", "/metrics/..", "//"] {
        let response = ask(server.local_addr(), "GET", path);
        assert_eq!((response.status, response.header("location")), (404, None), "{path}");
    }
}

#[test]
fn requests_that_are_sent_together_are_answered_in_order() {
    let registry = small();
    let server = start(registry.clone());
    let mut stream = connect(server.local_addr());
    for _ in 0..20 {
        for line in ["GET /metrics", "HEAD /metrics", "GET /x", "POST /metrics"] {
            send(&mut stream, line);
        }
    }
    for _ in 0..20 {
        let get = read_response(&mut stream, true).unwrap();
        assert_eq!((get.status, get.body), (200, registry.to_text()));
        assert_eq!(read_response(&mut stream, false).unwrap().status, 200);
        assert_eq!(read_response(&mut stream, true).unwrap().status, 404);
        assert_eq!(read_response(&mut stream, true).unwrap().status, 405);
    }
}

#[test]
fn a_head_of_10_mib_is_refused() {
    let server = start(small());
    let line = format!("x-{}: {}\r\n", "a".repeat(100), "b".repeat(4_000));
    let many_lines = line.repeat((10 << 20) / line.len());
    for head in [many_lines, format!("x: {}\r\n", "b".repeat(10 << 20)), format!("{}: x\r\n", "b".repeat(10 << 20))] {
        let mut stream = connect(server.local_addr());
        let request = format!("GET /metrics HTTP/1.1\r\nhost: test\r\n{head}\r\n");
        let sent = stream.get_mut().write_all(request.as_bytes());
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        assert!(sent.is_err() || read.is_err() || answer.starts_with(b"HTTP/1.1 431"), "{sent:?} {read:?}");
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(ask(server.local_addr(), "GET", "/metrics").status, 200);
}

#[test]
fn random_bytes_hurt_nobody() {
    let server = start(small());
    let mut random = 17_u64;
    for n in 0..200 {
        let mut stream = connect(server.local_addr());
        let mut bytes = b"GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n".to_vec();
        for _ in 0..=n % 8 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (random >> 33) as usize % bytes.len();
            bytes[at] = (random >> 24) as u8;
        }
        // The end of what is sent, so that the server does not wait for the rest of a head.
        let _ = stream.get_mut().write_all(&bytes);
        let _ = stream.get_mut().shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(ask(server.local_addr(), "GET", "/metrics").status, 200);
}

#[tokio::test]
async fn connections_that_are_reset_hurt_nobody() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = start(large(2_000, 4_000));
    for n in 0..60 {
        let mut stream = tokio::net::TcpStream::connect(server.local_addr()).await.unwrap();
        if n % 3 > 0 {
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        }
        if n % 3 > 1 {
            stream.read_u8().await.unwrap();
        }
        stream.set_zero_linger().unwrap();
    }
    let address = server.local_addr();
    let response = tokio::task::spawn_blocking(move || ask(address, "GET", "/metrics")).await.unwrap();
    assert_eq!(response.status, 200);
}
