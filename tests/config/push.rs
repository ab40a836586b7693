//! Pushing as it is configured.

use crate::{engine, refused};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// A gateway that takes all, and tells of each request: its head and what was pushed.
fn gateway() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
            while !bytes.ends_with(b"0\r\n\r\n") {
                match stream.read(&mut buffer).unwrap() {
                    0 => break,
                    length => bytes.extend_from_slice(&buffer[..length]),
                }
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if sender.send(String::from_utf8_lossy(&bytes).into_owned()).is_err() {
                break;
            }
        }
    });
    (address, requests)
}

/// Waits for less than the interval that is set by default.
fn next(requests: &Receiver<String>) -> String {
    requests.recv_timeout(Duration::from_secs(20)).expect("a push")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_of_the_deployed_file_has_its_effect() {
    let (address, requests) = gateway();
    let text = include_str!("deployed.toml")
        .replace("0.0.0.0:9090", "127.0.0.1:0")
        .replace("[metrics.push_gateway]\nenabled = false", "[metrics.push_gateway]\nenabled = true")
        .replace("http://pushgateway:9091", &format!("http://{address}"));
    let engine = engine(&text);
    let orders = engine.registry().counter("orders_total", "Orders.").register().unwrap();
    let running = engine.start().await.unwrap();
    let first = next(&requests);
    assert!(first.starts_with("PUT /metrics/job/incident-manager HTTP/1.1\r\n"), "{first}");
    assert!(first.contains("environment=\"production\""), "{first}");
    orders.inc_by(7);
    // The next one were in a minute: a stop pushes what was recorded until then.
    running.stop().await;
    let last = next(&requests);
    assert!(last.lines().any(|line| line.starts_with("orders_total{") && line.ends_with(" 7")), "{last}");
    assert!(last.contains("process_open_fds"), "{last}");
    assert!(requests.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_pushes_again_and_with_what_is_set() {
    let (address, requests) = gateway();
    let text = format!(
        "[metrics]\nlisten_address = \"127.0.0.1:0\"\n[metrics.push_gateway]\nenabled = true\nurl = \"http://{address}/base\"\n\
         job_name = \"other\"\npush_interval_seconds = 1\nusername = \"me\"\npassword = \"secret\"\n\
         [metrics.push_gateway.grouping]\ninstance = \"one\"\n[metrics.push_gateway.headers]\nX-Scope-OrgID = \"tenant-1\"\n"
    );
    let running = engine(&text).start().await.unwrap();
    for _ in 0..3 {
        let request = next(&requests);
        assert!(request.starts_with("PUT /base/metrics/job/other/instance/one HTTP/1.1\r\n"), "{request}");
        let head = request.to_lowercase();
        assert!(head.contains("\r\nx-scope-orgid: tenant-1\r\n"), "{request}");
        assert!(request.contains("Basic bWU6c2VjcmV0\r\n"), "{request}");
    }
    running.stop().await;
}

/// As a variable that is set to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_user_is_none() {
    let (address, requests) = gateway();
    let text = format!(
        "[metrics]\nserver.enabled = false\n[metrics.push_gateway]\nenabled = true\nurl = \"http://{address}\"\njob_name = \"a\"\n\
         username = \"\"\npassword = \"\"\n"
    );
    let running = engine(&text).start().await.unwrap();
    running.stop().await;
    let request = next(&requests).to_lowercase();
    assert!(!request.contains("authorization"), "{request}");
}

/// Nobody has stopped the first run, whose pushes outlive its runtime: the second takes them over.
#[test]
fn a_second_run_leaves_no_pushes_of_the_first() {
    let (address, requests) = gateway();
    let text = format!(
        "[metrics]\nserver.enabled = false\n[metrics.push_gateway]\nenabled = true\nurl = \"http://{address}\"\njob_name = \"a\"\n\
         push_interval_seconds = 1\n"
    );
    let engine = engine(&text);
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    runtime().block_on(async { drop(engine.start().await.unwrap()) });
    next(&requests);
    runtime().block_on(async { engine.start().await.unwrap().stop().await });
    while requests.try_recv().is_ok() {}
    assert!(requests.recv_timeout(Duration::from_millis(1_500)).is_err());
}

#[test]
fn what_the_gateway_refuses_is_told_where_it_stands_and_in_words_of_the_file() {
    let text = "[metrics.push_gateway]\nenabled = true\njob_name = \"b\"\n";
    let good = "url = \"http://a:1\"\n";
    let headers = "write a name and a value that HTTP has, and none that every push has already, or leave it out";
    for (lines, wanted) in [
        (format!("{good}grouping.job = \"c\""), "5:16: `metrics.push_gateway.grouping.job` is \"c\": write it as `job_name`".to_owned()),
        (
            format!("{good}grouping.a-b = \"c\""),
            "5:16: `metrics.push_gateway.grouping.a-b` is \"c\": '-' is not allowed (byte 1); write `a_b`".to_owned(),
        ),
        (
            format!("{good}headers.Host = \"c\\n\""),
            format!("5:16: `metrics.push_gateway.headers.Host` is a value that is not shown: {headers}"),
        ),
        (
            format!("{good}headers.Content-Type = \"c\""),
            format!("5:24: `metrics.push_gateway.headers.Content-Type` is a value that is not shown: {headers}"),
        ),
        (
            "url = \"http://a:1/?b=c\"".to_owned(),
            "4:7: `metrics.push_gateway.url` is \"http://a:1/?b=c\": write the URL of the gateway, such as \"http://pushgateway:9091\"".to_owned(),
        ),
        (
            "url = \"http://me:secret@a\"".to_owned(),
            "4:1: `metrics.push_gateway.url` has a user or a password in it: write them as `username` and `password`".to_owned(),
        ),
        (
            "url = \"me:secret@a:1\"".to_owned(),
            "4:1: `metrics.push_gateway.url` has a user or a password in it: write them as `username` and `password`".to_owned(),
        ),
        (
            format!("{good}password = \"c\""),
            "1:10: `metrics.push_gateway.username` is not set, and there is a password: write it".to_owned(),
        ),
        (
            format!("{good}username = \"\"\npassword = \"c\""),
            "5:1: `metrics.push_gateway.username` is not set, and there is a password: write it".to_owned(),
        ),
        (
            format!("{good}username = \"a:b\""),
            "5:1: `metrics.push_gateway.username` has a `:` or a control character: write one without".to_owned(),
        ),
        (
            format!("{good}username = \"a\"\npassword = \"\\n\""),
            "6:1: `metrics.push_gateway.password` has a control character: write one without".to_owned(),
        ),
    ] {
        assert_eq!(refused(&format!("{text}{lines}\n")).to_string(), format!("a.toml:{wanted}"));
    }
}
