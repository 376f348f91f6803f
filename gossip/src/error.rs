//! What stops the mesh from starting or running, and nothing a peer could cause.

/// Why the mesh does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// An address in the configuration is not a multiaddress.
    #[error("`{address}` is not a multiaddress, such as /ip4/0.0.0.0/tcp/7946")]
    Address {
        /// As configured.
        address: String,
        /// What is wrong with it.
        #[source]
        source: libp2p::multiaddr::Error,
    },
    /// The transport key was refused.
    #[error("the transport seed gives no key")]
    TransportKey(#[source] libp2p::identity::DecodingError),
    /// A transport could not be set up.
    #[error("transport {0} could not be set up")]
    Transport(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// As configured.
        address: String,
        /// What the transport said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The parameters of gossipsub contradict each other: a fault of this crate.
    #[error("gossip parameters: {0}")]
    Gossip(String),
    /// The certificate of the own node is not one, or not of this network.
    #[error("the own certificate is not valid here: {0}")]
    OwnCertificate(&'static str),
    /// The swarm task has ended.
    #[error("the mesh has stopped")]
    Stopped,
    /// An envelope of ours would be refused by every neighbour.
    #[error("own envelope refused")]
    OwnEnvelope(#[source] vigie_gossip_core::validate::Refusal),
    /// An envelope of ours does not pass gossipsub.
    #[error("own envelope not published: {0}")]
    Publish(String),
    /// A statement was refused.
    #[error("statement refused")]
    Statement(#[source] vigie_gossip_core::directory::StatementRefused),
    /// Too many addresses are being dialled already.
    #[error("{0} addresses are being dialled already")]
    TooManyAddresses(usize),
}
