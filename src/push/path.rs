//! The path of a group at the gateway: `/metrics/job/<job>/<label>/<value>…`.

/// Digits of base64 for URLs (RFC 4648, section 5).
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Digits of base64 elsewhere (RFC 4648, section 4).
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `/<name>/<value>`, with the value written so that it arrives as it is.
pub(super) fn push_label(path: &mut String, name: &str, value: &str) {
    path.push('/');
    path.push_str(name);
    if needs_base64(value) {
        path.push_str("@base64/");
        // Nothing at all would be an empty segment, which routers take out.
        path.push_str(if value.is_empty() { "=" } else { "" });
        push_digits(path, value.as_bytes(), URL_SAFE);
    } else {
        path.push('/');
        value.bytes().for_each(|byte| push_percent(path, byte));
    }
}

/// What routers and proxies take for structure of the path, or decode once too often, whether it is percent-encoded or not; and what percent-encoding
/// would make three times as long.
fn needs_base64(value: &str) -> bool {
    matches!(value, "" | "." | "..")
        || value.bytes().any(|byte| matches!(byte, b'/' | b'\\' | b'%' | b';') || !(b' '..=b'~').contains(&byte))
}

fn push_percent(path: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
        path.push(char::from(byte));
    } else {
        path.push_str(&format!("%{byte:02X}"));
    }
}

/// Base64 with padding, for headers.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    push_digits(&mut text, bytes, STANDARD);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

fn push_digits(text: &mut String, bytes: &[u8], digits: &[u8; 64]) {
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, n| bits << 8 | usize::from(group.get(n).copied().unwrap_or(0)));
        // One digit more than there are bytes.
        text.extend((0..=group.len()).map(|n| char::from(digits[bits >> (18 - 6 * n) & 63])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::proptest::prelude::*;

    fn label(value: &str) -> String {
        let mut path = String::new();
        push_label(&mut path, "l", value);
        path
    }

    /// The examples of the Pushgateway's documentation.
    #[test]
    fn values_are_written_as_the_gateway_reads_them() {
        assert_eq!(label("/var/tmp"), "/l@base64/L3Zhci90bXA");
        assert_eq!(label(""), "/l@base64/=");
        assert_eq!(label("Προμηθεύς"), "/l@base64/zqDPgc6_zrzOt864zrXPjc-C");
    }

    #[test]
    fn what_is_safe_in_a_path_stays_readable() {
        assert_eq!(label("db-1.example_~:9100"), "/l/db-1.example_~:9100");
        assert_eq!(label("a b+c?d#e&f=\"g\""), "/l/a%20b%2Bc%3Fd%23e%26f%3D%22g%22");
        assert_eq!(label("..."), "/l/...");
    }

    #[test]
    fn what_routers_take_for_structure_is_hidden_from_them() {
        for value in [".", "..", "/", "a/b", "a\\b", "%2F", "a;b", "a\nb", "\u{7f}"] {
            assert!(label(value).starts_with("/l@base64/"), "{value:?}");
        }
    }

    /// RFC 4648, section 10.
    #[test]
    fn base64_is_as_the_standard_has_it() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (plain, encoded) in cases {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    /// As the gateway does it: the path is split at slashes, percents are decoded, and base64 without its padding.
    fn decoded(path: &str) -> String {
        let segments: Vec<_> = path.split('/').collect();
        let [_, name, value] = segments[..] else { panic!("{path:?}") };
        assert!(!matches!(value, "" | "." | "..") && value.bytes().all(|byte| byte.is_ascii_graphic()), "{path:?}");
        let mut bytes = Vec::new();
        if name == "l@base64" {
            let digit = |char| URL_SAFE.iter().position(|digit| *digit == char).unwrap();
            let (mut bits, mut count) = (0, 0);
            for char in value.trim_end_matches('=').bytes() {
                (bits, count) = (bits << 6 | digit(char), count + 6);
                if count >= 8 {
                    count -= 8;
                    bytes.push((bits >> count & 255) as u8);
                }
            }
        } else {
            let mut chars = value.bytes();
            while let Some(char) = chars.next() {
                let mut digit = || char::from(chars.next().unwrap()).to_digit(16).unwrap() as u8;
                bytes.push(if char == b'%' { digit() * 16 + digit() } else { char });
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    proptest! {
        #[test]
        fn every_value_arrives(value in any::<String>(), ascii in "[ -~]{0,12}") {
            prop_assert_eq!(&decoded(&label(&value)), &value);
            prop_assert_eq!(&decoded(&label(&ascii)), &ascii);
        }
    }
}
