//! The ports of the APIs.

use std::error::Error;

use tokio::net::TcpListener;

use crate::options::Options;

/// The ports, before anything is served on them.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) api: TcpListener,
    pub(crate) grpc: TcpListener,
}

impl Ports {
    /// Takes the ports, and writes those that the system has picked into the options.
    pub(crate) async fn bind(options: &mut Options) -> Result<Ports, Box<dyn Error>> {
        let api = TcpListener::bind(options.api).await;
        let api = api.map_err(|error| format!("cannot listen on {}: {error}; {}", options.api, another("--api")))?;
        let grpc = TcpListener::bind(options.grpc).await;
        let grpc =
            grpc.map_err(|error| format!("cannot listen on {}: {error}; {}", options.grpc, another("--grpc")))?;
        options.api = api.local_addr()?;
        options.grpc = grpc.local_addr()?;
        Ok(Ports { api, grpc })
    }
}

/// What to do when a port is taken.
pub(crate) fn another(option: &str) -> String {
    format!("give another address with {option} IP:PORT")
}
