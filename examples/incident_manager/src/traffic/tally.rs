//! What the traffic has seen, to be held against what the service says of itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Counts of answers.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By method, route and status.
    http: BTreeMap<[String; 3], u64>,
    /// By method and status.
    grpc: BTreeMap<[String; 2], u64>,
    /// Requests without an answer.
    failed: u64,
}

impl Tally {
    pub(super) fn http(&mut self, method: &str, route: &str, status: u16) {
        *self.http.entry([method.to_owned(), route.to_owned(), status.to_string()]).or_default() += 1;
    }

    pub(super) fn grpc(&mut self, method: &str, status: String) {
        *self.grpc.entry([method.to_owned(), status]).or_default() += 1;
    }

    pub(super) fn failed(&mut self) {
        self.failed += 1;
    }

    /// The counts as lists, each with its labels before it.
    pub(super) fn to_json(&self) -> Value {
        let http: Vec<Value> =
            self.http.iter().map(|([method, route, status], n)| json!([method, route, status, n])).collect();
        let grpc: Vec<Value> = self.grpc.iter().map(|([method, status], n)| json!([method, status, n])).collect();
        json!({ "http": http, "grpc": grpc, "failed": self.failed })
    }
}
