//! Some of the labels of a family.

use core::iter;
use core::ops::BitOr;

/// A set of labels, by their places among the label names. Of more than [`MOST`](Labels::MOST), only the first can be in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels(u64);

impl Labels {
    /// So many labels a family may have, which is an error at registration otherwise: no label is beyond all limits.
    pub(crate) const MOST: usize = 62;

    #[inline(always)]
    pub(in crate::store) const fn from_bits(bits: u64) -> Labels {
        Labels(bits & ((1 << Labels::MOST) - 1))
    }

    #[inline(always)]
    pub(in crate::store) const fn bits(self) -> u64 {
        self.0
    }

    /// The label at this place alone; none if it is too far behind.
    pub(crate) const fn only(label: usize) -> Labels {
        if label < Labels::MOST { Labels(1 << label) } else { Labels(0) }
    }

    #[inline(always)]
    pub(crate) const fn has(self, label: usize) -> bool {
        label < Labels::MOST && self.0 >> label & 1 == 1
    }

    #[inline(always)]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        iter::from_fn(move || {
            let label = left.trailing_zeros() as usize;
            (left != 0).then(|| left &= left - 1)?;
            Some(label)
        })
    }

    /// The values with `text` in place of those of these labels.
    pub(in crate::store) fn replace<'a>(
        self,
        values: &'a [&'a str],
        text: &'a str,
    ) -> impl Iterator<Item = &'a str> + Clone {
        values.iter().enumerate().map(move |(label, value)| if self.has(label) { text } else { value })
    }
}

impl BitOr for Labels {
    type Output = Labels;

    #[inline(always)]
    fn bitor(self, other: Labels) -> Labels {
        Labels(self.0 | other.0)
    }
}

impl FromIterator<usize> for Labels {
    fn from_iter<I: IntoIterator<Item = usize>>(labels: I) -> Labels {
        labels.into_iter().map(Labels::only).fold(Labels::default(), Labels::bitor)
    }
}
