//! Literals in a set of metrics that break a rule.

use quipu::{Counter, Family, Gauge, Histogram, LabelNames, LabelSet, MetricSet};

#[derive(MetricSet)]
struct WithoutTotal {
    /// Jobs.
    jobs: Counter,
}

#[derive(MetricSet)]
struct Total {
    /// Jobs.
    jobs_total: Gauge,
}

#[derive(MetricSet)]
struct Dash {
    /// Jobs.
    #[metric(name = "jobs-total")]
    jobs: Counter,
}

#[derive(MetricSet)]
struct Underscore {
    /// Jobs.
    #[metric(lenient)]
    _jobs: Gauge,
}

#[derive(MetricSet)]
struct Own {
    /// Jobs.
    quipu_jobs_total: Counter,
}

#[derive(MetricSet)]
struct OfPrometheus {
    /// Up.
    up: Gauge,
}

#[derive(MetricSet)]
#[metric(prefix = "7")]
struct Prefix {
    /// Jobs.
    jobs_total: Counter,
}

#[derive(MetricSet)]
struct Unit {
    /// Jobs.
    #[metric(unit = "seconds")]
    job_duration: Histogram,
}

#[derive(MetricSet)]
struct Bounds {
    /// Jobs.
    #[metric(bounds = [1.0, 0.5])]
    job_seconds: Histogram,
}

const TWICE: &[f64] = &[1.0, 1.0];

#[derive(MetricSet)]
struct BoundsElsewhere {
    /// Jobs.
    #[metric(bounds = TWICE)]
    job_seconds: Histogram,
}

#[derive(MetricSet)]
struct LabelName {
    /// Jobs.
    #[metric(labels("queue", "job-type"))]
    jobs_total: Family<Counter, LabelNames<2>>,
}

#[derive(LabelSet)]
struct Le {
    le: String,
}

#[derive(MetricSet)]
struct LabelOfBuckets {
    /// Jobs.
    job_seconds: Family<Histogram, Le>,
}

#[derive(MetricSet)]
struct WithoutNames {
    /// Jobs.
    jobs_total: Family<Counter, LabelNames<1>>,
}

#[derive(MetricSet)]
struct UnknownLabel {
    /// Jobs.
    #[metric(labels("queue"), max_values("queu", 7))]
    jobs_total: Family<Counter, LabelNames<1>>,
}

#[derive(MetricSet)]
struct DeclaredLabel {
    /// Jobs.
    #[metric(labels(#[label("a b")] queue: String))]
    jobs_total: Family<Counter, JobLabels>,
}

#[derive(MetricSet)]
struct UnitOfAnInfo {
    /// The build.
    #[metric(labels("version"), unit = "info")]
    build_info: Family<quipu::Info, LabelNames<1>>,
}

#[derive(MetricSet)]
#[metric(prefix = "worker")]
struct LabelOfStates {
    /// What a worker is at.
    #[metric(labels("worker", "worker_state"))]
    state: Family<quipu::StateSet<bool>, LabelNames<2>>,
}

#[derive(LabelSet)]
struct Feature {
    feature: String,
}

#[derive(MetricSet)]
struct LabelOfFlags {
    /// Features.
    feature: Family<quipu::FlagSet<bool>, Feature>,
}

fn main() {}
