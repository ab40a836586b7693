//! Which series are idle: what scrapes have seen of each, and when. Numbers and times only; the [map](super::map) keeps them.

use crate::store::cells::memory::NoMemory;
use core::time::Duration;

/// A time of a family, in milliseconds, and a number that tells those of one millisecond apart: of two that were drawn one after
/// the other, the later one is larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// More than are drawn in a millisecond; if more are, the rest is taken for the next one's.
    const NUMBER_BITS: u32 = 20;

    fn milliseconds(self) -> u64 {
        self.0 >> Stamp::NUMBER_BITS
    }
}

/// What was last seen of a series.
#[derive(Clone, Copy, Debug, Default)]
struct Sighting {
    /// What it held, as [`Series::content`](super::series::Series::content) tells.
    content: u64,
    /// When it was last seen to be used: made, with other content than before, or set. Scrapes that began before this may not
    /// have shown that content.
    since: Stamp,
}

/// Sightings lie in chunks of so many, so that they are never moved as a whole.
const CHUNK: usize = 64;

/// What was seen of the series of a family, by their places in the list.
#[derive(Debug)]
pub(in crate::store) struct Sightings {
    /// A series may expire when it was not seen to be used for so long.
    after_milliseconds: u64,
    last: Stamp,
    /// When the latest of the walks began of which everything was exported.
    exported: Stamp,
    chunks: Vec<Vec<Sighting>>,
}

impl Sightings {
    pub(in crate::store) fn new(after: Duration) -> Sightings {
        let after_milliseconds = u64::try_from(after.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Sightings { after_milliseconds, last: Stamp::default(), exported: Stamp::default(), chunks: Vec::new() }
    }

    /// Draws a stamp, at so many milliseconds.
    pub(in crate::store) fn draw(&mut self, now_milliseconds: u64) -> Stamp {
        self.last = Stamp((now_milliseconds << Stamp::NUMBER_BITS).max(self.last.0 + 1));
        self.last
    }

    /// Notes that everything was exported that a walk has met which began then.
    pub(in crate::store) fn note_exported(&mut self, begun: Stamp) {
        self.exported = self.exported.max(begun);
    }

    /// Makes room for places below `len`.
    pub(in crate::store) fn reserve(&mut self, len: usize) -> Result<(), NoMemory> {
        while self.chunks.len() * CHUNK < len {
            let mut chunk = Vec::new();
            chunk.try_reserve_exact(CHUNK)?;
            chunk.resize(CHUNK, Sighting::default());
            self.chunks.try_reserve(1)?;
            self.chunks.push(chunk);
        }
        Ok(())
    }

    /// Forgets the places from `len` on.
    pub(in crate::store) fn truncate(&mut self, len: usize) {
        self.chunks.truncate(len.div_ceil(CHUNK));
        self.chunks.shrink_to_fit();
    }

    fn at(&mut self, place: usize) -> &mut Sighting {
        &mut self.chunks[place / CHUNK][place % CHUNK]
    }

    /// A series was made, at a place that there is [room](Self::reserve) for.
    pub(in crate::store) fn made(&mut self, place: usize, now: Stamp) {
        *self.at(place) = Sighting { content: 0, since: now };
    }

    /// A series was moved to another place.
    pub(in crate::store) fn moved(&mut self, from: usize, to: usize) {
        *self.at(to) = *self.at(from);
    }

    /// A walk has shown that content of a series. The stamp was drawn after the content was read.
    pub(in crate::store) fn shown(&mut self, place: usize, content: u64, is_used: bool, now: Stamp) {
        if is_used || self.at(place).content != content {
            *self.at(place) = Sighting { content, since: now };
        }
    }

    /// A walk has met a series, and has not shown it.
    pub(in crate::store) fn passed_over(&mut self, place: usize, now: Stamp) {
        self.at(place).since = now;
    }

    /// The content that was exported, and has been seen for so long that the series may expire if it still has that.
    ///
    /// Any walk that began after `since` has met the series, and has shown that very content: else it would have set `since` anew.
    /// One of them was exported whole.
    pub(in crate::store) fn idle_content(&mut self, place: usize) -> Option<u64> {
        let (exported, Sighting { content, since }) = (self.exported, *self.at(place));
        let is_old = exported > since && exported.milliseconds() - since.milliseconds() >= self.after_milliseconds;
        is_old.then_some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sightings(after: Duration) -> Sightings {
        let mut sightings = Sightings::new(after);
        sightings.reserve(200).unwrap();
        sightings
    }

    #[test]
    fn stamps_are_in_order_though_the_clock_is_not() {
        let mut sightings = sightings(Duration::ZERO);
        let drawn = [5, 5, 4, 0, 6, 6].map(|now| sightings.draw(now));
        assert!(drawn.is_sorted_by(|a, b| a < b), "{drawn:?}");
        assert_eq!(drawn.map(Stamp::milliseconds), [5, 5, 5, 5, 6, 6]);
    }

    #[test]
    fn a_series_is_idle_when_its_content_was_exported_after_the_time() {
        let mut sightings = sightings(Duration::from_millis(10));
        let (place, made) = (70, sightings.draw(0));
        sightings.made(place, made);
        assert_eq!(sightings.idle_content(place), None);
        // What is exported too early, and what began before the content was seen, say nothing.
        let early = sightings.draw(9);
        sightings.note_exported(early);
        assert_eq!(sightings.idle_content(place), None);
        let before = sightings.draw(30);
        let seen = sightings.draw(30);
        sightings.shown(place, 7, false, seen);
        sightings.note_exported(before);
        assert_eq!(sightings.idle_content(place), None);
        // Seen to be the same.
        let begun = sightings.draw(40);
        let seen = sightings.draw(45);
        sightings.shown(place, 7, false, seen);
        assert_eq!(sightings.idle_content(place), None);
        sightings.note_exported(begun);
        sightings.note_exported(early);
        assert_eq!(sightings.idle_content(place), Some(7));
        // Moved, used, and passed over.
        sightings.moved(place, 3);
        assert_eq!(sightings.idle_content(3), Some(7));
        let seen = sightings.draw(45);
        sightings.shown(3, 7, true, seen);
        assert_eq!(sightings.idle_content(3), None);
        let seen = sightings.draw(45);
        sightings.passed_over(place, seen);
        assert_eq!(sightings.idle_content(place), None);
    }

    #[test]
    fn without_time_one_more_export_is_enough() {
        let mut sightings = sightings(Duration::ZERO);
        let made = sightings.draw(1);
        sightings.made(0, made);
        sightings.note_exported(made);
        assert_eq!(sightings.idle_content(0), None);
        let begun = sightings.draw(1);
        sightings.note_exported(begun);
        assert_eq!(sightings.idle_content(0), Some(0));
    }

    #[test]
    fn a_time_without_end_never_comes() {
        let mut sightings = sightings(Duration::MAX);
        let made = sightings.draw(0);
        sightings.made(0, made);
        let begun = sightings.draw(1 << 43);
        sightings.note_exported(begun);
        assert_eq!(sightings.idle_content(0), None);
    }
}
