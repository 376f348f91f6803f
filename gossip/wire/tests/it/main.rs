//! The wire as a stranger sees it: through its public names only.

mod bundle;
mod erasure;
mod genesis;
mod known;
mod protocol;
mod refusal;
mod round_trip;
mod sample;
mod signature;
mod statement;
mod strategy;
mod unknown;
mod vectors;
