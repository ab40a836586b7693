//! The closed set of values that the label `method` takes.

use http::Method;

/// A value of the label `method`. A client can send any token as a method, so whatever is not standard shares one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MethodLabel {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Other,
}

/// The values of the label.
pub(super) const METHODS: [&str; MethodLabel::COUNT] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "other"];

impl MethodLabel {
    pub(super) const COUNT: usize = Self::Other as usize + 1;

    #[inline]
    pub(super) fn of(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::POST => Self::Post,
            Method::HEAD => Self::Head,
            Method::PUT => Self::Put,
            Method::DELETE => Self::Delete,
            Method::CONNECT => Self::Connect,
            Method::OPTIONS => Self::Options,
            Method::TRACE => Self::Trace,
            Method::PATCH => Self::Patch,
            _ => Self::Other,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        METHODS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_methods_keep_their_names_and_all_others_share_one() {
        let standard = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
        for (index, name) in standard.iter().enumerate() {
            let label = MethodLabel::of(&Method::from_bytes(name.as_bytes()).unwrap());
            assert_eq!(label.as_str(), *name);
            assert_eq!(label as usize, index);
        }
        for name in ["BREW", "get", "PROPFIND", "X"] {
            let label = MethodLabel::of(&Method::from_bytes(name.as_bytes()).unwrap());
            assert_eq!(label, MethodLabel::Other, "{name}");
        }
        assert_eq!(MethodLabel::COUNT, standard.len() + 1);
    }
}
