//! Pushing to a [Pushgateway](https://github.com/prometheus/pushgateway), for jobs that end before anybody scrapes them.
//!
//! A service that lives longer than a few minutes is better scraped; see [`export`](crate::export).
//!
//! | to push | use |
//! |---|---|
//! | once, at the end of a batch job | [`Gateway::push_on_drop`], or [`push`](Gateway::push) or [`push_blocking`](Gateway::push_blocking) |
//! | again and again, and a last time at the end | [`Gateway::start`] |
//!
//! The metrics are those of a scrape, in the text format 0.0.4, without timestamps, which the gateway would refuse. At the gateway they form a
//! *group*, whose name is the job and the grouping labels; those overwrite labels of the same name that the metrics have.
//!
//! A push runs on a thread and in a runtime of its own, so that it works inside any runtime and without one, and holds up none of
//! the application's tasks. Another thread runs what is to run [before a scrape](crate::Registry::before_scrape), so that a push ends in time even
//! where that hangs. It is sent as it is encoded, in chunks: memory does not grow with the number of series. At most one push of a
//! gateway is under way. Whatever goes wrong is an error of the push, and disturbs nothing else. A push that fails is no export: series
//! that [expire](crate::registry::MetricBuilder::expire_after) stay until one has succeeded, or a scrape.
//!
//! # Metrics
//!
//! | family | kind | labels |
//! |---|---|---|
//! | `quipu_pushes_total`: requests, also those that failed or were not sent | counter | `gateway` |
//! | `quipu_push_failures_total` | counter | `gateway`, `reason`: `connect`, `broken`, `timeout`, `status`, `skipped` or `thread` |
//! | `quipu_push_duration_seconds`: of the last request | gauge | `gateway` |
//! | `quipu_push_last_success_timestamp_seconds` | gauge | `gateway` |
//!
//! They are of the registry that is pushed, so a push shows them as they were before it. With the feature `tracing`, one failure in a minute is a
//! warning.

mod about;
mod body;
mod builder;
mod client;
mod error;
mod path;
mod pushing;
mod thread;
#[cfg(feature = "push-https")]
mod tls;
mod turn;

pub use builder::GatewayBuilder;
#[cfg(feature = "config")]
pub(crate) use builder::{base, credentials, header};
#[cfg(feature = "config")]
pub(crate) use error::shown;
pub use error::{GatewayError, PushError, Stage};
pub use pushing::Pushing;

use crate::Registry;
use crate::export::{Format, Scrape};
use crate::guard::CircuitBreaker;
use crate::sync::block_on::block_on;
use about::About;
use body::Metrics;
use client::{Client, Deadline};
use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use turn::{Turn, Turns};

use http::Method;
use tokio::select;
use tokio::sync::oneshot;

/// A group at a Pushgateway, and the registry that is pushed there. A clone is another handle to the same.
///
/// When at least five requests have ended within five minutes and half of them have failed, a circuit breaker opens: further calls fail at
/// once, for 30 to 33 s. What a gateway refuses as wrong (answers from 300 to 499, but for 408 and 429) is no failure in that sense. The pushes that nobody
/// repeats are always tried: those of [`push_on_drop`](Self::push_on_drop) and [`Pushing::stop`].
///
/// # Cost
/// A push costs what a [scrape](crate::export::Scrape) costs, two threads, and a connection of its own.
///
/// ```no_run
/// use quipu::{Registry, push::Gateway};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let registry = Registry::new();
///     let files = registry.counter("backup_files_total", "Files that were copied.").register()?;
///     let gateway = Gateway::builder(registry, "http://pushgateway:9091", "backup").grouping("instance", "db-1").build()?;
///     files.inc_by(12);
///     gateway.push_blocking()?; // in async code, `push().await`
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

struct Shared {
    registries: Vec<Registry>,
    client: Client,
    interval: Duration,
    about: About,
    breaker: CircuitBreaker,
    turns: Turns,
}

/// Whether the breaker is asked.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    Usual,
    /// Nobody will try again.
    Last,
}

impl Gateway {
    /// Settings for pushes of `registry` to the gateway at `url`, such as `http://pushgateway:9091`, as `job`.
    pub fn builder(registry: Registry, url: impl Into<String>, job: impl Into<String>) -> GatewayBuilder {
        GatewayBuilder::new(registry, url.into(), job.into())
    }

    /// Replaces all metrics of the group by those of the registry (PUT).
    ///
    /// Dropping the future breaks the push off.
    ///
    /// # Errors
    /// When the gateway has not accepted it in time; see [`PushError`].
    pub async fn push(&self) -> Result<(), PushError> {
        self.aside(Method::PUT, Attempt::Usual).await
    }

    /// Replaces those metrics of the group that have the same names, and keeps the others (POST).
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn add(&self) -> Result<(), PushError> {
        self.aside(Method::POST, Attempt::Usual).await
    }

    /// Removes the group from the gateway (DELETE). It is no error if there is none.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn delete(&self) -> Result<(), PushError> {
        self.aside(Method::DELETE, Attempt::Usual).await
    }

    /// As [`push`](Self::push), for threads without async: it blocks, for as long as [`timeout`](GatewayBuilder::timeout) says at most.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_blocking(&self) -> Result<(), PushError> {
        pushing::wait(self.push())
    }

    /// As [`add`](Self::add), blocking.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn add_blocking(&self) -> Result<(), PushError> {
        pushing::wait(self.add())
    }

    /// As [`delete`](Self::delete), blocking.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn delete_blocking(&self) -> Result<(), PushError> {
        pushing::wait(self.delete())
    }

    /// Pushes when the returned guard is dropped: at the end of a batch job, however it ends. A failure is counted and logged.
    ///
    /// The drop blocks its thread, for as long as [`timeout`](GatewayBuilder::timeout) says at most. At the end of an async job that shares its
    /// runtime with others, `push().await` blocks nobody.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let registry = quipu::Registry::new();
    /// let files = registry.counter("backup_files_total", "Files that were copied.").register()?;
    /// let gateway = quipu::push::Gateway::builder(registry, "http://pushgateway:9091", "backup").build()?;
    /// let _push = gateway.push_on_drop();
    /// for file in std::fs::read_dir("/var/lib/app")? {
    ///     std::fs::copy(file?.path(), "/backup")?; // an error or a panic ends the job, and is pushed
    ///     files.inc();
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn push_on_drop(&self) -> PushOnDrop {
        PushOnDrop { gateway: self.clone() }
    }

    /// Pushes again and again, from a thread of its own: every [`interval`](GatewayBuilder::interval), and after a failure sooner,
    /// after a pause that grows from a second to the interval. [`Pushing::stop`] ends it with a last push.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(&self) -> io::Result<Pushing> {
        Pushing::start(self.clone())
    }

    /// Sends a request from another thread.
    async fn aside(&self, method: Method, attempt: Attempt) -> Result<(), PushError> {
        let (about, gateway) = (&self.shared.about, self.clone());
        let (begun, deadline) = (about.now(), self.shared.client.deadline());
        let (mut sender, receiver) = oneshot::channel();
        let request = async move {
            select! {
                result = gateway.request(method, attempt, deadline) => drop(sender.send(result)),
                () = sender.closed() => {}
            }
        };
        let answer = match thread::spawn(request) {
            Ok(()) => receiver.await.map_err(|_| PushError::no_answer()),
            Err(error) => Err(PushError::Thread(error)),
        };
        // What the thread could not record.
        answer.unwrap_or_else(|error| about.record(begun, Err(error)))
    }

    /// Sends a request, when no other is under way, and records how that ended.
    async fn request(&self, method: Method, attempt: Attempt, deadline: Deadline) -> Result<(), PushError> {
        let about = &self.shared.about;
        let begun = about.now();
        let result = self.attempt(method, attempt, deadline).await;
        about.record(begun, result)
    }

    async fn attempt(&self, method: Method, attempt: Attempt, deadline: Deadline) -> Result<(), PushError> {
        let Shared { client, breaker, turns, .. } = &*self.shared;
        let turn = client.within(deadline, Stage::Wait, turns.take()).await?;
        let permit = match attempt {
            Attempt::Usual => Some(breaker.try_acquire().map_err(PushError::Rejected)?),
            Attempt::Last => None,
        };
        let scrape = if method == Method::DELETE { None } else { Some(self.collect(turn.clone(), deadline).await?) };
        let result = self.send(method, scrape, deadline).await;
        if let Some(permit) = permit {
            match &result {
                Err(error) if error.is_transient() => permit.failure(),
                _ => permit.success(),
            }
        }
        result
    }

    /// Collects what is to be pushed, on a thread: a hook that hangs keeps that thread and the turn, so there is one such at most.
    async fn collect(&self, turn: Turn, deadline: Deadline) -> Result<Scrape, PushError> {
        let Shared { registries, client, .. } = &*self.shared;
        let (sender, receiver) = oneshot::channel();
        let scrape = Scrape::collect(registries.iter().cloned(), Format::Text, deadline.left() / 2);
        let collect = move || {
            let scrape = block_on(scrape, || Some(pushing::PATIENCE));
            drop(turn);
            if let Some(scrape) = scrape {
                // A push that is over does not wait for it any more.
                let _ = sender.send(scrape);
            }
        };
        thread::run(collect).map_err(PushError::Thread)?;
        client.within(deadline, Stage::Collect, receiver).await?.map_err(|_| PushError::no_answer())
    }

    /// Sends a scrape, which counts as an export when all of it was sent and the gateway has accepted it; or without one, nothing.
    async fn send(&self, method: Method, scrape: Option<Scrape>, deadline: Deadline) -> Result<(), PushError> {
        let client = &self.shared.client;
        let Some(scrape) = scrape else { return client.send(method, Metrics::none(), deadline).await };
        let (metrics, sent) = Metrics::of(scrape);
        client.send(method, metrics, deadline).await?;
        let mut scrape = sent.await.map_err(|_| client.hasty())?;
        scrape.note_exported();
        Ok(())
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("uri", self.shared.client.uri()).finish_non_exhaustive()
    }
}

/// Pushes when it is dropped; made by [`Gateway::push_on_drop`].
#[derive(Debug)]
#[must_use = "it pushes when it is dropped; keep it in a variable, such as `_push`, until the job has ended"]
pub struct PushOnDrop {
    gateway: Gateway,
}

impl Drop for PushOnDrop {
    fn drop(&mut self) {
        // It is counted and logged.
        let _ = pushing::wait(self.gateway.aside(Method::PUT, Attempt::Last));
    }
}
