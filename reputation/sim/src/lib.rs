//! The simulator: one population, one attack, one scorer, and what the observers felt.
//!
//! A run is a pure function of its [`Setup`] and of the generator passed in: the same two give the same bytes, on
//! every machine. Scorers share one interface ([`Baseline`]) and see what a node sees: reports, disputes, their own
//! sensor, their own users. Only the measures and the oracle know who attacks. Attackers know everything.
//!
//! The population, the honest noise and the legitimate traffic are drawn from streams of their own, so two runs of one
//! seed that differ in the attack or in the scorer differ in nothing else.
//!
//! Left for later: most of the attacks and baselines, the mesh as it really gossips (chains, forks, eclipses), replay
//! of real data, figures. Deliberately absent: I/O and clocks; `examples/simulate.rs` prints.
#![warn(missing_docs)]

mod attack;
mod baseline;
mod dice;
mod measure;
mod node;
mod outcome;
mod population;
mod setup;
mod simulation;
mod span;
mod subject;

pub use vigie_reputation as reputation;
pub use vigie_reputation::wire;

pub use attack::{Adversary, Attack, Claim, ColludeOpen, Day, ParseAttackError, Praise, SlowPoison, Word};
pub use baseline::{Baseline, ParseScorerError, Scorers};
pub use dice::{Dice, generator};
pub use outcome::{Outcome, Record};
pub use population::{Acquaintance, Acquaintances, Attacker, Innocent, Organisation, Population, Standing};
pub use setup::{Acquainted, Bystanders, Delivery, Noise, Setup, SetupRefused, Traffic, Trust};
pub use simulation::simulate;
pub use subject::{Org, Subject};
