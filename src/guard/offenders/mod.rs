//! Offenders: which label values come although there is no room for them.
//!
//! A lookup only leaves a sample in a ring, and raises a register. Whoever wants to know, which is a scrape or a person, takes the samples out
//! and counts the most frequent of them. Nothing is allocated before the first sample of a label, and 64 KiB at most after it.

mod distinct;
mod frequent;
mod ring;

use crate::clock::{Clock, Moment};
use crate::sync::{Mutex, OnceLock, get_or_init, lock};
use core::fmt;
use core::time::Duration;
use distinct::Distinct;
use frequent::Frequent;
pub(super) use ring::Ring;
use ring::Text;

/// So many values are told.
const TOLD: usize = 10;

/// How long after a line in the log the next one of the family comes.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The offenders of a family, by label.
#[derive(Debug)]
pub(crate) struct Offenders {
    /// One each, or none.
    by_label: Box<[OnceLock<Box<[LabelOffenders; 1]>>]>,
    logged: Mutex<Option<Moment>>,
}

impl Offenders {
    /// For a family with so many labels.
    pub(crate) fn new(labels: usize) -> Offenders {
        Offenders { by_label: (0..labels).map(|_| OnceLock::new()).collect(), logged: Mutex::new(None) }
    }

    /// A lookup whose value of this label has no room. `hash` is the value's, by any function that the sender of the value does
    /// not know, and always the same.
    ///
    /// Takes no lock and allocates nothing, but for the first one of a label; without memory, that is not noted.
    #[inline]
    pub(crate) fn note(&self, label: usize, hash: u64, value: &str) {
        let Some(cell) = self.by_label.get(label) else { return };
        if let Some(offenders) = cell.get().map(|only| &only[0]).or_else(|| init(cell)) {
            offenders.note(hash, value);
        }
    }

    /// Those of each label that has any, with its number.
    pub(crate) fn by_label(&self) -> impl Iterator<Item = (usize, &LabelOffenders)> {
        self.by_label.iter().enumerate().filter_map(|(label, offenders)| Some((label, &offenders.get()?[0])))
    }

    /// Counts the samples that have come since the last time, and makes room for others. Returns whether it is time to tell the log: if
    /// there were any, and it was not told for a minute.
    pub(crate) fn drain(&self, clock: &Clock) -> bool {
        let samples: usize = self.by_label().map(|(_, offenders)| offenders.drain()).sum();
        if samples == 0 {
            return false;
        }
        let mut logged = lock(&self.logged);
        let is_due = logged.is_none_or(|last| clock.seconds_since(last) >= LOG_INTERVAL.as_secs_f64());
        if is_due {
            *logged = Some(clock.now());
        }
        is_due
    }
}

/// Those of a label that has none yet; `None` without memory, and a later one tries again.
#[cold]
fn init(cell: &OnceLock<Box<[LabelOffenders; 1]>>) -> Option<&LabelOffenders> {
    let offenders = try_array(LabelOffenders::new)?;
    Some(&get_or_init(cell, || offenders)[0])
}

/// An array of its own, if there is memory for it.
fn try_array<T, const N: usize>(element: impl FnMut() -> T) -> Option<Box<[T; N]>> {
    let mut elements = Vec::new();
    elements.try_reserve_exact(N).ok()?;
    elements.resize_with(N, element);
    elements.into_boxed_slice().try_into().ok()
}

/// The offenders of one label.
#[derive(Debug)]
pub(crate) struct LabelOffenders {
    distinct: Distinct,
    ring: Ring,
    counts: Mutex<Option<Frequent>>,
}

impl LabelOffenders {
    fn new() -> LabelOffenders {
        LabelOffenders { distinct: Distinct::new(), ring: Ring::new(), counts: Mutex::new(None) }
    }

    #[inline]
    fn note(&self, hash: u64, value: &str) {
        self.distinct.add(hash);
        self.ring.push(hash, value);
    }

    /// About how many different values have come.
    pub(crate) fn distinct(&self) -> u64 {
        self.distinct.estimate()
    }

    /// Counts the samples that have come since the last time. Returns how many these are.
    fn drain(&self) -> usize {
        let mut counts = lock(&self.counts);
        let counts = counts.get_or_insert_with(Frequent::new);
        let mut samples = 0;
        self.ring.drain(|hash, text| {
            counts.add(hash, text);
            samples += 1;
        });
        samples
    }

    /// What has come until now.
    pub(crate) fn report(&self) -> Report {
        self.drain();
        let counts = lock(&self.counts);
        let (top, samples) = counts.as_ref().map_or((Vec::new(), 0), |counts| (counts.top(TOLD), counts.added()));
        let top = top.into_iter().map(|count| Offender { text: count.text, samples: count.at_least }).collect();
        Report { distinct: self.distinct(), samples, top }
    }
}

/// What is known of the values of a label that have no room.
#[derive(Debug)]
pub(crate) struct Report {
    /// About so many different ones.
    pub(crate) distinct: u64,
    /// Lookups that were looked at.
    pub(crate) samples: u64,
    /// The most frequent first.
    pub(crate) top: Vec<Offender>,
}

impl Report {
    /// The share of the samples that have this value.
    pub(crate) fn percent(&self, offender: &Offender) -> f64 {
        100.0 * offender.samples as f64 / self.samples as f64
    }
}

/// A value that comes often.
#[derive(Debug)]
pub(crate) struct Offender {
    text: Text,
    /// So many samples at least.
    pub(crate) samples: u64,
}

#[cfg(feature = "page")]
impl Offender {
    /// The value, or its beginning.
    pub(crate) fn value(&self) -> &str {
        self.text.as_str()
    }

    /// Whether there is more of the value.
    pub(crate) fn is_cut(&self) -> bool {
        self.text.is_cut
    }
}

/// The value, escaped, and three dots behind it if there is more of it.
impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.text.as_str(), if self.text.is_cut { "..." } else { "" })
    }
}

#[cfg(all(test, not(quipu_loom)))]
mod tests;
