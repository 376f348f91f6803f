//! What a run is made of: every number of the model, with its default and where that comes from.
//!
//! Defaults follow the adversary model that the scorer was designed against; shares are 0..1. Deliberately absent: the
//! seed. It belongs to the generator that the caller passes in.

use serde::{Deserialize, Serialize};

use crate::attack::Attack;
use crate::baseline::Scorers;
use crate::population::MAX_INNOCENTS;

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
    /// Whom every observer trusts, all of them honest.
    pub anchors: u32,
    /// How long it runs.
    pub days: u32,
    /// The day on which liars strike and measuring begins; before it the mesh warms up.
    pub strike_day: u32,
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
    /// New attackers a day.
    pub attackers_per_day: u32,
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
    /// Confirmed sightings that genesis grants each honest organisation.
    pub history: u32,
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

/// Why a setup is no run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} must be {must}")]
pub struct SetupRefused {
    /// Which number.
    pub field: &'static str,
    /// What it must be.
    pub must: &'static str,
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
        libm::round(f64::from(self.orgs) * self.liars / (1.0 - self.liars)) as u32
    }

    /// Whether it can be run.
    pub fn check(&self) -> Result<(), SetupRefused> {
        let (traffic, noise, delivery) = (&self.traffic, &self.noise, &self.delivery);
        for (field, share) in [
            ("liars", self.liars),
            ("traffic.single_share", traffic.single_share),
            ("traffic.breadth_cap", traffic.breadth_cap),
            ("traffic.detected", traffic.detected),
            ("noise.broken_share", noise.broken_share),
            (
                "bystanders.infrastructure_share",
                self.bystanders.infrastructure_share,
            ),
            ("bystanders.shared_share", self.bystanders.shared_share),
            ("bystanders.shared_listed", self.bystanders.shared_listed),
            ("acquainted.floor", self.acquainted.floor),
            ("acquainted.ceiling", self.acquainted.ceiling),
            ("acquainted.remembered", self.acquainted.remembered),
            ("acquainted.authenticated", self.acquainted.authenticated),
            ("trust.direct_share", self.trust.direct_share),
            ("delivery.partitioned", delivery.partitioned),
        ] {
            refuse_unless((0.0..=1.0).contains(&share), field, "a share, 0 to 1")?;
        }
        for (field, size) in [
            ("traffic.hours_to_victim", traffic.hours_to_victim),
            ("traffic.visibility_sigma", traffic.visibility_sigma),
            ("traffic.anchor_visibility", traffic.anchor_visibility),
            ("noise.slips_per_day", noise.slips_per_day),
            ("noise.slips_sigma", noise.slips_sigma),
            ("noise.broken_per_day", noise.broken_per_day),
            ("noise.hours_to_dispute", noise.hours_to_dispute),
            ("bystanders.zipf", self.bystanders.zipf),
            ("acquainted.slope", self.acquainted.slope),
            ("acquainted.visits_per_day", self.acquainted.visits_per_day),
            ("delivery.seconds", delivery.seconds),
            ("delivery.partition_hours", delivery.partition_hours),
        ] {
            refuse_unless((0.0..=1_000.0).contains(&size), field, "a number, 0 to 1000")?;
        }
        self.check_counts()
    }

    fn check_counts(&self) -> Result<(), SetupRefused> {
        let exponent = self.traffic.breadth_exponent;
        refuse_unless(self.liars <= 0.95, "liars", "0.95 at most")?;
        refuse_unless(
            (0.1..=10.0).contains(&exponent),
            "traffic.breadth_exponent",
            "0.1 to 10",
        )?;
        refuse_unless((2..=100_000).contains(&self.orgs), "orgs", "2 to 100000")?;
        refuse_unless(
            (1..self.orgs).contains(&self.anchors),
            "anchors",
            "1 at least, and fewer than orgs",
        )?;
        refuse_unless((1..=3_650).contains(&self.days), "days", "1 to 3650")?;
        refuse_unless(self.strike_day < self.days, "strike_day", "before the last day")?;
        let members = self.orgs - self.anchors;
        refuse_unless(
            (1..=members).contains(&self.observers),
            "observers",
            "1 at least, and no more than honest members that are not anchors",
        )?;
        refuse_unless(
            u64::from(self.traffic.attackers_per_day) * u64::from(self.days) < 1 << 24,
            "traffic.attackers_per_day",
            "fewer than 16777216 in the whole run",
        )?;
        refuse_unless(
            (1..=MAX_INNOCENTS).contains(&self.bystanders.count),
            "bystanders.count",
            "1 to 1000000",
        )?;
        refuse_unless(self.trust.countries > 0, "trust.countries", "1 at least")?;
        refuse_unless(self.trust.networks > 0, "trust.networks", "1 at least")
    }
}

fn refuse_unless(holds: bool, field: &'static str, must: &'static str) -> Result<(), SetupRefused> {
    if holds {
        Ok(())
    } else {
        Err(SetupRefused { field, must })
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            scorer: Scorers::Vigie,
            attack: Attack::None,
            liars: 0.0,
            orgs: 200,
            anchors: 12,
            days: 20,
            strike_day: 10,
            observers: 1,
            traffic: Traffic::default(),
            noise: Noise::default(),
            bystanders: Bystanders::default(),
            acquainted: Acquainted::default(),
            trust: Trust::default(),
            delivery: Delivery::default(),
        }
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            attackers_per_day: 160,
            single_share: 0.58,
            breadth_exponent: 1.2,
            breadth_cap: 0.3,
            hours_to_victim: 12.0,
            detected: 0.9,
            visibility_sigma: 0.7,
            anchor_visibility: 4.0,
        }
    }
}

impl Default for Noise {
    fn default() -> Self {
        Self {
            slips_per_day: 0.033,
            slips_sigma: 0.7,
            broken_share: 0.01,
            broken_per_day: 2.0,
            hours_to_dispute: 6.0,
        }
    }
}

impl Default for Bystanders {
    fn default() -> Self {
        Self {
            count: 5_000,
            zipf: 0.9,
            infrastructure_share: 0.01,
            shared_share: 0.09,
            shared_listed: 0.5,
        }
    }
}

impl Default for Acquainted {
    fn default() -> Self {
        Self {
            floor: 0.5,
            slope: 0.25,
            ceiling: 0.97,
            remembered: 0.9,
            authenticated: 0.5,
            visits_per_day: 1.0,
        }
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            direct_share: 0.6,
            history: 0,
            countries: 20,
            networks: 60,
        }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            seconds: 5.0,
            partitioned: 0.01,
            partition_hours: 1.0,
        }
    }
}
