//! What a bouncer is told to do. Before: [`crate::decision`]. After: [`crate::table`], then a bouncer's plan.
//!
//! A decision says "another four hours"; a change says until when, on the clock of this process.

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;
use vigie_bouncer_origin::Origin;

use crate::atlas::Atlas;
use crate::decision::Decision;
use crate::duration::{DurationError, GoDuration};
use crate::moment::Moment;
use crate::term::Term;
use crate::value::{Value, ValueError};

/// One thing that is different from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Keep this value out, until then.
    Add(Add),
    /// A decision is over before its time.
    Remove {
        /// Whom it was about.
        value: Value,
        /// The remediation, in lower case.
        kind: Arc<str>,
    },
}

/// A decision that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// Whom it is about.
    pub value: Value,
    /// The remediation, in lower case: `ban` and others.
    pub kind: Arc<str>,
    /// When it ends, and who decided.
    pub term: Term,
    /// The same message ended an earlier decision on the value: this one holds even if it is the shorter.
    pub replaces: bool,
}

/// What travels from the stream to the bouncer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Where places are, from now on. The first comes before everything else.
    Atlas(Arc<Atlas>),
    /// Whom the node spares, from now on, whatever place they are in.
    Spared(Vec<IpNet>),
    /// A full picture begins. What it does not name by the matching `End` is over.
    Begin,
    /// Changes, at most [`crate::stream::BATCH`] of them.
    Changes(Vec<Change>),
    /// The full picture is complete.
    End,
}

/// Why a row was left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Its value.
    #[error("value")]
    Value(#[from] ValueError),
    /// Its duration.
    #[error("duration")]
    Duration(#[from] DurationError),
    /// It is simulated: to be shown, not enforced.
    #[error("the decision is simulated")]
    Simulated,
}

// === impl Change ===

impl Change {
    /// Whom it is about.
    pub const fn value(&self) -> Value {
        match self {
            Self::Add(add) => add.value,
            Self::Remove { value, .. } => *value,
        }
    }
}

/// Turns decisions into changes. Texts that repeat in every row are held once.
#[derive(Debug, Default)]
pub struct Reader {
    kinds: HashMap<String, Arc<str>>,
}

/// So many different remediations are held once; beyond, each row has its own copy.
const NAMES: usize = 256;

// === impl Reader ===

impl Reader {
    /// A row of `new`, received at `now`.
    pub fn add(&mut self, row: &Decision, now: Moment) -> Result<Add, RowError> {
        if row.simulated {
            return Err(RowError::Simulated);
        }
        let value = Value::parse(&row.scope, &row.value)?;
        let duration: GoDuration = row.duration.parse()?;
        let term = Term {
            until: now.plus(duration.remaining()),
            origin: Origin::named(&row.origin).unwrap_or(Origin::Other),
        };
        Ok(Add {
            value,
            kind: self.kind(&row.kind),
            term,
            replaces: false,
        })
    }

    /// A row of `deleted`.
    pub fn remove(&mut self, row: &Decision) -> Result<(Value, Arc<str>), RowError> {
        Ok((Value::parse(&row.scope, &row.value)?, self.kind(&row.kind)))
    }

    fn kind(&mut self, text: &str) -> Arc<str> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return self.name(&text.to_ascii_lowercase());
        }
        self.name(text)
    }

    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.kinds.get(text) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(text);
        if self.kinds.len() < NAMES {
            self.kinds.insert(text.to_owned(), Arc::clone(&name));
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: &str, duration: &str) -> Decision {
        Decision {
            origin: "lists".to_owned(),
            scenario: "firehol".to_owned(),
            kind: "Ban".to_owned(),
            scope: "Ip".to_owned(),
            value: value.to_owned(),
            duration: duration.to_owned(),
            ..Decision::default()
        }
    }

    #[test]
    fn a_row_becomes_a_change_with_its_end() {
        let mut reader = Reader::default();
        let add = reader
            .add(&row("::ffff:1.2.3.4", "1m0.5s"), Moment::from_secs(100))
            .unwrap();
        assert_eq!(add.value.to_string(), "1.2.3.4");
        let term = Term {
            until: Moment::from_secs(161),
            origin: Origin::Lists,
        };
        assert_eq!((&*add.kind, add.term), ("ban", term));
        let stranger = Decision {
            origin: "who-knows".to_owned(),
            ..row("1.2.3.4", "1m")
        };
        let add = reader.add(&stranger, Moment::PAST).unwrap();
        assert_eq!(add.term.origin, Origin::Other);
    }

    #[test]
    fn rows_that_cannot_be_enforced_say_why() {
        let mut reader = Reader::default();
        let now = Moment::from_secs(1);
        assert!(matches!(
            reader.add(&row("x", "1h"), now),
            Err(RowError::Value(ValueError::Syntax))
        ));
        assert!(matches!(
            reader.add(&row("1.2.3.4", "soon"), now),
            Err(RowError::Duration(_))
        ));
        let simulated = Decision {
            simulated: true,
            ..row("1.2.3.4", "1h")
        };
        assert_eq!(reader.add(&simulated, now), Err(RowError::Simulated));
    }
}
