//! An HTTP client of a few lines, so that the tests share no code with the service.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let (_, value) = lines.find(|(this, _)| this.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// A connection on which nothing was sent yet.
pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&to, TIMEOUT).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// Sends a request of HTTP/1.0, whose answer ends with the connection and never comes in chunks.
pub(crate) fn send(to: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    send_as("test", to, method, path, body)
}

/// As [`send`], for this tenant.
pub(crate) fn send_as(tenant: &str, to: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let length = body.len();
    let mut stream = connect(to);
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nX-Tenant: {tenant}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
}
