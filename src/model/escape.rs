//! Escaping of label values, done once for a series.

/// Appends a label value as it stands between quotes: `\`, `"` and line feed escaped (Prometheus text format 0.0.4,
/// "Comments, help text, and type information"; the same in OpenMetrics 1.0).
pub(crate) fn push_escaped_label_value(out: &mut Vec<u8>, value: &str) {
    for &byte in value.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(br"\\"),
            b'"' => out.extend_from_slice(br#"\""#),
            b'\n' => out.extend_from_slice(br"\n"),
            _ => out.push(byte),
        }
    }
}
