//! The ports of the service.

use std::error::Error;

use quipu::Registry;
use quipu::export::Server;
use tokio::net::TcpListener;

use crate::options::Options;

/// Where the scrape server tells which label values come beyond a limit.
pub(crate) const OFFENDERS: &str = "/debug/offenders";

/// All ports, before anything is served on them.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) api: TcpListener,
    pub(crate) grpc: TcpListener,
    pub(crate) scrapes: Server,
}

impl Ports {
    /// Takes the ports, and writes those that the system has picked into the options.
    pub(crate) async fn bind(options: &mut Options, registry: &Registry) -> Result<Ports, Box<dyn Error>> {
        let api = TcpListener::bind(options.api).await;
        let api = api.map_err(|error| format!("cannot listen on {}: {error}; {}", options.api, another("--api")))?;
        let grpc = TcpListener::bind(options.grpc).await;
        let grpc =
            grpc.map_err(|error| format!("cannot listen on {}: {error}; {}", options.grpc, another("--grpc")))?;
        let scrapes = Server::builder(registry.clone()).page().offenders_path(OFFENDERS).bind(options.metrics).await;
        let scrapes = scrapes.map_err(|error| format!("{error}; {}", another("--metrics")))?;
        options.api = api.local_addr()?;
        options.grpc = grpc.local_addr()?;
        options.metrics = scrapes.local_addr();
        Ok(Ports { api, grpc, scrapes })
    }
}

fn another(option: &str) -> String {
    format!("give another address with {option} IP:PORT")
}
