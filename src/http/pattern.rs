//! Patterns of routes in which `*` stands for anything.

/// Whether `text` is what `pattern` describes: `*` stands for any characters, also none, and everything else for itself.
///
/// At most as many steps as the product of both lengths.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut next) = (0, 0);
    // Where the last `*` stands, and where in the text what follows it is tried.
    let mut star = None;
    while next < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, next));
            at += 1;
        } else if pattern.get(at) == Some(&text[next]) {
            at += 1;
            next += 1;
        } else if let Some((place, tried)) = star {
            star = Some((place, tried + 1));
            at = place + 1;
            next = tried + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the definition says it.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            ([first, pattern @ ..], [same, text @ ..]) if first == same => naive(pattern, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_star_stands_for_anything(pattern in "[ab*]{0,7}", text in "[ab*]{0,9}") {
            prop_assert_eq!(matches(&pattern, &text), naive(pattern.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn a_pattern_without_a_star_is_a_text() {
        assert!(matches("/v1/{id}", "/v1/{id}"));
        assert!(!matches("/v1/{id}", "/v1/7"));
        assert!(matches("/internal/*", "/internal/a/b"));
        assert!(!matches("/internal/*", "/internal"));
        assert!(matches("/assets/{*path}", "/assets/{*path}"));
        assert!(matches("*", ""));
    }
}
