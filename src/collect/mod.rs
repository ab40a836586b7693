//! Values that are read when they are scraped: collectors.
//!
//! What the program counts itself belongs into the registry's own metrics. A collector is for what something else keeps already: a
//! pool, a runtime, the operating system. For one value, a closure will do; a [`Collector`] yields many families, and an
//! [`AsyncCollector`] may wait for them.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//! static JOBS: AtomicU64 = AtomicU64::new(0);
//!
//! let registry = quipu::Registry::new();
//! registry.counter("jobs_total", "Jobs finished.").collect(|| JOBS.load(Ordering::Relaxed))?;
//! JOBS.fetch_add(3, Ordering::Relaxed);
//! assert!(registry.to_text().contains("jobs_total 3\n"));
//! # Ok::<(), quipu::RegisterError>(())
//! ```
//!
//! Those that are ready: [`Service`] (build and uptime) and, with features of their own, [`Process`], [`TokioRuntime`] and [`System`].
//!
//! # What can go wrong
//!
//! Collectors run on threads of their own, one call at a time, which all scrapes share that wait. Scrapes wait until a deadline: half
//! of the scraper's `X-Prometheus-Scrape-Timeout-Seconds` over HTTP, else 5 s. A call counts as failed once it has lasted 5 s, or the
//! collector's own [`timeout`](Declaration::timeout). A scrape that waits for less shows what the last good call yielded, and changes
//! nothing for others. A collector that hangs, panics
//! (also when it is dropped), fails, or yields too much or nonsense costs its own output only. A scrape shows what it yielded the last time,
//! once; then its families are missing. A collector that hangs keeps a thread, and only the first scrape waits for it. A
//! [circuit breaker](crate::guard) skips one that keeps failing: when half of its calls of three minutes have failed, and at least three,
//! it is called again after half a minute.
//!
//! Three metrics tell, with the collector's name as the label `collector`: `quipu_collector_up` is 1 if its last call yielded its values
//! in time, `quipu_collector_duration_seconds` is how long that took, and `quipu_collector_errors_total` counts what went wrong by
//! `reason`: calls that ended as `error`, `panic` or `timeout`, yielded more series than its `limit`, were `skipped`, or found no `thread`;
//! and samples that were `invalid` or a `duplicate`.
//!
//! Two things no library can help: a panic while another one unwinds, and any panic of a program that is built with `panic =
//! "abort"`, end the process.
//!
//! The child of a fork goes on collecting. A collector that was being called at the fork is, in the child, one that hangs.

mod about;
mod declaration;
mod pool;
#[cfg(feature = "process")]
mod process;
#[cfg(feature = "tokio")]
mod runtime;
mod samples;
mod service;
mod single;
mod slot;
#[cfg(feature = "system")]
mod system;
#[cfg(test)]
mod tests;

pub use declaration::{Declaration, Declared};
#[cfg(feature = "process")]
pub use process::Process;
#[cfg(feature = "tokio")]
pub use runtime::TokioRuntime;
pub use samples::{Number, Samples};
pub use service::Service;
#[cfg(feature = "system")]
pub use system::System;

use crate::guard::CircuitBreaker;
use crate::registry::guarded;
use crate::sync::block_on::block_on;
use crate::{RegisterError, Registry};
use about::About;
use core::task::Waker;
use core::time::Duration;
use slot::{Call, Failure, Limits, Registered, Slot, Work};
use std::sync::Arc;

/// Why a call of a collector failed. Any error: it is counted, and its text is shown on the page of the scrape server, if that has one.
pub type CollectError = Box<dyn core::error::Error + Send + Sync>;

/// Yields families when a registry is scraped. Registered with [`Registry::collect`].
///
/// Implement it for a type that holds what is to be read; see [`Samples`] for an example. A collector must not keep a clone of the
/// registry that it is registered in: neither would ever be freed.
pub trait Collector: Send + 'static {
    /// Says which families there are. Called once, at the registration.
    fn declare(&self, families: &mut Declaration);

    /// Reads the values. Called at a scrape, on a thread for that, and never twice at a time.
    ///
    /// # Errors
    /// If there are no values now; those that are in `samples` already are not shown either.
    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError>;
}

/// Yields families when a registry is scraped, and may wait for them. Registered with [`Registry::collect_async`].
///
/// The future is polled on a thread for that, so it need not be [`Send`], and work between two waits holds up nobody. With the feature
/// `tokio`, it finds there the runtime in which it was registered. When it is late and nobody waits
/// for it any more, it is dropped.
///
/// ```
/// use quipu::collect::{AsyncCollector, CollectError, Declaration, Samples};
///
/// struct Queue;
///
/// impl AsyncCollector for Queue {
///     fn declare(&self, families: &mut Declaration) {
///         families.gauge("queue_depth", "Jobs that wait.");
///     }
///
///     async fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
///         let depth = async { 12 }.await; // ask a server
///         samples.set("queue_depth", &[], depth);
///         Ok(())
///     }
/// }
///
/// let registry = quipu::Registry::new();
/// registry.collect_async(Queue)?;
/// assert!(registry.to_text().contains("queue_depth 12\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub trait AsyncCollector: Send + 'static {
    /// Says which families there are. Called once, at the registration.
    fn declare(&self, families: &mut Declaration);

    /// Reads the values. Called at a scrape, and never twice at a time.
    ///
    /// # Errors
    /// If there are no values now; those that are in `samples` already are not shown either.
    fn collect(&mut self, samples: &mut Samples) -> impl Future<Output = Result<(), CollectError>>;
}

impl Registry {
    /// Registers a collector: from now on, each scrape asks it for its values.
    ///
    /// [`unregister`](Registry::unregister) with the name of one of its families takes it out again. In a
    /// [disabled](Registry::disabled) registry it is dropped.
    ///
    /// # Cost
    /// Takes the registry's lock and allocates. Threads are started at the first scrape: two for the process, and one more for each
    /// collector that takes long.
    ///
    /// # Errors
    /// When a name of a family or a label breaks a rule or is taken, or the collector's own name is; see [`RegisterError`].
    pub fn collect(&self, collector: impl Collector) -> Result<(), RegisterError> {
        attach(self, declared(self, |families| collector.declare(families)), Box::new(Blocking(collector)))
    }

    /// Registers a collector that waits for its values; else as [`collect`](Registry::collect).
    ///
    /// # Errors
    /// As those of [`collect`](Registry::collect).
    pub fn collect_async(&self, collector: impl AsyncCollector) -> Result<(), RegisterError> {
        attach(self, declared(self, |families| collector.declare(families)), Box::new(Waiting::new(collector)))
    }
}

/// What a collector declares, with the registry's namespace.
fn declared(registry: &Registry, declare: impl FnOnce(&mut Declaration)) -> Declaration {
    let mut declaration = Declaration::new();
    declare(&mut declaration);
    let names = declaration.families.iter_mut().map(|family| &mut family.description.name);
    names.chain(declaration.name.as_mut()).for_each(|name| name.insert_str(0, registry.prefix()));
    declaration
}

fn attach(registry: &Registry, declaration: Declaration, work: Box<dyn Work>) -> Result<(), RegisterError> {
    let Declaration { name, families, max_series, timeout } = declaration;
    let name = name.or_else(|| Some(families.first()?.description.name.clone())).unwrap_or_default();
    let descriptions: Vec<_> = families.iter().map(|family| family.description.clone()).collect();
    let about = About::register(registry, &name)?;
    let breaker = breaker(registry, &name)?;
    registry.attach(&name, &descriptions, max_series, || {
        let limits = Limits { max_series, timeout, breaker };
        Arc::new(Registered::new(Slot::new(families.into(), limits, about, work)))
    })
}

/// Opens when half of the calls of three minutes have failed, and at least three; then tries one every half minute.
fn breaker(registry: &Registry, name: &str) -> Result<CircuitBreaker, RegisterError> {
    CircuitBreaker::builder(name)
        .window(Duration::from_secs(180))
        .min_calls(3)
        .probes(1)
        .with_clock(registry.clock().clone())
        .build()
        .map_err(|problem| RegisterError::Breaker { problem })
}

fn wake(waker: Waker) {
    guarded(|| waker.wake());
}

fn discard(waker: Option<Waker>) {
    guarded(|| drop(waker));
}

/// So much is kept of what an error says.
const MESSAGE: usize = 500;

/// An error may panic when it is asked or dropped, and is one nevertheless.
fn failed(error: CollectError, call: &Call) -> Failure {
    if let Some(mut message) = guarded(|| error.to_string()) {
        let cut = (0..=MESSAGE.min(message.len())).rev().find(|at| message.is_char_boundary(*at));
        message.truncate(cut.unwrap_or_default());
        call.says(message);
    }
    guarded(|| drop(error));
    Failure::Error
}

/// Calls a collector that blocks.
struct Blocking<C>(C);

impl<C: Collector> Work for Blocking<C> {
    fn call(&mut self, samples: &mut Samples, call: &Call) -> Result<(), Failure> {
        self.0.collect(samples).map_err(|error| failed(error, call))
    }
}

/// Calls a collector that waits.
struct Waiting<C> {
    collector: C,
    #[cfg(feature = "tokio")]
    runtime: Option<tokio::runtime::Handle>,
}

impl<C: AsyncCollector> Waiting<C> {
    fn new(collector: C) -> Self {
        Waiting {
            collector,
            #[cfg(feature = "tokio")]
            runtime: tokio::runtime::Handle::try_current().ok(),
        }
    }
}

impl<C: AsyncCollector> Work for Waiting<C> {
    fn call(&mut self, samples: &mut Samples, call: &Call) -> Result<(), Failure> {
        #[cfg(feature = "tokio")]
        let _entered = self.runtime.as_ref().map(tokio::runtime::Handle::enter);
        match block_on(self.collector.collect(samples), || call.patience()) {
            Some(result) => result.map_err(|error| failed(error, call)),
            None => Err(Failure::Timeout),
        }
    }
}
