//! The numbers of a run.

use serde::{Deserialize, Serialize};

use crate::clock::{Micros, SECOND};

/// Most nodes of a run. Each takes about 1.9 kB for every publisher that it hears: 10,000 nodes with 1,050 publishers took
/// 19.6 GB.
pub const MAX_NODES: u32 = 20_000;
/// The network is whole for so long before and after a partition, in seconds.
const AROUND_PARTITION: u32 = 10;

/// Everything that a run depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Organisations, each with one node. 2 to [`MAX_NODES`].
    pub nodes: u32,
    /// Sightings per second and organisation in the mean over organisations; heavy-tailed. Above 0, at most 1,000.
    pub rate: f64,
    /// Share of the sightings that ask to be urgent, 0 to 0.5: each travels in an envelope of its own.
    pub urgent: f64,
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// Seconds during which organisations publish. A partition makes it as long as it needs.
    pub seconds: u32,
    /// Probability that a packet is lost, 0 to 0.5.
    pub loss: f64,
    /// Seconds that the network is in two halves, 0 for none.
    pub partition: u32,
    /// Share of the nodes that are killed once and start again from what they had stored, 0 to 1.
    pub churn: f64,
    /// Share of the nodes that forward nothing; every other one of them answers no sync either. 0 to 0.9.
    pub droppers: f64,
    /// Share of the nodes that tell two stories under one place of their chain. 0 to 0.9.
    pub liars: f64,
    /// Upload bandwidth of every node in Mbit/s, above 0.
    pub uplink_mbit: f64,
    /// Connections of a node in the mean, 4 to 200.
    pub connections: u32,
    /// Whether envelopes are passed on in bundles by the core's relay, as nodes do, rather than gossiped one by one.
    pub bundled: bool,
}

/// A number that a run cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {range}")]
pub struct SetupRefused {
    name: &'static str,
    range: &'static str,
}

// === impl Setup ===

impl Default for Setup {
    fn default() -> Self {
        Self {
            nodes: 100,
            rate: 0.5,
            urgent: 0.05,
            seed: 1,
            seconds: 30,
            loss: 0.0,
            partition: 0,
            churn: 0.0,
            droppers: 0.0,
            liars: 0.0,
            uplink_mbit: 20.0,
            connections: 20,
            bundled: true,
        }
    }
}

impl Setup {
    /// Whether it can be run.
    pub fn check(&self) -> Result<(), SetupRefused> {
        let share = |value: f64, most: f64| (0.0..=most).contains(&value);
        let checks = [
            ((2..=MAX_NODES).contains(&self.nodes), "nodes", "2 to 20000"),
            (
                self.rate > 0.0 && self.rate <= 1_000.0,
                "rate",
                "above 0 and at most 1000",
            ),
            (share(self.urgent, 0.5), "urgent", "0 to 0.5"),
            ((1..=86_400).contains(&self.seconds), "seconds", "1 to 86400"),
            (share(self.loss, 0.5), "loss", "0 to 0.5"),
            (self.partition <= 86_400, "partition", "at most 86400"),
            (share(self.churn, 1.0), "churn", "0 to 1"),
            (share(self.droppers, 0.9), "droppers", "0 to 0.9"),
            (share(self.liars, 0.9), "liars", "0 to 0.9"),
            (
                self.uplink_mbit > 0.0 && self.uplink_mbit <= 100_000.0,
                "uplink",
                "above 0 and at most 100000",
            ),
            ((4..=200).contains(&self.connections), "connections", "4 to 200"),
        ];
        match checks.into_iter().find(|(holds, ..)| !holds) {
            Some((_, name, range)) => Err(SetupRefused { name, range }),
            None => Ok(()),
        }
    }

    /// How long organisations publish.
    pub(crate) fn publishing(&self) -> Micros {
        let around = if self.partition > 0 {
            self.partition + 2 * AROUND_PARTITION
        } else {
            0
        };
        Micros::from(self.seconds.max(around)) * SECOND
    }

    /// From when to when the network is in halves.
    pub(crate) fn split(&self) -> Option<(Micros, Micros)> {
        let length = Micros::from(self.partition) * SECOND;
        let begins = self.publishing().saturating_sub(length) / 2;
        (length > 0).then_some((begins, begins + length))
    }

    /// Seeds among the nodes: one in fifty, and no more than a genesis file takes.
    pub(crate) fn seeds(&self) -> u32 {
        (self.nodes / 50).clamp(1, 64)
    }
}
