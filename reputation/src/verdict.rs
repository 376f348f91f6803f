//! What the scorer answers: the rung of the ladder, and everything that led to it, in integers that add up.
//!
//! Before this stop: `score`. After it: `node/src/decide.rs`, which adds policy and durations.

use std::fmt;

use serde::{Deserialize, Serialize};
use vigie_wire::{Behaviour, Indicator, OrgId, RuleHash, SightingId, Timestamp};

use crate::class::Class;
use crate::memory::Tier;
use crate::partition::{Group, Partition};

/// The ladder. One vocabulary everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Nothing, or shown only.
    Observe,
    /// Prove that you are a person.
    Challenge,
    /// Fewer requests.
    Throttle,
    /// A hard block for an hour.
    Ban1h,
    /// A hard block for a day.
    Ban24h,
}

/// What the score must reach, and why. The parts add up to `total`, which never falls below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// By the harm of a wrong block.
    pub base: i64,
    /// Raised for one who visited us.
    pub visitor: i64,
    /// Raised by disputes.
    pub dispute: i64,
    /// Lowered by our own detection: zero or below.
    pub own: i64,
    /// Lowered further, with our own detection only, by what members say whom our anchors do not reach.
    pub unanchored: i64,
    /// The sum.
    pub total: i64,
}

/// One statement, and what it weighs here and now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// Who said so.
    pub reporter: OrgId,
    /// Where.
    pub sighting: SightingId,
    /// What.
    pub behaviour: Behaviour,
    /// Seen by which rule.
    pub rule: RuleHash,
    /// When: since then it decays. Of one who repeats himself, not later than when the last other group joined.
    pub observed: Timestamp,
    /// His group in the partition that decided.
    pub group: Group,
    /// His weight, milli-nats.
    pub weight: i64,
    /// His own confidence, percent.
    pub confidence: u8,
    /// For repetition, thousandths.
    pub repetition: i64,
    /// In so many milliseconds it halves.
    pub half_life: i64,
    /// For age, parts per million.
    pub decay: i64,
    /// `weight x confidence / 100 x repetition / 1000 x decay / 1000000`, rounded down once.
    pub uncapped: i64,
    /// What counts of it. These add up to the score.
    pub value: i64,
    /// The cap that cut it, if one did.
    pub cap: Option<i64>,
    /// Beyond what the record of its group covered when it came: it counts towards a hard block after some hours only.
    #[serde(default)]
    pub exposed: bool,
}

/// One who disputes what is said, and what that weighs here and now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objector {
    /// Who.
    pub reporter: OrgId,
    /// When he said so: since then it decays.
    pub at: Timestamp,
    /// His weight, milli-nats.
    pub weight: i64,
    /// For age, parts per million.
    pub decay: i64,
    /// `weight x decay / 1000000`, rounded down.
    pub uncapped: i64,
    /// Gold confirmed his disputes before: he weighs twice against voices without gold, and once against anchors and gold.
    pub proven: bool,
    /// What counts of it. These add up to the threshold's `dispute`.
    pub value: i64,
}

/// What our own sensor says of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnWord {
    /// The behaviour seen last.
    pub behaviour: Behaviour,
    /// When.
    pub at: Timestamp,
}

/// What one partition would let the score be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionScore {
    /// Which.
    pub partition: Partition,
    /// The sum over its groups of what each may weigh.
    pub score: i64,
    /// Groups that weigh anything.
    pub groups: usize,
}

/// One group of one partition: what its members say, and what counts of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSum {
    /// Which.
    pub group: Group,
    /// Statements that count in it: of each reporter the strongest.
    pub voices: usize,
    /// What these say together, milli-nats.
    pub said: i64,
    /// What counts of it. These add up to the partition's score.
    pub counted: i64,
    /// The most that this group may weigh.
    pub cap: i64,
}

/// One partition, group by group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionSums {
    /// Which.
    pub partition: Partition,
    /// Its groups, in the order of their numbers.
    pub groups: Vec<GroupSum>,
    /// The sum of what counts.
    pub score: i64,
}

/// Why the verdict is what it is, one plain sentence each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    /// Nobody names it.
    Unnamed,
    /// The score reaches the threshold.
    Reached,
    /// A block is held until the score falls further.
    Held,
    /// The score is below the threshold.
    Below {
        /// By how much, milli-nats.
        missing: i64,
    },
    /// Too few independent groups.
    Quorum {
        /// That name it.
        groups: usize,
        /// That are needed.
        needed: usize,
    },
    /// No anchor is chosen.
    NoAnchors,
    /// Fewer groups exist than are needed.
    FewGroups {
        /// That exist.
        exist: usize,
        /// That are needed.
        needed: usize,
    },
    /// An authenticated user of ours.
    AuthenticatedUser,
    /// Somebody who visited us.
    Visitor,
    /// On a warning list.
    Protected,
    /// A public resolver.
    Resolver,
    /// Shared by many.
    SharedEgress,
    /// Shared by a carrier's customers.
    CarrierNat,
    /// Part of a content delivery network.
    Cdn,
    /// For rent to anybody.
    Hosting,
    /// Next to infrastructure.
    Infrastructure,
    /// Our own sensor saw it too.
    OwnDetection,
    /// Somebody disputes it.
    Disputed {
        /// By how much that raises the threshold, milli-nats.
        raise: i64,
    },
    /// Members speak whom our anchors do not reach.
    Unanchored {
        /// What they say, milli-nats, capped as one group.
        shown: i64,
    },
    /// A network or autonomous system, not a single indicator.
    Aggregate,
    /// Nothing new for too long.
    Stale,
    /// Said only now, by nobody whom gold confirmed: who knows the subject may dispute it first.
    Hearing,
    /// Those who say so name more than their record covers: their word waits some hours before it blocks.
    Exposed,
    /// We have not heard of late what many say whom we trust: a hearing does not run meanwhile.
    Deaf {
        /// How far we are behind, in minutes.
        minutes: i64,
    },
}

/// The answer for one subject at one moment, for one observer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Who.
    pub subject: Indicator,
    /// At which moment.
    pub at: Timestamp,
    /// L, milli-nats: the sum of the contributions' values.
    pub score: i64,
    /// H, milli-nats, with its parts.
    pub threshold: Threshold,
    /// The score from which on a hard block stands: H, or 1.5 nats less while it is blocked already.
    pub bar: i64,
    /// Asked of a subject that is blocked already.
    pub held: bool,
    /// Independent groups that name it: the fewest over voucher, anchor, operator and cluster.
    pub groups: usize,
    /// Independent groups that are needed.
    pub quorum: usize,
    /// The score reaches the threshold on voices without gold, who were heard only now: it blocks then, unless those who
    /// know the subject dispute it.
    #[serde(default)]
    pub hearing: Option<Timestamp>,
    /// The rung.
    pub rung: Rung,
    /// Whether the rung is a hard block.
    pub hard_block: bool,
    /// What the warning lists say of it.
    pub class: Class,
    /// How well we know it ourselves.
    pub known: Option<Tier>,
    /// What our own sensor says of it.
    pub own: Option<OwnWord>,
    /// Who disputes it.
    pub disputes: Vec<Objector>,
    /// The partition that gave the least, and so decided.
    pub partition: Partition,
    /// Every live statement, by arrival.
    pub contributions: Vec<Contribution>,
    /// What each partition would have given.
    pub partitions: Vec<PartitionScore>,
    /// Why, most important first.
    pub reasons: Vec<Reason>,
}

// === impl Rung ===

impl Rung {
    /// Whether it keeps packets out.
    pub const fn is_hard(self) -> bool {
        matches!(self, Self::Ban1h | Self::Ban24h)
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Observe => "observe",
            Self::Challenge => "challenge",
            Self::Throttle => "throttle",
            Self::Ban1h => "ban 1 h",
            Self::Ban24h => "ban 24 h",
        })
    }
}

// === impl Reason ===

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("nobody names it"),
            Self::Reached => f.write_str("the score reaches the threshold"),
            Self::Held => {
                f.write_str("it is blocked already, and the score is not yet low enough to release it")
            }
            Self::Below { missing } => write!(f, "the score is {} nats below the threshold", Nats(*missing)),
            Self::Quorum { groups, needed } => write!(
                f,
                "{groups} independent {} it, {needed} {} needed",
                if *groups == 1 {
                    "group names"
                } else {
                    "groups name"
                },
                if *needed == 1 { "is" } else { "are" },
            ),
            Self::NoAnchors => f.write_str("no anchor is chosen, so nobody's word can block"),
            Self::FewGroups { exist, needed } => write!(
                f,
                "our anchors reach {exist} independent {}, {needed} are needed",
                if *exist == 1 { "group" } else { "groups" },
            ),
            Self::AuthenticatedUser => {
                f.write_str("an authenticated user of ours: remote word alone never blocks it")
            }
            Self::Visitor => f.write_str("somebody visited us from there: fresher words are needed, or one more group"),
            Self::Protected => f.write_str("it stands on a warning list: remote word never blocks it"),
            Self::Resolver => f.write_str("it is a public resolver: remote word never blocks it"),
            Self::SharedEgress => {
                f.write_str("many share this address: more groups are needed, and remote word only challenges it")
            }
            Self::CarrierNat => f.write_str(
                "a carrier's customers share this address: more groups are needed, and remote word only challenges it",
            ),
            Self::Cdn => f.write_str(
                "it belongs to a content delivery network: far more groups are needed, and remote word only \
                 challenges it",
            ),
            Self::Hosting => f.write_str(
                "anybody may rent this address: more groups are needed, and it is blocked for an hour at a time",
            ),
            Self::Infrastructure => {
                f.write_str("it stands next to infrastructure: far more groups are needed")
            }
            Self::OwnDetection => f.write_str("our own sensor saw it too"),
            Self::Disputed { raise } => {
                write!(
                    f,
                    "it is disputed, which raises the threshold by {} nats",
                    Nats(*raise)
                )
            }
            Self::Unanchored { shown } => write!(
                f,
                "members whom our anchors do not reach say {} nats, which is shown and not counted",
                Nats(*shown)
            ),
            Self::Aggregate => f.write_str("a whole network is never blocked on remote word"),
            Self::Stale => f.write_str("nobody has seen it for three days"),
            Self::Exposed => f.write_str(
                "some who say so name more than their record covers: that waits six hours before it blocks",
            ),
            Self::Deaf { minutes } => write!(
                f,
                "what others say of it may not reach us: we are {minutes} minutes behind many whom we trust"
            ),
            Self::Hearing => f.write_str(
                "said only minutes ago, by nobody confirmed here: those who know it may dispute it first",
            ),
        }
    }
}

/// Milli-nats for people.
struct Nats(i64);

impl fmt::Display for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:03}", size / 1_000, size % 1_000)
    }
}
