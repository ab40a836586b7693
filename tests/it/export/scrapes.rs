//! How many scrapes are under way, and that half of one never looks whole.

use super::*;
use http_body::Frame;
use quipu::export::ScrapeBody;
use std::net::Shutdown;

const HTTP_1_0: &[u8] = b"GET /metrics HTTP/1.0\r\n\r\n";

async fn get(service: &ScrapeService) -> http::Response<ScrapeBody> {
    service.clone().oneshot(http::Request::new(())).await.unwrap()
}

#[tokio::test]
async fn scrapes_above_the_limit_are_told_to_come_again() {
    let registry = small();
    let service = ScrapeService::new(registry.clone());
    let mut under_way = Vec::new();
    for _ in 0..64 {
        let response = get(&service).await;
        assert_eq!(response.status(), 200);
        under_way.push(response);
    }
    let refused = get(&service).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    drop(refused);
    let head = http::Request::head("/").body(()).unwrap();
    assert_eq!(service.clone().oneshot(head).await.unwrap().status(), 200, "it costs no scrape");

    // One that ends, and one that is given up.
    under_way.pop().unwrap().into_body().collect().await.unwrap();
    under_way.pop();
    for status in [200, 200, 503] {
        let response = get(&service).await;
        assert_eq!(response.status(), status);
        under_way.push(response);
    }
    assert!(registry.to_text().contains("\nquipu_refused_scrapes_total 2\n"));
}

/// A page of 8 MiB, more than the buffers between a server and a client that does not read.
fn page() -> Registry {
    large(2_000, 4_000)
}

fn both_with(registry: &Registry) -> [(&'static str, SocketAddr); 2] {
    let server = start(registry.clone());
    let app = Router::new().merge(quipu_axum::router(registry.clone()));
    [("server", server.local_addr()), ("axum", start_axum(app))]
}

#[test]
fn http_1_0_is_told_the_length() {
    let registry = page();
    for (name, address) in both_with(&registry) {
        let mut stream = connect(address);
        stream.get_mut().write_all(HTTP_1_0).unwrap();
        let response = read_response(&mut stream, true).unwrap();
        assert_eq!(response.status, 200, "{name}");
        let length = response.header("content-length").expect(name);
        assert_eq!(length, response.body.len().to_string(), "{name}");
        assert!(response.body == registry.to_text(), "{name}");
    }
}

#[test]
fn http_1_0_gets_no_scrape_above_16_mib() {
    let registry = large(4_200, 4_000);
    for (name, address) in both_with(&registry) {
        let mut stream = connect(address);
        stream.get_mut().write_all(HTTP_1_0).unwrap();
        let response = read_response(&mut stream, true).unwrap();
        assert_eq!(response.status, 505, "{name}");
        assert!(response.body.contains("HTTP/1.1"), "{name}: {}", response.body);
        assert_eq!(ask(address, "GET", "/metrics").body.len(), registry.to_text().len(), "{name}");
    }
}

/// As `nc -N` does: the client closes its side once it has asked.
#[test]
fn a_half_closed_client_gets_a_whole_page_or_nothing_that_looks_whole() {
    let registry = page();
    let servers = both_with(&registry);
    let text = registry.to_text();
    for (name, address) in servers {
        for request in [HTTP_1_0, b"GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n"] {
            let mut stream = connect(address);
            stream.get_mut().write_all(request).unwrap();
            stream.get_mut().shutdown(Shutdown::Write).unwrap();
            thread::sleep(Duration::from_millis(50));
            match read_response(&mut stream, true) {
                Ok(response) => {
                    assert!(
                        response.header("content-length").or(response.header("transfer-encoding")).is_some(),
                        "{name}"
                    );
                    assert!(response.body == text, "{name}: {} of {}", response.body.len(), text.len());
                }
                // axum cannot be told to go on, but has said how much there would have been.
                Err(error) => assert_eq!(name, "axum", "{error}"),
            }
        }
    }
}

/// The memory of a scrape that HTTP/1.0 asked for is not freed before it was sent, so few may be under way.
#[tokio::test]
async fn few_scrapes_of_http_1_0_are_under_way() {
    let service = ScrapeService::new(small());
    let ask = || async {
        let request = http::Request::builder().version(http::Version::HTTP_10).body(()).unwrap();
        service.clone().oneshot(request).await.unwrap()
    };
    let mut under_way = Vec::new();
    for status in [200, 200, 200, 200, 503] {
        let response = ask().await;
        assert_eq!(response.status(), status);
        under_way.push(response);
    }
    assert_eq!(get(&service).await.status(), 200);
    let mut body = under_way.swap_remove(0).into_body();
    let length = body.size_hint().exact().unwrap();
    let chunk = body.frame().await.unwrap().map(Frame::into_data).unwrap().unwrap();
    assert_eq!(chunk.len() as u64, length);
    assert!(body.is_end_stream());
    drop(body);
    assert_eq!(ask().await.status(), 200);
}

#[test]
fn the_server_tells_clients_to_come_again_too() {
    let registry = page();
    let server = Server::builder(registry.clone()).max_scrapes(1).serve("127.0.0.1:0").unwrap();
    let mut stalled = connect(server.local_addr());
    send(&mut stalled, "GET /metrics");
    stalled.fill_buf().unwrap();
    let refused = ask(server.local_addr(), "GET", "/metrics");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(read_response(&mut stalled, true).unwrap().status, 200);
    let response = ask(server.local_addr(), "GET", "/metrics");
    assert_eq!(response.status, 200);
    assert!(response.body.contains("\nquipu_refused_scrapes_total 1\n"));
}
