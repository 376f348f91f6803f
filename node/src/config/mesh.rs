//! `[mesh]`: how the node is reached by other organisations' nodes.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use vigie_gossip::{Reaching, RelayLimits};

use super::{Section, Wrong, duration};

/// Below this a circuit would end within one answer of sync.
const LEAST_CIRCUIT_MIB: u64 = 4;
const MOST_CIRCUITS: usize = 100_000;
const CIRCUIT_DURATION: Duration = Duration::from_hours(24);

/// Addresses are libp2p multiaddresses. Nothing here joins a network: `vigie join` does.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mesh {
    /// Where to listen. Empty: only outgoing connections.
    pub(crate) listen: Vec<Spanned<String>>,
    /// Nodes to connect to beside those that `vigie join` learned.
    pub(crate) peers: Vec<Spanned<String>>,
    /// Where others can call this node beside where it listens: what a router forwards, or a name.
    pub(crate) announce: Vec<Spanned<String>>,
    /// Whether private addresses are told to members and taken from them: a network inside one company.
    pub(crate) private: bool,
    /// Whether members in the same network segment are found by mDNS.
    pub(crate) mdns: bool,
    /// Whether two seeds are asked to take calls for us while nobody calls us.
    pub(crate) through_seeds: bool,
    /// Of a seed: circuits that it carries at once for members that nobody can call.
    pub(crate) circuits: Spanned<usize>,
    /// Of these so many from or to one member.
    pub(crate) circuits_per_member: Spanned<usize>,
    /// What one circuit may carry, in MiB, before it has to be made anew.
    pub(crate) circuit_mib: Spanned<u64>,
    /// How long one circuit may stand.
    pub(crate) circuit_duration: Spanned<String>,
}

// === impl Mesh ===

impl Default for Mesh {
    fn default() -> Self {
        let relay = RelayLimits::default();
        Self {
            listen: Vec::new(),
            peers: Vec::new(),
            announce: Vec::new(),
            private: false,
            mdns: false,
            through_seeds: true,
            circuits: Spanned::new(0..0, relay.circuits),
            circuits_per_member: Spanned::new(0..0, relay.circuits_per_member),
            circuit_mib: Spanned::new(0..0, relay.circuit_bytes >> 20),
            circuit_duration: Spanned::new(0..0, "24h".to_owned()),
        }
    }
}

impl Mesh {
    /// Where to listen, as text.
    pub(crate) fn listen(&self) -> Vec<String> {
        self.listen
            .iter()
            .map(|address| address.get_ref().clone())
            .collect()
    }

    /// How others find this node, as the mesh wants it.
    pub(crate) fn reach(&self) -> Reaching {
        let announce = self.announce.iter().map(|address| address.get_ref().clone());
        Reaching {
            announce: announce.collect(),
            private: self.private,
            mdns: self.mdns,
            reserve: self.through_seeds,
            relay: RelayLimits {
                reservations: self.circuits.get_ref().saturating_mul(2),
                circuits: *self.circuits.get_ref(),
                circuits_per_member: *self.circuits_per_member.get_ref(),
                circuit_bytes: self.circuit_mib.get_ref().saturating_mul(1 << 20),
                circuit_duration: self.circuit_duration(),
            },
        }
    }

    fn circuit_duration(&self) -> Duration {
        duration(self.circuit_duration.get_ref()).unwrap_or(CIRCUIT_DURATION)
    }

    /// Whom to call, as text.
    pub(crate) fn peers(&self) -> Vec<String> {
        self.peers
            .iter()
            .map(|address| address.get_ref().clone())
            .collect()
    }
}

impl Section for Mesh {
    fn check(&self) -> Vec<Wrong> {
        let addresses = self.listen.iter().chain(&self.peers).chain(&self.announce);
        let mut wrong: Vec<Wrong> = addresses
            .filter_map(|address| {
                let refused = vigie_gossip::check_address(address.get_ref()).err()?;
                Some((address.span(), refused.to_string()))
            })
            .collect();
        for count in [&self.circuits, &self.circuits_per_member] {
            if *count.get_ref() > MOST_CIRCUITS {
                wrong.push((
                    count.span(),
                    format!("{} is more than {MOST_CIRCUITS}", count.get_ref()),
                ));
            }
        }
        let mib = *self.circuit_mib.get_ref();
        if mib < LEAST_CIRCUIT_MIB {
            let message = format!("{mib} MiB end a circuit within one answer: {LEAST_CIRCUIT_MIB} at least");
            wrong.push((self.circuit_mib.span(), message));
        }
        let allowed = Duration::from_mins(1)..=Duration::from_hours(30 * 24);
        if !duration(self.circuit_duration.get_ref()).is_some_and(|stands| allowed.contains(&stands)) {
            let message = format!(
                "{:?} is not a duration between 1m and 720h such as 24h",
                self.circuit_duration.get_ref()
            );
            wrong.push((self.circuit_duration.span(), message));
        }
        wrong
    }
}
