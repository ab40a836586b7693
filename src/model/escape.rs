//! Escaping of label values, done once for a series.

/// Whether a byte of a label value is escaped between quotes: `\`, `"` and line feed (Prometheus text format 0.0.4, "Comments, help
/// text, and type information"; the same in OpenMetrics 1.0).
pub(crate) fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'\\' | b'"' | b'\n')
}

/// A label value as it stands between quotes.
pub(crate) fn escaped(value: &str) -> impl Iterator<Item = u8> {
    value.bytes().flat_map(|byte| {
        let escaped = if byte == b'\n' { b'n' } else { byte };
        needs_escape(byte).then_some(b'\\').into_iter().chain([escaped])
    })
}

/// Appends a label value as it stands between quotes.
pub(crate) fn push_escaped_label_value(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str(r"\\"),
            '"' => out.push_str(r#"\""#),
            '\n' => out.push_str(r"\n"),
            _ => out.push(character),
        }
    }
}
