//! The reference service of quipu: an incident API over SQLite that measures itself.
//!
//! `main.rs` starts and stops the parts, `api.rs` answers requests, `store.rs` keeps the incidents, `metrics.rs`
//! measures them, `tenants.rs` counts who asks, `log.rs` says what goes wrong, and `traffic.rs` is a client that gives the rest
//! something to do.

mod api;
mod incident;
mod log;
mod metrics;
mod options;
mod store;
mod tenants;
mod traffic;

use std::error::Error;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use quipu::Registry;
use quipu::collect::{Process, Service, System, TokioRuntime};
use quipu::export::Server;
use quipu::http::HttpMetrics;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::log::{complain, say};
use crate::metrics::IncidentMetrics;
use crate::options::{Command, HELP, Options};
use crate::store::{Store, StoreError};
use crate::tenants::TenantMetrics;
use crate::traffic::ApiClient;

/// How long each of the three parts may take to finish what it is at when the service stops.
const GRACE: Duration = Duration::from_secs(3);

/// Where the scrape server tells which label values come beyond a limit.
const OFFENDERS: &str = "/debug/offenders";

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match options::parse(std::env::args_os().skip(1)) {
        Ok(command) => obey(command).await,
        Err(error) => Err(error.into()),
    };
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    };
    log::finish();
    code
}

async fn obey(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Run(options) => run(options).await?,
        Command::Help => say(HELP),
        Command::Version => say(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n")),
    }
    Ok(())
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    // First, so that a signal ends cleanly whatever follows.
    let asked_to_stop = stop_signal()?;

    let registry = Registry::new();
    log::register(&registry)?;
    let http = HttpMetrics::new(&registry)?;
    let incidents = Arc::new(IncidentMetrics::register(&registry)?);
    let tenants = TenantMetrics::register(&registry)?;
    let breaker = traffic::breaker(&registry)?;
    registry.collect(Process::new())?;
    registry.collect(TokioRuntime::current())?;
    registry.collect(System::new())?;
    registry.collect(build())?;

    let api = TcpListener::bind(options.api).await;
    let api = api.map_err(|error| format!("cannot listen on {}: {error}; {}", options.api, another("--api")))?;
    let scrapes = Server::builder(registry).offenders_path(OFFENDERS).bind(options.metrics).await;
    let scrapes = scrapes.map_err(|error| format!("{error}; {}", another("--metrics")))?;
    let bound = Options { api: api.local_addr()?, metrics: scrapes.local_addr(), ..options };

    let store = Store::open(&bound.database);
    let store = store.map_err(|error| cannot_use(&bound.database, &error))?;
    let active = store.run(|database| database.active()).await;
    incidents.restore(active.map_err(|error| cannot_use(&bound.database, &error))?);

    let app = tenants.layer(api::router(store.clone(), incidents)).layer(quipu_axum::layer(&http));
    let api = axum::serve(quipu_axum::listener(&http, api), app);
    let scrapes = Part::start(|stop| scrapes.serve(stop));
    let api = Part::start(|stop| async { drop(api.with_graceful_shutdown(stop).await) });
    let client = ApiClient::new(bound.api, breaker);
    let traffic = bound.traffic.map(|rate| Part::start(|stop| traffic::run(client, rate, bound.scenario, stop)));
    say(&greeting(&bound));

    asked_to_stop.await;
    say("stopping\n");
    // The traffic first, or it would meet a service that is gone; the metrics after what they measure.
    if let Some(traffic) = traffic {
        traffic.stop().await;
    }
    api.stop().await;
    scrapes.stop().await;
    let closed = store.close().await;
    Ok(closed.map_err(|error| cannot_use(&bound.database, &error))?)
}

/// Of what was built here; the commit and its time, where the build was told them.
fn build() -> Service {
    Service::new(env!("CARGO_PKG_VERSION"))
        .commit(option_env!("BUILD_COMMIT").unwrap_or_default())
        .timestamp(option_env!("BUILD_TIMESTAMP").unwrap_or_default())
}

/// Resolves to the end of a part's work.
type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task that runs until it is told to stop.
struct Part {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Part {
    fn start<F>(run: impl FnOnce(Stop) -> F) -> Part
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let task = tokio::spawn(run(Box::pin(stopped)));
        Part { stop, task }
    }

    /// Lets the task finish what it is at, for as long as [`GRACE`]: a client can hold a connection forever.
    async fn stop(self) {
        drop(self.stop);
        let _ = timeout(GRACE, self.task).await;
    }
}

/// Resolves on SIGINT (Ctrl-C) and SIGTERM, which from here on do nothing else.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

fn another(option: &str) -> String {
    format!("give another address with {option} IP:PORT")
}

fn cannot_use(database: &Path, error: &StoreError) -> String {
    let file = database.display();
    format!("cannot use the database {file}: {error}; give another with --database FILE")
}

fn greeting(options: &Options) -> String {
    let api = format!("http://{}", options.api);
    let metrics = format!("http://{}/metrics", options.metrics);
    let offenders = format!("http://{}{OFFENDERS}", options.metrics);
    let database = options.database.display();
    let traffic = match options.traffic {
        Some(rate) => format!("{rate} requests per second (none with --traffic off)"),
        None => "off".to_owned(),
    };
    format!(
        r#"api       {api}
metrics   {metrics}
database  {database}
traffic   {traffic}

Open {metrics} in a browser ({offenders} after a scan), or try:
  curl -s {metrics} | grep ^incidents_active
  id=$(curl -s {api}/v1/incidents -H 'content-type: application/json' \
    -d '{{"title": "No GPU is free", "severity": "P1", "source": "llm-sentinel", "category": "availability"}}' \
    | sed 's/[^0-9]*\([0-9]*\).*/\1/')
  curl -sw '\n' -X POST {api}/v1/incidents/$id/acknowledge
  curl -sw '\n' -X POST {api}/v1/incidents/$id/resolve
  curl -sw '\n' '{api}/v1/incidents?state=RESOLVED&limit=3'

Ctrl-C stops the service.
"#
    )
}
