//! Limits on the number of series: totals stay exact, and what is refused is named.

use crate::reader::Exposition;
use proptest::prelude::*;
use quipu::{
    Counter, Family, FloatCounter, Histogram, InFlightGauge, LabelSet, LabelValue, Metric, RegisterError, Registry,
};
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

const OVERFLOW: &str = "__overflow__";

/// Of each family, so many series with a replaced value are outside of its limit.
const SPARE: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, LabelValue)]
enum Status {
    Ok,
    Failed,
}

const STATUSES: [(Status, &str); 2] = [(Status::Ok, "ok"), (Status::Failed, "failed")];

#[derive(LabelSet)]
struct Login<'a> {
    tenant: &'a str,
    status: Status,
}

#[derive(LabelSet)]
struct Request<'a> {
    tenant: &'a str,
    user: &'a str,
    status: Status,
}

const BOUNDS: [f64; 2] = [1.0, 8.0];

/// A family of each kind whose values can be added up.
struct Families<L> {
    counter: Family<Counter, L>,
    float: Family<FloatCounter, L>,
    in_flight: Family<InFlightGauge, L>,
    histogram: Family<Histogram, L>,
}

const NAMES: [&str; 4] = ["counter_total", "float_total", "in_flight", "histogram"];

impl<L: LabelSet> Families<L> {
    fn new(registry: &Registry, max_series: usize, max_tenants: Option<usize>) -> Self {
        fn limited<'r, M, L>(
            builder: quipu::registry::MetricBuilder<'r, M, L>,
            max_series: usize,
            max_tenants: Option<usize>,
        ) -> quipu::registry::MetricBuilder<'r, M, L> {
            let builder = builder.max_series(max_series);
            match max_tenants {
                Some(most) => builder.max_values("tenant", most),
                None => builder,
            }
        }
        let [counter, float, in_flight, histogram] = NAMES;
        let counter = registry.counter(counter, "C.").label_set::<L>();
        let float = registry.float_counter(float, "F.").label_set::<L>();
        let in_flight = registry.in_flight_gauge(in_flight, "I.").label_set::<L>();
        let histogram = registry.histogram(histogram, "H.").bounds(BOUNDS).label_set::<L>();
        Families {
            counter: limited(counter, max_series, max_tenants).register().unwrap(),
            float: limited(float, max_series, max_tenants).register().unwrap(),
            in_flight: limited(in_flight, max_series, max_tenants).register().unwrap(),
            histogram: limited(histogram, max_series, max_tenants).register().unwrap(),
        }
    }

    /// Records an amount, a multiple of 0.25, so that no order of additions changes a sum.
    fn record(&self, labels: &L, amount: i64) {
        self.counter.with(labels).inc_by(amount.unsigned_abs());
        self.float.with(labels).inc_by(amount.unsigned_abs() as f64 / 4.0);
        self.histogram.with(labels).observe(amount as f64 / 4.0);
        let gauge = self.in_flight.with(labels);
        if amount < 0 { gauge.dec_by(amount.unsigned_abs()) } else { gauge.inc_by(amount.unsigned_abs()) }
    }

    /// Removes a series of each family, and returns what it held.
    fn remove(&self, labels: &L) -> Totals {
        fn get<M: Metric, L: LabelSet>(family: &Family<M, L>, labels: &L) -> Option<M> {
            let metric = family.get(labels).map(|metric| metric.clone());
            assert_eq!(family.remove(labels), metric.is_some());
            metric
        }
        let mut totals = Totals {
            counter: get(&self.counter, labels).map_or(0, |counter| counter.value()),
            float: get(&self.float, labels).map_or(0.0, |counter| counter.value()),
            in_flight: get(&self.in_flight, labels).map_or(0, |gauge| gauge.value()),
            ..Totals::default()
        };
        if let Some(snapshot) = get(&self.histogram, labels).map(|histogram| histogram.snapshot()) {
            totals.buckets.copy_from_slice(snapshot.bucket_counts());
            totals.sum = snapshot.sum();
        }
        totals
    }
}

/// What was recorded, over some series.
#[derive(Clone, Debug, Default, PartialEq)]
struct Totals {
    counter: u64,
    float: f64,
    in_flight: i64,
    buckets: [u64; 3],
    sum: f64,
}

impl Totals {
    fn record(&mut self, amount: i64) {
        self.counter += amount.unsigned_abs();
        self.float += amount.unsigned_abs() as f64 / 4.0;
        self.in_flight += amount;
        let value = amount as f64 / 4.0;
        self.buckets[BOUNDS.iter().filter(|bound| value > **bound).count()] += 1;
        self.sum += value;
    }

    fn add(&mut self, other: &Totals) {
        self.counter += other.counter;
        self.float += other.float;
        self.in_flight += other.in_flight;
        self.buckets.iter_mut().zip(other.buckets).for_each(|(count, other)| *count += other);
        self.sum += other.sum;
    }

    fn subtract(&mut self, other: &Totals) {
        self.counter -= other.counter;
        self.float -= other.float;
        self.in_flight -= other.in_flight;
        self.buckets.iter_mut().zip(other.buckets).for_each(|(count, other)| *count -= other);
        self.sum -= other.sum;
    }

    /// The sums of what is exposed with this value of a label.
    fn exposed(read: &Exposition, label: &str, value: &str) -> Totals {
        let sum = |family: &str, sample: &str, le: Option<&str>| -> f64 {
            let samples = read.family(family).map_or(&[][..], |family| &family.samples);
            let is_it = |found: &&crate::reader::Sample| {
                found.name == sample && found.label(label) == Some(value) && found.label("le") == le
            };
            samples.iter().filter(is_it).map(|sample| sample.value).sum()
        };
        let bucket = |le| sum("histogram", "histogram_bucket", Some(le)) as u64;
        let [low, middle, all] = ["1", "8", "+Inf"].map(bucket);
        assert_eq!(all, sum("histogram", "histogram_count", None) as u64);
        Totals {
            counter: sum("counter_total", "counter_total", None) as u64,
            float: sum("float_total", "float_total", None),
            in_flight: sum("in_flight", "in_flight", None) as i64,
            buckets: [low, middle - low, all - middle],
            sum: sum("histogram", "histogram_sum", None),
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Record { tenant: usize, user: usize, status: usize, amount: i64 },
    Remove { tenant: usize, user: usize, status: usize },
    Scrape,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || (0..14_usize, 0..14_usize, 0..2_usize);
    let record =
        (key(), -40_i64..40).prop_map(|((tenant, user, status), amount)| Step::Record { tenant, user, status, amount });
    let remove = key().prop_map(|(tenant, user, status)| Step::Remove { tenant, user, status });
    prop::collection::vec(prop_oneof![12 => record, 3 => remove, 1 => Just(Step::Scrape)], 1..300)
}

/// The text of a tenant, the text that replaces it and long ones among them.
fn text(n: usize) -> String {
    match n {
        0 => OVERFLOW.to_owned(),
        1 => "x".repeat(1_025),
        2 => "\"\\\n".to_owned(),
        3 => "y".repeat(200),
        n => format!("t{n}"),
    }
}

/// A guard as one would write it with a set: which keys have a series.
#[derive(Default)]
struct Naive {
    present: BTreeMap<(String, Status), Totals>,
    overflowed: u64,
}

impl Naive {
    /// Where what is recorded under a key goes.
    fn admit(&mut self, tenant: &str, status: Status, max_series: usize, max_tenants: Option<usize>) -> String {
        let key = (tenant.to_owned(), status);
        if self.present.contains_key(&key) {
            return tenant.to_owned();
        }
        let known: BTreeSet<&String> =
            self.present.keys().map(|(tenant, _)| tenant).filter(|tenant| *tenant != OVERFLOW).collect();
        let overflows = self.present.keys().filter(|(tenant, _)| tenant == OVERFLOW).count();
        let charged = self.present.len() - overflows.min(SPARE);
        let is_too_many = max_tenants.is_some_and(|most| known.len() >= most && !known.contains(&tenant.to_owned()));
        let is_replaced = tenant.len() > 1_024 || is_too_many || charged >= max_series;
        self.overflowed += u64::from(is_replaced);
        let tenant = if is_replaced { OVERFLOW.to_owned() } else { tenant.to_owned() };
        self.present.entry((tenant.clone(), status)).or_default();
        tenant
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Each series holds what was recorded under its labels, and the one in place of the others all the rest.
    #[test]
    fn s10_a_guard_is_as_a_naive_one(
        steps in steps(),
        max_series in 0..20_usize,
        max_tenants in prop::option::of(0..8_usize),
    ) {
        let registry = Registry::new();
        let families = Families::<Login<'_>>::new(&registry, max_series, max_tenants);
        let mut naive = Naive::default();
        for step in steps {
            match step {
                Step::Record { tenant, status, amount, .. } => {
                    let (tenant, status) = (text(tenant), STATUSES[status].0);
                    families.record(&Login { tenant: &tenant, status }, amount);
                    let place = naive.admit(&tenant, status, max_series, max_tenants);
                    naive.present.get_mut(&(place, status)).unwrap().record(amount);
                }
                Step::Remove { tenant, status, .. } => {
                    let (tenant, status) = (text(tenant), STATUSES[status].0);
                    let removed = families.remove(&Login { tenant: &tenant, status });
                    prop_assert_eq!(removed, naive.present.remove(&(tenant, status)).unwrap_or_default());
                }
                Step::Scrape => drop(registry.to_text()),
            }
            prop_assert_eq!(families.counter.len(), naive.present.len());
        }
        for ((tenant, status), expected) in &naive.present {
            let login = Login { tenant, status: *status };
            prop_assert_eq!(families.counter.get(&login).map(|counter| counter.value()), Some(expected.counter));
            let snapshot = families.histogram.get(&login).unwrap().snapshot();
            prop_assert_eq!((snapshot.bucket_counts(), snapshot.sum()), (&expected.buckets[..], expected.sum));
        }
        let read = crate::read(&registry);
        for (status, text) in STATUSES {
            let mut expected = Totals::default();
            for (_, totals) in naive.present.iter().filter(|((_, found), _)| *found == status) {
                expected.add(totals);
            }
            prop_assert_eq!(Totals::exposed(&read, "status", text), expected);
        }
        for name in NAMES {
            let labels = [("family", name), ("label", "tenant")];
            let overflowed = read.value("quipu_overflowed_lookups_total", &labels).unwrap_or(0.0);
            prop_assert_eq!(overflowed, naive.overflowed as f64);
            prop_assert_eq!(read.value("quipu_refused_lookups_total", &[("family", name)]), None);
        }
    }

    /// Two labels that are open, of which now the one and now the other has more values.
    #[test]
    fn s10_sums_by_a_closed_label_are_exact(steps in steps(), max_series in 0..40_usize, is_shared in any::<bool>()) {
        // Sharing makes the others' series count as well.
        let registry = Registry::builder().max_series(if is_shared { 4 * max_series } else { 10_000 }).build().unwrap();
        let of_family = if is_shared { 10_000 } else { max_series };
        let families = Families::<Request<'_>>::new(&registry, of_family, None);
        let mut expected = [Totals::default(), Totals::default()];
        for step in steps {
            match step {
                Step::Record { tenant, user, status, amount } => {
                    let (tenant, user) = (text(tenant), text(user));
                    families.record(&Request { tenant: &tenant, user: &user, status: STATUSES[status].0 }, amount);
                    expected[status].record(amount);
                }
                Step::Remove { tenant, user, status } => {
                    let (tenant, user) = (text(tenant), text(user));
                    let removed = families.remove(&Request { tenant: &tenant, user: &user, status: STATUSES[status].0 });
                    expected[status].subtract(&removed);
                }
                Step::Scrape => drop(registry.to_text()),
            }
            let most = if is_shared { 4 * max_series } else { max_series };
            prop_assert!(families.counter.len() <= most + SPARE + STATUSES.len(), "{}", families.counter.len());
        }
        let read = crate::read(&registry);
        for (status, expected) in expected.iter().enumerate() {
            prop_assert_eq!(&Totals::exposed(&read, "status", STATUSES[status].1), expected);
        }
    }
}

/// Many more label sets than there is room for, by two threads at once: the totals are exact, and memory is bounded.
#[test]
fn s10_a_storm_of_two_threads_loses_nothing() {
    const SETS: usize = 40_000;
    const OPERATIONS: usize = 200_000;
    let registry = Registry::builder().max_series(6_000).build().unwrap();
    let families = Families::<Login<'_>>::new(&registry, 2_000, Some(1_000));
    thread::scope(|scope| {
        for thread in 0..2 {
            let families = &families;
            scope.spawn(move || {
                for n in 0..OPERATIONS {
                    let tenant = format!("tenant-{}", (n * 7 + thread * 13) % SETS);
                    let login = Login { tenant: &tenant, status: STATUSES[n % 2].0 };
                    families.counter.with(&login).inc();
                    families.in_flight.with(&login).inc();
                    if n % 10 == 0 {
                        families.histogram.with(&login).observe(2.0);
                    }
                    if n % 5 == 0 {
                        families.counter.remove(&login);
                    }
                    families.in_flight.with(&login).dec();
                }
            });
        }
    });
    let read = crate::read(&registry);
    for (_, status) in STATUSES {
        let totals = Totals::exposed(&read, "status", status);
        assert_eq!(totals.in_flight, 0);
        let histogram = if status == "ok" { 2 * OPERATIONS as u64 / 10 } else { 0 };
        assert_eq!(totals.buckets, [0, histogram, 0]);
    }
    assert!(families.in_flight.len() <= 2_002 && families.histogram.len() <= 2_002);
    let value = |name| read.value(name, &[]).unwrap();
    assert!(
        value("quipu_registry_series") <= 6_002.0 && value("quipu_registry_bytes") < 8e6 + value("quipu_lane_bytes")
    );
}

#[test]
fn what_is_used_of_each_limit_is_shown() {
    let registry = Registry::builder().max_series(50).max_bytes(1 << 30).build().unwrap();
    let logins = registry.counter("logins_total", "L.").labels(["tenant", "result"]).max_values("tenant", 3);
    let logins = logins.max_series(10).register().unwrap();
    registry.counter("plain_total", "P.").register().unwrap();
    for n in 0..5 {
        logins.with([&n.to_string(), "ok"]).inc();
    }
    let read = crate::read(&registry);
    let of = |name: &str, labels: &[(&str, &str)]| read.value(name, labels);
    let (family, tenant) = ([("family", "logins_total")], [("family", "logins_total"), ("label", "tenant")]);
    assert_eq!((of("quipu_series", &family), of("quipu_series_limit", &family)), (Some(4.0), Some(10.0)));
    assert_eq!((of("quipu_label_values", &tenant), of("quipu_label_values_limit", &tenant)), (Some(3.0), Some(3.0)));
    assert_eq!(of("quipu_overflowed_lookups_total", &tenant), Some(2.0));
    assert_eq!((of("quipu_registry_series", &[]), of("quipu_registry_series_limit", &[])), (Some(4.0), Some(50.0)));
    assert_eq!(of("quipu_registry_bytes_limit", &[]), Some((1 << 30) as f64));
    assert!(of("quipu_registry_bytes", &[]).unwrap() > 400.0);
    assert_eq!(of("quipu_series_limit", &[("family", "plain_total")]), None);
    assert!(registry.unregister("logins_total"));
    drop(logins);
    let text = registry.to_text();
    assert!(!text.contains("logins_total") && text.contains("\nquipu_registry_series 1\n"), "{text}");
}

/// VictoriaMetrics drops series with a label of more than 16 KiB, and a target with one of 600,000 bytes.
#[test]
fn a_value_that_is_too_long_is_not_exposed() {
    let long = "x".repeat(600_000);
    for (max, kept) in [(None, 1_024), (Some(10), 10)] {
        let builder = Registry::builder();
        let registry = max.map_or(builder.clone(), |max| builder.max_value_bytes(max)).build().unwrap();
        let agents = registry.counter("agents_total", "A.").labels(["agent"]).register().unwrap();
        for value in [&long[..kept], &long[..kept + 1], &long] {
            agents.with([value]).inc();
        }
        let read = crate::read(&registry);
        let value = |agent| read.value("agents_total", &[("agent", agent)]);
        assert_eq!([value(&long[..kept]), value(OVERFLOW)], [Some(1.0), Some(2.0)]);
        assert_eq!((agents.len(), registry.to_text().contains(&long[..kept + 1])), (2, false));
    }
}

#[test]
fn a_gauge_that_is_set_is_refused_and_counted() {
    let registry = Registry::new();
    let depth = registry.gauge("queue_depth", "Q.").labels(["queue"]).max_series(2).register().unwrap();
    for n in 0..5 {
        depth.with([&n.to_string()]).set(f64::from(n));
    }
    let read = crate::read(&registry);
    assert_eq!(read.family("queue_depth").unwrap().samples.len(), 2);
    assert_eq!(read.value("quipu_refused_lookups_total", &[("family", "queue_depth")]), Some(3.0));
}

/// In all three ways to give labels.
#[test]
fn mistakes_in_limits_are_errors_at_registration() {
    let registry = Registry::builder().max_series(10).build().unwrap();
    let logins = || registry.counter("logins_total", "L.");
    let error = |error: Option<RegisterError>| error.unwrap().to_string();
    let unknown =
        "`logins_total`: `max_values` names the label \"tenat\", which it does not have; its labels are [\"tenant\"]";
    assert_eq!(error(logins().labels(["tenant"]).max_values("tenat", 1).register().err()), unknown);
    assert_eq!(error(logins().max_values("tenat", 1).dyn_labels(&["tenant"]).register().err()), unknown);
    let set = logins().label_set::<Login<'_>>().max_values("status", 1).register();
    assert!(error(set.err()).contains("the label \"status\" has 2 values, all of them known; `max_values` allows 1"));
    assert!(logins().label_set::<Login<'_>>().max_values("status", 2).register().is_ok());
    let again = logins().label_set::<Login<'_>>().max_values("status", 3).register();
    assert!(
        error(again.err())
            .contains("with at most 2 values of \"status\"; it cannot be registered again with at most 3")
    );

    let labels: Vec<String> = (0..63).map(|n| format!("l{n}")).collect();
    let labels: Vec<&str> = labels.iter().map(|label| &**label).collect();
    let many = |labels: &[&str]| registry.counter("many_total", "M.").dyn_labels(labels).register();
    let too_many = "`many_total` has 63 labels; at most 62 are allowed: leave some of them out";
    assert_eq!(error(many(&labels).err()), too_many);
    many(&labels[1..]).unwrap();

    #[derive(LabelSet)]
    struct Closed {
        status: Status,
        is_new: bool,
    }
    let closed = |name: &'static str| registry.gauge(name, "C.").label_set::<Closed>();
    assert!(error(closed("a").max_series(3).register().err()).contains("at most 3 are allowed"));
    closed("a").register().unwrap().with(Closed { status: Status::Ok, is_new: true }).set(1.0);
    registry.gauge("b", "B.").labels(["x"]).reserve_series(3).register().unwrap();
    let reserved = "`c`: it reserves 4 series, and the registry has 3 left to reserve; reserve fewer, or raise the registry's `max_series`";
    assert_eq!(error(closed("c").register().err()), reserved);
    assert!(registry.unregister("a"));
    closed("c").register().unwrap();
}
