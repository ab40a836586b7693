//! Macros of [quipu](https://docs.rs/quipu): derives for labels and sets of metrics, and timers of code.
//!
//! Depend on `quipu`, which exports them (feature `derive`, on by default). The code they write
//! names its items as `::quipu::…`; `#[label(crate = path)]` or `#[metric(crate = path)]` on the type, or
//! `crate = path` among the options, sets another path, for crates that rename `quipu` or take it from a re-export.

mod attribute;
mod case;
mod errors;
mod label_set;
mod label_value;
mod metric_set;
mod spans;
mod timed;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use quote::quote;
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

/// Makes a struct of metrics one that registers them together: all of them, or none.
///
/// The type of a field is a metric (`Counter`, `FloatCounter`, `Gauge`, `InFlightGauge`, `Histogram`) or a
/// family of one, `Family<Counter, L>`, where `L` derives `LabelSet` or is `LabelNames<N>`. A metric has the
/// name of its field, and for its help the first paragraph of the field's documentation.
///
/// # On a field
///
/// All that is listed goes into `#[metric(…)]`, with commas between; there may be several such attributes.
///
/// | setting | says |
/// |---|---|
/// | `name = "text"` | the name, in place of the field's |
/// | `help = "text"` | the help, in place of the documentation's |
/// | `labels("a", "b")` | the names of the labels of a `Family<M, LabelNames<2>>` |
/// | `labels(a: A, b: B)` | declares the struct that the field's type names, `Labels` in `Family<M, Labels>` |
/// | `unit = "seconds"` | the unit, in which the name ends |
/// | `bounds = [0.1, 1.0]` | the bounds of a histogram: a list, or a constant |
/// | `max_series = 1000` | the most series |
/// | `max_values("a", 100)` | the most values of a label; may stand several times |
/// | `expire_after_seconds = 3600` | how long a series may be idle |
/// | `lenient` | leaves conventions of names to the registry, which may be lenient |
/// | `flatten` | the type is another set, which is registered with this one |
/// | `flatten, prefix = "db"` | the same, with `db_` before its names |
///
/// Every other function of [`MetricBuilder`](../quipu/registry/struct.MetricBuilder.html) is a setting as well: `reserve_series = 20` and `reserve_series(20)` both
/// call it, and so does `unlimited`, which takes no argument.
///
/// A struct of labels that is declared so is as visible as the set of metrics, and its fields too. It derives
/// `LabelSet`, and is `Clone`, `Copy` and `Debug` if all of its fields are. `#[label("name")]` before a field
/// sets the label's name. A reference without a lifetime (`provider: &str`) gives the struct one: write
/// `Family<Counter, Labels<'static>>` then; what is recorded may still be borrowed for the call. Further fields
/// use the struct by its name alone.
///
/// # On the struct
///
/// `#[metric(prefix = "mail")]` puts `mail_` before all names, those of flattened sets included. `lenient` is for all of
/// its own fields. `crate = path` says where quipu is found.
///
/// # Errors
///
/// The compiler refuses names, labels, units and bounds that break a rule, and a metric without help. The error points
/// to the place and says what to write. Of a struct, it finds one bad literal at a time. What only a registry can know is an
/// error of [`MetricSet::register`](../quipu/trait.MetricSet.html#method.register): a clash with another metric, say.
///
/// # Example
///
/// ```
/// use quipu::{Counter, Family, Histogram, LabelNames, LabelValue, MetricSet};
///
/// #[derive(LabelValue, Clone, Copy)]
/// enum Queue {
///     High,
///     Low,
/// }
///
/// /// Mail delivery.
/// #[derive(MetricSet)]
/// struct Mail {
///     /// Mails sent.
///     #[metric(labels(queue: Queue, retried: bool))]
///     mails_sent_total: Family<Counter, MailLabels>,
///     /// Time to hand a mail over.
///     #[metric(unit = "seconds", bounds = [0.1, 0.5, 1.0, 5.0])]
///     mail_handover_seconds: Family<Histogram, MailLabels>,
///     /// Mails received.
///     #[metric(labels("domain"), max_values("domain", 100))]
///     mails_received_total: Family<Counter, LabelNames<1>>,
///     #[metric(flatten, prefix = "mail_pool")]
///     pool: Pool,
/// }
///
/// #[derive(MetricSet)]
/// struct Pool {
///     /// Connections made.
///     connections_total: Counter,
/// }
///
/// let registry = quipu::Registry::new();
/// let mail = Mail::register(&registry)?;
/// let labels = MailLabels { queue: Queue::Low, retried: false };
/// mail.mails_sent_total.with(labels).inc();
/// mail.mail_handover_seconds.with(labels).observe(0.3);
/// mail.mails_received_total.with(["example.org"]).inc();
/// mail.pool.connections_total.inc();
///
/// let text = registry.to_text();
/// assert!(text.contains("mails_sent_total{queue=\"low\",retried=\"false\"} 1\n"), "{text}");
/// assert!(text.contains("# HELP mail_pool_connections_total Connections made.\n"), "{text}");
/// # Ok::<(), quipu::RegisterError>(())
/// ```
///
/// A name that is against convention does not compile:
///
/// ```compile_fail
/// #[derive(quipu::MetricSet)]
/// struct Mail {
///     /// Mails sent.
///     mails_sent: quipu::Counter, // write `mails_sent_total`
/// }
/// ```
#[proc_macro_derive(MetricSet, attributes(metric))]
pub fn derive_metric_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    tokens(metric_set::expand(&input))
}

/// Times every call of a function into a histogram: sync or `async`, free or a method, generic or not.
///
/// ```
/// use quipu::{LabelValue, timed};
///
/// #[derive(LabelValue)]
/// enum Kind {
///     Daily,
///     Weekly,
/// }
///
/// /// Makes the report of a tenant.
/// #[timed("report_seconds", errors, labels(kind, source = "database"))]
/// fn report(kind: Kind, line: &str) -> Result<u32, std::num::ParseIntError> {
///     Ok(line.trim().parse::<u32>()? * 2)
/// }
///
/// let _ = report(Kind::Daily, "21");
/// let _ = report(Kind::Daily, "twenty-one");
///
/// let text = quipu::global().to_text();
/// assert!(text.contains("report_seconds_count{kind=\"daily\",source=\"database\"} 2\n"), "{text}");
/// assert!(text.contains("report_errors_total{kind=\"daily\",source=\"database\"} 1\n"), "{text}");
/// ```
///
/// The name comes first, and ends in `_seconds`; without one it is the function's, with `_seconds`. Then there may be, in any order:
///
/// | option | says |
/// |---|---|
/// | `labels(a = "text", b = expression, c)` | labels of all metrics of this function; `c` is short for `c = c` |
/// | `calls`, `calls = "name_total"` | also count calls, in `report_calls_total` or under this name |
/// | `errors`, `errors = "name_total"` | also count the calls that return `Err`, in `report_errors_total` or under this name |
/// | `errors(by = classify)` | the same, with a label `error_type` whose value `classify(&error)` says |
/// | `help = "text"`, `bounds = [..]` | help and bounds of the histogram |
/// | `registry = expression` | the registry, in place of the [`global`](../quipu/fn.global.html) one: a static, say |
/// | `tracker = expression` | what follows each call in place of all of these: see below |
/// | `crate = path` | where quipu is found |
///
/// The value of a label is a `quipu::LabelValue`, of which many come from arguments: an enum, a string, a number. It is read before the body
/// runs. What callers choose freely is limited like all label values, by the [`guard`](../quipu/guard/index.html).
///
/// # What is recorded
///
/// One duration for each call, when it ends: by its last expression, `return` or `?`; by a panic, which `errors` counts (as
/// `error_type="panic"`); or since the future of an `async fn` is dropped half-way, which is no error, also if another's panic drops it. Of an `async fn` the time counts from its
/// first poll; of another function that returns a future, it is the time to make that future.
///
/// The metrics are registered at the first call, all or none, and found once. Functions may share a name, with the same label
/// names and the same help. If the registry refuses them, since another metric has the name, say, the function records for nobody: that is counted in
/// `quipu_timed_conflicts_total`, and with the feature `tracing` it is a warning. Series are
/// there, at zero, from the first call with their labels on. Only that of an `error_type` appears with its first error, unless `classify` returns an enum
/// and all labels are literals.
///
/// # Cost
///
/// About one and a half times two readings of the clock: 29 ns where these take 20. Labels that are no literals cost a lookup and a handle for
/// each metric and call. Nothing is allocated when their series are there.
///
/// # Errors
///
/// The compiler refuses names, labels and bounds that break a rule, a `const fn`, and `errors` where no `Result` is returned. The error points to the place.
///
/// With `errors` or a tracker the body of a function that is not `async` runs in a closure, where `#[track_caller]` has no effect.
///
/// # Trackers
///
/// `tracker = expression` makes a value for each call, and tells it how the call has ended: a
/// [`Tracker`](../quipu/timed/trait.Tracker.html). So calls can be recorded into metrics that are there already, such as those of a struct; a
/// `Timer` is a tracker, too. With `errors`, the tracker learns of an `Err`.
///
/// ```
/// use quipu::{Histogram, timed};
///
/// struct Press {
///     seconds: Histogram,
/// }
///
/// impl Press {
///     #[timed(tracker = self.seconds.start_timer())]
///     fn print(&self, page: &str) -> usize {
///         page.len()
///     }
/// }
///
/// let press = Press { seconds: Histogram::detached() };
/// press.print("page");
/// assert_eq!(press.seconds.snapshot().count(), 1);
/// ```
///
/// # Examples
///
/// Errors by class, and a registry of one's own:
///
/// ```
/// use quipu::{Registry, timed};
/// use std::sync::LazyLock;
///
/// static METRICS: LazyLock<Registry> = LazyLock::new(Registry::new);
///
/// enum Error {
///     Io,
///     Late,
/// }
///
/// fn class(error: &Error) -> &'static str {
///     match error {
///         Error::Io => "io",
///         Error::Late => "late",
///     }
/// }
///
/// #[timed("fetch_seconds", calls, errors(by = class), registry = METRICS)]
/// async fn fetch(is_late: bool) -> Result<(), Error> {
///     if is_late { Err(Error::Late) } else { Ok(()) }
/// }
/// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// # let _ = std::future::Future::poll(std::pin::pin!(fetch(true)), &mut context);
///
/// // After `fetch(true).await`:
/// let snapshot = METRICS.snapshot();
/// assert_eq!(snapshot.value("fetch_calls_total", &[]), Some(1.0));
/// assert_eq!(snapshot.value("fetch_errors_total", &[("error_type", "late")]), Some(1.0));
/// ```
///
/// A bad name does not compile:
///
/// ```compile_fail
/// #[quipu::timed("report-seconds")] // write `report_seconds`
/// fn report() {}
/// ```
#[proc_macro_attribute]
pub fn timed(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = TokenStream2::from(item);
    let timed = timed::attribute(options.into(), item.clone()).unwrap_or_else(|error| {
        // With the function as it is: one error is enough.
        let error = error.into_compile_error();
        quote!(#error #item)
    });
    timed.into()
}

/// Times an expression or a block into a histogram.
///
/// The name comes first, then any options of [`timed`](macro@timed), and last what is timed.
///
/// ```
/// use quipu::timed_block;
///
/// fn total(lines: &str) -> Result<u32, std::num::ParseIntError> {
///     let lines = timed_block!("split_seconds", lines.split_whitespace().collect::<Vec<_>>());
///     timed_block!("total_seconds", labels(unit = "grams"), errors, {
///         lines.into_iter().map(str::parse::<u32>).sum()
///     })
/// }
///
/// assert_eq!(total("1 2 3"), Ok(6));
/// let snapshot = quipu::global().snapshot();
/// assert_eq!(snapshot.histogram("split_seconds", &[]).unwrap().count(), 1);
/// assert_eq!(snapshot.value("total_errors_total", &[("unit", "grams")]), Some(0.0));
/// ```
///
/// It stays where it stands: `.await`, `?`, `return` and `break` mean what they mean without it. What leaves by one of these is recorded as
/// well, but has no result that `errors` could look at; so write `?` behind the macro, as in `timed_block!("read_seconds", errors, read())?`.
/// A block that awaits cannot tell a panic of its own from another that drops it half-way: `errors` counts both. An `async fn` with `timed` can.
///
/// Cost, errors and conflicts are those of [`timed`](macro@timed).
#[proc_macro]
pub fn timed_block(input: TokenStream) -> TokenStream {
    tokens(timed::block(parse_macro_input!(input)))
}

/// Times an expression or a block that has a `Result`, and counts its calls and errors: [`timed_block`] with `calls` and `errors`.
///
/// ```
/// use quipu::instrumented;
///
/// let parse = |text: &str| instrumented!("parse_seconds", text.parse::<u32>());
/// let _ = (parse("1"), parse("one"));
///
/// let snapshot = quipu::global().snapshot();
/// assert_eq!(snapshot.histogram("parse_seconds", &[]).unwrap().count(), 2);
/// assert_eq!(snapshot.value("parse_calls_total", &[]), Some(2.0));
/// assert_eq!(snapshot.value("parse_errors_total", &[]), Some(1.0));
/// ```
#[proc_macro]
pub fn instrumented(input: TokenStream) -> TokenStream {
    tokens(timed::instrumented(parse_macro_input!(input)))
}

fn tokens(expanded: Result<TokenStream2>) -> TokenStream {
    expanded.unwrap_or_else(Error::into_compile_error).into()
}
