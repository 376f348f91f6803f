//! What a run gives: one object, whose fields define the measures.
//!
//! Shares are 0..1. The observers are a sample of the honest members, spread evenly; "half of the nodes" and "1 % of the
//! nodes" are counted among them, the latter as one at least. Deliberately absent: anything that depends on the machine.

use serde::{Deserialize, Serialize};

use crate::attack::Strike;
use crate::baseline::Scorers;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whose opinion was measured.
    pub scorer: Scorers,
    /// The attack's name.
    pub attack: Box<str>,
    /// Liars among all organisations.
    pub liars: f64,
    /// Honest organisations.
    pub orgs: u32,
    /// How long it ran.
    pub days: u32,
    /// The day from which on harm, prevention and delay are measured.
    pub strike_day: u32,
    /// How many were measured.
    pub observers: u32,
    /// Anchors whose keys were stolen.
    pub anchors_stolen: u32,
    /// Innocents that the liars set out to frame.
    pub targets: u32,
    /// Of the targets, those hard-blocked at half of the observers or more, at any time of the run.
    pub framed_innocents: u32,
    /// The same over the larger of `targets` and 100.
    pub framed_share: f64,
    /// Different innocents hard-blocked at 1 % of the observers or more, at any time of the run.
    pub innocents_blocked: u32,
    /// Pairs of an observer and an innocent that logged in there within thirty days, hard-blocked there while the
    /// observer's own sensor had not seen it for three days: on remote word alone.
    pub known_innocents_blocked: u32,
    /// Of an observer's own legitimate traffic, the share kept out by hard blocks; mean over the observers. The traffic
    /// is what its clients would bring: each as much as it is popular, all the time.
    pub harm: f64,
    /// The same for traffic that was challenged or throttled.
    pub soft_harm: f64,
    /// Of the hits that the oracle would have prevented, the share prevented by hard blocks; mean over the observers.
    /// Every hit on an honest organisation is a trial of each observer, until the observer's own sensor has seen the
    /// attacker: so one observer gives thousands of trials, where its own hits would be a handful. `None` without any.
    pub prevented: Option<f64>,
    /// The same for hits that were challenged or throttled.
    pub soft_prevented: Option<f64>,
    /// From the first report anywhere until half of the observers hard-block the attacker; median over attackers that
    /// visit five honest organisations or more and are first reported a day before the end or earlier. `None` if half
    /// of them were never blocked.
    pub ttp50_hours: Option<f64>,
    /// Honest organisations struck at any time: in the common pool, or below half of their own best weight; looked at
    /// once a day, mean over the observers. Always 0 for scorers that give nobody a weight of his own.
    pub honest_struck_share: f64,
    /// Days until a struck honest organisation was back at 90 % of its best weight, 95th percentile; who is not back
    /// counts until the end. `None` if nobody was struck.
    pub honest_days_down: Option<f64>,
    /// Liars struck, by the same rule.
    pub liars_struck_share: f64,
    /// From the first hour after the strike in which more legitimate traffic is kept out than twice the mean before it
    /// (and than one visitor in a million) until the first hour of a whole day without. 0 if there is no such hour,
    /// `None` if it never ends.
    pub recovery_hours: Option<f64>,
    /// What the adaptive attacker found best.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub found: Option<Strike>,
}

/// The same with the seed of its generator: one line of output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What the generator was started from.
    pub seed: u64,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A run with its course, for figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// What came of it.
    pub outcome: Outcome,
    /// Harm by day, from the first.
    pub harm_by_day: Vec<f64>,
}

// === impl Course ===

impl Course {
    /// Harm by day as a figure, SVG.
    pub fn figure(&self) -> String {
        let outcome = &self.outcome;
        let title = format!(
            "{} under attack {}, {:.0} % liars, struck on day {}",
            outcome.scorer,
            outcome.attack,
            100.0 * outcome.liars,
            outcome.strike_day
        );
        crate::figure::course(&title, &outcome.scorer.to_string(), &self.harm_by_day)
    }
}
