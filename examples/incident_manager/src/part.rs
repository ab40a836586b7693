//! Parts of the service that run until they are told to stop.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long parts may take to finish what they are at when the service stops.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// Resolves to the end of a part's work.
pub(crate) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task that runs until it is told to stop.
#[derive(Debug)]
pub(crate) struct Part {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Part {
    pub(crate) fn start<F>(run: impl FnOnce(Stop) -> F) -> Part
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let task = tokio::spawn(run(Box::pin(stopped)));
        Part { stop, task }
    }

    /// Stops parts, all at once. Each may finish what it is at, for as long as [`GRACE`]: a client can hold a connection
    /// forever. Then it is given up.
    pub(crate) async fn stop(parts: impl IntoIterator<Item = Part>) {
        let mut tasks: Vec<_> = parts.into_iter().map(|part| part.task_told_to_stop()).collect();
        let all = async {
            for task in &mut tasks {
                let _ = task.await;
            }
        };
        if timeout(GRACE, all).await.is_err() {
            tasks.iter().for_each(JoinHandle::abort);
        }
    }

    fn task_told_to_stop(self) -> JoinHandle<()> {
        drop(self.stop);
        self.task
    }
}

/// Resolves on SIGINT (Ctrl-C) and SIGTERM, which from here on do nothing else.
#[cfg(unix)]
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
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
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// SIGHUP, which from here on does nothing else. Elsewhere than on Unix nobody sends it.
#[derive(Debug)]
pub(crate) struct HangUps {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl HangUps {
    #[cfg(unix)]
    pub(crate) fn new() -> io::Result<HangUps> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(HangUps { signal: signal(SignalKind::hangup())? })
    }

    #[cfg(not(unix))]
    pub(crate) fn new() -> io::Result<HangUps> {
        Ok(HangUps {})
    }

    /// Resolves at the next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }
}
