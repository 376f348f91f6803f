//! Reads one body of the stream, `{new, deleted}`, into changes. Sans-io.
//!
//! A full picture is handed on batch by batch; its `deleted` rows are old news and are left out. A difference
//! is held until it is complete, because `deleted` comes last in the text and first in the meaning.

use std::collections::HashMap;
use std::sync::Arc;

use super::BATCH;
use crate::change::{Add, Change, Reader, RowError};
use crate::decision::Decision;
use crate::moment::Moment;
use crate::split::{Section, SplitError, Splitter};
use crate::value::{Value, ValueError};

type Key = (Value, Arc<str>);

/// One body, while it arrives.
#[derive(Debug)]
pub(crate) struct Body {
    full: bool,
    now: Moment,
    splitter: Splitter,
    rows: Rows,
}

#[derive(Debug, Default)]
struct Rows {
    reader: Reader,
    adds: Vec<Add>,
    removes: Vec<Key>,
    unreadable: u64,
    not_ours: u64,
    /// The first unreadable row's reason: one is enough to find the fault.
    example: Option<String>,
}

// === impl Body ===

impl Body {
    pub(crate) fn new(full: bool, now: Moment) -> Self {
        Self {
            full,
            now,
            splitter: Splitter::default(),
            rows: Rows::default(),
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), SplitError> {
        let Self {
            full,
            now,
            splitter,
            rows,
        } = self;
        splitter.push(bytes, |section, row| match section {
            Section::Deleted if *full => {}
            _ => rows.take(section, row, *now),
        })
    }

    /// A batch of a full picture, as soon as there are enough.
    pub(crate) fn ready(&mut self) -> Option<Vec<Change>> {
        if !self.full || self.rows.adds.len() < BATCH {
            return None;
        }
        Some(self.rows.adds.drain(..BATCH).map(Change::Add).collect())
    }

    /// Everything that was not handed on yet, once the body is complete.
    pub(crate) fn finish(&mut self) -> Result<Vec<Change>, SplitError> {
        self.splitter.finish()?;
        let rows = std::mem::take(&mut self.rows);
        if rows.unreadable > 0 {
            tracing::warn!(
                rows = rows.unreadable,
                example = rows.example.unwrap_or_default(),
                "decisions that cannot be read were left out"
            );
        }
        if rows.not_ours > 0 {
            tracing::debug!(
                rows = rows.not_ours,
                "decisions on other things than addresses and places were left out"
            );
        }
        Ok(in_order(rows.adds, rows.removes))
    }
}

// === impl Rows ===

impl Rows {
    fn take(&mut self, section: Section, row: &[u8], now: Moment) {
        let decision: Decision = match serde_json::from_slice(row) {
            Ok(decision) => decision,
            Err(error) => return self.leave_out(&error.to_string()),
        };
        let taken = match section {
            Section::New => self.reader.add(&decision, now).map(|add| self.adds.push(add)),
            Section::Deleted => self.reader.remove(&decision).map(|key| self.removes.push(key)),
        };
        match taken {
            Ok(()) => {}
            Err(RowError::Value(ValueError::Scope) | RowError::Simulated) => {
                self.not_ours = self.not_ours.saturating_add(1);
            }
            Err(RowError::Value(error)) => self.leave_out(&format!("decision {}: {error}", decision.id)),
            Err(RowError::Duration(error)) => self.leave_out(&format!("decision {}: {error}", decision.id)),
        }
    }

    fn leave_out(&mut self, why: &str) {
        self.unreadable = self.unreadable.saturating_add(1);
        self.example.get_or_insert_with(|| why.to_owned());
    }
}

/// Removals first, except where an addition of the same message takes their place: that is one change, so that
/// no bouncer can fall between the two.
fn in_order(mut adds: Vec<Add>, removes: Vec<Key>) -> Vec<Change> {
    // To each removed value, whether an addition has taken its place.
    let mut removed: HashMap<Key, bool> = removes.into_iter().map(|key| (key, false)).collect();
    for add in &mut adds {
        let Some(taken) = removed.get_mut(&(add.value, Arc::clone(&add.kind))) else {
            continue;
        };
        // Only the first one replaces; a second one on the same value can prolong it.
        add.replaces = !std::mem::replace(taken, true);
    }
    let mut gone: Vec<Key> = removed
        .into_iter()
        .filter(|(_, taken)| !taken)
        .map(|(key, _)| key)
        .collect();
    gone.sort_unstable();
    let gone = gone
        .into_iter()
        .map(|(value, kind)| Change::Remove { value, kind });
    gone.chain(adds.into_iter().map(Change::Add)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(full: bool, text: &str) -> Vec<String> {
        let mut body = Body::new(full, Moment::from_secs(100));
        body.push(text.as_bytes()).unwrap();
        let print = |change| match change {
            Change::Add(Add {
                value,
                term,
                replaces,
                ..
            }) => {
                format!(
                    "{}{value} until {}",
                    if replaces { "=" } else { "+" },
                    term.until.as_secs()
                )
            }
            Change::Remove { value, .. } => format!("-{value}"),
        };
        body.finish().unwrap().into_iter().map(print).collect()
    }

    fn row(value: &str, duration: &str) -> String {
        format!(r#"{{"type":"ban","scope":"Ip","value":"{value}","duration":"{duration}"}}"#)
    }

    #[test]
    fn a_removal_with_a_new_decision_on_the_same_value_is_one_change() {
        let text = format!(
            r#"{{"new":[{},{},{}],"deleted":[{},{}]}}"#,
            row("1.1.1.1", "10s"),
            row("2.2.2.2", "20s"),
            row("1.1.1.1", "15s"),
            row("1.1.1.1", "-5s"),
            row("3.3.3.3", "-5s"),
        );
        let expected = [
            "-3.3.3.3",
            "=1.1.1.1 until 110",
            "+2.2.2.2 until 120",
            "+1.1.1.1 until 115",
        ];
        assert_eq!(read(false, &text), expected);
        let expected = ["+1.1.1.1 until 110", "+2.2.2.2 until 120", "+1.1.1.1 until 115"];
        assert_eq!(read(true, &text), expected);
    }

    #[test]
    fn an_odd_row_spoils_no_other() {
        let text = format!(
            r#"{{"new":[{},{{"value":7}},{},{{"scope":"User","value":"FR"}},{}],"deleted":null}}"#,
            row("nobody", "1h"),
            row("1.1.1.1", "for ever"),
            row("9.9.9.9", "1s"),
        );
        assert_eq!(read(false, &text), ["+9.9.9.9 until 101"]);
    }
}
