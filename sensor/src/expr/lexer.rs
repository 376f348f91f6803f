//! Text of an expression to tokens, each with its place.

use super::ExprError;

/// A token's meaning.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Name(String),
    Text(String),
    Int(i64),
    Float(f64),
    /// An operator, a bracket or a comma.
    Sign(&'static str),
    End,
}

/// A token and its first byte.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

/// Longest first, so that `<=` is not read as `<` and `=`.
const SIGNS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "..", "**", "::", "<", ">", "!", "?", ":", "+", "-", "*",
    "/", "%", "^", "|", "(", ")", "[", "]", "{", "}", ",", ".", "#", "=", ";",
];

/// All tokens, the last is [`Kind::End`].
pub(super) fn lex(source: &str) -> Result<Vec<Token>, ExprError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, len) = next(rest).map_err(|(offset, message)| ExprError::new(at + offset, message))?;
        if let Some(kind) = kind {
            tokens.push(Token { at, kind });
        }
        at += len;
    }
    tokens.push(Token {
        at: source.len(),
        kind: Kind::End,
    });
    Ok(tokens)
}

type Next = Result<(Option<Kind>, usize), (usize, String)>;

fn next(rest: &str) -> Next {
    let Some(first) = rest.chars().next() else {
        return Ok((None, 0));
    };
    if first.is_whitespace() {
        return Ok((None, first.len_utf8()));
    }
    if rest.starts_with("//") {
        return Ok((None, rest.find('\n').unwrap_or(rest.len())));
    }
    if rest.starts_with("/*") {
        let end = rest
            .find("*/")
            .ok_or_else(|| (0, "the comment does not end".to_owned()))?;
        return Ok((None, end + 2));
    }
    match first {
        '"' | '\'' => text(rest, first),
        '`' => {
            let body = rest.get(1..).unwrap_or("");
            let end = body
                .find('`')
                .ok_or_else(|| (0, "the text does not end".to_owned()))?;
            Ok((
                Some(Kind::Text(body.get(..end).unwrap_or("").to_owned())),
                end + 2,
            ))
        }
        '0'..='9' => number(rest),
        '.' if rest
            .get(1..)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) =>
        {
            number(rest)
        }
        _ if first.is_alphabetic() || first == '_' || first == '$' => {
            let len = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
                .unwrap_or(rest.len());
            Ok((Some(Kind::Name(rest.get(..len).unwrap_or("").to_owned())), len))
        }
        _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => Ok((Some(Kind::Sign(sign)), sign.len())),
            None => Err((0, format!("{first:?} means nothing here"))),
        },
    }
}

fn text(rest: &str, quote: char) -> Next {
    let mut out = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Ok((Some(Kind::Text(out)), at + 1));
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some((_, escaped)) = chars.next() else { break };
        let digits = match escaped {
            'n' => {
                out.push('\n');
                continue;
            }
            't' => {
                out.push('\t');
                continue;
            }
            'r' => {
                out.push('\r');
                continue;
            }
            'a' => {
                out.push('\x07');
                continue;
            }
            'b' => {
                out.push('\x08');
                continue;
            }
            'f' => {
                out.push('\x0c');
                continue;
            }
            'v' => {
                out.push('\x0b');
                continue;
            }
            '\\' | '\'' | '"' | '`' | '?' => {
                out.push(escaped);
                continue;
            }
            '0'..='7' => 3,
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return Err((at, format!("there is no escape \\{escaped}"))),
        };
        let (mut number, mut radix) = (String::new(), 16);
        if digits == 3 {
            number.push(escaped);
            radix = 8;
        }
        number.extend(chars.by_ref().take(digits - number.len()).map(|(_, digit)| digit));
        let code = u32::from_str_radix(&number, radix).ok().and_then(char::from_u32);
        out.push(code.ok_or_else(|| (at, "not a character".to_owned()))?);
    }
    Err((0, "the text does not end".to_owned()))
}

fn number(rest: &str) -> Next {
    let digits = |from: &str, radix: u32| {
        from.find(|c: char| !(c.is_digit(radix) || c == '_'))
            .unwrap_or(from.len())
    };
    let bad = || (0, "not a number".to_owned());
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(body) = rest.strip_prefix(prefix) {
            let len = digits(body, radix);
            let text = body.get(..len).unwrap_or("").replace('_', "");
            let number = i64::from_str_radix(&text, radix).map_err(|_| bad())?;
            return Ok((Some(Kind::Int(number)), len + 2));
        }
    }
    let mut len = digits(rest, 10);
    let mut float = false;
    let tail = |len: usize| rest.get(len..).unwrap_or("");
    if tail(len).starts_with('.') && tail(len + 1).starts_with(|c: char| c.is_ascii_digit()) {
        float = true;
        len += 1;
        len += digits(tail(len), 10);
    }
    if tail(len).starts_with(['e', 'E']) {
        let sign = usize::from(tail(len + 1).starts_with(['+', '-']));
        let exponent = digits(tail(len + 1 + sign), 10);
        if exponent > 0 {
            float = true;
            len += 1 + sign + exponent;
        }
    }
    let text = rest.get(..len).unwrap_or("").replace('_', "");
    let kind = if float {
        Kind::Float(text.parse().map_err(|_| bad())?)
    } else {
        Kind::Int(text.parse().map_err(|_| bad())?)
    };
    Ok((Some(kind), len))
}
