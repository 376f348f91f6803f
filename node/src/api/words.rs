//! CrowdSec's words for scopes, targets, origins and remediations, and ours.

use ipnet::IpNet;
use vigie_store::{Decision, Origin, Remediation};

use crate::config::{canonical, network};

/// Longest scope and longest value, in bytes.
const LONGEST: usize = 256;

/// An address or network that others are held against.
#[derive(Debug)]
pub(super) struct Target {
    net: IpNet,
    /// Those that hold it, rather than those inside.
    contains: bool,
}

/// The names of scopes are CrowdSec's, whatever the case that they are sent in.
pub(super) fn scope(text: &str) -> String {
    let known = ["Ip", "Range", "Country", "AS"];
    let mut known = known.into_iter();
    known
        .find(|known| known.eq_ignore_ascii_case(text))
        .unwrap_or(text)
        .to_owned()
}

/// An address or network has one name, and its scope follows from it.
pub(super) fn target(scope_text: &str, value: &str) -> Result<(String, String), String> {
    if scope_text.len() > LONGEST || value.len() > LONGEST {
        return Err(format!("a scope or value of more than {LONGEST} bytes"));
    }
    let scope = scope(scope_text);
    if scope != "Ip" && scope != "Range" {
        return Ok((scope, value.to_owned()));
    }
    let net = network(value).ok_or_else(|| format!("{value:?} is neither an address nor a network"))?;
    let name = canonical(net);
    let scope = if name.contains('/') { "Range" } else { "Ip" };
    Ok((scope.to_owned(), name))
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

/// Whether a decision comes from where CrowdSec's word or ours says.
pub(super) fn is_origin(held: &Decision, word: &str) -> bool {
    let ours = match word {
        "crowdsec" => "sensor",
        "cscli" => "manual",
        "cscli-import" | "lists" => "import",
        "CAPI" => "mesh",
        word => word,
    };
    held.decision.origin.word() == ours
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_has_one_name_and_its_scope_follows() {
        let of = |scope, value| target(scope, value).unwrap();
        let pair = |scope: &str, value: &str| (scope.to_owned(), value.to_owned());
        assert_eq!(of("ip", "::ffff:192.88.99.7"), pair("Ip", "192.88.99.7"));
        assert_eq!(of("Ip", "192.88.99.7/24"), pair("Range", "192.88.99.0/24"));
        assert_eq!(of("RANGE", "192.88.99.7/32"), pair("Ip", "192.88.99.7"));
        assert_eq!(of("country", "FR"), pair("Country", "FR"));
        assert_eq!(of("as", "64500"), pair("AS", "64500"));
        assert_eq!(of("session", "x"), pair("session", "x"));
        assert!(target("ip", "FR").is_err());
    }
}
