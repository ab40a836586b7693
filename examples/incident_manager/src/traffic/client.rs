//! A client of the API over TCP.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use quipu::guard::{CircuitBreaker, Permit};
use quipu::{RegisterError, Registry};
use tokio::time::{sleep, timeout};

use crate::api::TENANT;

const MAX_ANSWER: usize = 1024 * 1024;
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long the client leaves the API alone after too many failures.
const COOL_DOWN: Duration = Duration::from_secs(5);
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// One request to send.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The route that answers it, as the service counts it.
    pub(super) route: &'static str,
    pub(super) path: String,
    pub(super) body: String,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

pub(super) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A client of the API, which is left alone for a while when it keeps failing.
#[derive(Clone, Debug)]
pub(super) struct ApiClient {
    http: legacy::Client<HttpConnector, Body>,
    api: SocketAddr,
    breaker: CircuitBreaker,
}

impl ApiClient {
    pub(super) fn new(api: SocketAddr, registry: &Registry) -> Result<ApiClient, RegisterError> {
        let breaker = CircuitBreaker::builder("api").slow_calls(ANSWER_WITHIN / 5, 0.5).cool_down(COOL_DOWN);
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        Ok(ApiClient { http, api: reachable(api), breaker: breaker.register(registry)? })
    }

    pub(super) async fn send(&self, call: Call, tenant: &str) -> Outcome<Answer> {
        let request = Request::builder()
            .method(call.method)
            .uri(format!("http://{}{}", self.api, call.path))
            .header(header::CONTENT_TYPE, "application/json")
            .header(TENANT, tenant)
            .body(Body::from(call.body))?;
        let exchange = async {
            let response = self.http.request(request).await?;
            let status = response.status();
            let body = to_bytes(Body::new(response.into_body()), MAX_ANSWER).await?;
            Ok(Answer { status, body })
        };
        let permit = self.permit().await;
        let outcome = timeout(ANSWER_WITHIN, exchange).await.unwrap_or_else(|late| Err(late.into()));
        match &outcome {
            Ok(answer) if !answer.status.is_server_error() => permit.success(),
            _ => permit.failure(),
        }
        outcome
    }

    /// Waits while the API is left alone: what is not sent has not failed.
    async fn permit(&self) -> Permit {
        loop {
            match self.breaker.try_acquire() {
                Ok(permit) => return permit,
                Err(rejected) => sleep(rejected.retry_after().max(SHORTEST_WAIT)).await,
            }
        }
    }
}

/// A service that listens on every address is reached through the loopback.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_reached() {
        for (listens, called) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.0.0.1:80", "10.0.0.1:80")]
        {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), called);
        }
    }
}
