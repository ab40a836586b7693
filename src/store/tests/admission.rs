//! Limits: what is refused, where it is recorded, and what makes room again.

use super::*;
use crate::guard::LabelLimit::{self, Closed, Open};
use crate::store::series::labels::Labels;
use crate::store::series::limits::{Limits, Overflow, SharedLimits};

const OTHER: &str = "other";

fn limits() -> Limits {
    Limits {
        series: None,
        shared: None,
        reserved: 0,
        value_bytes: 100,
        labels: vec![Open(None); 2],
        overflow: Some(Overflow::new(OTHER.into(), 3, 2, Vec::new())),
    }
}

fn limited(limits: Limits) -> SeriesMap {
    let names = ["method", "path"].map(Box::from);
    SeriesMap::with_limits(Arc::new(FamilyLayout::new(SlotLayout::Number, names.into(), None, None)), limits)
}

/// Looks up as a user does, and records.
fn count(set: &SeriesMap, values: [&str; 2]) {
    MetricRef::look_up(|| set, &values, Counter::from_series).inc();
}

fn value(set: &SeriesMap, values: [&str; 2]) -> Option<u64> {
    set.get(&values, &pin()).map(|series| Handle::new((*series).clone()).sum())
}

fn labels(labels: &[usize]) -> Labels {
    labels.iter().copied().collect()
}

#[test]
fn without_limits_nothing_is_refused() {
    let set = limited(limits());
    (0..1000).for_each(|n| count(&set, ["GET", &n.to_string()]));
    assert_eq!((set.len(), set.take_refused()), (1000, 0));
}

#[test]
fn s10_what_is_over_a_limit_is_in_the_series_with_a_replaced_value() {
    let set = limited(Limits { series: Some(2), ..limits() });
    ["/a", "/b", "/c", "/a", "/c"].iter().for_each(|path| count(&set, ["GET", path]));
    assert_eq!((value(&set, ["GET", "/a"]), value(&set, ["GET", "/c"])), (Some(2), None));
    assert_eq!((value(&set, ["GET", OTHER]), set.len(), set.take_refused()), (Some(2), 3, 0));
    assert_eq!(set.admit(&["GET", "/c"]), Admission::Overflowed(labels(&[1])));
    assert_eq!(set.admit(&["GET", "/b"]), Admission::Known);
    assert!(set.remove(&["GET", "/b"]));
    assert_eq!(set.admit(&["GET", "/c"]), Admission::Admitted);
    assert_eq!(set.admit(&["GET", "/d"]), Admission::Overflowed(labels(&[1])));
}

#[test]
fn s10_when_one_label_is_not_enough_all_open_ones_are_replaced() {
    let set = limited(Limits { series: Some(2), ..limits() });
    (0..10).for_each(|n| count(&set, [&format!("M{}", n % 5), &format!("/{n}")]));
    // Two; by path, as both labels had two values, three spare ones; and the one for all.
    assert_eq!((set.len(), value(&set, [OTHER, "/4"]), value(&set, [OTHER, OTHER])), (6, Some(1), Some(5)));
    let set = limited(Limits { series: Some(2), labels: vec![Closed, Open(None)], ..limits() });
    (0..1_000).for_each(|n| count(&set, [&format!("M{}", n % 5), &format!("/{n}")]));
    assert_eq!((set.len(), value(&set, ["M4", OTHER])), (7, Some(200)));
}

#[test]
fn a_long_value_is_replaced_whatever_room_there_is() {
    let set = limited(limits());
    let long = "x".repeat(101);
    (0..3).for_each(|_| count(&set, ["GET", &long]));
    count(&set, ["GET", &long[1..]]);
    assert_eq!((set.len(), value(&set, ["GET", OTHER]), value(&set, ["GET", &long[1..]])), (2, Some(3), Some(1)));
    let set = limited(Limits { labels: vec![Open(None), Closed], ..limits() });
    count(&set, ["GET", &long]);
    assert_eq!(value(&set, ["GET", &long]), Some(1), "a closed label has the values that it was declared with");
}

#[test]
fn a_gauge_has_nothing_in_place_of_what_is_refused() {
    let set = limited(Limits { series: Some(2), overflow: None, ..limits() });
    (0..10).for_each(|n| count(&set, ["GET", &format!("/{n}")]));
    assert_eq!((set.len(), set.take_refused(), set.take_refused()), (2, 8, 0));
}

#[test]
fn families_share_a_limit_and_keep_what_is_reserved() {
    let shared = Arc::new(SharedLimits::new(Some(20), None));
    let family = |reserved| limited(Limits { reserved, shared: Some(shared.clone()), ..limits() });
    let (greedy, modest) = (family(0), family(5));
    assert_eq!(shared.series(), 5);
    (0..100).for_each(|n| count(&greedy, ["GET", &n.to_string()]));
    assert_eq!((shared.series(), greedy.len()), (20, 16));
    (0..100).for_each(|n| count(&modest, ["GET", &n.to_string()]));
    assert_eq!((shared.series(), modest.len(), value(&modest, ["GET", OTHER])), (20, 6, Some(95)));
    assert!(greedy.remove(&["GET", "0"]));
    assert_eq!(modest.admit(&["GET", "x"]), Admission::Admitted);
    assert!(modest.remove(&["GET", "x"]) && modest.remove(&["GET", "0"]));
    assert_eq!((shared.series(), shared.unreserved()), (19, 15), "what is reserved stays");
    drop((greedy, modest));
    assert_eq!((shared.series(), shared.unreserved()), (0, 20));
}

#[test]
fn what_is_reserved_is_given_back_once() {
    let shared = Arc::new(SharedLimits::new(Some(20), None));
    let family = limited(Limits { reserved: 15, shared: Some(shared.clone()), ..limits() });
    (0..2).for_each(|n| count(&family, ["GET", &n.to_string()]));
    assert_eq!((shared.series(), shared.unreserved()), (15, 5));
    (0..2).for_each(|_| family.give_back_reserved());
    assert_eq!((shared.series(), shared.unreserved()), (2, 20));
    count(&family, ["GET", "2"]);
    assert_eq!(shared.series(), 3);
    drop(family);
    assert_eq!((shared.series(), shared.unreserved()), (0, 20));
}

/// Series that are gone leave empty places, and those behind them tell which label to replace.
#[test]
fn the_label_with_the_most_values_is_found_before_empty_places() {
    let set = limited(Limits { series: Some(8_000), ..limits() });
    (0..8_000).for_each(|n| count(&set, ["GET", &n.to_string()]));
    (100..8_000).for_each(|n| assert!(set.remove(&["GET", &n.to_string()])));
    assert_eq!(set.len(), 100);
    assert_eq!(set.offender_of(&["GET", "x"]), labels(&[1]));
    // Without any series, and with one that has other values of both.
    let set = limited(limits());
    assert_eq!(set.offender_of(&["GET", "x"]), labels(&[0]));
    count(&set, ["GET", "y"]);
    assert_eq!(set.offender_of(&["GET", "x"]), labels(&[1]));
}

#[test]
fn lanes_leave_half_of_the_bytes_to_new_series() {
    let lanes = SharedLimits::new(None, None).bytes();
    assert!(SharedLimits::new(None, None).has_bytes_for_lanes());
    assert!(!SharedLimits::new(None, Some(2 * lanes)).has_bytes_for_lanes());
    assert!(SharedLimits::new(None, Some(4 * lanes + (1 << 30))).has_bytes_for_lanes());
}

#[test]
fn bytes_are_counted_by_all_families_together() {
    // Other tests use lanes, which count.
    let lanes = SharedLimits::new(None, None).bytes();
    let shared = Arc::new(SharedLimits::new(None, Some(lanes + 10_000)));
    let [one, other] = [(); 2]
        .map(|()| limited(Limits { shared: Some(shared.clone()), labels: vec![Open(Some(500)); 2], ..limits() }));
    let path = |n: usize| format!("{n}{}", "x".repeat(90));
    (0..500).for_each(|n| count(if n < 10 { &one } else { &other }, ["GET", &path(n)]));
    assert_eq!(one.len(), 10);
    assert!((10..60).contains(&other.len()), "{}", other.len());
    drop((one, other));
    assert_eq!(shared.bytes(), SharedLimits::new(None, None).bytes());
}

/// Random additions and removals against a plain count of what is there.
#[test]
fn distinct_values_are_counted_by_label() {
    let (most, other) = (5, 99);
    let set = limited(Limits { labels: vec![Open(None), Open(Some(most))], ..limits() });
    let (mut model, mut refused, mut random) = (HashSet::<[usize; 2]>::new(), 0, 1usize);
    for _ in 0..if cfg!(miri) { 200 } else { 20_000 } {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut key = [(random >> 33) % 3, (random >> 40) % 12];
        let [method, path] = key.map(|n| n.to_string());
        if random >> 62 == 0 {
            assert_eq!(set.remove(&[&method, &path]), model.remove(&key));
            continue;
        }
        let known: HashSet<usize> = model.iter().map(|key| key[1]).filter(|path| *path != other).collect();
        let expected = match () {
            () if model.contains(&key) => Admission::Known,
            () if known.len() == most && !known.contains(&key[1]) => Admission::Overflowed(labels(&[1])),
            () => Admission::Admitted,
        };
        assert_eq!(set.admit(&[&method, &path]), expected);
        if expected == Admission::Overflowed(labels(&[1])) {
            refused += 1;
            key[1] = other;
            // Without the lock the same is known.
            assert!(set.find_overflow(&[&method, &path], &pin()).is_some());
        }
        model.insert(key);
        assert_eq!(set.len(), model.len());
        assert_eq!(
            set.label_values().next(),
            Some((1, known.len() + usize::from(!known.contains(&key[1]) && key[1] != other), most))
        );
    }
    assert!(refused > 10);
}

/// The kinds of labels that a limit may name.
#[test]
fn of_more_labels_than_a_set_holds_the_first_are_guarded() {
    let names: Vec<Box<str>> = (0..70).map(|n| format!("l{n}").into()).collect();
    let layout = Arc::new(FamilyLayout::new(SlotLayout::Number, names.into(), None, None));
    let labels: Vec<LabelLimit> = vec![Open(Some(2)); 70];
    let set = SeriesMap::with_limits(layout, Limits { labels, ..limits() });
    for n in 0..4 {
        let mut values = [""; 70];
        let value = n.to_string();
        (values[61], values[69]) = (&value, &value);
        MetricRef::look_up(|| &set, &values, Counter::from_series).inc();
    }
    // The last label is one that nothing limits.
    assert_eq!((set.len(), set.take_refused()), (4, 0));
    assert_eq!(set.label_values().last(), Some((61, 2, 2)));
}
