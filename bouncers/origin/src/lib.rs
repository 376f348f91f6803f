//! Who decided, as far as counting needs it: a closed list, so that neither a kernel nor nginx's workers have to make room
//! for whatever a server calls itself.
//!
//! A crate of its own, since nginx's module counts as well and wants no client of a Local API inside nginx. Deliberately absent: the names of single lists, which a server may have any number of.

#![warn(missing_docs)]

use std::fmt;

/// Where a decision comes from. Its number stands for it in nginx's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Origin {
    /// A word that is not among these.
    Other = 0,
    /// The node's own sensor, or a machine that reports to it.
    Sensor = 1,
    /// What the mesh says, by the node's own reckoning.
    Mesh = 2,
    /// Somebody at the node, by hand.
    Manual = 3,
    /// A file, a list or a feed that the node took in.
    Import = 4,
    /// `CrowdSec`'s own Local API: a scenario.
    Crowdsec = 5,
    /// The same: by hand.
    Cscli = 6,
    /// The same: a file.
    CscliImport = 7,
    /// The same: the community's list.
    Capi = 8,
    /// The same: another list, whichever.
    Lists = 9,
    /// The same: by hand in its console.
    Console = 10,
}

// === impl Origin ===

impl Origin {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Other,
        Self::Sensor,
        Self::Mesh,
        Self::Manual,
        Self::Import,
        Self::Crowdsec,
        Self::Cscli,
        Self::CscliImport,
        Self::Capi,
        Self::Lists,
        Self::Console,
    ];

    /// The origin that a server means by this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|origin| origin.name().eq_ignore_ascii_case(word))
    }

    /// The origin of this number.
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The word that servers use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Sensor => "sensor",
            Self::Mesh => "mesh",
            Self::Manual => "manual",
            Self::Import => "import",
            Self::Crowdsec => "crowdsec",
            Self::Cscli => "cscli",
            Self::CscliImport => "cscli-import",
            Self::Capi => "CAPI",
            Self::Lists => "lists",
            Self::Console => "console",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_lead_back() {
        for origin in Origin::ALL {
            assert_eq!(Origin::named(origin.name()), Some(origin));
            assert_eq!(Origin::numbered(origin as u8), Some(origin));
        }
        assert_eq!(Origin::named("capi"), Some(Origin::Capi));
        assert_eq!((Origin::named("lists:x"), Origin::numbered(11)), (None, None));
    }
}
