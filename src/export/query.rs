//! The query of a scrape: which families it is to have.

use core::fmt;
use std::sync::Arc;

/// The most names that a request may ask for.
const MAX_NAMES: usize = 1_000;

/// Why a query is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadQuery {
    Unreadable { name: String },
    Empty,
    TooMany { names: usize },
}

impl fmt::Display for BadQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadQuery::Unreadable { name } => {
                write!(f, "name[]={name}: the name is not percent-encoded UTF-8; write it as in name[]=jobs_total")
            }
            BadQuery::Empty => {
                write!(
                    f,
                    "name[]=: the name is missing; write it as in name[]=jobs_total, or leave name[] out to get all"
                )
            }
            BadQuery::TooMany { names } => {
                write!(
                    f,
                    "{names} times name[]: at most {MAX_NAMES} are answered; ask for fewer, or for all without name[]"
                )
            }
        }
    }
}

/// The values of `name[]`, if there are any. Other parameters are the business of others.
pub(super) fn names(query: Option<&str>) -> Result<Option<Arc<[String]>>, BadQuery> {
    let pairs = query.unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let asked = || pairs.clone().filter(|(key, _)| of_form(key).is_some_and(|key| key == "name[]"));
    let number = asked().count();
    if number > MAX_NAMES {
        return Err(BadQuery::TooMany { names: number });
    }
    let name = |(_, value): (&str, &str)| match of_form(value) {
        Some(name) if name.is_empty() => Err(BadQuery::Empty),
        Some(name) => Ok(name),
        None => Err(BadQuery::Unreadable { name: value.to_owned() }),
    };
    let names = asked().map(name).collect::<Result<Arc<[String]>, _>>()?;
    Ok((!names.is_empty()).then_some(names))
}

/// As forms write it: a space is `+`.
fn of_form(text: &str) -> Option<String> {
    decoded(&text.replace('+', " "))
}

/// The text with its percent escapes replaced; `None` where one is none, or the result is no UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_forms_write_them() {
        for (query, expected) in [
            ("name[]=a", &["a"][..]),
            ("name[]=a&name[]=b_total", &["a", "b_total"]),
            ("name%5B%5D=a&name%5b]=%62", &["a", "b"]),
            ("x=%zz&%zz=1&name[]=%C3%A9+%2B&name=c&&=", &["é +"]),
            ("name[]=a=b", &["a=b"]),
        ] {
            assert_eq!(names(Some(query)).unwrap().unwrap()[..], *expected, "{query}");
        }
        for query in [None, Some(""), Some("name=a&Name[]=b&name[=c&name[]x=d")] {
            assert_eq!(names(query), Ok(None), "{query:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for name in ["%", "%6", "%6g", "%ff", "a%"] {
            let query = format!("name[]=b&name[]={name}");
            assert_eq!(names(Some(&query)), Err(BadQuery::Unreadable { name: name.to_owned() }));
        }
        for query in ["name[]=", "name[]", "name[]=a&name[]=&x"] {
            assert_eq!(names(Some(query)), Err(BadQuery::Empty), "{query}");
        }
        let times = |n| vec!["name[]=a"; n].join("&");
        assert_eq!(names(Some(&times(MAX_NAMES))).unwrap().unwrap().len(), MAX_NAMES);
        assert_eq!(names(Some(&times(MAX_NAMES + 1))), Err(BadQuery::TooMany { names: MAX_NAMES + 1 }));
    }
}
