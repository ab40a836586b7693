//! Comparison of short byte strings, inline: for the length of a label value, a call to `memcmp` costs more than its work.

/// Whether two slices of the same length are equal.
#[inline(always)]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    debug_assert_eq!(a.len(), b.len());
    match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(a_end), Some(b_end)) => {
            let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
            words.fold(true, |all, (a, b)| all & (a == b)) & (a_end == b_end)
        }
        _ => same_below_eight(a, b),
    }
}

#[inline(always)]
fn same_below_eight(a: &[u8], b: &[u8]) -> bool {
    match (a.first_chunk::<4>(), a.last_chunk::<4>(), b.first_chunk::<4>(), b.last_chunk::<4>()) {
        (Some(a_start), Some(a_end), Some(b_start), Some(b_end)) => (a_start == b_start) & (a_end == b_end),
        _ => a.iter().zip(b).all(|(a, b)| a == b),
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn agrees_with_the_slices_own_comparison() {
        for len in 0..70 {
            let a: Vec<u8> = (0..len).collect();
            assert!(same(&a, &a.clone()));
            for at in 0..a.len() {
                let mut b = a.clone();
                b[at] ^= 0x80;
                assert!(!same(&a, &b), "length {len}, byte {at}");
            }
        }
    }
}
