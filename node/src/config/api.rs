//! `[api]`: where bouncers, agents and browsers reach the node.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{Section, Wrong, duration, network};

/// Each holds a connection and a file descriptor.
const MOST_FOLLOWERS: usize = 65_536;
/// Longest decision of a machine: bouncers count in hours and must be able to hold the number.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Where the node answers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Api {
    /// Address and port of the Local API and the web page.
    pub(crate) listen: Spanned<String>,
    /// A unix socket that serves the Local API too, for bouncers in other namespaces. Empty: none.
    pub(crate) socket: PathBuf,
    /// TLS on `listen`, with these files; plain HTTP without.
    pub(crate) tls: Option<Tls>,
    /// Bouncers that may be pushed to at a time.
    pub(crate) followers: Spanned<usize>,
    /// Decisions that one machine may make in an hour.
    pub(crate) machine_decisions: u32,
    /// The longest decision that a machine may make.
    pub(crate) machine_longest: Spanned<String>,
    /// A file with the token by which machines register themselves as accepted. Empty: somebody accepts each.
    pub(crate) registration_token: PathBuf,
    /// Where such machines come from.
    pub(crate) registration_from: Vec<Spanned<String>>,
}

/// Files in PEM, read again when they change, and whom a client's certificate lets in.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// Our certificate and those between it and its root.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
    /// Who signs for clients. Empty: no client is known by a certificate.
    #[serde(default)]
    pub(crate) client_ca: PathBuf,
    /// Lists of certificates that they took back. Empty: none is.
    #[serde(default)]
    pub(crate) client_crl: PathBuf,
    /// Organizational units of agents and `cscli`.
    #[serde(default)]
    pub(crate) agents_ou: Vec<String>,
    /// Organizational units of bouncers.
    #[serde(default)]
    pub(crate) bouncers_ou: Vec<String>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: Spanned::new(0..0, "127.0.0.1:8480".to_owned()),
            socket: PathBuf::new(),
            tls: None,
            followers: Spanned::new(0..0, 2_048),
            machine_decisions: 10_000,
            machine_longest: Spanned::new(0..0, "365d".to_owned()),
            registration_token: PathBuf::new(),
            registration_from: Vec::new(),
        }
    }
}

// === impl Api ===

impl Api {
    /// How a URL of it begins.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    pub(crate) fn followers(&self) -> usize {
        (*self.followers.get_ref()).min(MOST_FOLLOWERS)
    }

    pub(crate) fn machine_longest(&self) -> Duration {
        duration(self.machine_longest.get_ref())
            .unwrap_or(LONGEST)
            .min(LONGEST)
    }

    /// Whether this token, shown from there, lets a machine in. The file is read each time: it may change.
    pub(crate) fn accepts(&self, token: &str, address: Option<IpAddr>) -> bool {
        if self.registration_token.as_os_str().is_empty() {
            return false;
        }
        let from = self
            .registration_from
            .iter()
            .filter_map(|text| network(text.get_ref()));
        let mut from = from.filter(|net| address.is_some_and(|ip| net.contains(&ip)));
        let known = match std::fs::read_to_string(&self.registration_token) {
            Ok(known) => known,
            Err(error) => {
                tracing::error!(%error, "[api] registration_token cannot be read");
                return false;
            }
        };
        // Hashes are compared, so that the time it takes says nothing of the token.
        let same = blake3::hash(known.trim().as_bytes()) == blake3::hash(token.as_bytes());
        from.next().is_some() && !known.trim().is_empty() && same
    }
}

impl Section for Api {
    fn check(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let listen = self.listen.get_ref();
        if listen.parse::<SocketAddr>().is_err() {
            let why = format!("{listen:?} is not an address and port such as 127.0.0.1:8480");
            wrong.push((self.listen.span(), why));
        }
        let longest = self.machine_longest.get_ref();
        if duration(longest).is_none_or(|length| length.is_zero() || length > LONGEST) {
            let why = format!("{longest:?} is not a duration of at most 365d such as 30d");
            wrong.push((self.machine_longest.span(), why));
        }
        let followers = *self.followers.get_ref();
        if followers > MOST_FOLLOWERS {
            let why = format!("{followers} bouncers are too many: {MOST_FOLLOWERS} at most");
            wrong.push((self.followers.span(), why));
        }
        for text in &self.registration_from {
            if network(text.get_ref()).is_none() {
                let why = format!("{:?} is neither an address nor a network", text.get_ref());
                wrong.push((text.span(), why));
            }
        }
        wrong
    }
}
