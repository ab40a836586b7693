//! Requests of servers.

use super::checks::{pattern, patterns};
use crate::config::{Keys, Section};
use std::collections::BTreeMap;

/// The table `metrics.http`: what is recorded of HTTP requests. See [`HttpMetricsBuilder`](crate::http::HttpMetricsBuilder).
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Whether they are measured.
    pub enabled: bool,
    /// `http_request_size_bytes`.
    pub track_request_size: bool,
    /// `http_response_size_bytes`.
    pub track_response_size: bool,
    /// Patterns of routes that are not recorded.
    pub exclude: Vec<String>,
    /// Patterns of routes that are recorded as one.
    pub groups: Vec<String>,
    /// Patterns of routes of which one in so many requests is observed.
    pub sample: BTreeMap<String, u32>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        HttpSettings {
            enabled: true,
            track_request_size: true,
            track_response_size: true,
            exclude: Vec::new(),
            groups: Vec::new(),
            sample: BTreeMap::new(),
        }
    }
}

impl Section for HttpSettings {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("http", "Requests of HTTP servers. In patterns of routes, `*` is any characters.", |keys| {
            keys.key("enabled", "Measures them.").value(&mut self.enabled);
            let help = "Exposes http_request_size_bytes.";
            keys.key("track_request_size", help).live().value(&mut self.track_request_size);
            let help = "Exposes http_response_size_bytes.";
            keys.key("track_response_size", help).live().value(&mut self.track_response_size);
            let help = "Routes of which nothing is recorded, such as [\"/health\", \"/internal/*\"].";
            keys.key("exclude", help).checked(&mut self.exclude, |texts| patterns(texts));
            let help = "Routes that are recorded as one, which has the pattern as its path.";
            keys.key("groups", help).checked(&mut self.groups, |texts| patterns(texts));
            let help = "Hot routes of which one in so many requests is observed, in the histograms of durations and of sizes of responses. \
                Errors always are, and all else stays exact.";
            keys.key("sample", help)
                .file_only()
                .range(1.0, 1e9)
                .example("\"/v1/ping\" = 100")
                .map(&mut self.sample, |name, _| pattern(name));
        });
    }
}

/// The table `metrics.grpc`: what is recorded of gRPC calls. See [`GrpcMetricsBuilder`](crate::grpc::GrpcMetricsBuilder).
#[derive(Clone, Debug)]
pub struct GrpcSettings {
    /// Whether they are measured.
    pub enabled: bool,
    /// The methods of services. If any are listed, all others are `other`.
    pub services: BTreeMap<String, Vec<String>>,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        GrpcSettings { enabled: true, services: BTreeMap::new() }
    }
}

impl Section for GrpcSettings {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("grpc", "Calls of gRPC servers.", |keys| {
            keys.key("enabled", "Measures them.").value(&mut self.enabled);
            let help = "Services and their methods, whose series are there from the start. \
                If any are listed, all others are `other`.";
            keys.key("services", help)
                .file_only()
                .example("\"incidents.v1.Incidents\" = [\"Create\", \"Get\"]")
                .map(&mut self.services, |_, _: &Vec<String>| Ok(()));
        });
    }
}
