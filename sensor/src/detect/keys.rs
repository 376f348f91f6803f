//! Hashes of the values that scenarios group by.
//!
//! Strong ones, because strangers choose the values; and neighbouring lines have the same values, so the last are
//! remembered. Deliberately absent: the scenario, which `plan` adds.

use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;

/// Values remembered; a power of two.
const SLOTS: usize = 4_096;
/// Longer values are hashed every time.
const MAX_BYTES: usize = 64;

/// The key of these hashes: no hash of anything else.
const KEY: &[u8; blake3::KEY_LEN] = b"vigie: values that buckets share";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    build: DefaultHashBuilder,
    slots: Vec<(String, u128)>,
}

// === impl Keys ===

impl Keys {
    pub(crate) fn of(&mut self, value: &str) -> u128 {
        if value.len() > MAX_BYTES {
            return hash(value);
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, (String::new(), hash("")));
        }
        let at = usize::try_from(self.build.hash_one(value)).unwrap_or(0) % SLOTS;
        let Some(slot) = self.slots.get_mut(at) else {
            return hash(value);
        };
        if slot.0 != value {
            slot.1 = hash(value);
            slot.0.clear();
            slot.0.push_str(value);
        }
        slot.1
    }
}

fn hash(value: &str) -> u128 {
    let hash = blake3::keyed_hash(KEY, value.as_bytes());
    hash.as_bytes()
        .first_chunk()
        .map_or(0, |bytes| u128::from_le_bytes(*bytes))
}
