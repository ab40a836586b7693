//! Starting and stopping.

use super::collectors::Collecting;
use super::{Engine, Settings, StartError};
use crate::export::{Server, ServerBuilder};
use crate::push::{Gateway, Pushing};
use crate::sync::lock;
use std::fmt;
use std::net::SocketAddr;
use std::sync::PoisonError;
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
        let settings = self.settings();
        if !settings.enabled {
            return Ok(Running { engine: self.clone(), server: None, pushing: None });
        }
        // Before it listens, so that of two only one is in the other's way.
        let server = match settings.server.enabled {
            true => Some(bind(self, &settings).await?),
            false => None,
        };
        if std::mem::replace(&mut lock(&self.0.state).is_running, true) {
            return Err(StartError::Running);
        }
        let pushing = match self.start_rest() {
            Ok(pushing) => pushing,
            Err(error) => {
                self.stop_collecting();
                return Err(error);
            }
        };
        self.tell_warnings();
        Ok(Running { engine: self.clone(), server: server.map(Serving::start), pushing })
    }

    fn start_rest(&self) -> Result<Option<Pushing>, StartError> {
        // A reload meanwhile would be of no effect.
        let _alone = self.0.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let collecting = Collecting::start(self, &self.settings())?;
        lock(&self.0.state).collecting = Some(collecting);
        let pushing = self.0.gateway.as_ref().map(Gateway::start).transpose();
        pushing.map_err(|source| StartError::Push { source })
    }

    fn stop_collecting(&self) {
        // A reload meanwhile has the collectors.
        let _alone = self.0.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let collecting = lock(&self.0.state).collecting.take();
        collecting.into_iter().for_each(|mut collecting| collecting.stop());
        lock(&self.0.state).is_running = false;
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

/// An engine that runs; made by [`Engine::start`]. Dropped without [`stop`](Self::stop), it goes on until the runtime ends.
#[must_use = "keep it, to stop the engine"]
pub struct Running {
    engine: Engine,
    server: Option<Serving>,
    pushing: Option<Pushing>,
}

struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Serving {
    fn start(server: Server) -> Serving {
        let (stop, stopped) = oneshot::channel();
        let address = server.local_addr();
        let shutdown = async {
            // A handle that was dropped cannot ask any more.
            if stopped.await.is_err() {
                std::future::pending().await
            }
        };
        Serving { address, stop, task: tokio::spawn(server.serve(shutdown)) }
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

    /// Stops all: scrapes in flight end, for 10 s at most unless `metrics.server.stop_timeout_seconds` says otherwise; a last push goes out; and
    /// collectors are taken out. The registry and what was recorded stay, and the engine can be started again.
    pub async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
        if let Some(pushing) = self.pushing {
            // It is counted and, with the feature `tracing`, told.
            let _ = pushing.stop().await;
        }
        self.engine.stop_collecting();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("local_addr", &self.local_addr()).finish_non_exhaustive()
    }
}
