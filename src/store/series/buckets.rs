//! Buckets, of which families with the same bounds have one together: its table takes 5 KiB.

use crate::model::Buckets;
use crate::sync::pair::is_quick;
use crate::sync::{Mutex, lock, shared_static};
use std::sync::{Arc, Weak};

/// These buckets, or those of a family that has the same bounds.
pub(super) fn shared_buckets(buckets: Buckets) -> Arc<Buckets> {
    shared_static! {
        static IN_USE: Mutex<Vec<Weak<Buckets>>> = Mutex::new(Vec::new());
    }
    // Whoever finds a bucket by the table writes its pair the quick way.
    let make = |buckets: Buckets| Arc::new(if is_quick() { buckets } else { buckets.without_table() });
    // Models are of other things, and each lock makes them longer.
    if cfg!(quipu_loom) {
        return make(buckets);
    }
    let mut in_use = lock(&IN_USE);
    in_use.retain(|other| other.strong_count() > 0);
    let same = in_use.iter().filter_map(Weak::upgrade).find(|other| other.bounds() == buckets.bounds());
    same.unwrap_or_else(|| {
        let buckets = make(buckets);
        in_use.push(Arc::downgrade(&buckets));
        buckets
    })
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;

    #[test]
    fn families_of_the_same_bounds_have_one_table_for_as_long_as_one_of_them_lives() {
        let of = |bounds: &[f64]| shared_buckets(Buckets::new(bounds).unwrap());
        let [first, second, other] = [of(&[0.0, 7.25]), of(&[0.0, 7.25]), of(&[0.5, 7.25])];
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &other));
        assert_eq!(other.bounds()[..], [0.5, 7.25]);
        let weak = Arc::downgrade(&first);
        drop((first, second));
        assert!(weak.upgrade().is_none());
        assert_eq!(of(&[0.0, 7.25]).bounds()[..], [0.0, 7.25]);
    }
}
