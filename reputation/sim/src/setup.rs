//! What a run is made of: every number of the model, with its default and where that comes from.
//!
//! Defaults follow the adversary model that the scorer was designed against; shares are 0..1. Deliberately absent: the
//! seed. It belongs to the generator that the caller passes in.

mod assign;
mod check;
mod default;

use serde::{Deserialize, Serialize};

use crate::attack::Attack;
use crate::baseline::Scorers;

pub use assign::AssignRefused;
pub use check::SetupRefused;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setup {
    /// Whose opinion is measured.
    pub scorer: Scorers,
    /// What the liars do.
    pub attack: Attack,
    /// Liars among all organisations: `liars / (honest + liars)`.
    pub liars: f64,
    /// Honest organisations, anchors among them.
    pub orgs: u32,
    /// Whom every observer trusts.
    pub anchors: u32,
    /// Of the anchors, how many keys are stolen: they join the liars. (A16 steals some of its own.)
    pub anchors_stolen: u32,
    /// How long it runs.
    pub days: u32,
    /// The day on which liars strike and measuring begins; before it the mesh warms up. Without it: half of the days,
    /// 30 at most.
    pub strike_day: Option<u32>,
    /// Honest members that are measured, spread evenly over the honest.
    pub observers: u32,
    /// Attackers and sensors.
    pub traffic: Traffic,
    /// Honest mistakes and disputes.
    pub noise: Noise,
    /// The innocents.
    pub bystanders: Bystanders,
    /// Which node knows which innocent.
    pub acquainted: Acquainted,
    /// The vouches and the labels.
    pub trust: Trust,
    /// How claims travel.
    pub delivery: Delivery,
}

/// Attackers, and who sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traffic {
    /// New attackers a day for each honest organisation. With the honest noise below, 2.5 % of all reports are false.
    pub attackers_per_org_day: f64,
    /// Attackers that visit one organisation only; measured on real lists.
    pub single_share: f64,
    /// The others' number of victims is Pareto from 2 with this exponent.
    pub breadth_exponent: f64,
    /// And at most this share of the honest.
    pub breadth_cap: f64,
    /// Mean hours from an attacker's start until he reaches a victim.
    pub hours_to_victim: f64,
    /// A sensor sees a hit with this probability.
    pub detected: f64,
    /// Visibility of organisations is lognormal with this sigma.
    pub visibility_sigma: f64,
    /// Anchors see so many times more.
    pub anchor_visibility: f64,
}

/// What the honest get wrong, and what they put right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Noise {
    /// Innocents reported per honest organisation and day: the median of a lognormal.
    pub slips_per_day: f64,
    /// Its sigma.
    pub slips_sigma: f64,
    /// Organisations whose sensor is broken.
    pub broken_share: f64,
    /// What a broken sensor reports of innocents per day.
    pub broken_per_day: f64,
    /// Mean hours until an honest organisation disputes what is said of an innocent it knows.
    pub hours_to_dispute: f64,
}

/// The innocents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bystanders {
    /// How many.
    pub count: u32,
    /// Popularity falls with the rank to this power.
    pub zipf: f64,
    /// The most popular: resolvers, delivery networks. On every node's warning lists.
    pub infrastructure_share: f64,
    /// Carrier NAT, VPN, cloud egress.
    pub shared_share: f64,
    /// Of the shared, those that warning lists know.
    pub shared_listed: f64,
}

/// Which node knows which innocent. Relative popularity: 1 is the mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Acquainted {
    /// An innocent does business with a node with probability `min(ceiling, floor + slope * popularity)`.
    pub floor: f64,
    /// See `floor`.
    pub slope: f64,
    /// See `floor`.
    pub ceiling: f64,
    /// Of those, the node remembers this share: the hit rate of its memory.
    pub remembered: f64,
    /// Of those remembered, this share logged in; the others only visited.
    pub authenticated: f64,
    /// Visits per day of an innocent of mean popularity to a node it does business with.
    pub visits_per_day: f64,
}

/// The trust graph and what is attested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// Members for whom an anchor vouches, so that each is a group of its own; another member vouches for the rest.
    pub direct_share: f64,
    /// Confirmed sightings from before the run, of the honest and of liars that were vouched for like them. Above
    /// zero they also are past probation: the run begins in a network that has been at work for a while.
    pub history: u32,
    /// Anchors only vouch: they have no sensors, err in nothing, dispute nothing, and do not count where liars are a
    /// share of all.
    pub silent_anchors: bool,
    /// Countries that members spread over, the first the largest.
    pub countries: u32,
    /// Autonomous systems that members spread over.
    pub networks: u32,
}

/// How claims travel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// Seconds at most, drawn evenly for each claim and observer.
    pub seconds: f64,
    /// Of the claims, those that a partition holds back from an observer.
    pub partitioned: f64,
    /// For so many hours in the mean.
    pub partition_hours: f64,
}

// === impl Setup ===

impl Setup {
    /// How many lie.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: a share below one of a number of organisations; `as` saturates"
    )]
    pub fn liars(&self) -> u32 {
        let silent = if self.trust.silent_anchors {
            self.anchors
        } else {
            0
        };
        let honest = self.orgs.saturating_sub(silent);
        libm::round(f64::from(honest) * self.liars / (1.0 - self.liars)) as u32
    }

    /// The day of the strike.
    pub fn strike_day(&self) -> u32 {
        self.strike_day.unwrap_or((self.days / 2).min(30))
    }

    /// Anchors whose keys are stolen, by the setup or by the attack.
    pub fn stolen(&self) -> u32 {
        self.anchors_stolen
            .max(self.attack.anchors_stolen())
            .min(self.anchors)
    }

    /// New attackers a day.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: both factors are bounded and not negative; `as` saturates"
    )]
    pub fn attackers_per_day(&self) -> u32 {
        libm::round(f64::from(self.orgs) * self.traffic.attackers_per_org_day) as u32
    }
}
