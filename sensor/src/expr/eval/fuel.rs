//! What one evaluation may cost: elements looked at and bytes made, so that no line makes a rule run long or large.
//!
//! Before: `eval`, which spends here what its operations make. An expression that is ended by this fails like any other,
//! and is counted in its event. Deliberately absent: what compiling costs, which `computed` bounds.

use super::access::sum;
use super::{Machine, Stop, fail};
use crate::expr::EvalError;
use crate::expr::syntax::Op;
use crate::expr::value::Value;

/// How many elements all closures of an expression may look at together; other work is reckoned in them.
pub(super) const MAX_TURNS: usize = 5_000_000;
/// How many bytes of texts and lists an evaluation may make, those that it drops again included.
pub(in crate::expr) const MAX_MADE_BYTES: usize = 16 * 1024 * 1024;
/// How many elements fit into that.
pub(in crate::expr) const MAX_ITEMS: usize = MAX_MADE_BYTES / size_of::<Value<'static>>();
/// Bytes that are copied or searched in about the time of a turn.
const BYTES_A_TURN: usize = 64;

pub(super) const TOO_MANY_TURNS: &str = "it looks at too many elements";
const TOO_MANY_BYTES: &str = "it makes more than 16 MiB";
/// What functions say that would make more than [`MAX_MADE_BYTES`] in one go.
pub(in crate::expr) const TEXT_TOO_LONG: &str = "the text gets too long";
pub(in crate::expr) const LIST_TOO_LONG: &str = "the list is too long";
pub(in crate::expr) const PATTERN_TOO_LARGE: &str = "the pattern is too large";

/// Whether it was a bound that ended an expression, and not what it was asked to do.
pub(super) fn is_bound(error: &EvalError) -> bool {
    let bounds = [
        TOO_MANY_TURNS,
        TOO_MANY_BYTES,
        TEXT_TOO_LONG,
        LIST_TOO_LONG,
        PATTERN_TOO_LARGE,
    ];
    bounds.contains(&&*error.0)
}

/// The bytes that a value has for itself. What it borrows or shares costs nothing.
fn weight(value: &Value<'_>) -> usize {
    match value {
        Value::Text(std::borrow::Cow::Owned(text)) => text.len(),
        Value::List(items) => items.iter().map(|item| size_of_val(item) + weight(item)).sum(),
        Value::Map(entries) => {
            let entries = entries.iter();
            entries
                .map(|entry| size_of_val(entry) + entry.0.len() + weight(&entry.1))
                .sum()
        }
        _ => 0,
    }
}

// === impl Machine ===

impl Machine<'_> {
    /// So many elements are looked at.
    pub(super) fn spend(&mut self, turns: usize) -> Result<(), Stop> {
        match self.turns.checked_sub(turns) {
            Some(left) => {
                self.turns = left;
                Ok(())
            }
            None => fail(TOO_MANY_TURNS),
        }
    }

    /// A value is copied whole.
    pub(super) fn copied(&mut self, value: &Value<'_>) -> Result<(), Stop> {
        match weight(value) {
            0 => Ok(()),
            bytes => self.spend(bytes.div_ceil(BYTES_A_TURN)),
        }
    }

    /// A text is searched. Outside of closures there are too few searches to count them.
    pub(super) fn searched(&mut self, bytes: usize) -> Result<(), Stop> {
        if self.locals.is_empty() {
            return Ok(());
        }
        self.spend(bytes / BYTES_A_TURN)
    }

    /// A function is given these. Outside of closures there are too few calls to count.
    pub(super) fn work(&mut self, args: &[Value<'_>]) -> Result<(), Stop> {
        if self.locals.is_empty() {
            return Ok(());
        }
        let texts = args.iter().filter_map(Value::as_str).map(str::len);
        let bytes = texts.sum::<usize>();
        let members: usize = args.iter().map(Value::members).sum();
        self.spend(members + bytes / BYTES_A_TURN)
    }

    /// A sum, which is made only if there is room for it.
    pub(super) fn sum<'v>(&mut self, op: Op, left: Value<'v>, right: &Value<'v>) -> Result<Value<'v>, Stop> {
        if let (Op::Plus, Some(one), Some(other)) = (op, left.as_str(), right.as_str()) {
            self.made_bytes(one.len() + other.len())?;
        }
        sum(op, left, right)
    }

    /// A value was made.
    pub(super) fn made<'v>(&mut self, value: Value<'v>) -> Result<Value<'v>, Stop> {
        self.made_bytes(weight(&value))?;
        Ok(value)
    }

    /// So many bytes are about to be made.
    pub(super) fn made_bytes(&mut self, bytes: usize) -> Result<(), Stop> {
        match self.bytes.checked_sub(bytes) {
            Some(left) => {
                self.bytes = left;
                Ok(())
            }
            None => fail(TOO_MANY_BYTES),
        }
    }
}
