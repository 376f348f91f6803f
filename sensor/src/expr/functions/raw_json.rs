//! Finds one value in JSON text by its path, without reading the rest.
//!
//! As lenient as the original's reader: what stands behind the value, or is wrong elsewhere, does not matter.
//! Deliberately absent: making values of it, which is `parse::json`.

/// What kind of value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Object,
    Array,
    Other,
}

/// A value's text, without the quotes of a text and with its escapes.
pub(super) fn find<'t>(json: &'t str, path: &[&str]) -> Option<(&'t str, Kind)> {
    let mut at = skip_space(json.as_bytes(), 0);
    for step in path {
        at = match step.strip_prefix('[').and_then(|step| step.strip_suffix(']')) {
            Some(index) => element(json, at, index.parse().ok()?)?,
            None => member(json, at, step)?,
        };
    }
    let bytes = json.as_bytes();
    let end = value_end(bytes, at)?;
    let (from, to, kind) = match bytes.get(at)? {
        b'"' => (at + 1, end - 1, Kind::Text),
        b'{' => (at, end, Kind::Object),
        b'[' => (at, end, Kind::Array),
        b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => (at, end, Kind::Other),
        _ => return None,
    };
    json.get(from..to).map(|text| (text, kind))
}

/// The text with its escapes undone; `None` if one of them is none.
pub(super) fn unescape(text: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{text}\"")).ok()
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Where a text that starts at a quote ends, behind its closing quote.
fn text_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn value_end(bytes: &[u8], start: usize) -> Option<usize> {
    match bytes.get(start)? {
        b'"' => text_end(bytes, start),
        open @ (b'{' | b'[') => {
            let close = if *open == b'{' { b'}' } else { b']' };
            let (mut at, mut depth) = (start, 0_usize);
            loop {
                match bytes.get(at)? {
                    b'"' => {
                        at = text_end(bytes, at)?;
                        continue;
                    }
                    byte if byte == open => depth += 1,
                    byte if *byte == close => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        _ => {
            let mut at = start;
            while !matches!(
                bytes.get(at),
                None | Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')
            ) {
                at += 1;
            }
            (at > start).then_some(at)
        }
    }
}

/// Where the value of a member starts.
fn member(json: &str, start: usize, name: &str) -> Option<usize> {
    let bytes = json.as_bytes();
    if bytes.get(start) != Some(&b'{') {
        return None;
    }
    let mut at = skip_space(bytes, start + 1);
    while bytes.get(at) == Some(&b'"') {
        let end = text_end(bytes, at)?;
        let key = json.get(at + 1..end - 1)?;
        at = skip_space(bytes, end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = skip_space(bytes, at + 1);
        let is_it = key == name || key.contains('\\') && unescape(key).is_some_and(|key| key == name);
        if is_it {
            return Some(at);
        }
        at = skip_space(bytes, value_end(bytes, at)?);
        if bytes.get(at) != Some(&b',') {
            return None;
        }
        at = skip_space(bytes, at + 1);
    }
    None
}

/// Where an element of a list starts.
fn element(json: &str, start: usize, index: usize) -> Option<usize> {
    let bytes = json.as_bytes();
    if bytes.get(start) != Some(&b'[') {
        return None;
    }
    let mut at = skip_space(bytes, start + 1);
    for _ in 0..index {
        at = skip_space(bytes, value_end(bytes, at)?);
        if bytes.get(at) != Some(&b',') {
            return None;
        }
        at = skip_space(bytes, at + 1);
    }
    (bytes.get(at) != Some(&b']')).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let json = r#" {"a" : {"b":[1, {"c":"x\"y"}, null]}, "d\u0065":true, "n": -1.5e3 , "a":2} garbage"#;
        let cases: &[(&[&str], Option<&str>)] = &[
            (&["a", "b", "[0]"], Some("1")),
            (&["a", "b", "[1]", "c"], Some("x\\\"y")),
            (&["a", "b"], Some("[1, {\"c\":\"x\\\"y\"}, null]")),
            (&["a", "b", "[2]"], Some("null")),
            (&["a", "b", "[3]"], None),
            (&["de"], Some("true")),
            (&["n"], Some("-1.5e3")),
            (&["z"], None),
            (&["a", "b", "c"], None),
        ];
        for (path, expected) in cases {
            assert_eq!(find(json, path).map(|(text, _)| text), *expected, "{path:?}");
        }
        for broken in ["", "{", "[", "{\"a\"", "{\"a\":", "\"", "{\"a\":\"\\", "]"] {
            assert_eq!(find(broken, &["a"]), None, "{broken}");
        }
    }
}
