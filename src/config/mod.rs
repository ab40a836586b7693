//! One configuration, from a file in TOML and from the environment. Each key is described once, where its value is kept: the same description
//! reads it, knows it when another one is misspelt, and is the page that users read.
//!
//! A section is a struct with a [`Default`], and one function that visits its keys:
//!
//! ```
//! use quipu::config::{Keys, Section};
//! use std::time::Duration;
//!
//! #[derive(Clone)]
//! struct Mail {
//!     enabled: bool,
//!     timeout: Duration,
//! }
//!
//! impl Default for Mail {
//!     fn default() -> Mail {
//!         Mail { enabled: true, timeout: Duration::from_secs(10) }
//!     }
//! }
//!
//! impl Section for Mail {
//!     fn keys(&mut self, keys: &mut Keys<'_>) {
//!         keys.table("mail", "Mails that are sent.", |keys| {
//!             keys.key("enabled", "Measures mails.").live().value(&mut self.enabled);
//!             keys.key("timeout_seconds", "After so long, a mail has failed.").range(1.0, 60.0).value(&mut self.timeout);
//!         });
//!     }
//! }
//!
//! let file = "[metrics.mail]\ntimeout_seconds = 2.5\n";
//! let engine = quipu::Engine::builder().with(Mail::default()).text("metrics.toml", file).without_environment().build()?;
//! let mail = engine.section::<Mail>().unwrap();
//! assert!(mail.enabled && mail.timeout == Duration::from_millis(2_500));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Files
//! All keys stand in the table `metrics` or in tables below it. A key that no section has is an error, as is a value of another type or out of
//! its range; the [error](ConfigError) has them all, each with its line, and what to write. A file has at most 1 MiB; it is text in UTF-8, with or
//! without a mark at its beginning.
//!
//! # Environment
//! A variable has the name of its key in capitals, with `_` for each dot: `METRICS_HTTP_ENABLED` is `metrics.http.enabled`. It goes before
//! the file. Its text is the value: text without quotes, lists with commas between the items (or as TOML has them). In a table of names, such as
//! `metrics.global_labels`, what follows is the name in small letters: `METRICS_GLOBAL_LABELS_REGION=eu`. Tables of other names, such as the
//! models of `metrics.llm.prices`, can be set in the file only. A variable that begins with `METRICS_` and names no key is a
//! [warning](crate::Engine::warnings), since other programs may have such variables.

mod environment;
mod error;
mod example;
mod file;
mod keys;
mod nearest;
mod page;
mod reader;
mod tree;
mod value;

pub use error::{ConfigError, Place, Problem};
pub use keys::{Key, Keys, Section};
pub use reader::Sources;
pub use value::Value;

pub(crate) use example::example;
pub(crate) use keys::Known;
pub(crate) use page::page;
pub(crate) use reader::Read;
