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
//! The [`guide`] begins with what you want to do: trackers, jobs, calls of LLMs.

pub mod bounds;
mod catalog;
pub mod code;
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

/// What a tracker may take of memory while its work is under way.
const MAX_STATE_BYTES: usize = 200;
