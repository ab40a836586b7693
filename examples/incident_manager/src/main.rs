//! The reference service of quipu: it takes in incidents, works on them, and measures all of it.
//!
//! `main.rs` starts and stops the parts. `api/` and `grpc/` answer requests with what `operations.rs` does, over the
//! incidents that `store/` keeps. `jobs/` works on new ones, and calls `llm/`, `notify.rs` and `playbooks.rs`. `health.rs` asks
//! how the parts are, `log.rs` says what goes wrong, and `traffic/` is a client that gives the rest something to do, in a `scenario.rs`.

mod api;
mod cache;
mod events;
mod greeting;
mod grpc;
mod health;
mod incident;
mod jobs;
mod llm;
mod log;
mod notify;
mod operations;
mod options;
mod part;
mod playbooks;
mod scenario;
mod store;
mod text;
mod traffic;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use quipu::Registry;
use quipu::collect::{Process, Service, System, TokioRuntime};
use quipu::export::Server;
use quipu::http::HttpMetrics;
use quipu_catalog::Catalog;
use quipu_catalog::llm::Prices;
use tokio::net::TcpListener;

use crate::api::TenantMetrics;
use crate::events::Events;
use crate::greeting::greeting;
use crate::jobs::{Desk, Queues};
use crate::llm::{Client, Llm, Settings, StandIn};
use crate::log::{complain, say};
use crate::notify::Senders;
use crate::operations::Operations;
use crate::options::{Command, HELP, Options};
use crate::part::{Part, stop_signal};
use crate::playbooks::Runner;
use crate::store::{Faults, Store, StoreError};
use crate::traffic::{Load, Traffic};

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
        Command::Run(options) => run(*options).await?,
        Command::Help => say(HELP),
        Command::Version => say(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n")),
    }
    Ok(())
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    // First, so that a signal ends cleanly whatever follows.
    let asked_to_stop = stop_signal()?;

    let registry = if options.without_metrics { Registry::disabled() } else { Registry::new() };
    log::register(&registry)?;
    let http = HttpMetrics::new(&registry)?;
    let rpc = grpc::metrics(&registry)?;
    let catalog = Catalog::register(&registry, Prices::new(llm::PRICES)?)?;
    let tenants = TenantMetrics::register(&registry)?;
    registry.collect(Process::new())?;
    registry.collect(TokioRuntime::current())?;
    registry.collect(System::new().disks())?;
    registry.collect(build())?;

    let api = TcpListener::bind(options.api).await;
    let api = api.map_err(|error| format!("cannot listen on {}: {error}; {}", options.api, another("--api")))?;
    let grpc = TcpListener::bind(options.grpc).await;
    let grpc = grpc.map_err(|error| format!("cannot listen on {}: {error}; {}", options.grpc, another("--grpc")))?;
    let scrapes = Server::builder(registry.clone()).offenders_path(OFFENDERS).bind(options.metrics).await;
    let scrapes = scrapes.map_err(|error| format!("{error}; {}", another("--metrics")))?;
    let bound = Options { api: api.local_addr()?, grpc: grpc.local_addr()?, metrics: scrapes.local_addr(), ..options };

    let mut rng = bound.seed.map_or_else(Rng::new, Rng::with_seed);
    let profile = bound.scenario.profile();
    let store = Store::open(&bound.database, &catalog.storage, Faults::new(rng.fork(), profile.interrupted));
    let store = store.map_err(|error| cannot_use(&bound.database, &error))?;
    store.show_pools(&registry);
    let active = store.list(|database| database.active()).await;
    for (kind, count) in active.map_err(|error| cannot_use(&bound.database, &error))? {
        catalog.incidents.restore(kind, count.into());
    }

    let (queues, waiting) = Queues::new(&catalog);
    let operations = Operations { store: store.clone(), queues, events: Events::new(), catalog: catalog.clone() };
    let (stand_in, client) = model(&bound, rng.fork()).await?;
    let llm = Llm::new(client, bound.models.each_ref().map(|name| &**name), store.clone(), &catalog, &registry)?;
    let senders = Senders::new(rng.fork(), profile.failures);
    let runner = Runner::new(rng.fork(), profile.failures);
    let desk = Arc::new(Desk { operations: operations.clone(), llm, senders, runner });
    let traffic = Traffic::new((bound.api, bound.grpc), &profile, rng, &registry)?;

    let calls = tonic::transport::Server::builder().layer(rpc.layer()).add_service(grpc::service(operations.clone()));
    let incoming = grpc::incoming(grpc, rpc);
    let app = tenants.layer(api::router(operations)).layer(quipu_axum::layer(&http));
    let api = axum::serve(quipu_axum::listener(&http, api), app);
    let scrapes = Part::start(|stop| scrapes.serve(stop));
    let stand_in = stand_in.map(|stand_in| Part::start(|stop| stand_in.serve(stop)));
    let workers = waiting.map(|(queue, waiting)| Part::start(|stop| jobs::serve(queue, waiting, desk.clone(), stop)));
    let keeper = desk.clone();
    let keeper = Part::start(|stop| async move { keeper.keep_house(stop).await });
    let health = Part::start(|stop| health::watch(desk.clone(), stop));
    let api = Part::start(|stop| async { drop(api.with_graceful_shutdown(stop).await) });
    let grpc = Part::start(|stop| async { drop(calls.serve_with_incoming_shutdown(incoming, stop).await) });
    let traffic = bound.traffic.map(|rate| {
        let load = Load { rate, operations: bound.operations };
        Part::start(|stop| traffic.run(load, async move { desk.idle().await }, stop))
    });
    say(&greeting(&bound));

    asked_to_stop.await;
    say("stopping\n");
    // Who asks before who answers, and the metrics after what they measure.
    let askers = traffic.into_iter().chain([health, api, grpc, keeper]).chain(workers);
    for part in askers.chain(stand_in).chain([scrapes]) {
        part.stop().await;
    }
    let closed = store.close().await;
    Ok(closed.map_err(|error| cannot_use(&bound.database, &error))?)
}

/// The way to the models, and what stands in for them if nothing else is given.
async fn model(options: &Options, rng: Rng) -> Result<(Option<StandIn>, Client), Box<dyn Error>> {
    let base = options.llm.clone().or_else(|| std::env::var("LLM_BASE_URL").ok());
    let (stand_in, settings) = match base {
        Some(base) => {
            let key = std::env::var("LLM_API_KEY").ok();
            (None, Settings { base, key, within: Duration::from_secs(120), provider: "custom" })
        }
        None => {
            let stand_in = StandIn::bind(options.scenario.profile().llm, &options.models[0], rng).await?;
            let base = format!("http://{}", stand_in.address()?);
            let key = Some(llm::STAND_IN_KEY.to_owned());
            (Some(stand_in), Settings { base, key, within: Duration::from_secs(1), provider: "openai" })
        }
    };
    let client = Client::new(settings).map_err(|error| format!("--llm: {error}"))?;
    Ok((stand_in, client))
}

/// Of what was built here; the commit and its time, where the build was told them.
fn build() -> Service {
    Service::new(env!("CARGO_PKG_VERSION"))
        .commit(option_env!("BUILD_COMMIT").unwrap_or_default())
        .timestamp(option_env!("BUILD_TIMESTAMP").unwrap_or_default())
}

fn another(option: &str) -> String {
    format!("give another address with {option} IP:PORT")
}

fn cannot_use(database: &Path, error: &StoreError) -> String {
    let file = database.display();
    format!("cannot use the database {file}: {error}; give another with --database FILE")
}
