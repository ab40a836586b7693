//! What calls of the last minute, say, have come to.

/// Parts of the window. It moves on by one of them at a time.
const BUCKETS: u64 = 10;

/// Calls that have ended, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) slow: u64,
}

/// The calls of a sliding window of time: of the part of it that is under way, and the nine before that.
#[derive(Debug)]
pub(super) struct Window {
    /// Nanoseconds of a bucket.
    width: u64,
    buckets: [Tally; BUCKETS as usize],
    /// The number of the bucket under way, counted from the beginning of time.
    newest: u64,
    total: Tally,
}

impl Window {
    pub(super) fn new(nanoseconds: u64) -> Self {
        Self {
            width: nanoseconds.div_ceil(BUCKETS).max(1),
            buckets: Default::default(),
            newest: 0,
            total: Tally::default(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.buckets = Default::default();
        self.total = Tally::default();
    }

    /// Counts a call. Returns what there is in the window, with it. Time does not go back.
    pub(super) fn add(&mut self, now: u64, is_failure: bool, is_slow: bool) -> Tally {
        let bucket = now / self.width;
        for before in (self.newest..bucket).take(BUCKETS as usize) {
            let left = core::mem::take(&mut self.buckets[((before + 1) % BUCKETS) as usize]);
            self.total.calls -= left.calls;
            self.total.failures -= left.failures;
            self.total.slow -= left.slow;
        }
        self.newest = bucket;
        for tally in [&mut self.buckets[(bucket % BUCKETS) as usize], &mut self.total] {
            tally.calls += 1;
            tally.failures += u64::from(is_failure);
            tally.slow += u64::from(is_slow);
        }
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(window: &mut Window, times: &[u64]) -> Vec<u64> {
        times.iter().map(|&now| window.add(now, false, false).calls).collect()
    }

    #[test]
    fn a_call_leaves_with_its_bucket() {
        let mut window = Window::new(100);
        assert_eq!(calls(&mut window, &[5, 9, 10, 99, 100, 109, 110, 1000]), [1, 2, 3, 4, 3, 4, 4, 1]);
    }

    #[test]
    fn each_ending_is_counted_by_itself() {
        let mut window = Window::new(100);
        window.add(0, true, false);
        window.add(10, false, true);
        assert_eq!(window.add(20, true, true), Tally { calls: 3, failures: 2, slow: 2 });
        assert_eq!(window.add(100, false, false), Tally { calls: 3, failures: 1, slow: 2 });
        assert_eq!(window.add(110, false, false), Tally { calls: 3, failures: 1, slow: 1 });
        window.clear();
        assert_eq!(window.add(120, false, false), Tally { calls: 1, failures: 0, slow: 0 });
    }

    #[test]
    fn a_window_of_less_than_a_nanosecond_for_each_bucket_counts_one_call() {
        assert_eq!(calls(&mut Window::new(1), &[0, 0, 9, 10, u64::MAX, u64::MAX]), [1, 2, 3, 2, 1, 2]);
    }
}
