//! How far a sighting may travel: the part of the Traffic Light Protocol that a public network can keep.
//!
//! Deliberately absent: AMBER and RED. No value of this type means them, so no mistake can publish them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// TLP 2.0, its two labels for sharing beyond an organisation and its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tlp {
    /// Anybody.
    Clear,
    /// The community: admitted members of this network.
    Green,
}

// === impl Tlp ===

impl Tlp {
    /// The two bits of the header, `None` for what is stricter than GREEN.
    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Clear),
            1 => Some(Self::Green),
            _ => None,
        }
    }

    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::Clear => 0,
            Self::Green => 1,
        }
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear => "TLP:CLEAR",
            Self::Green => "TLP:GREEN",
        })
    }
}
