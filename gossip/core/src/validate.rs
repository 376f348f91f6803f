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

use crate::constants::POLICY_URGENT;
use crate::wire::{Header, Kind};

/// Whether an envelope asks to be urgent: by its kind, or by its publisher's word in the policy.
pub fn asks_urgency(header: &Header) -> bool {
    let by_kind = matches!(header.kind, Kind::Retraction | Kind::Revocation | Kind::Proof);
    by_kind || header.policy & POLICY_URGENT != 0
}
