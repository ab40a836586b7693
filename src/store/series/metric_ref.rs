//! A metric on loan: looked up, recorded into, and let go.

use crate::store::lookup::key::Key;
use crate::store::reclaim::pin::Pin;
use crate::store::series::admission::Admission;
use crate::store::series::map::SeriesMap;
use crate::store::series::series::{Series, SeriesRef};
use crate::store::thread;
use core::mem::ManuallyDrop;
use core::ops::Deref;

/// A metric that was looked up by its labels, to record into on the spot.
///
/// Made by [`Family::with`](crate::Family::with). It keeps what it found in memory without touching a reference count; it
/// cannot leave its thread, and should not be kept: while it lives, nothing that is removed later, from any family of the
/// process, is freed: `quipu_retained_series` shows how much waits. One that is leaked with [`core::mem::forget`] keeps it all for
/// good, and when its thread ends, the thread's lane is lost as well (`quipu_lost_lanes`). To keep a metric, take a
/// [handle](crate::Family::handle).
///
/// ```
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
/// let mail = jobs.with(["mail"]);
/// mail.inc();
/// assert_eq!(mail.value(), 1);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[must_use = "nothing is recorded until a method like `inc` is called"]
pub struct MetricRef<'a, M> {
    /// Without a reference to its series, so never dropped; good while the pin is held, or while the family is borrowed that keeps
    /// a handle for each of its series.
    metric: ManuallyDrop<M>,
    _pin: Option<Pin<'a>>,
}

impl<'a, M> MetricRef<'a, M> {
    /// Borrows a metric.
    #[inline(always)]
    pub(crate) fn kept(metric: &'a M) -> Self {
        // SAFETY: never dropped, and behind a shared reference as `metric` is, for as long.
        MetricRef { metric: ManuallyDrop::new(unsafe { core::ptr::read(metric) }), _pin: None }
    }

    /// Finds or makes the series, and the metric from it. There are as many values as label names. `make` only moves the series
    /// into the metric. `set` is asked for when the values are hashed: until then, they take all registers.
    #[inline(always)]
    pub(crate) fn look_up(set: impl Fn() -> &'a SeriesMap, values: &[&str], make: fn(Series) -> M) -> Self {
        // As arrays, so that the compiler keeps the strings in registers and does without loops.
        let found = match *values {
            [a] => quick(set, [a]),
            [a, b] => quick(set, [a, b]),
            [a, b, c] => quick(set, [a, b, c]),
            [a, b, c, d] => quick(set, [a, b, c, d]),
            _ => find_or_insert(set(), values),
        };
        MetricRef::new(found, make)
    }

    /// As [`look_up`](Self::look_up), for a number of values that is known at run time only.
    #[inline]
    pub(crate) fn look_up_any(set: &'a SeriesMap, values: &[&str], make: fn(Series) -> M) -> Self {
        MetricRef::new(find_any(set, values), make)
    }

    /// As [`look_up`](Self::look_up), for a series that is looked up once: slower, and less code.
    pub(crate) fn look_up_once(set: &'a SeriesMap, values: &[&str], make: fn(Series) -> M) -> Self {
        MetricRef::new(find_or_insert(set, values), make)
    }

    /// The metric from the series with these label values, if it is there. `make` as in [`look_up`](Self::look_up).
    pub(crate) fn find(set: &'a SeriesMap, values: &[&str], make: fn(Series) -> M) -> Option<Self> {
        loop {
            let pin = thread::pin();
            if let Some(series) = set.get(values, &pin).map(unshared) {
                return Some(MetricRef::new((series, pin), make));
            }
            drop(pin);
            if !set.revive(values) {
                return None;
            }
        }
    }

    #[inline(always)]
    fn new((series, pin): Unshared<'a>, make: fn(Series) -> M) -> Self {
        MetricRef { metric: ManuallyDrop::new(make(ManuallyDrop::into_inner(series))), _pin: Some(pin) }
    }
}

/// A series without a reference of its own, not to be dropped: a reference is given up once, by its owner.
type Unshared<'a> = (ManuallyDrop<Series>, Pin<'a>);

#[inline(always)]
fn quick<'a, const N: usize>(set: impl Fn() -> &'a SeriesMap, values: [&str; N]) -> Unshared<'a> {
    let Some((key, pin)) = prepare(values) else { return find_or_insert(set(), &{ values }) };
    match set().get_first(&key, &pin).map(unshared) {
        Some(series) => (series, pin),
        // A copy for the slow way, so that only that one is put into memory.
        None => miss(set(), &{ key }, pin),
    }
}

/// The values as a key, and a pin.
#[inline(always)]
fn prepare<'v, const N: usize>(values: [&'v str; N]) -> Option<(Key<'v, N>, Pin<'static>)> {
    let own = thread::own()?;
    let key = own.seeds().quick_key(values)?;
    Some((key, own.pin()))
}

/// When the series is not where it mostly is: it may be refused, and in a storm of new label values mostly is.
#[cold]
#[inline(never)]
fn miss<'a, const N: usize>(set: &'a SeriesMap, key: &Key<'_, N>, pin: Pin<'a>) -> Unshared<'a> {
    match set.get_first_overflow(key, &pin).map(unshared) {
        Some(series) => (series, pin),
        None => {
            // Not kept while a series is made.
            drop(pin);
            find_or_insert(set, key.values())
        }
    }
}

/// As [`find_or_insert`], for a number of values that the compiler does not know: in one place of the program, as it is much code.
#[inline(never)]
fn find_any<'a>(set: &'a SeriesMap, values: &[&str]) -> Unshared<'a> {
    let set = || set;
    // As arrays, so that the compiler keeps the strings in registers and does without loops.
    match *values {
        [a] => quick(set, [a]),
        [a, b] => quick(set, [a, b]),
        [a, b, c] => quick(set, [a, b, c]),
        [a, b, c, d] => quick(set, [a, b, c, d]),
        _ => find_or_insert(set(), values),
    }
}

/// The series with these label values, made if it is not there; or the one in its place if it is refused.
#[cold]
#[inline(never)]
fn find_or_insert<'a>(set: &'a SeriesMap, values: &[&str]) -> Unshared<'a> {
    loop {
        let pin = thread::pin();
        if let Some(series) = set.of_all_keys() {
            return (borrowed(series), pin);
        }
        // A value that is too long for any series is not even read.
        let found = if set.is_too_long(values) { None } else { set.get(values, &pin) };
        if let Some(series) = found.or_else(|| set.find_overflow(values, &pin)).map(unshared) {
            return (series, pin);
        }
        if set.is_refused(values, &pin) {
            return (borrowed(set.unread()), pin);
        }
        drop(pin);
        // Another thread may remove it again before it is found.
        match set.admit(values) {
            Admission::Admitted | Admission::Known => {}
            Admission::Overflowed(labels) => {
                let pin = thread::pin();
                if let Some(series) = set.find_replaced(values, labels, &pin).map(unshared) {
                    return (series, pin);
                }
            }
            Admission::Refused => return (borrowed(set.unread()), thread::pin()),
        }
    }
}

/// A series that its map keeps for as long as the map is borrowed.
fn borrowed(series: &Series) -> ManuallyDrop<Series> {
    // SAFETY: the copy is not dropped.
    ManuallyDrop::new(unsafe { core::ptr::read(series) })
}

#[inline(always)]
fn unshared(found: SeriesRef<'_>) -> ManuallyDrop<Series> {
    // SAFETY: the copy is not dropped.
    ManuallyDrop::new(unsafe { core::ptr::read(&raw const *found) })
}

impl<M> Deref for MetricRef<'_, M> {
    type Target = M;

    #[inline(always)]
    fn deref(&self) -> &M {
        &self.metric
    }
}

impl<M: core::fmt::Debug> core::fmt::Debug for MetricRef<'_, M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        (**self).fmt(f)
    }
}
