//! From settings to an engine.

use super::sections::Sections;
use super::{Engine, Inner, PushSettings, Settings, State};
use crate::clock::ManualClock;
use crate::collect::Service;
use crate::config::{ConfigError, Keys, Read, Section, Sources, example, page};
use crate::grpc::{GrpcMetrics, GrpcMetricsBuilder};
use crate::http::{HttpMetrics, HttpMetricsBuilder};
use crate::model::NameError;
use crate::push::{Gateway, GatewayError};
use crate::registry::{BuildError, FamilySettings, RegistryBuilder};
use crate::sync::Mutex;
use crate::{RegisterError, Registry};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

/// Says what an [`Engine`] is made of; made by [`Engine::builder`].
///
/// What the program [sets](Self::settings) goes before the defaults, the file before that, and the environment before the file.
///
/// ```
/// let engine = quipu::Engine::builder()
///     .settings(|settings| settings.namespace = "shop".to_owned())
///     .text("metrics.toml", "[metrics]\nlisten_address = \"127.0.0.1:0\"\n")
///     .without_environment()
///     .build()?;
/// assert_eq!((&*engine.settings().namespace, &*engine.settings().listen_address), ("shop", "127.0.0.1:0"));
/// # Ok::<(), quipu::config::ConfigError>(())
/// ```
#[must_use = "nothing is made before `build` is called"]
pub struct EngineBuilder {
    sources: Sources,
    has_environment: bool,
    sections: Sections,
    service: Option<Service>,
    registry: RegistryBuilder,
    http: HttpMetricsBuilder,
    grpc: GrpcMetricsBuilder,
}

impl Default for EngineBuilder {
    fn default() -> Self {
        EngineBuilder {
            sources: Sources::new(),
            has_environment: true,
            sections: Sections::default(),
            service: None,
            registry: Registry::builder(),
            http: HttpMetrics::builder(),
            grpc: GrpcMetrics::builder(),
        }
    }
}

impl EngineBuilder {
    /// Reads this file in TOML.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources = self.sources.file(path);
        self
    }

    /// Reads a text in place of a file; its name stands in errors. For tests.
    pub fn text(mut self, name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        self.sources = self.sources.text(name, text);
        self
    }

    /// Does not look at the environment.
    pub fn without_environment(mut self) -> Self {
        self.has_environment = false;
        self
    }

    /// Reads these variables in place of the environment's. For tests.
    pub fn variables<N: Into<OsString>, V: Into<OsString>>(self, variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let sources = self.sources.variables(variables);
        EngineBuilder { sources, has_environment: false, ..self }
    }

    /// Sets what holds where neither the file nor the environment says anything.
    pub fn settings(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.sections.settings);
        self
    }

    /// Adds a section of another crate, with what holds where the file says nothing. Its keys stand in the table `metrics`; see [`config`](crate::config).
    pub fn with<S: Section>(mut self, section: S) -> Self {
        self.sections.add(section);
        self
    }

    /// Says which build of the program runs, for `build_info` and `uptime_seconds`.
    pub fn service(mut self, service: Service) -> Self {
        self.service = Some(service);
        self
    }

    /// Lets all metrics read the time from a clock of a test.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.registry = self.registry.clock(clock);
        self
    }

    /// What the metrics of HTTP requests are built with beside the settings, such as [labels](HttpMetricsBuilder::label).
    pub fn http(mut self, http: HttpMetricsBuilder) -> Self {
        self.http = http;
        self
    }

    /// What the metrics of gRPC calls are built with beside the settings.
    pub fn grpc(mut self, grpc: GrpcMetricsBuilder) -> Self {
        self.grpc = grpc;
        self
    }

    /// A file in TOML with every key at its default, and a word about each: those of the sections that were added, too.
    ///
    /// ```
    /// let file = quipu::Engine::builder().example();
    /// quipu::Engine::builder().text("metrics.toml", file).without_environment().build()?;
    /// # Ok::<(), quipu::config::ConfigError>(())
    /// ```
    pub fn example(&self) -> String {
        let mut sections = self.sections.clone();
        example(&Keys::list(|keys| sections.keys(keys)))
    }

    /// A page in Markdown of every key: its variable, what it takes, its default, whether a reload changes it, and a word about it. Those of the
    /// sections that were added stand there, too.
    ///
    /// ```
    /// let page = quipu::Engine::builder().to_markdown();
    /// let row = "| `metrics.http.enabled` | `METRICS_HTTP_ENABLED` | true or false |  | `true` | restart | Measures them. |";
    /// assert!(page.lines().any(|line| line == row));
    /// ```
    pub fn to_markdown(&self) -> String {
        let mut sections = self.sections.clone();
        page(&Keys::list(|keys| sections.keys(keys)))
    }

    /// Reads the configuration, and makes the registry and what records into it. Nothing runs before [`Engine::start`].
    ///
    /// # Errors
    /// All that is wrong with the file or the environment, each with its place and what to write. Nothing is made then.
    pub fn build(self) -> Result<Engine, ConfigError> {
        let sources = if self.has_environment { self.sources.environment() } else { self.sources };
        let mut sections = self.sections.clone();
        let read = sources.visit(|keys| sections.keys(keys))?;
        let settings = &sections.settings;
        let registry = registry(self.registry, settings).map_err(|error| sources.refused(error.to_string()))?;
        let of_families = |error: RegisterError| unregistered(error, &read, &sources);
        let of = |enabled: bool| if enabled { registry.clone() } else { Registry::disabled() };
        let http = http(self.http, settings).register(&of(settings.http.enabled)).map_err(of_families)?;
        let grpc = grpc(self.grpc, settings).register(&of(settings.grpc.enabled)).map_err(of_families)?;
        let help = "What an alert compares with, as configured.";
        let thresholds = registry.own_metrics().gauge("alert_threshold", help).labels(["alert"]).register();
        let thresholds = thresholds.map_err(of_families)?;
        let is_pushed = settings.enabled && settings.push_gateway.enabled;
        let gateway = is_pushed.then(|| gateway(&registry, &settings.push_gateway)).transpose();
        let unusable = |error| read.refused(&["metrics"], "push_gateway", &format!("cannot be used: {error}"));
        let gateway = gateway.map_err(unusable)?;
        let state = State {
            sections: sections.clone(),
            now: read.known.clone(),
            warnings: read.warnings,
            followers: Vec::new(),
            run: Weak::new(),
            collecting: None,
            pushing: None,
        };
        let engine = Engine(Arc::new(Inner {
            thresholds,
            registry,
            http,
            grpc,
            service: self.service,
            gateway,
            sources,
            base: self.sections,
            built: sections.settings,
            built_keys: read.known,
            state: Mutex::new(state),
            reloading: std::sync::Mutex::default(),
        }));
        engine.apply(&engine.0.built);
        Ok(engine)
    }
}

/// Whatever is wrong with the settings was found when they were read, but for what the program has set.
fn registry(builder: RegistryBuilder, settings: &Settings) -> Result<Registry, BuildError> {
    let limits = &settings.limits;
    let mut builder = builder
        .namespace(&*settings.namespace)
        .max_series(limits.max_series)
        .max_bytes(limits.max_bytes)
        .max_series_per_family(limits.max_series_per_family)
        .max_value_bytes(limits.max_value_bytes)
        .overflow_value(&*limits.overflow_value);
    for (name, value) in &settings.global_labels {
        builder = builder.label(name, value);
    }
    if settings.lenient_names {
        builder = builder.lenient_names();
    }
    if !settings.self_metrics {
        builder = builder.without_self_metrics();
    }
    if let Some(idle) = limits.expire_after {
        builder = builder.expire_after(idle);
    }
    for (name, settings) in families(settings) {
        builder = builder.family(name, settings);
    }
    if settings.enabled {
        return builder.build();
    }
    // What is wrong is wrong, enabled or not.
    builder.build()?;
    Ok(if settings.lenient_names { Registry::disabled_and_lenient() } else { Registry::disabled() })
}

/// A family of the engine that cannot be registered, by the key that is to blame if one is.
fn unregistered(error: RegisterError, read: &Read, sources: &Sources) -> ConfigError {
    match &error {
        RegisterError::LabelName { metric, label, problem: NameError::GlobalLabel, .. } => {
            let text = format!("is a label of `{metric}` already: write another name");
            read.refused(&["metrics", "global_labels"], label, &text)
        }
        _ => sources.refused(error.to_string()),
    }
}

/// What two tables say of families.
fn families(settings: &Settings) -> Vec<(String, FamilySettings)> {
    let names = settings
        .families
        .keys()
        .chain(settings.histograms.keys().filter(|name| !settings.families.contains_key(*name)));
    let of = |name: &String| {
        let budget = settings.families.get(name).cloned().unwrap_or_default();
        let family = FamilySettings {
            bounds: settings.histograms.get(name).cloned(),
            max_series: budget.max_series,
            expire_after: budget.expire_after,
            max_values: budget.max_values,
        };
        (name.clone(), family)
    };
    names.map(of).collect()
}

fn http(mut builder: HttpMetricsBuilder, settings: &Settings) -> HttpMetricsBuilder {
    for pattern in &settings.http.exclude {
        builder = builder.exclude(&**pattern);
    }
    for pattern in &settings.http.groups {
        builder = builder.group(&**pattern);
    }
    for (pattern, every) in &settings.http.sample {
        builder = builder.sample(&**pattern, *every);
    }
    builder
}

fn gateway(registry: &Registry, settings: &PushSettings) -> Result<Gateway, GatewayError> {
    let mut builder = Gateway::builder(registry.clone(), &*settings.url, &*settings.job_name)
        .interval(settings.push_interval)
        .timeout(settings.timeout);
    for (label, value) in &settings.grouping {
        builder = builder.grouping(label, value);
    }
    for (name, value) in &settings.headers {
        builder = builder.header(name, value);
    }
    if let Some((user, password)) = settings.credentials() {
        builder = builder.basic_auth(user, password);
    }
    builder.build()
}

fn grpc(mut builder: GrpcMetricsBuilder, settings: &Settings) -> GrpcMetricsBuilder {
    for (service, methods) in &settings.grpc.services {
        builder = builder.service(service, methods);
    }
    builder
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder").field("settings", &self.sections.settings).finish_non_exhaustive()
    }
}
