//! The six bits of policy that a publisher signs. They ask; contracts and audits make people keep to it.

use super::{Header, Kind};

/// Not to be passed on to commercial feeds.
pub const NOT_COMMERCIAL: u8 = 1;
/// The publisher must not be named outside the network.
pub const NOT_NAMED: u8 = 1 << 1;
/// To be shown, not to be enforced automatically.
pub const NOT_ENFORCED: u8 = 1 << 2;
/// To travel ahead of others, within the publisher's budget for that.
pub const URGENT: u8 = 1 << 5;
/// All six bits.
pub(super) const ALL: u8 = 0x3f;

/// Whether an envelope asks to be urgent: by its kind, or by its publisher's word in the policy.
pub fn asks_urgency(header: &Header) -> bool {
    let by_kind = matches!(header.kind, Kind::Retraction | Kind::Revocation | Kind::Proof);
    by_kind || header.policy & URGENT != 0
}

/// What is derived from several envelopes asks for all that any of them asks for.
pub const fn union(one: u8, other: u8) -> u8 {
    (one | other) & ALL
}
