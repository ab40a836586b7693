//! Fields of a set of metrics whose types do not fit.

use quipu::{Counter, DynLabelNames, Family, Histogram, LabelNames, MetricSet};

#[derive(MetricSet)]
struct Number {
    /// Jobs.
    jobs_total: u64,
}

#[derive(MetricSet)]
struct NamesOfRunTime {
    /// Jobs.
    jobs_total: Family<Counter, DynLabelNames>,
}

#[derive(MetricSet)]
struct BoundsOfACounter {
    /// Jobs.
    #[metric(bounds = [1.0])]
    jobs_total: Counter,
}

#[derive(MetricSet)]
struct UnknownSetting {
    /// Jobs.
    #[metric(bound = [1.0])]
    job_seconds: Histogram,
}

#[derive(MetricSet)]
struct OneNameTooMany {
    /// Jobs.
    #[metric(labels("queue", "type"))]
    jobs_total: Family<Counter, LabelNames<1>>,
}

#[derive(MetricSet)]
struct NamesWithoutAFamily {
    /// Jobs.
    #[metric(labels("queue"))]
    jobs_total: Counter,
}

#[derive(MetricSet)]
struct FlatNumber {
    #[metric(flatten)]
    jobs: u64,
}

struct Kind;

#[derive(MetricSet)]
struct NoLabelValue {
    /// Jobs.
    #[metric(labels(kind: Kind))]
    jobs_total: Family<Counter, JobLabels>,
}

fn main() {}
