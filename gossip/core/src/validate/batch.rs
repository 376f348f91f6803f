//! Many envelopes at once: one equation for all signatures when all hold, exact blame when one does not.

use super::{Refusal, Rejected, Unverified, Verified};
use crate::directory::Directory;
use crate::wire::{SignatureError, Timestamp, verify_batch};

/// Verifies many envelopes together; the answers stand in the order of the envelopes and are those that each would get
/// alone. The entropy must be fresh and not known to peers.
pub fn verify_all(
    unverified: Vec<Unverified>,
    directory: &Directory,
    now: Timestamp,
    entropy: &[u8; 32],
) -> Vec<Result<Verified, Refusal>> {
    let keys: Vec<_> = unverified.iter().map(|one| one.key(directory, now)).collect();
    let claims: Vec<_> = unverified
        .iter()
        .zip(&keys)
        .filter_map(|(one, key)| key.as_ref().ok().map(|key| one.envelope.claim(*key)))
        .collect();
    let mut held = verify_batch(&claims, entropy).into_iter();
    unverified
        .into_iter()
        .zip(keys)
        .map(|(one, key)| {
            key?;
            if held.next() == Some(true) {
                Ok(Verified::new(one))
            } else {
                Err(Refusal::Rejected(Rejected::Signature(SignatureError::Wrong)))
            }
        })
        .collect()
}
