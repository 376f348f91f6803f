//! The ways in which reporters may depend on each other, and what one group of each may weigh.
//!
//! Deliberately absent: who stands in which group, which the trust graph says.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vigie_wire::{OrgId, RuleHash};

use crate::constants::{CAP_ASN, CAP_COUNTRY, CAP_RULE, KAPPA};

/// One way to group reporters. The score is the minimum over all of them: independent in every way we know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partition {
    /// By the child of an anchor through which trust reaches them.
    Voucher,
    /// By the anchor through which trust reaches them: it and all its newcomers are one. Who has proven himself since, by
    /// activity or gold, or was known at genesis, counts by his voucher here too.
    Anchor,
    /// By the operator that their voucher attests.
    Operator,
    /// By what was learned of their dependence; all that were struck are one.
    Cluster,
    /// By country.
    Country,
    /// By autonomous system.
    Asn,
    /// By the rule that saw it.
    Rule,
}

/// One group of one partition. In text: `voucher:HASH`, `country:FR`, `asn:64500`, `unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Nobody vouches on a way from our anchors: shown, and never counted.
    Unanchored,
    /// All whose voucher attests nothing.
    Unknown,
    /// All that were struck.
    Struck,
    /// The subtree below this organisation, an anchor or an anchor's child.
    Voucher(OrgId),
    /// This anchor, and all newcomers whom trust reaches through it.
    Anchor(OrgId),
    /// An operator, by the hash of its name.
    Operator([u8; 8]),
    /// A learned cluster.
    Cluster(u64),
    /// An organisation that is a cluster of its own.
    Alone(OrgId),
    /// A country, by its two letters.
    Country([u8; 2]),
    /// An autonomous system.
    Asn(u32),
    /// A rule.
    Rule(RuleHash),
}

/// A text that names no group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected unanchored, unknown, struck, or voucher, anchor, operator, cluster, alone, country, asn or rule with \
     a name"
)]
pub struct ParseGroupError;

// === impl Partition ===

impl Partition {
    /// All of them; where two give the same score, the earlier one explains it.
    pub const ALL: [Self; 7] = [
        Self::Voucher,
        Self::Anchor,
        Self::Operator,
        Self::Cluster,
        Self::Country,
        Self::Asn,
        Self::Rule,
    ];

    /// Those with the hard cap: a quorum spans them all.
    pub(crate) const HARD: [Self; 4] = [Self::Voucher, Self::Anchor, Self::Operator, Self::Cluster];

    /// What one group may weigh.
    pub const fn cap(self) -> i64 {
        match self {
            Self::Voucher | Self::Anchor | Self::Operator | Self::Cluster => KAPPA,
            Self::Country => CAP_COUNTRY,
            Self::Asn => CAP_ASN,
            Self::Rule => CAP_RULE,
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Voucher => "voucher",
            Self::Anchor => "anchor",
            Self::Operator => "operator",
            Self::Cluster => "cluster",
            Self::Country => "country",
            Self::Asn => "autonomous system",
            Self::Rule => "rule",
        })
    }
}

// === impl Group ===

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanchored => f.write_str("unanchored"),
            Self::Unknown => f.write_str("unknown"),
            Self::Struck => f.write_str("struck"),
            Self::Voucher(org) => write!(f, "voucher:{org}"),
            Self::Anchor(org) => write!(f, "anchor:{org}"),
            Self::Operator(hash) => write!(f, "operator:{:016x}", u64::from_be_bytes(*hash)),
            Self::Cluster(number) => write!(f, "cluster:{number}"),
            Self::Alone(org) => write!(f, "alone:{org}"),
            Self::Country(letters) => match std::str::from_utf8(letters) {
                Ok(text) if letters.iter().all(u8::is_ascii_alphanumeric) => write!(f, "country:{text}"),
                _ => write!(f, "country:#{:04x}", u16::from_be_bytes(*letters)),
            },
            Self::Asn(number) => write!(f, "asn:{number}"),
            Self::Rule(hash) => write!(f, "rule:{hash}"),
        }
    }
}

impl FromStr for Group {
    type Err = ParseGroupError;

    fn from_str(text: &str) -> Result<Self, ParseGroupError> {
        match text {
            "unanchored" => return Ok(Self::Unanchored),
            "unknown" => return Ok(Self::Unknown),
            "struck" => return Ok(Self::Struck),
            _ => {}
        }
        let (of, name) = text.split_once(':').ok_or(ParseGroupError)?;
        let group = match of {
            "voucher" => name.parse().ok().map(Self::Voucher),
            "anchor" => name.parse().ok().map(Self::Anchor),
            "operator" => u64::from_str_radix(name, 16)
                .ok()
                .map(|hash| Self::Operator(hash.to_be_bytes())),
            "cluster" => name.parse().ok().map(Self::Cluster),
            "alone" => name.parse().ok().map(Self::Alone),
            "country" => country(name).map(Self::Country),
            "asn" => name.parse().ok().map(Self::Asn),
            "rule" => name.parse().ok().map(Self::Rule),
            _ => None,
        };
        group.ok_or(ParseGroupError)
    }
}

fn country(name: &str) -> Option<[u8; 2]> {
    match name.strip_prefix('#') {
        Some(digits) => u16::from_str_radix(digits, 16).ok().map(u16::to_be_bytes),
        None => name.as_bytes().try_into().ok(),
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_read_back_as_it_is_written() {
        for group in [
            Group::Unanchored,
            Group::Unknown,
            Group::Struck,
            Group::Voucher(OrgId([7; 16])),
            Group::Anchor(OrgId([7; 16])),
            Group::Operator([0, 1, 2, 3, 4, 5, 6, 255]),
            Group::Cluster(9),
            Group::Alone(OrgId([8; 16])),
            Group::Country(*b"FR"),
            Group::Country([0xff, 0x23]),
            Group::Asn(64_500),
            Group::Rule(RuleHash([1; 8])),
        ] {
            assert_eq!(group.to_string().parse(), Ok(group));
        }
        assert_eq!("nonsense".parse::<Group>(), Err(ParseGroupError));
    }
}
