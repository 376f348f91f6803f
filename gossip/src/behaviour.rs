//! What runs on every connection: limits first, then gossip behind its gate, neighbours' streams, hello, sync, circuits,
//! identify, ping.
//!
//! The limits come first because a behaviour that is asked before them has already noted the connection
//! when they deny it, and gossipsub never forgets such a note.

/// The handlers of a behaviour around another, `inner`, are the inner one's.
macro_rules! handlers_of_inner {
    () => {
        fn handle_established_inbound_connection(
            &mut self,
            connection: ConnectionId,
            peer: PeerId,
            local: &Multiaddr,
            remote: &Multiaddr,
        ) -> Result<THandler<Self>, ConnectionDenied> {
            self.inner
                .handle_established_inbound_connection(connection, peer, local, remote)
        }

        fn handle_established_outbound_connection(
            &mut self,
            connection: ConnectionId,
            peer: PeerId,
            address: &Multiaddr,
            role: Endpoint,
            port: PortUse,
        ) -> Result<THandler<Self>, ConnectionDenied> {
            self.inner
                .handle_established_outbound_connection(connection, peer, address, role, port)
        }
    };
}

pub(crate) mod bytes;
pub(crate) mod circuit;
pub(crate) mod gate;
pub(crate) mod gossip;
pub(crate) mod punch;
pub(crate) mod streams;
pub(crate) mod throttle;

use std::time::Duration;

use libp2p::PeerId;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::PublicKey;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{identify, mdns, memory_connection_limits, ping, relay};
use vigie_gossip_core::wire::NetworkId;

use crate::config::MeshConfig;
use crate::error::MeshError;
use crate::limits;
use crate::topic::{Topics, exchange_protocol, hello_protocol, relay_protocol, sync_protocol};
use bytes::BytesCodec;
use circuit::Circuit;
use gate::Gate;
use punch::Punch;
use streams::Streams;
use throttle::Throttle;

/// The behaviours of one node.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) throttle: Throttle,
    connections: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    pub(crate) gossip: Gate,
    pub(crate) streams: Toggle<Streams>,
    pub(crate) hello: request_response::Behaviour<BytesCodec>,
    pub(crate) sync: request_response::Behaviour<BytesCodec>,
    pub(crate) exchange: request_response::Behaviour<BytesCodec>,
    /// Of seeds only.
    pub(crate) circuit: Toggle<Circuit>,
    reservations: relay::client::Behaviour,
    pub(crate) punch: Punch,
    /// Where the operator wants it.
    mdns: Toggle<mdns::tokio::Behaviour>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

/// All behaviours, configured.
pub(crate) fn build(
    config: &MeshConfig,
    network: NetworkId,
    topics: &Topics,
    key: PublicKey,
    reservations: relay::client::Behaviour,
) -> Result<Behaviour, MeshError> {
    let own = key.to_peer_id();
    let identify = identify::Config::new(format!("/vigie/{network}/1"), key)
        .with_agent_version(format!("vigie/{}", env!("CARGO_PKG_VERSION")))
        .with_cache_size(0);
    let ping = ping::Config::new()
        .with_interval(config.timing.ping_every)
        .with_timeout(config.timing.ping_timeout);
    Ok(Behaviour {
        throttle: Throttle::new(tokio::time::Instant::now()),
        connections: connection_limits::Behaviour::new(connection_limits(config.seed)),
        memory: memory_connection_limits::Behaviour::with_max_percentage(limits::MEMORY_SHARE),
        gossip: Gate::new(gossip::build(config, topics)?),
        streams: Toggle::from(config.bundles.then(|| Streams::new(relay_protocol(network)))),
        hello: request_response::Behaviour::with_codec(
            BytesCodec {
                request_bytes: limits::HELLO_BYTES,
                response_bytes: limits::HELLO_BYTES,
            },
            [(hello_protocol(network), ProtocolSupport::Full)],
            requests(config.timing.hello_timeout, 4),
        ),
        sync: request_response::Behaviour::with_codec(
            BytesCodec {
                request_bytes: limits::SYNC_REQUEST_BYTES,
                response_bytes: limits::SYNC_RESPONSE_BYTES,
            },
            [(sync_protocol(network), ProtocolSupport::Full)],
            requests(config.timing.request_timeout, limits::STREAMS_PER_CONNECTION),
        ),
        exchange: request_response::Behaviour::with_codec(
            BytesCodec {
                request_bytes: limits::RECORD_BYTES,
                response_bytes: limits::RECORDS_BYTES,
            },
            [(exchange_protocol(network), ProtocolSupport::Full)],
            requests(config.timing.request_timeout, 2),
        ),
        circuit: Toggle::from(config.seed.then(|| Circuit::new(own, &config.reach.relay))),
        reservations,
        mdns: Toggle::from(config.reach.mdns.then(|| nearby(own)).flatten()),
        punch: Punch::new(own, config.reach.private, tokio::time::Instant::now()),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping),
    })
}

/// A machine where it cannot be had goes without.
fn nearby(own: PeerId) -> Option<mdns::tokio::Behaviour> {
    mdns::tokio::Behaviour::new(mdns::Config::default(), own)
        .inspect_err(|error| tracing::warn!(%error, "no mDNS: nodes nearby are not heard of"))
        .ok()
}

fn requests(timeout: Duration, streams: usize) -> request_response::Config {
    request_response::Config::default()
        .with_request_timeout(timeout)
        .with_max_concurrent_streams(streams)
}

fn connection_limits(seed: bool) -> ConnectionLimits {
    let inbound = limits::inbound(seed) / 10 * (10 + limits::INBOUND_SPARE_TENTHS);
    ConnectionLimits::default()
        .with_max_pending_incoming(Some(limits::PENDING_CONNECTIONS))
        .with_max_pending_outgoing(Some(limits::PENDING_CONNECTIONS))
        .with_max_established_incoming(Some(inbound))
        .with_max_established_outgoing(Some(limits::ESTABLISHED_OUTGOING))
        .with_max_established_per_peer(Some(limits::CONNECTIONS_PER_PEER))
}
