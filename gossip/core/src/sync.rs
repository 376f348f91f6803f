//! Anti-entropy: what makes two nodes hold the same, whatever gossip lost.
//!
//! On connect and every half minute a node sends 40 bytes: digests of its heads and statements. If the peer's are equal,
//! that was all. Otherwise it fetches the statements it lacks, compares heads, and fetches ranges, newest first, from
//! several peers what the others were not asked for. Each side fetches for itself; nobody pushes. Deliberately absent:
//! streams, timers and the store, which carry out the actions.

mod answer;
mod codec;
mod fits;
mod heads;
mod message;
mod pace;
mod plan;
mod session;
mod wants;

#[cfg(test)]
mod tests;

pub use answer::{Fetch, Wanted};
pub use codec::{SyncError, SyncReason};
pub use message::{Digest, Message, Range, Request, Response};
pub use pace::{Choice, Due, Pace, Tempo};
pub use session::{Action, Audience, Delivery, Fault, Outcome, Session, View};
