//! Limits: what is refused, where it is recorded, and what makes room again.

use super::*;
use crate::store::series::admission::Refusal;
use crate::store::series::limits::{Limits, SharedBytes};

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

#[test]
fn without_limits_nothing_is_refused() {
    let set = limited(Limits::default());
    (0..1000).for_each(|n| count(&set, ["GET", &n.to_string()]));
    assert_eq!((set.len(), set.take_refused()), (1000, 0));
}

#[test]
fn s10_a_family_has_at_most_so_many_series_until_one_is_removed() {
    let set = limited(Limits { series: Some(2), ..Limits::default() });
    ["/a", "/b", "/c", "/a", "/c"].iter().for_each(|path| count(&set, ["GET", path]));
    assert_eq!((value(&set, ["GET", "/a"]), value(&set, ["GET", "/c"])), (Some(2), None));
    assert_eq!((set.len(), set.take_refused(), set.take_refused()), (2, 2, 0));
    assert_eq!(set.admit(&["GET", "/c"]), Admission::Refused(Refusal::Series));
    assert_eq!(set.admit(&["GET", "/b"]), Admission::Known);
    assert!(set.remove(&["GET", "/b"]));
    assert_eq!(set.admit(&["GET", "/c"]), Admission::Admitted);
    walk(&set, |series| assert!(["/a", "/c"].iter().any(|path| series.labels().ends_with(path))));
}

#[test]
fn bytes_are_counted_by_family_and_for_several() {
    let shared = Arc::new(SharedBytes::new(10_000));
    let limits = |bytes| Limits { bytes, shared_bytes: Some(shared.clone()), ..Limits::default() };
    let (one, other) = (limited(limits(Some(1_000))), limited(limits(None)));
    let admitted = |set: &SeriesMap, from: usize, refusal| {
        let path = |n: usize| "x".repeat(100) + &n.to_string();
        (from..)
            .take_while(|n| match set.admit(&["GET", &path(*n)]) {
                Admission::Refused(why) => {
                    assert_eq!(why, refusal);
                    false
                }
                _ => true,
            })
            .count()
    };
    let (few, many) = (admitted(&one, 0, Refusal::Bytes), admitted(&other, 0, Refusal::SharedBytes));
    assert!((4..10).contains(&few) && (40..90).contains(&many), "{few} {many}");
    let used = shared.used();
    assert!((10_000..10_300).contains(&used), "{used}");
    assert!(one.remove(&["GET", &("x".repeat(100) + "0")]));
    assert_eq!(admitted(&other, 1_000, Refusal::SharedBytes), 1);
    drop(other);
    drop(one);
    assert_eq!(shared.used(), 0);
}

/// Random additions and removals against a plain count of what is there.
#[test]
fn distinct_values_are_counted_by_label() {
    let set = limited(Limits { values: vec![None, Some(5)], ..Limits::default() });
    let (mut model, mut refused, mut random) = (HashSet::<[usize; 2]>::new(), 0, 1usize);
    for _ in 0..if cfg!(miri) { 200 } else { 20_000 } {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = [(random >> 33) % 3, (random >> 40) % 12];
        let [method, path] = key.map(|n| n.to_string());
        if random >> 62 == 0 {
            assert_eq!(set.remove(&[&method, &path]), model.remove(&key));
            continue;
        }
        let known: HashSet<usize> = model.iter().map(|key| key[1]).collect();
        let expected = match () {
            () if model.contains(&key) => Admission::Known,
            () if known.len() == 5 && !known.contains(&key[1]) => Admission::Refused(Refusal::Values { label: 1 }),
            () => Admission::Admitted,
        };
        // Without the lock the same is known, but for what is there.
        let refusal = set.refusal(&[&method, &path], &pin());
        assert_eq!(refusal.is_some(), matches!(expected, Admission::Refused(_)));
        assert_eq!(set.admit(&[&method, &path]), expected);
        refused += usize::from(refusal.is_some());
        if expected == Admission::Admitted {
            model.insert(key);
        }
        assert_eq!(set.len(), model.len());
    }
    assert!(refused > 10);
}
