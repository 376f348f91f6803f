//! From bytes to what may be stored, scored and relayed: three types, and no way around them.
//!
//! ```text
//! bytes -> Unverified -> Verified -> Admitted
//!          size,         known key,  admission, times, duplicates,
//!          encoding      signature   forks, rate
//! ```
//!
//! Before this stop: `gossip/src/validate`, or the sync session. After it: `node/src/ingest.rs`. Deliberately absent: what
//! an envelope says. Live checks may delay an envelope; whether it belongs to the chain is decided by signed data only.

mod admitted;
mod batch;
mod refusal;
mod unverified;
mod verified;

pub use admitted::Admitted;
pub use batch::verify_all;
pub use refusal::{Acceptance, Ignored, Penalty, Refusal, Rejected, outcome};
pub use unverified::Unverified;
pub use verified::Verified;

pub use crate::wire::envelope::policy::asks_urgency;
