//! What services of this kind measure, ready to record into: families with exact names, labels and bounds, and trackers that
//! record them.
//!
//! ```
//! use quipu_catalog::llm::{Llm, Operation, Prices, Usage};
//!
//! let registry = quipu::Registry::new();
//! let llm = Llm::register(&registry, Prices::none())?; // this area alone
//!
//! let call = llm.start("openai", "gpt-4o", Operation::Classification); // dropped without an outcome: `cancelled`
//! call.first_token();
//! call.success(Usage { prompt: 812, completion: 96, ..Usage::default() }); // tokens, cost, durations
//! # Ok::<(), quipu::RegisterError>(())
//! ```
//!
//! # Areas
//!
//! | area | measures |
//! |---|---|
//! | [`llm`] | calls of LLMs: requests, durations, tokens, cost, errors, rate limits, fallbacks, streams |
//! | [`incidents`] | the life of incidents, the times between states, what was deduplicated, correlated, escalated |
//! | [`jobs`] | attempts at background jobs, retries; depth and age of queues |
//! | [`notifications`] | deliveries by channel, and what waits |
//! | [`playbooks`] | executions of playbooks |
//! | [`storage`] | operations on storage, queries and pools of databases, caches, lag of consumers |
//! | [`code`] | functions, blocks, batches with partial success, errors by component |
//! | [`health`] | states of services, also asked for by a loop |
//!
//! Each is registered on its own; [`Catalog`] has them all. Requests over HTTP and gRPC, the process and the machine are measured by
//! `quipu` itself.
//!
//! # Trackers
//!
//! A tracker is a value that is started, and told how its work ended. It records once, when it is told or dropped; dropped without a word, by an
//! early return, a panic or a future that is dropped, it was `cancelled`. What it counts as under way always comes down again. Durations
//! are of work that came to an end, and read from the registry's clock; of LLM calls, only of those that succeeded. A tracker takes 200 bytes
//! at most, and allocates nothing once its names were used a first time.
//!
//! # What makes no sense
//!
//! - A name from outside is recorded as it is. One that is too many for the label's budget, or longer than 1,024 bytes, is recorded under
//!   [`OVERFLOW_VALUE`](quipu::guard::OVERFLOW_VALUE).
//! - Text that is none of an enum's values is `other` or `unknown` where there is such a value, and else an error that names all values.
//! - Prices that are negative or no numbers are refused when the table is made. Tokens cannot be negative; of each kind a request has 2^32 - 1 at most.
//! - A clock that goes back makes durations of zero.
//! - Items that wait in a queue that is closed and dropped wait no more, and were not processed.
//! - A probe that hangs or panics is one of a service that is down.
//! - A series that is [removed](quipu::Family::remove) from a family does not come back: trackers keep handles to the series of the names
//!   that they have seen.
//!
//! # Features
//!
//! - `config`: [`config`], the sections of the configuration of [`quipu::Engine`].
//! - `stream`: [`llm::Call::stream`], for answers that come as a `Stream`.
//! - `tokio`: [`health::Health::watch`], the loop that asks services.
//!
//! The [`guide`] begins with what you want to do: trackers, jobs, calls of LLMs.

#![cfg(not(quipu_loom))] // as of quipu, whose models see only its store
#![cfg_attr(docsrs, feature(doc_cfg))]
// Without a feature, links to what it brings lead nowhere.
#![cfg_attr(
    not(all(feature = "config", feature = "stream", feature = "tokio")),
    allow(rustdoc::broken_intra_doc_links)
)]

/// Checks what a tracker takes of memory while its work is under way. (Older compilers call a constant unused that only such checks read.)
macro_rules! assert_small {
    ($tracker:ty) => {
        const _: () = assert!(size_of::<$tracker>() <= 200);
    };
}

pub mod bounds;
mod catalog;
pub mod code;
#[cfg(feature = "config")]
pub mod config;
#[cfg(any(doc, doctest))]
pub mod guide;
pub mod health;
pub mod incidents;
pub mod jobs;
pub mod llm;
mod names;
pub mod notifications;
pub mod playbooks;
pub mod storage;
mod values;
mod work;

pub use catalog::Catalog;
pub use values::UnknownValue;
pub use work::{Status, Work};
