//! Whether a setup can be run: every number in its range, or the name of the first that is not.
//!
//! Deliberately absent: the ranges of attack parameters; any number there is an attack, if a feeble one.

use super::Setup;
use crate::population::MAX_INNOCENTS;

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
            ("traffic.attackers_per_org_day", traffic.attackers_per_org_day),
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
        refuse_unless(
            self.anchors_stolen <= self.anchors,
            "anchors_stolen",
            "no more than anchors",
        )?;
        refuse_unless((1..=3_650).contains(&self.days), "days", "1 to 3650")?;
        refuse_unless(self.strike_day() < self.days, "strike_day", "before the last day")?;
        let members = self.orgs - self.anchors;
        refuse_unless(
            (1..=members).contains(&self.observers),
            "observers",
            "1 at least, and no more than honest members that are not anchors",
        )?;
        refuse_unless(
            u64::from(self.attackers_per_day()) * u64::from(self.days) < 1 << 24,
            "traffic.attackers_per_org_day",
            "fewer than 16777216 attackers in the whole run",
        )?;
        refuse_unless(
            (1..=MAX_INNOCENTS).contains(&self.bystanders.count),
            "bystanders.count",
            "1 to 262144",
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
