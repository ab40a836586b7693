//! What the service is measured with: all of it from one configuration.

use std::error::Error;
use std::ffi::OsString;
use std::time::Duration;

use quipu::collect::Service;
use quipu::engine::{EngineBuilder, Running, StartError};
use quipu::{CircuitBreaker, Engine};
use quipu_catalog::Catalog;
use quipu_catalog::code::ErrorLabels;
use quipu_catalog::config::{CatalogConfig, LlmConfig};
use quipu_catalog::jobs::JobError;
use quipu_catalog::llm::ErrorType;
use quipu_catalog::storage::{QueryErrorLabels, QueryOperation};
use tokio::task::spawn_blocking;

use crate::api::TenantLayer;
use crate::listen::another;
use crate::log::{self, complain, report, say};
use crate::options::Options;
use crate::part::{GRACE, HangUps};
use crate::store::StoreError;
use crate::{grpc, llm};

/// How long a model is left alone that keeps failing.
const COOL_DOWN: Duration = Duration::from_secs(5);

pub(crate) struct Metrics {
    pub(crate) engine: Engine,
    pub(crate) catalog: Catalog,
    pub(crate) tenants: TenantLayer,
    /// Of the models.
    pub(crate) breakers: [CircuitBreaker; 2],
}

impl Metrics {
    /// Reads the configuration and registers the families. Nothing runs yet.
    pub(crate) fn new(options: &Options) -> Result<Metrics, Box<dyn Error>> {
        let builder = builder().variables(variables(options));
        let engine = match &options.config {
            Some(file) => builder.file(file).build()?,
            None => builder.build()?,
        };
        let registry = engine.registry();
        log::register(registry)?;
        let tenants = TenantLayer::register(registry)?;
        let catalog = Catalog::from_engine(&engine)?;
        expect_errors(&catalog);
        let [first, second] = &options.models;
        let breaker = |model: &String| engine.circuit_breaker(&**model).register(registry);
        let breakers = [breaker(first)?, breaker(second)?];
        Ok(Metrics { catalog, tenants, breakers, engine })
    }
}

/// The service without a configuration.
fn builder() -> EngineBuilder {
    let default_prices = llm::PRICES.map(|(model, price)| (model.to_owned(), price)).into();
    let llm = LlmConfig { default_prices, ..LlmConfig::default() };
    // The commit and its time, where the build was told them.
    let service = Service::new(env!("CARGO_PKG_VERSION"))
        .commit(option_env!("BUILD_COMMIT").unwrap_or_default())
        .timestamp(option_env!("BUILD_TIMESTAMP").unwrap_or_default());
    Engine::builder()
        .with(CatalogConfig { llm, ..CatalogConfig::default() })
        .service(service)
        .grpc(grpc::metrics())
        .settings(|settings| {
            settings.server.page = true;
            settings.server.offenders_path = Some("/debug/offenders".to_owned());
            settings.server.stop_timeout = GRACE;
            settings.system.track_disk = true;
            settings.circuit_breaker.cool_down = COOL_DOWN;
            settings.circuit_breaker.min_calls = 10;
        })
}

/// The environment. Options of the command line go before it.
fn variables(options: &Options) -> Vec<(OsString, OsString)> {
    let listen_address = options.metrics.map(|address| ("METRICS_LISTEN_ADDRESS", address.to_string()));
    let disabled = options.without_metrics.then(|| ("METRICS_ENABLED", "false".to_owned()));
    let given: Vec<_> = listen_address.into_iter().chain(disabled).collect();
    let others = std::env::vars_os().filter(|(name, _)| given.iter().all(|(given, _)| name != given));
    others.chain(given.iter().map(|(name, text)| (name.into(), text.into()))).collect()
}

/// Shows the errors that are known beforehand at zero, so that the first of a kind is an increase, on which an alert can go off.
fn expect_errors(catalog: &Catalog) {
    let of_jobs = JobError::ALL.iter().map(|error| ("jobs", error.as_str()));
    let of_models = ErrorType::ALL.iter().map(|error| ("llm", error.as_str()));
    for (component, error_type) in of_jobs.chain(of_models) {
        let _ = catalog.code.metrics().errors_total.with(ErrorLabels { component, error_type });
    }
    for operation in QueryOperation::ALL {
        for error_type in StoreError::TYPES {
            let labels = QueryErrorLabels { operation: *operation, error_type };
            let _ = catalog.storage.metrics().database_query_errors_total.with(labels);
        }
    }
}

/// A file with every key, which changes nothing.
pub(crate) fn example() -> String {
    builder().example()
}

/// Says whether the service could run with this configuration.
pub(crate) fn check(options: &Options) -> Result<(), Box<dyn Error>> {
    let Metrics { engine, .. } = Metrics::new(options)?;
    // First, as of many lines the last are dropped.
    match &options.config {
        Some(file) => say(&format!("{} is good\n", file.display())),
        None => say("the configuration is good\n"),
    }
    engine.warnings().iter().for_each(complain);
    Ok(())
}

/// Starts what the configuration asks for.
pub(crate) async fn start(engine: &Engine) -> Result<Running, Box<dyn Error>> {
    engine.start().await.map_err(|error| match error {
        StartError::Listen { .. } => format!("{error}; or {}", another("--metrics")).into(),
        _ => Box::<dyn Error>::from(error),
    })
}

/// Reads the configuration again whenever the service is told to.
pub(crate) async fn reload_at(mut hang_ups: HangUps, engine: Engine) {
    loop {
        hang_ups.next().await;
        let engine = engine.clone();
        // It waits for the disk.
        match spawn_blocking(move || engine.reload()).await {
            Ok(Ok(reloaded)) => {
                let changed = reloaded.changed.iter().map(|change| format!("changed {change}\n"));
                let later = reloaded.needs_restart.iter().map(|change| format!("needs a restart: {change}\n"));
                let lines: String = changed.chain(later).collect();
                say(if lines.is_empty() { "reloaded: nothing has changed\n" } else { &lines });
                reloaded.warnings.iter().for_each(complain);
            }
            Ok(Err(error)) => {
                complain(&"not reloaded, all is as it was:");
                report(&error);
            }
            Err(error) => complain(&error),
        }
    }
}
