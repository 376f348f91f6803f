//! Lines by shape: what differs from line to line of one kind is left out, so that lines which nothing parsed group into
//! the few rules that are missing.
//!
//! Memory is bounded by lossy counting (Manku and Motwani, VLDB 2002): at [`MAX_SHAPES`] shapes those that were seen
//! least are given up, and a count is then at most [`Shapes::missed`] too low. Deliberately absent: guessing a pattern;
//! a person sees one from three lines.

use hashbrown::HashMap;

/// Shapes held at once.
pub const MAX_SHAPES: usize = 20_000;
/// Bytes of a line that its shape is made of; what is behind them hardly tells kinds apart.
const MAX_SHAPE: usize = 512;
/// Bytes of an example that are kept.
const MAX_EXAMPLE: usize = 1_024;

/// One shape and its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The line with `<n>` for numbers, `<ip>` for addresses, `<x>` for identifiers and `"<s>"` for quoted text.
    pub shape: String,
    /// Lines of this shape.
    pub lines: u64,
    /// The first of them.
    pub example: String,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Shapes {
    held: HashMap<Box<str>, Held>,
    missed: u64,
    lines: u64,
    buffer: String,
}

#[derive(Debug)]
struct Held {
    lines: u64,
    /// What may have been counted and given up before this shape was held.
    before: u64,
    example: Box<str>,
}

// === impl Shapes ===

impl Shapes {
    /// Counts a line.
    pub fn add(&mut self, line: &str) {
        self.lines += 1;
        self.buffer.clear();
        shape_into(line, &mut self.buffer);
        if let Some(held) = self.held.get_mut(self.buffer.as_str()) {
            held.lines += 1;
            return;
        }
        while self.held.len() >= MAX_SHAPES {
            self.missed += 1;
            let bound = self.missed;
            self.held.retain(|_, held| held.lines + held.before > bound);
        }
        let held = Held {
            lines: 1,
            before: self.missed,
            example: cut(line, MAX_EXAMPLE).into(),
        };
        self.held.insert(self.buffer.as_str().into(), held);
    }

    /// Lines counted.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The most that any count is too low by; zero while no shape was given up.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The shapes held, the most frequent first.
    pub fn most_frequent(&self, limit: usize) -> Vec<Shape> {
        let mut all: Vec<_> = self.held.iter().collect();
        all.sort_unstable_by(|(one, held), (other, more)| more.lines.cmp(&held.lines).then(one.cmp(other)));
        all.truncate(limit);
        all.into_iter()
            .map(|(shape, held)| Shape {
                shape: shape.to_string(),
                lines: held.lines,
                example: held.example.to_string(),
            })
            .collect()
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// Writes the shape of a line.
fn shape_into(line: &str, out: &mut String) {
    let mut rest = cut(line, MAX_SHAPE).trim();
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let end = rest
                .get(1..)
                .and_then(|text| text.find('"'))
                .map_or(rest.len(), |at| at + 2);
            out.push_str("\"<s>\"");
            rest = rest.get(end..).unwrap_or("");
            continue;
        }
        let end = rest.find(|c: char| !is_of_a_word(c)).unwrap_or(rest.len());
        if end == 0 {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or("");
            continue;
        }
        let (word, after) = rest.split_at(end);
        word_into(word, out);
        rest = after;
    }
}

/// Letters, digits, and what holds addresses, times and paths together.
fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | ':' | '_' | '-')
}

fn word_into(word: &str, out: &mut String) {
    // A colon or a full stop behind a word is punctuation.
    let core = word.trim_end_matches(['.', ':']);
    let tail = word.get(core.len()..).unwrap_or("");
    let digits = core.bytes().filter(u8::is_ascii_digit).count();
    if core.parse::<std::net::IpAddr>().is_ok() || core.parse::<std::net::SocketAddr>().is_ok() {
        out.push_str("<ip>");
    } else if digits == 0 {
        out.push_str(core);
    } else if core
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".:-_".contains(&byte))
    {
        out.push_str("<n>");
    } else if core.len() >= 8 && digits * 4 >= core.len() {
        out.push_str("<x>");
    } else {
        numbers_into(core, out);
    }
    out.push_str(tail);
}

/// A word with a number in it keeps its letters: `sshd2`, `eth0`.
fn numbers_into(word: &str, out: &mut String) {
    let mut in_number = false;
    for c in word.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !in_number {
            out.push_str("<n>");
        }
        in_number = c.is_ascii_digit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(line: &str) -> String {
        let mut out = String::new();
        shape_into(line, &mut out);
        out
    }

    #[test]
    fn what_differs_from_line_to_line_is_left_out() {
        assert_eq!(
            shape(
                "Nov 22 05:40:01 host app[42]: user \"bob smith\" from 203.0.113.7:4022 failed, id 9f8a7c6b5d4e."
            ),
            "Nov <n> <n> host app[<n>]: user \"<s>\" from <ip> failed, id <x>."
        );
        assert_eq!(shape("2001:db8::1 eth0 up"), "<ip> eth<n> up");
        assert_eq!(shape("  an open \"quote"), "an open \"<s>\"");
        assert_eq!(shape("é\u{0}\u{1b}[31m"), "é\u{0}\u{1b}[<n>m");
    }

    #[test]
    fn the_most_frequent_comes_first_and_keeps_its_first_line() {
        let mut shapes = Shapes::default();
        for number in 0..3 {
            shapes.add(&format!("session {number} closed"));
            shapes.add(&format!("request {number} took {number} ms"));
            shapes.add(&format!("request 1{number} took 5 ms"));
        }
        let found = shapes.most_frequent(10);
        assert_eq!(
            found
                .iter()
                .map(|shape| (shape.lines, shape.example.as_str()))
                .collect::<Vec<_>>(),
            [(6, "request 0 took 0 ms"), (3, "session 0 closed")]
        );
    }

    #[test]
    fn endless_new_shapes_cost_no_more_memory_and_hide_no_frequent_one() {
        let mut shapes = Shapes::default();
        let letters = |mut number: usize| {
            let mut word = String::new();
            while number > 0 {
                word.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
                number /= 26;
            }
            word
        };
        for number in 1..=3 * MAX_SHAPES {
            shapes.add(&letters(number));
            if number % 10 == 0 {
                shapes.add("frequent 1");
            }
            assert!(shapes.held.len() <= MAX_SHAPES);
        }
        let first = shapes.most_frequent(1).remove(0);
        assert_eq!(first.shape, "frequent <n>");
        let truth = u64::try_from(3 * MAX_SHAPES / 10).unwrap();
        assert!(first.lines <= truth && first.lines + shapes.missed() >= truth);
    }
}
