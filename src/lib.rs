//! A metrics engine for services: counting in under a nanosecond, exact histograms, exposition as a stream.
//!
//! ```
//! let registry = quipu::Registry::new();
//! let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue", "status"]).register()?;
//! let seconds = registry.histogram("job_duration_seconds", "Time a job took.").register()?;
//!
//! jobs.with(["mail", "ok"]).inc(); // found by its labels
//! let failed = jobs.handle(["mail", "failed"]); // or kept, for a hot loop
//! failed.inc();
//! seconds.observe(0.25);
//!
//! assert!(registry.to_text().contains("jobs_total{queue=\"mail\",status=\"ok\"} 1\n"));
//! # Ok::<(), quipu::RegisterError>(())
//! ```
//!
//! # Where things are
//!
//! - The [`guide`] begins with what you want to do: the first five minutes, kinds, labels, bounds, middleware, collectors, tests,
//!   troubleshooting, moving from other crates.
//! - A [`Registry`] holds families and makes them: [`Registry::counter`] and its like begin a registration. [`global`] is one
//!   for programs that need no more.
//! - A [`Counter`], [`FloatCounter`], [`Gauge`], [`InFlightGauge`], [`Histogram`], [`Summary`], [`Info`], [`StateSet`] or
//!   [`FlagSet`] is a handle to one series, to keep and to record through.
//! - A [`Family`] finds series by their labels: [`LabelNames`] counted by the compiler, a type that derives [`LabelSet`], or
//!   [`DynLabelNames`].
//! - A [`Timer`] times work into a histogram: [`Histogram::start_timer`], [`time`](Histogram::time),
//!   [`time_future`](Histogram::time_future). In tests, [`clock::ManualClock`] makes them exact.
//! - A struct that derives [`MetricSet`] has its metrics registered together.
//! - The attribute [`timed`](macro@timed) times the calls of a function, and [`timed_block`] and [`instrumented`] an expression.
//! - A [`CircuitBreaker`] leaves alone what keeps failing, and shows its state.
//! - [`collect`] has values that are read when they are scraped, by closures and by collectors.
//! - [`export`] exposes a registry: as chunks of text, as a tower service, or on a port of its own.
//! - [`push`] sends it to a Pushgateway.
//! - [`http`] measures the requests of a web service. The crate `quipu-axum` puts it, and the endpoint, on an axum router.
//! - [`grpc`] measures the calls of gRPC services and clients, on tonic or by hand.
//! - An [`Engine`] makes all of that from one [configuration](config), a file in TOML and the environment.
//! - [`model`] holds the rules for names and bounds, as constant functions.
//! - [`Registry::describe`] tells what is registered, [`Registry::lint`] which names are better avoided; and [`testing`] has what
//!   tests of metrics need.
//!
//! # Features
//!
//! - `derive` (on by default): the derives of [`LabelSet`], [`LabelValue`] and [`MetricSet`], and the macros that time code: `#[timed]`,
//!   `timed_block!` and `instrumented!`.
//! - `config`: [`Engine`]. It brings `grpc`, `page`, `process`, `push`, `server`, `system` and `tokio`.
//! - `grpc`: the module [`grpc`].
//! - `http`: the module [`http`], and the scrape endpoint as a tower service.
//! - `server`: [`export::serve`] and [`export::Server`], on tokio and hyper. It brings `http`.
//! - `page`: a page for people on the scrape server, [`export::ServerBuilder::page`]. It brings `server`.
//! - `process`: [`collect::Process`], the standard `process_*` metrics.
//! - `push`: the module [`push`], on tokio and hyper. `push-https` adds TLS, by rustls and ring, which compiles C.
//! - `system`: [`collect::System`], memory, processors and disks of the machine.
//! - `testing`: the module [`testing`].
//! - `tokio`: [`collect::TokioRuntime`], and collectors that wait find the runtime in which they were registered. `server` brings it.
//! - `tracing`: warnings about mistakes in the setup of `http`, label values beyond a limit, metrics of `#[timed]` and its like
//!   that were refused, and what [`record_safe`](Registry::record_safe) has caught.
//!
//! # Promises
//!
//! Recording never fails, never panics, never blocks and, through a warm handle, allocates nothing. What makes no sense is
//! refused and counted in `quipu_rejected_values_total`. A scrape holds no lock that recording needs. The counts of a
//! histogram and its sum always speak of the same observations. Totals never go down.
//!
//! Recording from a signal handler is not supported: it may lose what it interrupts.
//!
//! # Processes
//!
//! **Fork.** The child of a `fork` has a copy of everything, and goes on from the parent's counts: it can record, register,
//! remove and scrape, whatever the parent's other threads were doing. A gauge of things in flight still counts those of
//! threads that the child does not have; what their handles kept stays in memory. `fork` waits until no thread holds a lock of
//! this crate, mostly some microseconds. (A bare `clone` system call runs no handlers, and gives none of this.) A server that
//! the parent started does not run in the child, nor do pushes at an interval; but the child can push.
//!
//! **Prefork.** Each worker process has metrics of its own, and exposes its own: give each a port, or push from each. Nothing
//! is added up over processes. Fork before the first count, or the workers all begin with the parent's.
//!
//! **Several copies.** A `cdylib` that links quipu has a copy of its own, with its own threads' lanes. A handle that is passed
//! from one copy to another may lose counts without a sign. Pass numbers or text across such a border, never a handle, a family or
//! a registry.

// Models use the store only.
#![cfg_attr(quipu_loom, allow(dead_code, unused_imports, unreachable_pub))]
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(quipu_loom))))]
// Without a feature, links to what it brings lead nowhere.
#![cfg_attr(
    not(all(
        feature = "config",
        feature = "derive",
        feature = "grpc",
        feature = "page",
        feature = "process",
        feature = "push",
        feature = "server",
        feature = "system",
        feature = "testing"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]

#[cfg(not(target_has_atomic = "64"))]
compile_error!("quipu needs 64-bit atomics, which this processor does not have");

// The derives name this crate by its name, also in its own modules.
extern crate self as quipu;

pub mod clock;
#[cfg(not(quipu_loom))]
pub mod collect;
#[cfg(all(feature = "config", not(quipu_loom)))]
pub mod config;
#[cfg(not(quipu_loom))]
mod encode;
#[cfg(all(feature = "config", not(quipu_loom)))]
pub mod engine;
#[cfg(not(quipu_loom))]
pub mod export;
#[cfg(all(feature = "grpc", not(quipu_loom)))]
pub mod grpc;
pub mod guard;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(all(feature = "http", not(quipu_loom)))]
pub mod http;
#[cfg(not(quipu_loom))]
pub mod lanes;
#[cfg(not(quipu_loom))]
mod metric;
pub mod model;
#[cfg(all(feature = "push", not(quipu_loom)))]
pub mod push;
#[cfg(not(quipu_loom))]
pub mod registry;
mod store;
mod sync;
#[cfg(all(feature = "testing", not(quipu_loom)))]
pub mod testing;
#[cfg(not(quipu_loom))]
pub mod timed;

#[cfg(all(feature = "config", not(quipu_loom)))]
#[doc(inline)]
pub use engine::Engine;
#[cfg(feature = "derive")]
#[doc(inline)]
pub use quipu_macros::{LabelSet, LabelValue, MetricSet, instrumented, timed, timed_block};
#[cfg(not(quipu_loom))]
#[doc(inline)]
pub use {
    guard::CircuitBreaker,
    metric::{
        Counter, FlagSet, FloatCounter, Gauge, Histogram, InFlightGauge, InFlightGuard, Info, Metric, StateSet, Summary,
    },
    registry::{
        DynLabelNames, Family, LabelBuffer, LabelError, LabelNames, LabelSet, LabelValue, MetricSet, RegisterError,
        Registry, SetGlobalError, global, set_global,
    },
    store::MetricRef,
    timed::{Timed, Timer},
};

#[cfg(all(doctest, feature = "derive", feature = "server", feature = "testing"))]
#[doc = include_str!("../README.md")]
mod readme {}
