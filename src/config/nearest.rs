//! The known name that a wrong one was meant to be.

/// Longer names are not compared.
const MOST_CHARS: usize = 64;

/// The name that takes the fewest changes of characters, if these are few.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let few = (name.chars().count() / 3).max(1);
    let is_near = |known: &&str| known.len().abs_diff(name.len()) <= 4 * few;
    let distance = |known: &'a str| Some((distance(name, known)?, known));
    let (changes, known) =
        known.into_iter().filter(is_near).filter_map(distance).min_by_key(|(changes, _)| *changes)?;
    (changes <= few).then_some(known)
}

/// How many characters are to be added, removed, replaced or, side by side, exchanged.
fn distance(from: &str, to: &str) -> Option<usize> {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    if from.len().max(to.len()) > MOST_CHARS {
        return None;
    }
    // The three last rows of the table of all beginnings.
    let (mut before, mut last) = (Vec::new(), (0..=to.len()).collect::<Vec<_>>());
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut least = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        (before, last) = (last, row);
    }
    last.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted() {
        for (from, to, changes) in [
            ("", "", 0),
            ("a", "", 1),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(from, to), Some(changes), "{from} {to}");
            assert_eq!(distance(to, from), Some(changes), "{to} {from}");
        }
        assert_eq!(distance(&"a".repeat(65), "a"), None);
    }

    #[test]
    fn a_name_that_is_far_off_is_not_meant() {
        let known = ["enabled", "track_request_size", "track_response_size"];
        assert_eq!(nearest("track_request_sizes", known), Some("track_request_size"));
        assert_eq!(nearest("enable", known), Some("enabled"));
        assert_eq!(nearest("url", known), None);
    }
}
