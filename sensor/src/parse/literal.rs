//! Texts of which one must stand in every text that a pattern matches.
//!
//! A search for a few plain texts costs a fraction of what a pattern costs, and most lines hold none of them. So this is
//! asked first: of patterns, of whole stages (`gate`) and of scenarios. Deliberately absent: searching.

use regex_syntax::hir::{Class, Hir, HirKind};

/// More alternatives than this are no help.
const MAX_TEXTS: usize = 64;
/// Shorter texts than this stand everywhere.
const MIN_BYTES: usize = 3;
/// Beyond this length, a longer text is no better.
const LONG_BYTES: usize = 10;

/// Any of these texts, or nothing known.
type Need = Option<Vec<String>>;

/// What every match of a pattern holds one of, in the case in which it stands. `folded` texts are in lower case and
/// hold for texts in ASCII, whatever their case.
pub(crate) fn required(pattern: &str, folded: bool) -> Need {
    let hir = regex_syntax::parse(pattern).ok()?;
    need(&hir, folded)
}

/// The better of two: longer texts, then fewer of them.
pub(crate) fn better(one: Need, other: Need) -> Need {
    match (one, other) {
        (Some(one), Some(other)) => {
            if worth(&one) >= worth(&other) {
                Some(one)
            } else {
                Some(other)
            }
        }
        (one, other) => one.or(other),
    }
}

fn worth(texts: &[String]) -> (usize, usize) {
    let shortest = texts.iter().map(String::len).min().unwrap_or(0);
    (shortest.min(LONG_BYTES), MAX_TEXTS.saturating_sub(texts.len()))
}

fn need(hir: &Hir, folded: bool) -> Need {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => exact(hir, folded).and_then(|text| usable(vec![text])),
        HirKind::Capture(capture) => need(&capture.sub, folded),
        HirKind::Repetition(repetition) if repetition.min > 0 => need(&repetition.sub, folded),
        HirKind::Concat(parts) => {
            let (mut best, mut run) = (None, String::new());
            let close = |run: &mut String, best: &mut Need| {
                let text = std::mem::take(run);
                *best = better(best.take(), usable(vec![text]));
            };
            for part in parts {
                if let Some(text) = exact(part, folded) {
                    run.push_str(&text);
                } else if !matches!(part.kind(), HirKind::Look(_) | HirKind::Empty) {
                    close(&mut run, &mut best);
                    best = better(best, need(part, folded));
                }
            }
            close(&mut run, &mut best);
            best
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(need(part, folded)?);
            }
            usable(all)
        }
        _ => None,
    }
}

fn usable(mut texts: Vec<String>) -> Need {
    texts.sort_unstable();
    texts.dedup();
    let short = texts.iter().any(|text| text.len() < MIN_BYTES);
    (!short && !texts.is_empty() && texts.len() <= MAX_TEXTS).then_some(texts)
}

/// The one text that a piece stands for.
fn exact(hir: &Hir, folded: bool) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            Some(if folded {
                text.to_ascii_lowercase()
            } else {
                text.to_owned()
            })
        }
        HirKind::Class(class) if folded => letter(class).map(String::from),
        HirKind::Capture(capture) => exact(&capture.sub, folded),
        _ => None,
    }
}

/// The letter that a class holds in both cases. What else it holds beyond ASCII does not matter to texts in ASCII.
fn letter(class: &Class) -> Option<char> {
    let mut found = None;
    let mut add = |start: u32, end: u32| {
        for value in start..=end.min(start.saturating_add(1)) {
            let c = char::from_u32(value).filter(char::is_ascii)?.to_ascii_lowercase();
            if *found.get_or_insert(c) != c {
                return None;
            }
        }
        (end - start <= 1).then_some(())
    };
    match class {
        Class::Unicode(class) => {
            for range in class.ranges().iter().filter(|range| range.start().is_ascii()) {
                add(range.start().into(), range.end().into())?;
            }
        }
        Class::Bytes(class) => {
            for range in class.ranges() {
                add(range.start().into(), range.end().into())?;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, folded: bool, expected: &[&str]) {
        let found = required(pattern, folded).unwrap_or_default();
        assert_eq!(found, expected, "{pattern}");
    }

    #[test]
    fn the_best_text_of_a_pattern() {
        check(
            "Failed ([a-z]+) for (.*) from ([0-9.]+) port",
            false,
            &["Failed "],
        );
        check("(?:abc|defg)+x", false, &["abc", "defg"]);
        check("(?:abc|d)x", false, &[]);
        check("(?:abc)?x*", false, &[]);
        check(r"(?-u:\b)360Spider(?-u:\b)", true, &["360spider"]);
        check("(?i)Sqlmap/[0-9]", true, &["sqlmap/"]);
        check("(?i)Sqlmap/[0-9]", false, &[]);
        check("user (foo) now", false, &["user foo now"]);
        check("[a-b]cde", true, &["cde"]);
    }

    proptest::proptest! {
        #[test]
        fn what_matches_holds_one_of_them(
            parts in proptest::collection::vec(
                proptest::sample::select(vec!["abc", "a", "[bc]", "(abcd|bcda)", "(cab)?", ".", "(bcd)+"]), 1..6
            ),
            text in "[abcd]{0,12}",
        ) {
            let pattern = parts.concat();
            let regex = regex::Regex::new(&pattern).unwrap();
            if let Some(needed) = required(&pattern, false) && regex.is_match(&text) {
                proptest::prop_assert!(needed.iter().any(|needed| text.contains(needed.as_str())));
            }
            let regex = regex::Regex::new(&format!("(?i){pattern}")).unwrap();
            if let Some(needed) = required(&format!("(?i){pattern}"), true) && regex.is_match(&text) {
                proptest::prop_assert!(needed.iter().any(|needed| text.contains(needed.as_str())));
            }
        }
    }
}
