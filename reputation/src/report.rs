//! What enters the scorer: one admitted sighting, with the organisation that answers for it.
//!
//! Before this stop: `node/src/ingest.rs`. After it: `score`. Deliberately absent: signatures and admission, which
//! are done when a report reaches this place.

use serde::{Deserialize, Serialize};
use vigie_wire::{Behaviour, Count, Indicator, OrgId, RuleHash, SightingId, Timestamp};

/// One row of an admitted envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its name in the network.
    pub sighting: SightingId,
    /// Who answers for it: the organisation, not the node.
    pub reporter: OrgId,
    /// Who was seen.
    pub subject: Indicator,
    /// What it did.
    pub behaviour: Behaviour,
    /// Seen by which rule; all zero if unknown.
    pub rule: RuleHash,
    /// How often.
    pub count: Count,
    /// The reporter's own confidence in percent; above 100 counts as 100.
    pub confidence: u8,
    /// When it happened, says the reporter. Evidence decays from here.
    pub observed: Timestamp,
    /// When it reached this node, by this node's clock. Credit goes by this order; replays keep the first arrival.
    pub arrived: Timestamp,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// New evidence: ask for a verdict.
    New,
    /// The same reporter said so before, and this says it stronger: ask for a verdict.
    Stronger,
    /// The same reporter said at least as much before; nothing changed.
    Weaker,
    /// The subject holds as much evidence as it may, all of it longer-lived than this.
    Crowded,
}

/// Why a report is not scored. None of these is a reason to punish the peer that forwarded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportRefused {
    /// Observed after it arrived, or arrived after now, by more than the skew allowed.
    #[error("its time lies in the future")]
    Future,
    /// Older at arrival than the age accepted, or no longer evidence now.
    #[error("it is too old to be scored")]
    TooOld,
    /// Outside what 32 bits of minutes can say.
    #[error("its time is out of range")]
    TimeOutOfRange,
    /// A number this version does not know.
    #[error("this version does not know its behaviour")]
    UnknownBehaviour,
    /// A type this version does not know.
    #[error("this version does not know its type of indicator")]
    UnknownIndicator,
    /// A private, local or reserved address.
    #[error("its address is not a public one")]
    NotPublic,
    /// Not in the trust graph.
    #[error("its reporter is not a member")]
    NotAMember,
    /// Withdrawn by its publisher.
    #[error("its publisher has retracted it")]
    Retracted,
    /// More node keys than one organisation is followed on.
    #[error("its reporter uses too many node keys")]
    TooManyKeys,
    /// More reporters than are kept.
    #[error("no room for another reporter")]
    TooManyReporters,
    /// One voucher group may fill only a share of the table with subjects that nobody else names.
    #[error("its group already names too many subjects that nobody else does")]
    Flood,
}
