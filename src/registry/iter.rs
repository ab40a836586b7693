//! All series of a family: to look at them, and to thin them out.

use super::family::{Family, FamilyCore};
use crate::metric::Metric;
use crate::store::Series;

impl<M: Metric, L> Family<M, L> {
    /// The series with their label values, in the order of [`label_names`](Self::label_names), and a handle to each. Those
    /// made meanwhile may or may not be among them; none comes twice.
    ///
    /// # Cost
    /// Takes the family's lock when it begins, when it ends, and for each 64 series, and allocates the values. Until it is dropped, places in the
    /// list of series (8 bytes each) are not used again.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
    /// jobs.with(["mail"]).inc_by(2);
    /// jobs.with(["sms"]).inc_by(3);
    /// assert_eq!(jobs.iter().map(|(_, metric)| metric.value()).sum::<u64>(), 5);
    /// let busiest = jobs.iter().max_by_key(|(_, metric)| metric.value());
    /// assert_eq!(busiest.unwrap().0, ["sms"]);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (Vec<String>, M)> {
        Iter { end: self.core.set.begin_walk(), core: &self.core, place: 0, found: Vec::new().into_iter() }
    }

    /// Removes the series for which `keep` returns `false`, as `remove` does. It is called with the label values and a handle,
    /// under no lock. The series of a closed label set all stay.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let depth = registry.gauge("queue_depth", "Jobs waiting.").labels(["tenant", "queue"]).register()?;
    /// depth.with(["a", "mail"]).set(1.0);
    /// depth.with(["b", "mail"]).set(1.0);
    /// depth.retain(|values, _| values[0] != "a");
    /// assert!(depth.get(["a", "mail"]).is_none());
    /// assert_eq!(depth.len(), 1);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn retain(&self, mut keep: impl FnMut(&[String], &M) -> bool) {
        if self.core.description.is_closed() {
            return;
        }
        for (values, _) in self.iter().filter(|(values, metric)| !keep(values, metric)) {
            self.core.set.remove(&values.iter().map(|value| &**value).collect::<Vec<_>>());
        }
    }

    /// Removes all series, as `remove` does. Those of a closed label set all stay.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let peers = registry.gauge("peer_delay_seconds", "Delay of a peer.").labels(["peer"]).register()?;
    /// peers.with(["a"]).set(0.1);
    /// peers.clear();
    /// assert!(peers.is_empty());
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn clear(&self) {
        self.retain(|_, _| false);
    }
}

/// A walk over the series of a family.
struct Iter<'a, M> {
    core: &'a FamilyCore,
    /// Next place in the family's list.
    place: usize,
    end: usize,
    found: std::vec::IntoIter<(Vec<String>, M)>,
}

impl<M: Metric> Iterator for Iter<'_, M> {
    type Item = (Vec<String>, M);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(next) = self.found.next() {
                return Some(next);
            }
            if self.place >= self.end {
                return None;
            }
            // Some at a time, under a lock that is not held while the caller looks at them.
            let (next, series) = self.core.set.own_some(self.place, self.end);
            self.place = next;
            let own = |series: Series| (series.values().map(str::to_owned).collect(), M::from_series(series));
            self.found = series.into_iter().map(own).collect::<Vec<_>>().into_iter();
        }
    }
}

impl<M> Drop for Iter<'_, M> {
    fn drop(&mut self) {
        self.core.set.end_walk(self.end);
    }
}
