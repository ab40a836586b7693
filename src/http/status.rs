//! The closed set of values that the label `status` takes.

use http::StatusCode;

use super::exchange::CANCELLED;

/// A value of the label `status`. A handler may pass on whatever another server has sent, so codes that are not registered share
/// a value with all others of their class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatusLabel {
    Code(StatusCode),
    /// The first digit.
    Class(u8),
}

impl StatusLabel {
    #[inline]
    pub(super) fn of(status: StatusCode) -> Self {
        if status.canonical_reason().is_some() || status == CANCELLED {
            Self::Code(status)
        } else {
            Self::Class((status.as_u16() / 100) as u8)
        }
    }

    pub(super) fn as_str(&self) -> &str {
        const CLASSES: [&str; 10] = ["", "1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "7xx", "8xx", "9xx"];
        match self {
            Self::Code(code) => code.as_str(),
            Self::Class(digit) => CLASSES[usize::from(*digit)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn few_values_stand_for_all_codes() {
        let label = |code: u16| StatusLabel::of(StatusCode::from_u16(code).unwrap()).as_str().to_owned();
        let labels: BTreeSet<String> = (100..1000).map(label).collect();
        assert!((60..80).contains(&labels.len()), "{labels:?}");
        for (code, expected) in [(200, "200"), (499, "499"), (299, "2xx"), (599, "5xx"), (999, "9xx"), (100, "100")] {
            assert_eq!(label(code), expected);
        }
    }
}
