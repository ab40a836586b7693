//! What calls others: the push gateway, and circuit breakers.

use super::checks::grouping;
use crate::config::{Keys, Section};
use crate::push::{GatewayError, base, credentials, header, shown};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The table `metrics.push_gateway`: pushes to a Prometheus Pushgateway. See [`GatewayBuilder`](crate::push::GatewayBuilder).
#[derive(Clone)]
pub struct PushSettings {
    /// Whether it pushes.
    pub enabled: bool,
    /// The gateway.
    pub url: String,
    /// The group's `job`.
    pub job_name: String,
    /// How often.
    pub push_interval: Duration,
    /// How long a push may take.
    pub timeout: Duration,
    /// Further labels of the group.
    pub grouping: BTreeMap<String, String>,
    /// Headers of each request.
    pub headers: BTreeMap<String, String>,
    /// For HTTP's basic authentication. Empty is none, since variables are often set to nothing.
    pub username: Option<String>,
    /// For HTTP's basic authentication.
    pub password: Option<String>,
}

impl Default for PushSettings {
    fn default() -> Self {
        PushSettings {
            enabled: false,
            url: String::new(),
            job_name: String::new(),
            push_interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            grouping: BTreeMap::new(),
            headers: BTreeMap::new(),
            username: None,
            password: None,
        }
    }
}

/// Without what may be secret.
impl fmt::Debug for PushSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PushSettings { enabled, url, job_name, push_interval, timeout, grouping, headers, username, password } =
            self;
        f.debug_struct("PushSettings")
            .field("enabled", enabled)
            .field("url", &shown(url))
            .field("job_name", job_name)
            .field("push_interval", push_interval)
            .field("timeout", timeout)
            .field("grouping", grouping)
            .field("headers", &headers.keys())
            .field("username", username)
            .field("password", &password.as_ref().map(|_| format_args!("…")))
            .finish()
    }
}

impl PushSettings {
    /// The user and the password, if there is a user.
    pub(in crate::engine) fn credentials(&self) -> Option<(&str, &str)> {
        let user = self.username.as_deref().filter(|user| !user.is_empty())?;
        Some((user, self.password.as_deref().unwrap_or_default()))
    }
}

fn url(text: &str) -> Result<(), String> {
    match base(text) {
        Err(GatewayError::Url { .. }) if !text.is_empty() && !text.contains('@') => {
            Err("write the URL of the gateway, such as \"http://pushgateway:9091\"".to_owned())
        }
        // What else there may be is told without the text, or matters only if it pushes.
        _ => Ok(()),
    }
}

fn grouping_label(name: &str) -> Result<(), String> {
    if name == "job" { Err("write it as `job_name`".to_owned()) } else { grouping(name) }
}

fn any_header(name: &str, value: &str) -> Result<(), String> {
    let wanted = "write a name and a value that HTTP has, and none that every push has already, or leave it out";
    header(name, value).map(drop).map_err(|_| wanted.to_owned())
}

impl Section for PushSettings {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        let help = "Pushes to a Prometheus Pushgateway, for programs that nobody can scrape.";
        keys.table("push_gateway", help, |keys| {
            keys.key("enabled", "Pushes.").value(&mut self.enabled);
            let help = "The gateway; https:// needs quipu's feature `push-https`. Such as \"http://pushgateway:9091\".";
            keys.key("url", help).checked(&mut self.url, |text| url(text));
            keys.key("job_name", "The label `job` of what is pushed.").value(&mut self.job_name);
            keys.key("push_interval_seconds", "How often.").range(1.0, 86_400.0).value(&mut self.push_interval);
            keys.key("timeout_seconds", "A push has failed after so long.")
                .range(0.1, 3_600.0)
                .value(&mut self.timeout);
            keys.key("grouping", "Further labels of the group that is replaced by each push.")
                .example("instance = \"incident-manager-01\"")
                .map(&mut self.grouping, |name, _| grouping_label(name));
            keys.key("headers", "Headers of each request. They are not shown in messages.")
                .file_only()
                .secret()
                .example("X-Scope-OrgID = \"tenant-1\"")
                .map(&mut self.headers, |name, value: &String| any_header(name, value));
            let help = "For HTTP's basic authentication.";
            keys.key("username", help).example("\"incidents\"").value(&mut self.username);
            let help = "For HTTP's basic authentication; best set by the variable. It is not shown in messages.";
            keys.key("password", help).secret().example("\"secret\"").value(&mut self.password);
            for (name, value) in [("url", &self.url), ("job_name", &self.job_name)] {
                if self.enabled && value.is_empty() {
                    keys.refuse(name, "is empty, and pushing is enabled: write it");
                }
            }
            match base(&self.url) {
                // What nobody can read may be such as well.
                Err(GatewayError::Credentials | GatewayError::Url { .. }) if self.url.contains('@') => {
                    keys.refuse("url", "has a user or a password in it: write them as `username` and `password`");
                }
                Err(GatewayError::Https { .. }) if self.enabled => {
                    keys.refuse(
                        "url",
                        "needs TLS: build with quipu's feature `push-https`, or write a URL with http://",
                    );
                }
                _ => {}
            }
            match self.credentials() {
                None if self.password.as_deref().is_some_and(|password| !password.is_empty()) => {
                    keys.refuse("username", "is not set, and there is a password: write it");
                }
                Some((user, _)) if credentials(user, "").is_err() => {
                    keys.refuse("username", "has a `:` or a control character: write one without");
                }
                Some((user, password)) if credentials(user, password).is_err() => {
                    keys.refuse("password", "has a control character: write one without");
                }
                _ => {}
            }
        });
    }
}

/// The table `metrics.circuit_breaker`: what holds for breakers that the engine [begins](crate::Engine::circuit_breaker). See
/// [`CircuitBreakerBuilder`](crate::guard::CircuitBreakerBuilder).
#[derive(Clone, Debug)]
pub struct BreakerSettings {
    /// The part of calls that fail, above which it opens.
    pub failure_rate: f64,
    /// The time over which that is taken.
    pub window: Duration,
    /// Calls in the window before which it does not open.
    pub min_calls: u64,
    /// How long it stays open.
    pub cool_down: Duration,
    /// Calls that have to succeed before it closes.
    pub probes: u32,
    /// How long these may take.
    pub lease: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        BreakerSettings {
            failure_rate: 0.5,
            window: Duration::from_secs(60),
            min_calls: 20,
            cool_down: Duration::from_secs(30),
            probes: 3,
            lease: Duration::from_secs(60),
        }
    }
}

impl Section for BreakerSettings {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("circuit_breaker", "Circuit breakers that leave alone what keeps failing.", |keys| {
            let help = "One opens when this part of the calls in the window has failed.";
            keys.key("failure_rate", help).range(0.001, 1.0).value(&mut self.failure_rate);
            keys.key("window_seconds", "The window.").range(1.0, 86_400.0).value(&mut self.window);
            let help = "It does not open before so many calls in the window have ended.";
            keys.key("min_calls", help).range(1.0, 1e9).value(&mut self.min_calls);
            let help = "It stays open for so long.";
            keys.key("cool_down_seconds", help).range(0.001, 86_400.0).value(&mut self.cool_down);
            let help = "So many calls have to succeed then before it closes.";
            keys.key("probes", help).range(1.0, 1e6).value(&mut self.probes);
            let help = "These calls have to end after so long.";
            keys.key("lease_seconds", help).range(0.001, 86_400.0).value(&mut self.lease);
        });
    }
}
