//! The reference service of quipu: it takes in incidents, works on them, and measures all of it.
//!
//! `main.rs` starts and stops the parts. `api/` and `grpc/` answer requests with what `operations.rs` does, over the
//! incidents that `store/` keeps. `jobs/` works on new ones, and calls `llm/`, `notify.rs` and `playbooks.rs`. `health.rs` asks
//! how the parts are, `metrics.rs` measures them, `log.rs` says what goes wrong, and `traffic/` is a client that gives the rest something to do, in a `scenario.rs`.

mod api;
mod cache;
mod events;
mod greeting;
mod grpc;
mod health;
mod incident;
mod jobs;
mod listen;
mod llm;
mod log;
mod metrics;
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
use quipu::config::ConfigError;
use quipu_catalog::Catalog;

use crate::events::Events;
use crate::greeting::greeting;
use crate::jobs::{Desk, Queues};
use crate::listen::Ports;
use crate::llm::{Client, Llm, Settings, StandIn};
use crate::log::{complain, report, say};
use crate::metrics::Metrics;
use crate::notify::Senders;
use crate::operations::Operations;
use crate::options::{Command, HELP, Options};
use crate::part::{HangUps, Part, stop_signal};
use crate::playbooks::Runner;
use crate::store::{Faults, Store, StoreError};
use crate::traffic::{Load, Traffic};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match options::parse(std::env::args_os().skip(1)) {
        Ok(command) => obey(command).await,
        Err(error) => Err(error.into()),
    };
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match error.downcast_ref::<ConfigError>() {
                Some(error) => report(error),
                None => complain(&error),
            }
            ExitCode::FAILURE
        }
    };
    log::finish();
    code
}

async fn obey(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Run(options) => run(*options).await?,
        Command::Check(options) => metrics::check(&options)?,
        Command::Example => say(&metrics::example()),
        Command::Help => say(HELP),
        Command::Version => say(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n")),
    }
    Ok(())
}

async fn run(mut options: Options) -> Result<(), Box<dyn Error>> {
    // First, so that a signal ends cleanly whatever follows.
    let asked_to_stop = stop_signal()?;

    options.llm = options.llm.or_else(|| std::env::var("LLM_BASE_URL").ok());
    // Without a file, nothing can be read again.
    let hang_ups = options.config.is_some().then(HangUps::new).transpose()?;
    let Metrics { engine, catalog, tenants, breakers } = Metrics::new(&options)?;
    let registry = engine.registry();

    let ports = Ports::bind(&mut options).await?;
    let profile = options.scenario.profile();
    let mut rng = options.seed.map_or_else(Rng::new, Rng::with_seed);
    let faults = Faults::new(rng.fork(), profile.interrupted);
    let store = open(&options.database, &catalog, faults).await;
    let store = store.map_err(|error| cannot_use(&options.database, &error))?;
    store.show_pools(registry);

    let events = Events::new();
    events.show_lag(catalog.storage.clone(), registry);
    let (queues, waiting) = Queues::new(&catalog);
    // Before there are new ones, which would be queued twice.
    let left = store.list(|database| database.jobs()).await.map_err(|error| cannot_use(&options.database, &error))?;
    let operations = Operations { store: store.clone(), queues, events: events.clone(), catalog: catalog.clone() };
    let (stand_in, client) = model(&options, rng.fork()).await?;
    let llm = Llm::new(client, breakers, store.clone(), &catalog, registry);
    let senders = Senders::new(rng.fork(), profile.failures);
    let runner = Runner::new(rng.fork(), profile.failures);
    let desk = Arc::new(Desk { operations: operations.clone(), llm, senders, runner });
    let traffic = Traffic::new((options.api, options.grpc), &profile, rng, registry)?;

    let running = metrics::start(&engine).await?;
    if let Some(hang_ups) = hang_ups {
        tokio::spawn(metrics::reload_at(hang_ups, engine.clone()));
    }
    let stand_in = stand_in.map(|stand_in| Part::start(|stop| stand_in.serve(stop)));
    let workers = waiting.map(|(queue, waiting)| Part::start(|stop| jobs::serve(queue, waiting, desk.clone(), stop)));
    let resumed = left.len();
    operations.queues.resume(left);
    let keeper = Part::start(|stop| desk.clone().keep_house(stop));
    let health = Part::start(|stop| health::watch(desk.clone(), stop));
    let is_measured = engine.settings().enabled;
    let api = api::serve(ports.api, operations.clone(), is_measured.then_some((engine.http(), tenants)));
    let grpc = grpc::serve(ports.grpc, operations, is_measured.then_some(engine.grpc()));
    let traffic = options.traffic.map(|rate| {
        let load = Load { rate, operations: options.operations };
        Part::start(|stop| traffic.run(load, async move { desk.idle().await }, stop))
    });
    // First, as of many lines the last are dropped.
    say(&greeting(&options, &running, resumed));
    engine.warnings().iter().for_each(complain);

    asked_to_stop.await;
    say("stopping\n");
    // Who asks before who answers, and the metrics after what they measure.
    Part::stop(traffic).await;
    events.end();
    Part::stop([health, api, grpc, keeper]).await;
    Part::stop(workers).await;
    Part::stop(stand_in).await;
    running.stop().await;
    let left = store.close().await.map_err(|error| cannot_use(&options.database, &error))?;
    say(&format!("stopped; {left} jobs are left to the next start\n"));
    Ok(())
}

/// The store, and gauges that know of the incidents which it has from earlier.
async fn open(file: &Path, catalog: &Catalog, faults: Faults) -> Result<Store, StoreError> {
    let store = Store::open(file, &catalog.storage, faults)?;
    for (kind, count) in store.list(|database| database.active()).await? {
        catalog.incidents.restore(kind, count.into());
    }
    Ok(store)
}

/// The way to the models, and what stands in for them if nothing else is given.
async fn model(options: &Options, rng: Rng) -> Result<(Option<StandIn>, Client), Box<dyn Error>> {
    let (stand_in, settings) = match options.llm.clone() {
        Some(base) => {
            let key = std::env::var("LLM_API_KEY").ok();
            (None, Settings { base, key, within: llm::CALL_WITHIN, provider: "custom" })
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

fn cannot_use(database: &Path, error: &StoreError) -> String {
    let file = database.display();
    format!("cannot use the database {file}: {error}; give another with --database FILE")
}
