//! `[mesh]`: how the node is reached by other organisations' nodes.

use serde::Deserialize;
use toml::Spanned;

use super::{Section, Wrong};

/// Addresses are libp2p multiaddresses. Nothing here joins a network: `vigie join` does.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mesh {
    /// Where to listen. Empty: only outgoing connections.
    pub(crate) listen: Vec<Spanned<String>>,
    /// Nodes to connect to beside those that `vigie join` learned.
    pub(crate) peers: Vec<Spanned<String>>,
}

// === impl Mesh ===

impl Mesh {
    /// Where to listen, as text.
    pub(crate) fn listen(&self) -> Vec<String> {
        self.listen
            .iter()
            .map(|address| address.get_ref().clone())
            .collect()
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
        let addresses = self.listen.iter().chain(&self.peers);
        addresses
            .filter_map(|address| {
                let refused = vigie_gossip::check_address(address.get_ref()).err()?;
                Some((address.span(), refused.to_string()))
            })
            .collect()
    }
}
