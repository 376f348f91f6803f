//! TCP with noise and yamux, QUIC, and circuits through a seed, with names resolved as the machine does it.

mod metered;

use std::sync::Arc;
use std::time::Duration;

use libp2p::core::Transport;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::swarm::{self, NetworkBehaviour};
use libp2p::{PeerId, Swarm, dns, noise, quic, relay, tcp, yamux};

use crate::error::MeshError;
use crate::telemetry::Counters;
use metered::Metered;

/// Members are kept; whoever is not wanted is disconnected explicitly.
const IDLE: Duration = Duration::from_hours(24);
/// For dialling, name resolution and both handshakes together.
const SETUP: Duration = Duration::from_secs(15);
/// For a dial by QUIC alone, of a name that is resolved: where UDP is dropped, TCP is tried soon.
const QUIC_DIAL: Duration = Duration::from_secs(3);
/// For a dial by TCP alone.
const TCP_DIAL: Duration = Duration::from_secs(6);
/// Streams a peer may be negotiating at once.
const NEGOTIATING: usize = 32;

pub(crate) type Connections = Boxed<(PeerId, StreamMuxerBox)>;

/// The transport's own key.
pub(crate) fn keypair(mut seed: [u8; 32]) -> Result<Keypair, MeshError> {
    Keypair::ed25519_from_bytes(&mut seed).map_err(MeshError::TransportKey)
}

/// Its public half, from which the `PeerId` follows.
pub(crate) fn public_key(keypair: &Keypair) -> Result<[u8; 32], MeshError> {
    let key = keypair.public().try_into_ed25519();
    key.map(|key| key.to_bytes())
        .map_err(|error| MeshError::Transport("identity", Box::new(error)))
}

/// A swarm over these transports.
pub(crate) fn swarm<B: NetworkBehaviour>(
    keypair: &Keypair,
    transport: Connections,
    behaviour: B,
) -> Swarm<B> {
    let config = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(IDLE)
        .with_max_negotiating_inbound_streams(NEGOTIATING)
        // The addresses of one peer in their order: two at once would cost it a second handshake, and which connection
        // survives would be chance.
        .with_dial_concurrency_factor(std::num::NonZeroU8::MIN);
    Swarm::new(transport, behaviour, keypair.public().to_peer_id(), config)
}

/// All transports, and the behaviour that makes circuits of connections with seeds. TCP and QUIC are behind the machine's
/// resolver; a machine without one still dials numeric addresses.
pub(crate) fn build(
    keypair: &Keypair,
    counters: &Arc<Counters>,
) -> Result<(Connections, relay::client::Behaviour), MeshError> {
    let direct = match dns::tokio::Transport::system(both(keypair)?) {
        Ok(resolving) => resolving.boxed(),
        Err(error) => {
            tracing::warn!(%error, "no resolver configuration: only numeric addresses can be dialled");
            both(keypair)?
        }
    };
    let (circuits, client) = relay::client::new(keypair.public().to_peer_id());
    let counters = Arc::clone(counters);
    let circuits = circuits
        .map(move |circuit, _| Metered::new(circuit, Arc::clone(&counters)))
        .upgrade(Version::V1Lazy)
        .authenticate(secure(keypair)?)
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let all = circuits.or_transport(direct).map(|either, _| either.into_inner());
    Ok((TransportTimeout::new(all, SETUP).boxed(), client))
}

fn secure(keypair: &Keypair) -> Result<noise::Config, MeshError> {
    noise::Config::new(keypair).map_err(|error| MeshError::Transport("noise", Box::new(error)))
}

fn both(keypair: &Keypair) -> Result<Connections, MeshError> {
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(secure(keypair)?)
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let quic = quic::tokio::Transport::new(quic::Config::new(keypair))
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    Ok(TransportTimeout::with_outgoing_timeout(quic, QUIC_DIAL)
        .or_transport(TransportTimeout::with_outgoing_timeout(tcp, TCP_DIAL))
        .map(|either, _| either.into_inner())
        .boxed())
}
