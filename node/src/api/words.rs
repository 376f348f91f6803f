//! CrowdSec's words for targets, origins and remediations, and ours. Those for scopes are everybody's: `subject`.

use ipnet::IpNet;
use vigie_store::{Decision, Origin, Remediation};

use crate::config::network;

/// An address or network that others are held against.
#[derive(Debug)]
pub(super) struct Target {
    net: IpNet,
    /// Those that hold it, rather than those inside.
    contains: bool,
}

/// CrowdSec's word for a remediation, or ours.
pub(super) fn remediation(word: &str) -> Result<Remediation, String> {
    match word.to_lowercase().as_str() {
        "captcha" => Ok(Remediation::Challenge),
        word => word
            .parse()
            .map_err(|_| format!("{word:?} is not one of ban, captcha, challenge, throttle")),
    }
}

/// Where what a machine decided comes from: a person's word, or some list.
pub(super) fn origin(word: &str) -> Origin {
    match word {
        "cscli" | "manual" => Origin::Manual,
        _ => Origin::Import,
    }
}

/// The origin that CrowdSec's word means here, or ours: their community's list is what the mesh says.
pub(super) fn meant(word: &str) -> Option<Origin> {
    match word.to_lowercase().as_str() {
        "crowdsec" => Some(Origin::Sensor),
        "cscli" | "console" => Some(Origin::Manual),
        "cscli-import" | "lists" => Some(Origin::Import),
        "capi" => Some(Origin::Mesh),
        word => word.parse().ok(),
    }
}

/// Whether a decision comes from where CrowdSec's word or ours says.
pub(super) fn is_origin(held: &Decision, word: &str) -> bool {
    meant(word) == Some(held.decision.origin)
}

/// Whether a decision is of this type, by CrowdSec's word or ours.
pub(super) fn is_type(held: &Decision, word: &str) -> bool {
    remediation(word).is_ok_and(|wanted| held.decision.remediation == wanted)
}

// === impl Target ===

impl Target {
    pub(super) fn read(text: &str, contains: bool) -> Result<Self, String> {
        let net =
            network(text).ok_or_else(|| format!("unable to convert '{text}' to int: invalid address"))?;
        Ok(Self { net, contains })
    }

    /// Whether it meets this value. Families never mix.
    pub(super) fn hits(&self, value: &str) -> bool {
        network(value).is_some_and(|other| {
            if self.contains {
                other.contains(&self.net)
            } else {
                self.net.contains(&other)
            }
        })
    }
}
