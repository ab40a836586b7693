//! Starting and stopping.

use super::collectors::Collecting;
use super::{Engine, Settings, StartError};
use crate::export::{Server, ServerBuilder};
use crate::sync::lock;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

impl Engine {
    /// Starts what the configuration asks for: the scrape server, the collectors, pushing. With `metrics.enabled = false` that is nothing.
    ///
    /// # Errors
    /// When an address is taken, a name of a collector's family is, or the engine runs already. Nothing of it runs then.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = quipu::Engine::builder().settings(|settings| settings.listen_address = "127.0.0.1:0".to_owned()).build()?;
    /// let running = engine.start().await?;
    /// println!("http://{}/metrics", running.local_addr().unwrap());
    /// running.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start(&self) -> Result<Running, StartError> {
        let settings = &self.0.built;
        if !settings.enabled {
            return Ok(Running { engine: self.clone(), server: None, run: Arc::new(Run) });
        }
        let run = self.begin_run()?;
        let server = match settings.server.enabled {
            true => Some(bind(self, settings).await?),
            false => None,
        };
        if let Err(error) = self.start_rest() {
            self.stop_collecting();
            return Err(error);
        }
        self.tell_warnings();
        let server = server.map(|server| Serving::start(server, run.clone()));
        Ok(Running { engine: self.clone(), server, run })
    }

    /// Before it listens: of two starts, the later one is told so, and not that the address is taken.
    fn begin_run(&self) -> Result<Arc<Run>, StartError> {
        let state = &mut *lock(&self.0.state);
        if state.run.strong_count() > 0 {
            return Err(StartError::Running);
        }
        let run = Arc::new(Run);
        state.run = Arc::downgrade(&run);
        Ok(run)
    }

    fn start_rest(&self) -> Result<(), StartError> {
        // What a run has left behind that nobody has stopped: its collectors know its runtime.
        self.stop_collecting();
        // A reload meanwhile would be of no effect.
        let _alone = self.alone();
        let collecting = Collecting::start(self, &self.settings())?;
        let state = &mut *lock(&self.0.state);
        state.collecting = Some(collecting);
        // Its pushes may as well go on.
        if let (Some(gateway), None) = (&self.0.gateway, &state.pushing) {
            state.pushing = Some(gateway.start().map_err(|source| StartError::Push { source })?);
        }
        Ok(())
    }

    fn stop_collecting(&self) {
        // A reload meanwhile has the collectors.
        let _alone = self.alone();
        let collecting = lock(&self.0.state).collecting.take();
        collecting.into_iter().for_each(|mut collecting| collecting.stop());
    }

    /// What nobody may look for.
    fn tell_warnings(&self) {
        #[cfg(feature = "tracing")]
        self.warnings().iter().for_each(|warning| tracing::warn!(target: "quipu", "{warning}"));
    }
}

async fn bind(engine: &Engine, settings: &Settings) -> Result<Server, StartError> {
    let listen = |source| StartError::Listen { source };
    builder(engine, settings).bind(&*settings.listen_address).await.map_err(listen)
}

fn builder(engine: &Engine, settings: &Settings) -> ServerBuilder {
    let server = &settings.server;
    let mut builder = Server::builder(engine.registry().clone())
        .path(&*settings.endpoint_path)
        .max_connections(server.max_connections)
        .max_connections_per_address(server.max_connections_per_address)
        .max_scrapes(server.max_scrapes)
        .header_timeout(server.header_timeout)
        .idle_timeout(server.idle_timeout)
        .response_timeout(server.response_timeout)
        .stop_timeout(server.stop_timeout);
    for path in &server.paths {
        builder = builder.path(path);
    }
    if server.page {
        builder = builder.page();
    }
    if let Some(path) = &server.offenders_path {
        builder = builder.offenders_path(path);
    }
    builder
}

/// An engine that runs; made by [`Engine::start`]. Dropped without [`stop`](Self::stop), it goes on: the scrape server until the runtime ends,
/// after which the engine can be started again, and pushes until the process does.
#[must_use = "keep it, to stop the engine"]
pub struct Running {
    engine: Engine,
    server: Option<Serving>,
    run: Arc<Run>,
}

/// Lives as long as a run: whoever goes on with it has a reference.
pub(super) struct Run;

struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Serving {
    fn start(server: Server, run: Arc<Run>) -> Serving {
        let (stop, stopped) = oneshot::channel();
        let address = server.local_addr();
        let shutdown = async {
            // A handle that was dropped cannot ask any more.
            if stopped.await.is_err() {
                std::future::pending().await
            }
        };
        let serve = async move {
            server.serve(shutdown).await;
            drop(run);
        };
        Serving { address, stop, task: tokio::spawn(serve) }
    }

    async fn stop(self) {
        // Both fail only if the task has ended already.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

impl Running {
    /// Where the scrape server listens, with the port that it was given for port 0; `None` if it does not run.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|server| server.address)
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Stops all: scrapes in flight end, for 10 s at most unless `metrics.server.stop_timeout_seconds` says otherwise; a last push goes out,
    /// for `metrics.push_gateway.timeout_seconds` at most; and collectors are taken out. The registry and what was recorded stay, and the engine
    /// can be started again.
    pub async fn stop(self) {
        let Running { engine, server, run } = self;
        if let Some(server) = server {
            server.stop().await;
        }
        let pushing = lock(&engine.0.state).pushing.take();
        if let Some(pushing) = pushing {
            // It is counted and, with the feature `tracing`, told.
            let _ = pushing.stop().await;
        }
        engine.stop_collecting();
        // Now it can be started again.
        drop(run);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("local_addr", &self.local_addr()).finish_non_exhaustive()
    }
}
