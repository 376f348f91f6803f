//! The simulator: one population, one attack, one scorer, and what the observers felt.
//!
//! A run is a pure function of its [`Setup`] and of the generator passed in: the same two give the same bytes, on
//! every machine. Scorers share one interface ([`Baseline`]) and see what a node sees: reports, disputes, their own
//! sensor, their own users. Only the measures and the oracle know who attacks. Attackers know everything.
//!
//! The population, the honest noise and the legitimate traffic are drawn from streams of their own, so two runs of one
//! seed that differ in the attack or in the scorer differ in nothing else.
//!
//! Deliberately absent: I/O, clocks and threads, which `vigie sim` adds; and the mesh as it gossips. What an attack on
//! the mesh leaves of a claim (late, lost, for one half only) is simulated, how it does so is not.
#![warn(missing_docs)]

mod attack;
mod baseline;
mod claim;
mod dice;
mod figure;
mod horizon;
mod measure;
mod node;
mod outcome;
mod population;
mod replay;
mod setup;
mod simulation;
mod span;
mod subject;
pub mod table;

pub use vigie_reputation as reputation;
pub use vigie_reputation::wire;

pub use attack::{
    Adaptive, Adversary, Attack, Backdate, Choice, Copycat, Court, Courtship, Day, Eclipse, Equivocate, Farm,
    Flood, Framing, Objective, ParseAttackError, Praise, Probe, RangeCreep, Split, Spoof, Strike, Way,
    Whitewash,
};
pub use baseline::{Baseline, ParseScorerError, Scorers};
pub use claim::{Claim, Deed, Statement, Word};
pub use dice::{Dice, generator};
pub use outcome::{Course, Outcome, Record};
pub use population::{Acquaintance, Acquaintances, Attacker, Innocent, Organisation, Population, Standing};
pub use replay::{Recording, RecordingRefused};
pub use setup::{
    Acquainted, AssignRefused, Bystanders, Delivery, Noise, Setup, SetupRefused, Traffic, Trust,
};
pub use simulation::{course, simulate};
pub use subject::{Name, Org, Subject};
