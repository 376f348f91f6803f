//! Go's regular expressions (RE2 syntax) to those of the `regex` crate.
//!
//! The two agree on nearly everything: leftmost-first, no look-around, linear time. What differs is put
//! right here: `\d \w \s \b` are ASCII, a `{` that begins no repetition is a character, `[` within a class
//! is one, `\<` is a plain `<`. Groups are made non-capturing, except those the grok compiler marked.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};

/// How large a compiled pattern may be.
const MAX_COMPILED_BYTES: usize = 64 * 1024 * 1024;
/// Patterns of fewer states are far from being too large.
const SMALL_STATES: usize = 100_000;

/// Translates and compiles; the error is a sentence.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    build(&translate(pattern))
}

/// Compiles a pattern that a log may have chosen: it may be no larger than so many bytes, nor its automaton.
pub(crate) fn compile_small(pattern: &str, bytes: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&translate(pattern))
        .size_limit(bytes)
        .dfa_size_limit(bytes)
        .build()
}

/// A translated pattern, compiled only if it may be too large: most lines need no more of it than its text. Those of its
/// groups are kept that are named here, in rising order and from 1.
pub(crate) fn prepare(pattern: &str, kept: &[usize]) -> Result<(String, Option<Regex>), String> {
    let (translated, _) = translate_keeping(pattern, kept);
    let hir = regex_syntax::Parser::new().parse(&translated);
    let hir = hir.map_err(|error| sentence(&error.to_string()))?;
    let compiled = if states(&hir) > SMALL_STATES {
        Some(build(&translated)?)
    } else {
        None
    };
    Ok((translated, compiled))
}

/// About how many states a pattern is compiled to; rather more than fewer.
fn states(hir: &Hir) -> usize {
    let sum = |parts: &[Hir]| parts.iter().map(states).fold(parts.len(), usize::saturating_add);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len().saturating_mul(8),
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min).max(1);
            states(&repetition.sub)
                .saturating_add(2)
                .saturating_mul(usize::try_from(most).unwrap_or(usize::MAX))
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => sum(parts),
    }
}

/// Compiles what was translated.
pub(crate) fn build(translated: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(translated)
        .size_limit(MAX_COMPILED_BYTES)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!("larger than {limit} bytes when compiled"),
        other => sentence(&other.to_string()),
    })
}

/// The last line of a message, which says what is wrong.
fn sentence(text: &str) -> String {
    let last = text.lines().last().unwrap_or(text);
    last.trim_start_matches("error: ").to_owned()
}

/// Whether a pattern is one, without the cost of compiling it.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    let parsed = regex_syntax::Parser::new().parse(&translate(pattern));
    parsed.map(|_| ()).map_err(|error| sentence(&error.to_string()))
}

/// How many groups that capture a pattern has.
pub(crate) fn count_groups(pattern: &str) -> usize {
    translate_keeping(pattern, &[]).1
}

/// The same pattern in the syntax of the `regex` crate, without groups that capture.
pub(crate) fn translate(pattern: &str) -> String {
    translate_keeping(pattern, &[]).0
}

/// The same with those groups that are kept, and how many there were.
fn translate_keeping(pattern: &str, kept: &[usize]) -> (String, usize) {
    let mut groups = 0;
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut repeatable = false;
    while let Some(c) = chars.next() {
        let mut can_repeat = true;
        match c {
            '\\' => escape(&mut chars, &mut out),
            '[' => class(&mut chars, &mut out),
            '(' => {
                if group(&mut chars, &mut out) {
                    groups += 1;
                    out.push_str(if kept.binary_search(&groups).is_ok() {
                        "("
                    } else {
                        "(?:"
                    });
                }
                can_repeat = false;
            }
            '{' => {
                let rest: String = chars.clone().take(12).collect();
                out.push_str(if repeatable && is_repetition(&rest) {
                    "{"
                } else {
                    "\\{"
                });
            }
            '|' | '^' => {
                out.push(c);
                can_repeat = false;
            }
            _ => out.push(c),
        }
        repeatable = can_repeat;
    }
    (out, groups)
}

/// Whether what follows a `{` makes it a repetition.
fn is_repetition(rest: &str) -> bool {
    let Some((bounds, _)) = rest.split_once('}') else {
        return false;
    };
    let (least, most) = bounds.split_once(',').unwrap_or((bounds, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

/// Whether what follows a `(` captures; if not, it is written out.
fn group(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> bool {
    if chars.peek() != Some(&'?') {
        return true;
    }
    let ahead: String = chars.clone().take(3).collect();
    if ahead.starts_with("?P<") || ahead.starts_with("?<") {
        for c in chars.by_ref() {
            if c == '>' {
                break;
            }
        }
        return true;
    }
    out.push('(');
    false
}

fn escape(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    let Some(c) = chars.next() else {
        out.push('\\');
        return;
    };
    match c {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str("[\\t\\n\\x0C\\r ]"),
        'S' => out.push_str("[^\\t\\n\\x0C\\r ]"),
        'b' => out.push_str("(?-u:\\b)"),
        'Q' => quoted(chars, out),
        // `\x{...}` and `\p{...}`: these braces are no repetition.
        'x' | 'p' | 'P' if chars.peek() == Some(&'{') => {
            out.push('\\');
            out.push(c);
            for c in chars.by_ref() {
                out.push(c);
                if c == '}' {
                    break;
                }
            }
        }
        _ if c.is_ascii_alphanumeric() || !c.is_ascii() => {
            out.push('\\');
            out.push(c);
        }
        _ => literal(c, out),
    }
}

/// `\Q...\E`
fn quoted(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek() == Some(&'E') {
            chars.next();
            return;
        }
        literal(c, out);
    }
}

fn literal(c: char, out: &mut String) {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

/// A class, from behind its `[` to its `]`.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if chars.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
    let mut before = ' ';
    while let Some(c) = chars.next() {
        match c {
            ']' => {
                out.push(']');
                return;
            }
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' | '#' => {
                out.push('\\');
                out.push(c);
            }
            '-' if before == '-' => out.push_str("\\-"),
            '\\' => match chars.next() {
                Some('d') => out.push_str("0-9"),
                Some('w') => out.push_str("0-9A-Za-z_"),
                Some('s') => out.push_str("\\t\\n\\x0C\\r "),
                Some('D') => out.push_str("[^0-9]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('S') => out.push_str("[^\\t\\n\\x0C\\r ]"),
                Some(c) if c.is_ascii_alphanumeric() || !c.is_ascii() => {
                    out.push('\\');
                    out.push(c);
                }
                Some('-') => out.push_str("\\-"),
                Some(c @ ('&' | '~')) => {
                    out.push('\\');
                    out.push(c);
                }
                Some(c) => literal(c, out),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
        before = c;
    }
}
