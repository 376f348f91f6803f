//! The core of the mesh without I/O: chains, validation, admission, sync and the outbox's window.
//!
//! Time comes in as an argument, actions go out as values; so the same code runs live, in the simulator and under a
//! fuzzer. Deliberately absent: libp2p, tokio, clocks, randomness, files, and opinions about anybody's sightings.
#![warn(missing_docs)]

pub use vigie_wire as wire;

pub mod chain;
pub mod constants;
pub mod directory;
pub mod passing;
pub mod rate;
pub mod sync;
pub mod validate;
pub mod window;

pub use chain::{ChainIndex, Conduct, Gap, Head, Held, Offer, Place, Suspicion};
pub use directory::{Directory, Edge, Insertion, Organisation, Standing, StatementRefused, Why};
pub use rate::{Class, Scale};
pub use validate::{
    Acceptance, Admitted, Ignored, Penalty, Refusal, Rejected, Unverified, Verified, outcome,
};
