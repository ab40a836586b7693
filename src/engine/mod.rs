//! All of quipu from one configuration: a registry, the layers, collectors, the scrape server, pushing.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = quipu::Engine::from_file("metrics.toml")?;
//! let orders = engine.registry().counter("orders_total", "Orders.").register()?;
//! let layer = engine.http().layer(|_| Some("/orders")); // for axum: `quipu_axum::layer(engine.http())`
//! let running = engine.start().await?; // server, collectors, push
//! orders.inc();
//! running.stop().await; // scrapes in flight end, a last push goes out
//! # Ok(())
//! # }
//! ```
//!
//! All keys, with ranges and defaults, stand in `docs/keys.md`; how they are read is said in [`config`](crate::config).
//!
//! # Several engines
//! A process can have several; each has a registry of its own. None is the [global](crate::global()) one, which `#[timed]` and its like record into:
//! for that, call [`set_global`](crate::set_global) with the [registry](Engine::registry) of one of them. The memory of
//! [lanes](crate::lanes) is the process's, so of several engines the last to be told a limit has its way.

mod builder;
mod collectors;
mod error;
mod reload;
mod sections;
mod settings;
mod start;

pub use builder::EngineBuilder;
pub use error::StartError;
pub use reload::{Change, Reloaded};
pub use settings::{
    Alerts, BreakerSettings, CollectorSettings, FamilyBudget, GrpcSettings, HttpSettings, LimitSettings, PushSettings,
    ServerSettings, Settings, SystemSettings,
};
pub use start::Running;

use crate::collect::Service;
use crate::config::{ConfigError, Known, Section, Sources};
use crate::grpc::GrpcMetrics;
use crate::guard::{CircuitBreaker, CircuitBreakerBuilder};
use crate::http::HttpMetrics;
use crate::push::{Gateway, Pushing};
use crate::sync::{Mutex, lock};
use crate::{Family, Gauge, LabelNames, Registry};
use sections::Sections;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, Weak};

/// All of quipu, as a configuration says; see the [module](self). A clone is another handle to the same.
///
/// ```
/// let engine = quipu::Engine::builder().without_environment().build()?;
/// let orders = engine.registry().counter("orders_total", "Orders.").register()?;
/// orders.inc();
/// assert!(engine.registry().to_text().contains("orders_total 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    registry: Registry,
    http: HttpMetrics,
    grpc: GrpcMetrics,
    thresholds: Family<Gauge, LabelNames<1>>,
    service: Option<Service>,
    gateway: Option<Gateway>,
    sources: Sources,
    /// What holds where the sources say nothing.
    base: Sections,
    /// The settings that the engine was built with: of keys that need a restart, what is in effect.
    built: Settings,
    /// The same as keys.
    built_keys: Vec<Known>,
    state: Mutex<State>,
    /// Held for a whole reload, so that of two the later one has the last word, and by whoever must not miss one.
    reloading: std::sync::Mutex<()>,
}

struct State {
    /// As they were read last.
    sections: Sections,
    /// The same as keys.
    now: Vec<Known>,
    warnings: Vec<String>,
    followers: Vec<Follower>,
    /// Lives while the engine runs.
    run: Weak<start::Run>,
    /// What is collected while it runs, or since a run that nobody has stopped.
    collecting: Option<collectors::Collecting>,
    /// The same of pushes.
    pushing: Option<Pushing>,
}

/// Called with the sections after each reload.
type Follower = Arc<dyn Fn(&Sections) + Send + Sync>;

impl Engine {
    /// An engine as a file in TOML says, and the environment, which goes before it.
    ///
    /// # Errors
    /// All that is wrong with either, each with its place and what to write. Nothing is made then.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Engine, ConfigError> {
        Engine::builder().file(path).build()
    }

    /// An engine as the variables of the environment say, `METRICS_…`: see [`config`](crate::config#environment).
    ///
    /// # Errors
    /// All that is wrong with them. Nothing is made then.
    pub fn from_env() -> Result<Engine, ConfigError> {
        Engine::builder().build()
    }

    /// An engine as a program says; a file and the environment, if there are any, go before that.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// The registry, for metrics of one's own. It is [disabled](Registry::disabled) with `metrics.enabled = false`.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The metrics of HTTP requests, and the layers that record them: for axum, `quipu_axum::layer(engine.http())`. With
    /// `metrics.http.enabled = false` they record into a [disabled](Registry::disabled) registry.
    pub fn http(&self) -> &HttpMetrics {
        &self.0.http
    }

    /// The metrics of gRPC calls, and the layers that record them. With `metrics.grpc.enabled = false` they record into a [disabled](Registry::disabled)
    /// registry.
    pub fn grpc(&self) -> &GrpcMetrics {
        &self.0.grpc
    }

    /// Begins a circuit breaker with the settings of `metrics.circuit_breaker` that the engine was built with.
    ///
    /// ```
    /// let engine = quipu::Engine::builder().without_environment().build()?;
    /// let breaker = engine.circuit_breaker("openai").register(engine.registry())?;
    /// assert!(breaker.try_acquire().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn circuit_breaker(&self, name: impl Into<Arc<str>>) -> CircuitBreakerBuilder {
        let settings = &self.0.built.circuit_breaker;
        CircuitBreaker::builder(name)
            .failure_rate(settings.failure_rate)
            .window(settings.window)
            .min_calls(settings.min_calls)
            .cool_down(settings.cool_down)
            .probes(settings.probes)
            .lease(settings.lease)
    }

    /// The settings as they were read last. Those of keys that need a restart may not be in effect yet.
    pub fn settings(&self) -> Settings {
        lock(&self.0.state).sections.settings.clone()
    }

    /// A section that was [added](EngineBuilder::with), as it was read last; `None` if none of this type was.
    pub fn section<S: Section>(&self) -> Option<S> {
        lock(&self.0.state).sections.get().cloned()
    }

    /// Calls `apply` with a section now, and again at each [reload](Self::reload), before that returns; for what can change while the program runs.
    /// The last call always has what was read last. Without a section of this type it is not called. It must neither reload nor follow the engine, nor
    /// start or stop it: each would wait for this call to end.
    pub fn follow<S: Section>(&self, apply: impl Fn(&S) + Send + Sync + 'static) {
        let follower: Follower = Arc::new(move |sections: &Sections| {
            if let Some(section) = sections.get() {
                apply(section);
            }
        });
        // A reload meanwhile would call it first, and this with what was read before.
        let _alone = self.alone();
        let sections = {
            let mut state = lock(&self.0.state);
            state.followers.push(follower.clone());
            state.sections.clone()
        };
        follower(&sections);
    }

    /// What is not as it was meant, as far as it is known by now, a sentence each: variables of the environment that name no key, and settings of families
    /// that have no effect. [`start`](Self::start) makes events of them, with the feature `tracing`.
    ///
    /// ```
    /// let builder = quipu::Engine::builder().variables([("METRICS_LISTEN_ADRESS", "0.0.0.0:9090")]);
    /// let warning = "the variable METRICS_LISTEN_ADRESS names no key; did you mean METRICS_LISTEN_ADDRESS?";
    /// assert_eq!(builder.build()?.warnings(), [warning]);
    /// # Ok::<(), quipu::config::ConfigError>(())
    /// ```
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = lock(&self.0.state).warnings.clone();
        warnings.extend(self.0.registry.unused_settings());
        warnings
    }

    /// Keeps reloads out.
    fn alone(&self) -> std::sync::MutexGuard<'_, ()> {
        self.0.reloading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("registry", &self.0.registry).finish_non_exhaustive()
    }
}
