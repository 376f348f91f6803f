//! What was done: the numbers of `docs/protocol.md`, append-only, with CrowdSec's names for them.
//!
//! Deliberately absent: half-lives, harm and families of behaviours, which are the scorer's.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A behaviour's number. Numbers that this version does not know are carried and never scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Behaviour(pub u16);

/// Number and name. The names are those of the `behavior` label of CrowdSec's scenarios.
const NAMES: &[(u16, &str)] = &[
    (1, "generic:scan"),
    (2, "generic:bruteforce"),
    (3, "generic:exploit"),
    (4, "tcp:scan"),
    (5, "ssh:bruteforce"),
    (6, "ssh:exploit"),
    (7, "http:scan"),
    (8, "http:bruteforce"),
    (9, "http:exploit"),
    (10, "http:crawl"),
    (11, "http:spam"),
    (12, "http:dos"),
    (13, "ftp:bruteforce"),
    (14, "sftp:bruteforce"),
    (15, "telnet:bruteforce"),
    (16, "smtp:spam"),
    (17, "smtp:bruteforce"),
    (18, "pop3/imap:bruteforce"),
    (19, "pop3/imap:user-enumeration"),
    (20, "database:bruteforce"),
    (21, "ldap:bruteforce"),
    (22, "smb:bruteforce"),
    (23, "windows:bruteforce"),
    (24, "sip:bruteforce"),
    (25, "iot:bruteforce"),
    (26, "vcs:bruteforce"),
    (27, "vm-management:bruteforce"),
    (28, "vm-management:exploit"),
    (29, "k8s:bruteforce"),
    (30, "k8s:scan"),
    (31, "cloud:bruteforce"),
    (32, "teleport:bruteforce"),
    (33, "vpn:bruteforce"),
    (34, "linux:exploitation"),
    (35, "linux:post-exploitation"),
    (36, "ecommerce:fraud"),
    (37, "mail:malware"),
    (38, "malware:c2"),
    (39, "malware:host"),
    (40, "phishing:url"),
    (41, "ddos:reflector"),
];

// === impl Behaviour ===

impl Behaviour {
    /// By name, `None` if the table has no such name.
    pub fn by_name(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(number, _)| Self(*number))
    }

    /// The name, `None` for a number that this version does not know.
    pub fn name(self) -> Option<&'static str> {
        NAMES
            .iter()
            .find(|(number, _)| *number == self.0)
            .map(|(_, name)| *name)
    }

    /// Every behaviour of this version, by number.
    pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
        NAMES.iter().map(|(number, name)| (Self(*number), *name))
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "behaviour {}", self.0),
        }
    }
}

impl Serialize for Behaviour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Behaviour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::by_name(&text)
            .or_else(|| text.strip_prefix("behaviour ")?.parse().ok().map(Self))
            .ok_or_else(|| serde::de::Error::custom(format!("no behaviour is called {text:?}")))
    }
}
