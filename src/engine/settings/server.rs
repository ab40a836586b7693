//! The scrape server.

use super::checks::{optional_path, paths};
use crate::config::{Keys, Section};
use crate::export::is_of_page;
use std::time::Duration;

/// The table `metrics.server`: the scrape server and its limits. See [`ServerBuilder`](crate::export::ServerBuilder).
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Whether it runs.
    pub enabled: bool,
    /// Further paths that serve the same.
    pub paths: Vec<String>,
    /// Whether it shows a page for people at `/`.
    pub page: bool,
    /// Where it tells which label values came beyond a limit.
    pub offenders_path: Option<String>,
    /// Open connections.
    pub max_connections: usize,
    /// Open connections of one address.
    pub max_connections_per_address: usize,
    /// Scrapes under way.
    pub max_scrapes: usize,
    /// How long a request may take to come.
    pub header_timeout: Duration,
    /// How long a connection may be silent between two requests.
    pub idle_timeout: Duration,
    /// How long a response may take.
    pub response_timeout: Duration,
    /// How long a stop waits for scrapes in flight.
    pub stop_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        ServerSettings {
            enabled: true,
            paths: Vec::new(),
            page: false,
            offenders_path: None,
            max_connections: 512,
            max_connections_per_address: 256,
            max_scrapes: 64,
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            response_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(10),
        }
    }
}

const DAY: f64 = 86_400.0;

impl Section for ServerSettings {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("server", "The scrape server, which listens at listen_address.", |keys| {
            keys.key("enabled", "Runs it.").value(&mut self.enabled);
            let help = "Further paths that serve what endpoint_path does.";
            keys.key("paths", help).checked(&mut self.paths, |texts| paths(texts));
            let help = "Shows a page for people at /, with the label values of all metrics, to all who reach the port.";
            keys.key("page", help).value(&mut self.page);
            let help = "A path that tells which label values came beyond a limit, as clients sent them.";
            let key = keys.key("offenders_path", help).example("\"/debug/offenders\"");
            key.checked(&mut self.offenders_path, optional_path);
            let help = "Open connections. For a new one, that which was silent for longest is closed.";
            keys.key("max_connections", help).range(1.0, 65_536.0).value(&mut self.max_connections);
            let help = "Open connections of one address.";
            let key = keys.key("max_connections_per_address", help).range(1.0, 65_536.0);
            key.value(&mut self.max_connections_per_address);
            let help = "Scrapes under way; others are answered 503.";
            keys.key("max_scrapes", help).range(1.0, 65_536.0).value(&mut self.max_scrapes);
            let help = "A client has so long to send a whole request.";
            keys.key("header_timeout_seconds", help).range(0.1, DAY).value(&mut self.header_timeout);
            let help = "A connection may be silent for so long between two requests.";
            keys.key("idle_timeout_seconds", help).range(0.1, DAY).value(&mut self.idle_timeout);
            let help = "A response has to be read after so long. Collectors have half of it.";
            keys.key("response_timeout_seconds", help).range(0.1, DAY).value(&mut self.response_timeout);
            let help = "A stop waits for scrapes in flight for so long.";
            keys.key("stop_timeout_seconds", help).range(0.0, DAY).value(&mut self.stop_timeout);
            let ServerSettings { page, paths, offenders_path, .. } = &*self;
            for (name, path) in paths
                .iter()
                .map(|path| ("paths", path))
                .chain(offenders_path.iter().map(|path| ("offenders_path", path)))
            {
                if *page && is_of_page(path) {
                    keys.refuse(
                        name,
                        &format!("has {path:?}, where the page is: write another path, or `page = false`"),
                    );
                }
            }
            if let Some(path) = offenders_path.as_ref().filter(|path| paths.contains(path)) {
                keys.refuse("offenders_path", &format!("is {path:?}, as is one of `paths`: write another one"));
            }
        });
    }
}
