//! What `derive(MetricSet)` refuses.

use quipu::{Counter, Family, LabelNames, MetricSet};

#[derive(MetricSet)]
enum Enum {
    High,
}

#[derive(MetricSet)]
struct Tuple(Counter);

#[derive(MetricSet)]
struct Generic<T> {
    /// Jobs.
    jobs_total: Family<Counter, T>,
}

#[derive(MetricSet)]
#[metric(unit = "seconds")]
struct SettingOfAField {
    /// Jobs.
    jobs_total: Counter,
}

/// Of one struct, all of these are told.
#[derive(MetricSet)]
struct WithoutHelp {
    jobs_total: Counter,
    #[doc(hidden)]
    tasks_total: Counter,
    #[metric(name = "a_total", help = "A.")]
    first: Counter,
    #[metric(name = "a_total", help = "A.")]
    second: Counter,
}

#[derive(MetricSet)]
struct Settings {
    /// A number is no name.
    #[metric(name = 7)]
    number_total: Counter,
    #[metric(help)]
    no_text_total: Counter,
    /// Set twice.
    #[metric(max_series = 7, max_series = 8)]
    twice_total: Counter,
    /// A value that is none.
    #[metric(lenient = true)]
    lenient_total: Counter,
    /// No labels.
    #[metric(labels())]
    no_labels_total: Family<Counter, LabelNames<1>>,
    /// Neither names nor fields.
    #[metric(labels(queue))]
    odd_labels_total: Family<Counter, LabelNames<1>>,
    /// A prefix of one metric.
    #[metric(prefix = "a")]
    prefixed_total: Counter,
    /// No name for the set.
    #[metric(labels(queue: String))]
    no_family_total: Counter,
    /// Settings of a set.
    #[metric(flatten, help = "A.")]
    flat: WithoutHelp,
}

fn main() {}
