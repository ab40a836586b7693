//! Escaping of label values, done once for a series.

/// Appends a label value as it stands between quotes: `\`, `"` and line feed escaped (Prometheus text format 0.0.4,
/// "Comments, help text, and type information"; the same in OpenMetrics 1.0).
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
