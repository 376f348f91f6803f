//! What a voucher says about whom it vouches for: the scorer groups by it, so it never comes from the reporter himself.

use serde::{Deserialize, Serialize};

use crate::codec::{Reader, put_varint};
use crate::{DecodeError, Reason, domain};

/// Operator, country and autonomous system; zero stands for "not said".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Labels {
    /// The first 8 bytes of the hash of the operator's name in lower case: who runs the machines.
    pub operator: [u8; 8],
    /// ISO 3166-1, two capital letters.
    pub country: [u8; 2],
    /// The autonomous system of the nodes.
    pub asn: u32,
}

// === impl Labels ===

impl Labels {
    /// The label of an operator's name, which itself is not told.
    pub fn operator_of(name: &str) -> [u8; 8] {
        domain::short_hash(domain::OPERATOR, &[name.trim().to_lowercase().as_bytes()])
    }

    pub(crate) fn check(&self) -> Result<(), Reason> {
        let named = self.country.iter().all(u8::is_ascii_uppercase);
        if named || self.country == [0; 2] {
            Ok(())
        } else {
            Err(Reason::Text)
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.operator);
        out.extend_from_slice(&self.country);
        put_varint(out, u64::from(self.asn));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            operator: reader.array()?,
            country: reader.array()?,
            asn: reader.number()?,
        })
    }
}
