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
