//! `[mesh]`: how the node is reached by other organisations' nodes.

use serde::Deserialize;

use super::{Section, Wrong};

/// Addresses are libp2p multiaddresses. Nothing here joins a network: `vigie join` does.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mesh {
    /// Where to listen. Empty: only outgoing connections.
    pub(crate) listen: Vec<String>,
    /// Nodes to connect to beside those that `vigie join` learned.
    pub(crate) peers: Vec<String>,
}

impl Section for Mesh {
    fn check(&self) -> Vec<Wrong> {
        Vec::new()
    }
}
