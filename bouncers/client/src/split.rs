//! Cuts the body of a stream into its rows while it arrives. Sans-io.
//!
//! A full picture of half a million decisions is a hundred megabytes of JSON, and a bouncer has sixty-four of
//! memory: so no body is ever held whole. This machine knows only the outermost shape,
//! `{"new": [rows] | null, "deleted": [rows] | null}`, and passes over every other key; serde reads each row.

/// The list that a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Decisions that begin.
    New,
    /// Decisions that are over.
    Deleted,
}

/// Why a body is not a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Something else than JSON of this shape.
    #[error("at byte {at} of the body: expected {expected}")]
    Syntax {
        /// Offset in the body.
        at: u64,
        /// What would have been right.
        expected: &'static str,
    },
    /// One row alone is larger than any decision.
    #[error("at byte {at} of the body: the row is longer than {ROW_BYTES} bytes")]
    RowTooLong {
        /// Offset in the body.
        at: u64,
    },
    /// The connection ended in the middle.
    #[error("the body ends after {at} bytes, in the middle")]
    Truncated {
        /// Its length.
        at: u64,
    },
}

/// No decision is longer.
pub const ROW_BYTES: usize = 64 * 1024;
const KEY_BYTES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// Before a key; `bool`: the object may end here.
    Key(bool),
    InKey,
    Colon,
    Value,
    /// Before a row; `bool`: the list may end here.
    Row(bool),
    InRow,
    AfterRow,
    /// Within `null` or a value of a key we do not know.
    Skip,
    AfterValue,
    Done,
}

/// The machine. Feed it with [`Splitter::push`], then ask [`Splitter::finish`] whether that was all.
#[derive(Debug)]
pub struct Splitter {
    state: State,
    section: Option<Section>,
    /// The key or row at hand.
    held: Vec<u8>,
    depth: u32,
    in_string: bool,
    escaped: bool,
    at: u64,
}

// === impl Splitter ===

impl Default for Splitter {
    fn default() -> Self {
        Self {
            state: State::Start,
            section: None,
            held: Vec::new(),
            depth: 0,
            in_string: false,
            escaped: false,
            at: 0,
        }
    }
}

impl Splitter {
    /// Takes the next piece of the body, and calls `row` for each row that is complete.
    pub fn push(&mut self, bytes: &[u8], mut row: impl FnMut(Section, &[u8])) -> Result<(), SplitError> {
        for &byte in bytes {
            self.step(byte, &mut row)?;
            self.at = self.at.saturating_add(1);
        }
        Ok(())
    }

    /// Whether the body was complete.
    pub fn finish(&self) -> Result<(), SplitError> {
        if self.state == State::Done {
            Ok(())
        } else {
            Err(SplitError::Truncated { at: self.at })
        }
    }

    fn step(&mut self, byte: u8, row: &mut impl FnMut(Section, &[u8])) -> Result<(), SplitError> {
        match self.state {
            State::InRow => return self.in_row(byte, row),
            State::InKey => return self.in_key(byte),
            State::Skip => return self.skip(byte),
            _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => return Ok(()),
            _ => {}
        }
        self.state = match (self.state, byte) {
            (State::Start, b'{') => State::Key(true),
            (State::Key(_), b'"') => {
                self.held.clear();
                State::InKey
            }
            (State::Key(true) | State::AfterValue, b'}') => State::Done,
            (State::Colon, b':') => State::Value,
            (State::Value, b'[') if self.section.is_some() => State::Row(true),
            (State::Value, b'n') if self.section.is_some() => self.begin_skip(byte),
            (State::Value, _) if self.section.is_none() => self.begin_skip(byte),
            (State::Row(_), b'{') => {
                self.held.clear();
                self.held.push(byte);
                self.depth = 1;
                State::InRow
            }
            (State::Row(true) | State::AfterRow, b']') => State::AfterValue,
            (State::AfterRow, b',') => State::Row(false),
            (State::AfterValue, b',') => State::Key(false),
            (state, _) => {
                return Err(SplitError::Syntax {
                    at: self.at,
                    expected: expected(state),
                });
            }
        };
        Ok(())
    }

    fn in_key(&mut self, byte: u8) -> Result<(), SplitError> {
        if byte == b'"' {
            self.section = match self.held.as_slice() {
                b"new" => Some(Section::New),
                b"deleted" => Some(Section::Deleted),
                _ => None,
            };
            self.state = State::Colon;
        } else if byte == b'\\' || self.held.len() >= KEY_BYTES {
            return Err(SplitError::Syntax {
                at: self.at,
                expected: "a short, plain key",
            });
        } else {
            self.held.push(byte);
        }
        Ok(())
    }

    fn in_row(&mut self, byte: u8, row: &mut impl FnMut(Section, &[u8])) -> Result<(), SplitError> {
        if self.held.len() >= ROW_BYTES {
            return Err(SplitError::RowTooLong { at: self.at });
        }
        self.held.push(byte);
        self.nest(byte);
        if self.depth == 0 {
            if let Some(section) = self.section {
                row(section, &self.held);
            }
            self.state = State::AfterRow;
        }
        Ok(())
    }

    fn begin_skip(&mut self, byte: u8) -> State {
        self.depth = 0;
        self.nest(byte);
        State::Skip
    }

    fn skip(&mut self, byte: u8) -> Result<(), SplitError> {
        if self.depth == 0 && !self.in_string && matches!(byte, b',' | b'}') {
            self.state = State::AfterValue;
            return self.step(byte, &mut |_, _| {});
        }
        self.nest(byte);
        Ok(())
    }

    /// Follows strings and brackets. Mismatched brackets are serde's to find, row by row.
    fn nest(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
        } else if self.in_string {
            match byte {
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

const fn expected(state: State) -> &'static str {
    match state {
        State::Start => "an object",
        State::Key(_) => "a key",
        State::Colon => "a colon",
        State::Value => "a list or null",
        State::Row(_) => "a decision",
        State::AfterRow => "a comma or the end of the list",
        State::AfterValue => "a comma or the end of the object",
        State::InKey | State::InRow | State::Skip => "more",
        State::Done => "nothing more",
    }
}

#[cfg(test)]
mod tests;
