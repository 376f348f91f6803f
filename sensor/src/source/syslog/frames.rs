//! A stream of bytes to messages (RFC 6587): counted octets where a message begins with its length, else lines.
//!
//! Both may follow each other in one stream. A message over a mebibyte is cut there, as a line of a file is; one that
//! claims to be absurdly long ends the connection. Deliberately absent: sockets; this only ever sees slices.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::source::file::MAX_LINE_BYTES;
use crate::stats::SourceStats;

/// The longest counted message that is read over, not only cut.
const MAX_COUNT: usize = 16 << 20;
/// Digits of a length.
const MAX_DIGITS: usize = 8;
/// What every connection may hold of a message.
const FREE_BYTES: usize = 64 * 1024;
/// What all connections of a listener may hold beyond that.
const SHARED_BYTES: usize = 32 << 20;

/// A frame after which nothing can be understood any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message claims to be longer than any")]
pub(crate) struct Absurd;

/// Bytes that long messages of all connections hold.
#[derive(Debug, Default)]
pub(crate) struct Budget(AtomicUsize);

/// Cuts one stream into messages.
#[derive(Debug)]
pub(crate) struct Frames {
    held: Vec<u8>,
    state: State,
    cut: bool,
    budget: Arc<Budget>,
    borrowed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// What is held does not tell yet how the message is framed.
    Begin,
    Line,
    Counted {
        left: usize,
    },
}

/// What the first bytes of a message tell.
enum Framing {
    Undecided,
    Line,
    Counted { digits: usize, length: usize },
}

// === impl Frames ===

impl Frames {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self {
            held: Vec::new(),
            state: State::Begin,
            cut: false,
            budget,
            borrowed: 0,
        }
    }

    /// Whether no message has begun.
    pub(crate) fn is_empty(&self) -> bool {
        self.state == State::Begin && self.held.is_empty()
    }

    /// Takes the next bytes and appends the messages that are now complete.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        stats: &SourceStats,
        out: &mut Vec<Vec<u8>>,
    ) -> Result<(), Absurd> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.state {
                State::Begin => rest = self.begin(rest)?,
                State::Line => {
                    let end = memchr::memchr2(b'\n', 0, rest);
                    let (line, tail) = rest.split_at(end.unwrap_or(rest.len()));
                    self.hold(line);
                    rest = tail.get(1..).unwrap_or_default();
                    if end.is_some() {
                        self.close(stats, out);
                    }
                }
                State::Counted { left } => {
                    let (message, tail) = rest.split_at(left.min(rest.len()));
                    self.hold(message);
                    rest = tail;
                    let left = left - message.len();
                    self.state = State::Counted { left };
                    if left == 0 {
                        self.close(stats, out);
                    }
                }
            }
        }
        Ok(())
    }

    /// The stream has ended; `false` if it did within a counted message.
    pub(crate) fn finish(&mut self, out: &mut Vec<Vec<u8>>) -> bool {
        let torn = matches!(self.state, State::Counted { .. });
        if !torn && !self.held.is_empty() {
            out.push(std::mem::take(&mut self.held));
        }
        !torn
    }

    /// Looks byte by byte at how a message begins.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Absurd> {
        let Some((first, rest)) = bytes.split_first() else {
            return Ok(bytes);
        };
        if self.held.is_empty() && matches!(first, b'\n' | b'\r' | 0) {
            return Ok(rest);
        }
        self.held.push(*first);
        match framing(&self.held) {
            Framing::Undecided => {}
            Framing::Line => {
                // It may end with this very byte.
                self.held.pop();
                self.state = State::Line;
                return Ok(bytes);
            }
            Framing::Counted { length, .. } if length > MAX_COUNT => {
                self.held.clear();
                return Err(Absurd);
            }
            Framing::Counted { digits, length } => {
                self.held.drain(..=digits);
                self.state = State::Counted {
                    left: length - self.held.len(),
                };
            }
        }
        Ok(rest)
    }

    fn hold(&mut self, bytes: &[u8]) {
        let mut room = MAX_LINE_BYTES.saturating_sub(self.held.len()).min(bytes.len());
        let beyond = (self.held.len() + room).saturating_sub(FREE_BYTES);
        if beyond > self.borrowed {
            let granted = self.budget.borrow(beyond - self.borrowed);
            room -= beyond - self.borrowed - granted;
            self.borrowed += granted;
        }
        self.cut |= room < bytes.len();
        self.held.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    fn close(&mut self, stats: &SourceStats, out: &mut Vec<Vec<u8>>) {
        if std::mem::take(&mut self.cut) {
            stats.cut.add(1);
        }
        self.state = State::Begin;
        out.push(std::mem::take(&mut self.held));
        self.give_back();
    }

    fn give_back(&mut self) {
        self.budget.give_back(std::mem::take(&mut self.borrowed));
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A length is digits, a space and the `<` of the message. A line may well begin with a year.
fn framing(held: &[u8]) -> Framing {
    let digits = held.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > MAX_DIGITS || held.first() == Some(&b'0') {
        return Framing::Line;
    }
    match held.get(digits..).unwrap_or_default() {
        [] | [b' '] => Framing::Undecided,
        [b' ', b'<'] => {
            let length = held.iter().take(digits);
            let length = length.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
            Framing::Counted { digits, length }
        }
        _ => Framing::Line,
    }
}

// === impl Budget ===

impl Budget {
    /// As many bytes as there are left, up to `wanted`.
    fn borrow(&self, wanted: usize) -> usize {
        let before = self.0.fetch_add(wanted, Ordering::Relaxed);
        let granted = SHARED_BYTES.saturating_sub(before).min(wanted);
        self.give_back(wanted - granted);
        granted
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
