//! Derives for [quipu](https://docs.rs/quipu)'s labels.
//!
//! Depend on `quipu`, which exports both derives (feature `derive`, on by default). The code they write
//! names its items as `::quipu::…`; `#[label(crate = path)]` on the type sets another path, for crates
//! that rename `quipu` or take it from a re-export.

mod attribute;
mod case;
mod label_set;
mod label_value;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use syn::{DeriveInput, Error, Result, parse_macro_input};

/// Makes the fields of a struct the labels of a metric.
///
/// A label has the name of its field (`type` for `r#type`); `#[label("name")]` on a field sets another.
/// The struct has named fields, may be generic and may borrow. The type of every field is a
/// `quipu::LabelValue`: an enum that derives it, a string, a `char`, an integer, a `bool`, or an `Option`
/// of one of these.
///
/// `#[label(rename_all = "…")]` on the struct sets the case of all other names: `camelCase` and those of
/// [`LabelValue`](macro@LabelValue). `#[label(crate = path)]` on the struct says where quipu is found;
/// both may stand in one attribute, with a comma between them.
///
/// If the compiler knows all values of all fields (enums and `bool`), every combination is a series
/// from registration on, at zero.
///
/// # Cost
///
/// Nothing is allocated. If all fields are enums or `bool`, a series is found by its computed index,
/// one multiplication and one addition per field. If not, the texts of the values are collected on the
/// stack and looked up.
///
/// # Errors
///
/// The compiler refuses a struct without named fields, a field type that is no `LabelValue`, and names
/// that no label may have: repeated, with a leading `_`, with other characters than ASCII letters,
/// digits and `_`. The error points to the field.
///
/// # Example
///
/// ```
/// use quipu::{LabelSet, LabelValue};
///
/// #[derive(LabelValue)]
/// enum Priority {
///     High,
///     Low,
/// }
///
/// #[derive(LabelSet)]
/// struct Job<'a> {
///     priority: Priority,
///     #[label("worker_name")]
///     worker: &'a str,
/// }
///
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").label_set::<Job>().register()?;
/// jobs.with(&Job { priority: Priority::Low, worker: "w1" }).inc();
///
/// let text = registry.to_text();
/// assert!(text.contains("jobs_total{priority=\"low\",worker_name=\"w1\"} 1\n"), "{text}");
/// # Ok::<(), quipu::RegisterError>(())
/// ```
///
/// In a crate that takes quipu from another one:
///
/// ```
/// mod telemetry {
///     pub use quipu; // a crate of its own, say
/// }
///
/// #[derive(telemetry::quipu::LabelSet)]
/// #[label(crate = crate::telemetry::quipu, rename_all = "camelCase")]
/// struct Job {
///     worker_name: String,
/// }
/// # fn main() {
/// use telemetry::quipu::LabelSet;
/// assert_eq!(Job::NAMES, ["workerName"]);
/// # }
/// ```
///
/// If all fields are closed, so is the set:
///
/// ```
/// use quipu::{LabelSet, LabelValue};
///
/// #[derive(LabelValue)]
/// enum Priority {
///     High,
///     Low,
/// }
///
/// #[derive(LabelSet)]
/// struct Job {
///     priority: Priority,
///     retried: bool,
/// }
///
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").label_set::<Job>().register()?;
/// assert_eq!(jobs.len(), 4);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[proc_macro_derive(LabelSet, attributes(label))]
pub fn derive_label_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    tokens(label_set::expand(&input))
}

/// Makes the variants of an enum the values of a label.
///
/// The text of a variant is its name in `snake_case` (`HTTPGet` is `http_get`, `P0` is `p0`).
/// `#[label("text")]` on a variant sets its text exactly. `#[label(rename_all = "…")]` on the enum sets
/// the case of all others: `snake_case`, `kebab-case`, `lowercase`, `UPPERCASE`, `SCREAMING_SNAKE_CASE`,
/// `camelCase` or `verbatim` (the name as it is written). `#[label(crate = path)]` on the enum says where
/// quipu is found; both may stand in one attribute, with a comma between them.
///
/// # Cost
///
/// The index is the position of the variant, the text is a `&'static str` from a table; nothing is
/// allocated or formatted.
///
/// # Errors
///
/// The compiler refuses a struct or union, an enum without variants, a variant that carries data, and
/// two variants with the same text. The error points to the offender and says what to write.
///
/// # Example
///
/// ```
/// use quipu::{LabelBuffer, LabelValue};
///
/// #[derive(LabelValue)]
/// #[label(rename_all = "SCREAMING_SNAKE_CASE")]
/// enum State {
///     New,
///     InProgress,
///     #[label("done")]
///     Resolved,
/// }
///
/// assert_eq!(State::VALUES, Some(&["NEW", "IN_PROGRESS", "done"][..]));
/// assert_eq!(State::InProgress.index(), 1);
/// assert_eq!(State::Resolved.as_label(&mut LabelBuffer::new()), "done");
/// ```
#[proc_macro_derive(LabelValue, attributes(label))]
pub fn derive_label_value(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    tokens(label_value::expand(&input))
}

fn tokens(expanded: Result<TokenStream2>) -> TokenStream {
    expanded.unwrap_or_else(Error::into_compile_error).into()
}
