//! What differs from one deployment to the next.

use crate::families::Families;
use core::fmt;
use quipu::config::{ConfigError, Keys, Section, Sources};
use quipu::engine::Alerts;
use quipu_catalog::config::IncidentsConfig;
use std::ffi::OsString;
use std::path::Path;

pub(crate) const SECONDS: &str = "http_request_duration_seconds";

/// Of which service the files speak, and when its alerts fire.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The label `job` that Prometheus gives to the service's series.
    pub job: String,
    /// Before the names of the service's metrics, with the `_` at its end; often nothing.
    pub prefix: String,
    /// The address below which the pages of `docs/runbooks` are.
    pub runbooks: String,
    /// When alerts fire.
    pub alerts: Alerts,
    /// The bounds of `http_request_duration_seconds`, if they are not those that it has by itself.
    pub bounds: Option<Vec<f64>>,
    /// Whether it measures HTTP requests, so that their absence is a fault.
    pub has_http: bool,
    /// The same of incidents.
    pub has_incidents: bool,
}

/// Settings of which no rules can be made.
#[derive(Clone, Debug, PartialEq)]
pub enum CannotWrite {
    /// The job is empty, or has a character that a query would have to escape.
    Job(String),
    /// The prefix is none of a name.
    Prefix(String),
    /// An objective that leaves no budget, or nothing but that.
    Objective {
        /// Its key in `[metrics.alerts]`.
        key: &'static str,
        /// What it is.
        objective: f64,
    },
    /// The histogram does not tell how many requests take as long.
    Latency {
        /// What `latency_objective_seconds` is.
        seconds: f64,
        /// What it can be.
        bounds: Vec<f64>,
    },
}

/// What is read of the configuration.
#[derive(Clone, Default)]
struct Read {
    engine: quipu::engine::Settings,
    incidents: IncidentsConfig,
}

impl Section for Read {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        self.engine.keys(keys);
        keys.table("metrics", "", |keys| self.incidents.keys(keys));
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            job: "incident-manager".to_owned(),
            prefix: String::new(),
            runbooks: "docs/runbooks".to_owned(),
            alerts: Alerts::default(),
            bounds: None,
            has_http: true,
            has_incidents: true,
        }
    }
}

impl Settings {
    /// Takes the thresholds, the namespace, the bounds and what is switched off from the service's own configuration: the file, if it has one,
    /// and the variables of the environment, which go before it. Keys of other crates are passed over.
    ///
    /// # Errors
    /// When the file cannot be read, or a key or a value is wrong.
    pub fn read(
        &mut self,
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        let mut read = Read::default();
        let sources = file.map_or_else(Sources::new, |file| Sources::new().file(file));
        sources.variables(variables).allow_unknown().read(&mut read)?;
        let Read { mut engine, incidents } = read;
        (self.has_http, self.has_incidents) = (engine.http.enabled, incidents.enabled);
        self.alerts = engine.alerts;
        self.prefix = engine.namespace;
        if !self.prefix.is_empty() && !self.prefix.ends_with('_') {
            self.prefix.push('_');
        }
        // As in the registry, the whole name goes before the one without the namespace.
        let whole = format!("{}{SECONDS}", self.prefix);
        self.bounds = [&*whole, SECONDS].into_iter().find_map(|name| engine.histograms.remove(name));
        Ok(())
    }

    pub(crate) fn check(&self, families: &Families) -> Result<(), CannotWrite> {
        // Rules are YAML, which has no control characters.
        let is_refused = |c: char| c.is_control() || matches!(c, '"' | '\\' | '$' | '{');
        if self.job.is_empty() || self.job.contains(is_refused) {
            return Err(CannotWrite::Job(self.job.clone()));
        }
        let is_name = |prefix: &str| prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_prefix = |prefix: &str| {
            is_name(prefix) && prefix.ends_with('_') && !prefix.starts_with(|c: char| c.is_ascii_digit())
        };
        if !self.prefix.is_empty() && !is_prefix(&self.prefix) {
            return Err(CannotWrite::Prefix(self.prefix.clone()));
        }
        let Alerts { availability_objective, latency_objective, .. } = self.alerts;
        for (key, objective) in
            [("availability_objective", availability_objective), ("latency_objective", latency_objective)]
        {
            if !(objective > 0.0 && objective < 1.0) {
                return Err(CannotWrite::Objective { key, objective });
            }
        }
        let seconds = self.alerts.latency_objective_seconds;
        let bounds = self.bounds.as_deref().unwrap_or_else(|| families.named(SECONDS).bounds());
        if !bounds.contains(&seconds) {
            return Err(CannotWrite::Latency { seconds, bounds: bounds.to_vec() });
        }
        Ok(())
    }
}

impl fmt::Display for CannotWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(job) => {
                write!(
                    f,
                    "the job {job:?}: write the label `job` of the service, without quotes, backslashes, `$`, `{{` and control characters"
                )
            }
            Self::Prefix(prefix) => write!(
                f,
                "the prefix {prefix:?} is none of a metric's name: write the namespace and `_`, such as `shop_`"
            ),
            Self::Objective { key, objective } => {
                write!(f, "`{key}` is {objective:?}: write a share between 0 and 1, such as 0.999")
            }
            Self::Latency { seconds, bounds } => {
                write!(
                    f,
                    "`latency_objective_seconds` is {seconds:?}, which is none of the bounds of `{SECONDS}`: write one of {bounds:?}"
                )
            }
        }
    }
}

impl std::error::Error for CannotWrite {}
