//! A verdict in a file, and the check of it on another machine: the same inputs through the same functions, bit by bit.
//!
//! The check puts the inputs into an empty scorer (`score/inputs.rs`) and asks it again, so there is no second
//! implementation that could agree with itself. What it proves is that this verdict follows from these inputs; that the
//! inputs are true, only the observer knows, whose records and memory they are. Deliberately absent: files and exit codes.

mod compare;
mod rules;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vigie_wire::{Behaviour, Count, Indicator, OrgId, RuleHash, SightingId, Timestamp};

use crate::class::Class;
use crate::constants::DAY;
use crate::graph::Place;
use crate::memory::Tier;
use crate::score::{LearnedReporter, Scorer};
use crate::verdict::{OwnWord, PartitionSums, Verdict};

pub use compare::Difference;
pub use rules::fingerprint;

/// The format that this version writes, and the only one that it reads.
pub const FORMAT: u32 = 3;
/// Largest export that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// Most statements, disputes and reporters in one export.
pub const MAX_ITEMS: usize = 4_096;

/// A verdict with everything that it follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// [`FORMAT`].
    pub format: u32,
    /// The constants and functions that gave the verdict, as [`fingerprint`] names them.
    pub rules: String,
    /// What went in.
    pub inputs: Inputs,
    /// What came out.
    pub verdict: Verdict,
    /// The same counted in every partition, group by group.
    pub partitions: Vec<PartitionSums>,
    /// BLAKE3 of all of the above, so that no change passes unseen, also of an input that happens to decide nothing.
    pub digest: String,
}

/// What one verdict depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Who is asked about.
    pub subject: Indicator,
    /// When.
    pub at: Timestamp,
    /// Whether it is blocked already.
    pub held: bool,
    /// What the observer's warning lists say of it.
    pub class: Class,
    /// How well the observer knows it.
    pub known: Option<Tier>,
    /// What the observer's own sensor says of it.
    pub own: Option<OwnWord>,
    /// Whether it was a regular user of the observer's before that: then neither of the two words decides.
    pub contradicted: bool,
    /// Independent groups that the observer's anchors reach.
    pub groups: usize,
    /// How long the observer lets what is said without gold wait, in milliseconds.
    pub hearing: i64,
    /// How far what the observer hears of those it trusts is behind, in milliseconds, at most a day.
    pub lag: i64,
    /// Everybody who speaks, by key hash.
    pub reporters: Vec<ReporterInput>,
    /// What they say, by name.
    pub statements: Vec<StatementInput>,
    /// Who disputes it, by key hash.
    pub disputes: Vec<DisputeInput>,
    /// Rules of these statements that are under suspicion.
    pub suspected: Vec<RuleHash>,
}

/// One who speaks: where he stands for the observer, and what the observer learned of him.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReporterInput {
    /// In the trust graph; `None` if he left it.
    pub place: Option<Place>,
    /// His record.
    pub record: LearnedReporter,
    /// The cluster that was learned of him.
    pub cluster: Option<u64>,
}

/// One statement as it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementInput {
    /// Whose.
    pub reporter: OrgId,
    /// Its name.
    pub sighting: SightingId,
    /// What was seen.
    pub behaviour: Behaviour,
    /// By which rule.
    pub rule: RuleHash,
    /// How often, as a power of two.
    pub count: Count,
    /// The reporter's own confidence, percent.
    pub confidence: u8,
    /// When, minutes since 1970.
    pub observed_minutes: u32,
    /// When it reached the observer, seconds since 1970.
    pub arrived_secs: u32,
    /// Taken back: it says only that he spoke.
    pub withdrawn: bool,
    /// Beyond what the record of its group covered when it came: it waits longer.
    pub exposed: bool,
}

/// One objection as it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputeInput {
    /// Whose.
    pub reporter: OrgId,
    /// When, seconds since 1970.
    pub at_secs: u32,
}

/// Why inputs are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputsRefused {
    /// More than one verdict can depend on.
    #[error("more than {MAX_ITEMS} statements, disputes or reporters, or more keys than an organisation has")]
    TooMany,
    /// A reporter who speaks is missing.
    #[error("nothing is said of the reporter {0}")]
    Reporter(OrgId),
    /// Not in the one order, or something twice.
    #[error("{0} are not in order, each once")]
    Order(&'static str),
    /// No time that the network knows.
    #[error("{0} is out of range")]
    Time(&'static str),
    /// A regular user is somebody, and is contradicted by something.
    #[error("there are no two words that could contradict each other")]
    Contradiction,
    /// Two names for one thing.
    #[error("the subject is not written in its one form")]
    Subject,
}

/// Why an export cannot be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum ExportRefused {
    /// Longer than any verdict.
    #[error("it is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// No JSON, or not of this form.
    #[error("it is no exported verdict: {0}")]
    Form(#[source] serde_json::Error),
    /// Of another time.
    #[error("its format is {0}, and this program reads format {FORMAT}")]
    Format(u64),
    /// A field nobody knows, or a value in another than its one form.
    #[error("it is not written as it should be at {0}")]
    Spelling(Difference),
    /// Inputs that no scorer could have had.
    #[error("its inputs are none: {0}")]
    Inputs(#[source] InputsRefused),
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The same to the bit.
    Same,
    /// Not the same.
    Differs {
        /// Where first.
        first: Difference,
        /// The verdict was made by other constants or functions than these: that may be all there is to it.
        other_rules: bool,
    },
}

// === impl Export ===

impl Export {
    /// Of a subject, by this scorer at this moment. It is checked before it is given: a verdict that hangs on something
    /// which an export does not carry is an error here, not elsewhere.
    pub fn of(scorer: &Scorer, subject: &Indicator, now: Timestamp, held: bool) -> Result<Self, Difference> {
        let verdict = if held {
            scorer.review(subject, now)
        } else {
            scorer.verdict(subject, now)
        };
        let mut export = Self {
            format: FORMAT,
            rules: fingerprint(),
            inputs: scorer.inputs(subject, now, held),
            verdict,
            partitions: scorer.partitions(subject, now),
            digest: String::new(),
        };
        export.digest = export.digest_now();
        match export.check() {
            Ok(Checked::Same) => Ok(export),
            Ok(Checked::Differs { first, .. }) => Err(first),
            Err(refused) => Err(Difference::new(
                "/inputs",
                &refused.to_string(),
                "inputs that are taken",
            )),
        }
    }

    /// Reads what was exported. Bounded, and strict: a field that this version does not know is no export of its own.
    pub fn read(bytes: &[u8]) -> Result<Self, ExportRefused> {
        if bytes.len() > MAX_BYTES {
            return Err(ExportRefused::TooLong);
        }
        let value: Value = serde_json::from_slice(bytes).map_err(ExportRefused::Form)?;
        match value.get("format").and_then(Value::as_u64) {
            Some(format) if format != u64::from(FORMAT) => return Err(ExportRefused::Format(format)),
            _ => {}
        }
        let export = Self::deserialize(&value).map_err(ExportRefused::Form)?;
        let again = serde_json::to_value(&export).map_err(ExportRefused::Form)?;
        match compare::first(&value, &again) {
            Some(difference) => Err(ExportRefused::Spelling(difference)),
            None => Ok(export),
        }
    }

    /// Computes it again from its inputs, and compares.
    pub fn check(&self) -> Result<Checked, InputsRefused> {
        let (verdict, partitions) = self.inputs.judge()?;
        let same = compare::of("/verdict", &self.verdict, &verdict)
            .or_else(|| compare::of("/partitions", &self.partitions, &partitions))
            .or_else(|| compare::of("/digest", &self.digest, &self.digest_now()));
        Ok(same.map_or(Checked::Same, |first| Checked::Differs {
            first,
            other_rules: self.rules != fingerprint(),
        }))
    }

    /// What `digest` should say.
    pub fn digest_now(&self) -> String {
        let bare = Self {
            digest: String::new(),
            ..self.clone()
        };
        let mut hasher = blake3::Hasher::new_derive_key("vigie/verdict-export/v1");
        // Of integers, texts and lists, which serialise always.
        if let Ok(bytes) = serde_json::to_vec(&bare) {
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }
}

// === impl Inputs ===

impl Inputs {
    /// The verdict that follows from them, and its partitions.
    pub fn judge(&self) -> Result<(Verdict, Vec<PartitionSums>), InputsRefused> {
        let scorer = Scorer::of_inputs(self)?;
        let verdict = if self.held {
            scorer.review(&self.subject, self.at)
        } else {
            scorer.verdict(&self.subject, self.at)
        };
        Ok((verdict, scorer.partitions(&self.subject, self.at)))
    }

    /// Puts the lists into their one order.
    pub(crate) fn sort(&mut self) {
        self.reporters.sort_unstable_by_key(|one| one.record.org);
        self.statements
            .sort_unstable_by_key(|one| (one.sighting, one.reporter));
        self.disputes.sort_unstable_by_key(|one| one.reporter);
        self.suspected.sort_unstable();
    }

    /// Whether a scorer could have had them.
    pub(crate) fn check(&self) -> Result<(), InputsRefused> {
        let lists = [
            self.reporters.len(),
            self.statements.len(),
            self.disputes.len(),
            self.suspected.len(),
        ];
        if lists.into_iter().any(|length| length > MAX_ITEMS) {
            return Err(InputsRefused::TooMany);
        }
        let in_order = [
            (
                "reporters",
                self.reporters
                    .is_sorted_by(|one, next| one.record.org < next.record.org),
            ),
            (
                "statements",
                self.statements
                    .is_sorted_by(|one, next| (one.sighting, one.reporter) < (next.sighting, next.reporter)),
            ),
            (
                "disputes",
                self.disputes
                    .is_sorted_by(|one, next| one.reporter < next.reporter),
            ),
            (
                "suspected rules",
                self.suspected.is_sorted_by(|one, next| one < next),
            ),
        ];
        if let Some((what, _)) = in_order.into_iter().find(|(_, sorted)| !sorted) {
            return Err(InputsRefused::Order(what));
        }
        if !self.at.is_on_wire() {
            return Err(InputsRefused::Time("the moment asked about"));
        }
        if !(0..=DAY).contains(&self.lag) {
            return Err(InputsRefused::Time("the lag"));
        }
        if self.own.is_some_and(|own| !own.at.is_on_wire()) {
            return Err(InputsRefused::Time("the time of the own detection"));
        }
        let may_contradict = self.known == Some(Tier::Authenticated) && self.own.is_some();
        if self.contradicted && !may_contradict {
            return Err(InputsRefused::Contradiction);
        }
        if crate::score::canonical(&self.subject) != self.subject {
            return Err(InputsRefused::Subject);
        }
        Ok(())
    }
}
