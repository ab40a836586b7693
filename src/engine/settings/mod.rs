//! What can be set, with its defaults.

mod alerts;
mod checks;
mod collectors;
mod families;
mod http;
mod push;
mod server;

pub use alerts::Alerts;
pub use collectors::{CollectorSettings, SystemSettings};
pub use families::{FamilyBudget, LimitSettings};
pub use http::{GrpcSettings, HttpSettings};
pub use push::{BreakerSettings, PushSettings};
pub use server::ServerSettings;

use crate::config::{Keys, Section};
use crate::export::is_of_page;
use checks::{address, bounds, label, namespace, path};
use std::collections::BTreeMap;

/// All that an [`Engine`](crate::Engine) can be told: the table `metrics` of a file, without the sections of other crates.
///
/// ```
/// let engine = quipu::Engine::builder().without_environment().settings(|settings| {
///     settings.namespace = "shop".to_owned();
///     settings.http.exclude = vec!["/health".to_owned()];
/// });
/// let orders = engine.build()?.registry().counter("orders_total", "Orders.").register()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether anything is measured, served and run.
    pub enabled: bool,
    /// Where the scrape server listens.
    pub listen_address: String,
    /// At which path it serves.
    pub endpoint_path: String,
    /// What is put before the names of metrics.
    pub namespace: String,
    /// Whether names against convention are good.
    pub lenient_names: bool,
    /// Whether quipu measures itself.
    pub self_metrics: bool,
    /// Labels of every series.
    pub global_labels: BTreeMap<String, String>,
    /// The bounds of histograms, by family.
    pub histograms: BTreeMap<String, Vec<f64>>,
    /// How much may be held.
    pub limits: LimitSettings,
    /// What holds for single families.
    pub families: BTreeMap<String, FamilyBudget>,
    /// The scrape server.
    pub server: ServerSettings,
    /// Requests of HTTP servers.
    pub http: HttpSettings,
    /// Calls of gRPC servers.
    pub grpc: GrpcSettings,
    /// What is read at scrapes.
    pub collectors: CollectorSettings,
    /// The machine.
    pub system: SystemSettings,
    /// Circuit breakers.
    pub circuit_breaker: BreakerSettings,
    /// The push gateway.
    pub push_gateway: PushSettings,
    /// Thresholds of alerts.
    pub alerts: Alerts,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            enabled: true,
            listen_address: "127.0.0.1:9090".to_owned(),
            endpoint_path: "/metrics".to_owned(),
            namespace: String::new(),
            lenient_names: false,
            self_metrics: true,
            global_labels: BTreeMap::new(),
            histograms: BTreeMap::new(),
            limits: LimitSettings::default(),
            families: BTreeMap::new(),
            server: ServerSettings::default(),
            http: HttpSettings::default(),
            grpc: GrpcSettings::default(),
            collectors: CollectorSettings::default(),
            system: SystemSettings::default(),
            circuit_breaker: BreakerSettings::default(),
            push_gateway: PushSettings::default(),
            alerts: Alerts::default(),
        }
    }
}

impl Settings {
    /// The keys inside of the table `metrics`.
    pub(super) fn inner_keys(&mut self, keys: &mut Keys<'_>) {
        let help = "Measures at all. Without, nothing is kept, served or pushed, and nothing runs. Calls that record cost the same.";
        keys.key("enabled", help).value(&mut self.enabled);
        let help = "Where the scrape server listens: HOST:PORT. Port 0 is any free port.";
        keys.key("listen_address", help).checked(&mut self.listen_address, |text| address(text));
        let help = "The path that it serves.";
        keys.key("endpoint_path", help).checked(&mut self.endpoint_path, |text| path(text));
        let help = "Put before the name of every metric, with `_`; but for `process_*`, which dashboards look for.";
        keys.key("namespace", help).checked(&mut self.namespace, |text| namespace(text));
        let help = "Accepts names that are legal but against convention, such as counters without `_total`.";
        keys.key("lenient_names", help).value(&mut self.lenient_names);
        let help =
            "Exposes the metrics `quipu_*`: of quipu itself, of collectors and pushes, and the thresholds of alerts.";
        keys.key("self_metrics", help).value(&mut self.self_metrics);
        keys.key("global_labels", "Labels that every series gets.")
            .example("environment = \"production\"\ncluster = \"us-east-1\"")
            .map(&mut self.global_labels, |name, _| label(name));
        self.limits.keys(keys);
        keys.key("histograms", "Upper bounds of the buckets of a histogram, ascending, in place of those in the code.")
            .example("http_request_duration_seconds = [0.01, 0.1, 1, 10]")
            .map(&mut self.histograms, |_, list: &Vec<f64>| bounds(list));
        keys.key("families", "What holds for one family, with or without the namespace in its name. In the file only.")
            .example("tenant_requests_total")
            .tables(&mut self.families);
        self.server.keys(keys);
        self.http.keys(keys);
        self.grpc.keys(keys);
        self.collectors.keys(keys);
        self.system.keys(keys);
        self.circuit_breaker.keys(keys);
        self.push_gateway.keys(keys);
        self.alerts.keys(keys);
        let (path, server) = (&self.endpoint_path, &self.server);
        if server.page && is_of_page(path) {
            let text = format!("is {path:?}, where the page is: write another path, or `server.page = false`");
            keys.refuse("endpoint_path", &text);
        }
        if server.offenders_path.as_ref() == Some(path) {
            keys.refuse("endpoint_path", &format!("is {path:?}, as is `server.offenders_path`: write another one"));
        }
    }
}

impl Section for Settings {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("metrics", TABLE, |keys| self.inner_keys(keys));
    }
}

pub(super) const TABLE: &str = "The metrics of this service.";
