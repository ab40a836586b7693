//! Cases that the names of variants and fields can be turned into.

/// How the name of a variant becomes the text of a label value, and that of a field the name of a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Case {
    Snake,
    Kebab,
    Lower,
    Upper,
    ScreamingSnake,
    Camel,
    Verbatim,
}

impl Case {
    /// Every case under the name that `rename_all` knows it by.
    pub(crate) const NAMED: [(&str, Self); 7] = [
        ("snake_case", Self::Snake),
        ("kebab-case", Self::Kebab),
        ("lowercase", Self::Lower),
        ("UPPERCASE", Self::Upper),
        ("SCREAMING_SNAKE_CASE", Self::ScreamingSnake),
        ("camelCase", Self::Camel),
        ("verbatim", Self::Verbatim),
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let (_, case) = Self::NAMED.into_iter().find(|(known, _)| *known == name)?;
        Some(case)
    }

    pub(crate) fn apply(self, name: &str) -> String {
        match self {
            Self::Snake => words(name).join("_").to_lowercase(),
            Self::Kebab => words(name).join("-").to_lowercase(),
            Self::Lower => words(name).concat().to_lowercase(),
            Self::Upper => words(name).concat().to_uppercase(),
            Self::ScreamingSnake => words(name).join("_").to_uppercase(),
            Self::Camel => {
                let mut name = words(name).iter().map(|word| capitalized(word)).collect::<String>();
                let first = name.chars().next().map_or(0, char::len_utf8);
                name.replace_range(..first, &name[..first].to_lowercase());
                name
            }
            Self::Verbatim => name.to_owned(),
        }
    }
}

fn capitalized(word: &str) -> String {
    let first = word.chars().next().map_or(0, char::len_utf8);
    word[..first].to_uppercase() + &word[first..].to_lowercase()
}

/// Splits at underscores and at capitals; a run of capitals is one word (`HTTPGet` is `HTTP`, `Get`).
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in name.split('_') {
        let letters: Vec<char> = part.chars().collect();
        let starts_word = |at: usize| {
            letters[at].is_uppercase()
                && (!letters[at - 1].is_uppercase() || letters.get(at + 1).is_some_and(|next| next.is_lowercase()))
        };
        let mut start = 0;
        for end in 1..=letters.len() {
            if end == letters.len() || starts_word(end) {
                words.push(letters[start..end].iter().collect());
                start = end;
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        for (name, expected) in [
            ("Low", &["Low"][..]),
            ("InProgress", &["In", "Progress"]),
            ("HTTPGet", &["HTTP", "Get"]),
            ("GET", &["GET"]),
            ("AVeryBigOne", &["A", "Very", "Big", "One"]),
            ("P0", &["P0"]),
            ("Http2Server", &["Http2", "Server"]),
            ("X86_64", &["X86", "64"]),
            ("Already_Split", &["Already", "Split"]),
            ("lower", &["lower"]),
            ("__Odd__", &["Odd"]),
            ("ÉtéÎle", &["Été", "Île"]),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
    }

    #[test]
    fn every_case_has_its_form() {
        for (name, expected) in [
            ("snake_case", "in_progress"),
            ("kebab-case", "in-progress"),
            ("lowercase", "inprogress"),
            ("UPPERCASE", "INPROGRESS"),
            ("SCREAMING_SNAKE_CASE", "IN_PROGRESS"),
            ("camelCase", "inProgress"),
            ("verbatim", "InProgress"),
        ] {
            let case = Case::from_name(name).unwrap();
            assert_eq!(case.apply("InProgress"), expected, "{name}");
        }
    }

    #[test]
    fn fields_have_words_as_well() {
        assert_eq!(Case::Camel.apply("http_status_code"), "httpStatusCode");
        assert_eq!(Case::Camel.apply("HTTPGet"), "httpGet");
        assert_eq!(Case::ScreamingSnake.apply("status_code"), "STATUS_CODE");
    }

    #[test]
    fn verbatim_keeps_underscores() {
        assert_eq!(Case::Verbatim.apply("X86_64"), "X86_64");
    }

    #[test]
    fn a_case_is_found_by_its_exact_name_only() {
        assert_eq!(Case::from_name("kebab-case"), Some(Case::Kebab));
        assert_eq!(Case::from_name("Kebab-Case"), None);
        assert_eq!(Case::from_name("Train-Case"), None);
    }
}
