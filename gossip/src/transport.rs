//! TCP with noise and yamux, and QUIC, with names resolved as the machine does it.

use std::time::Duration;

use libp2p::core::Transport;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::swarm::{self, NetworkBehaviour};
use libp2p::{PeerId, Swarm, dns, noise, quic, tcp, yamux};

use crate::error::MeshError;

/// Members are kept; whoever is not wanted is disconnected explicitly.
const IDLE: Duration = Duration::from_hours(24);
/// For dialling, name resolution and both handshakes together.
const SETUP: Duration = Duration::from_secs(15);
/// Streams a peer may be negotiating at once.
const NEGOTIATING: usize = 32;

type Connections = Boxed<(PeerId, StreamMuxerBox)>;

/// The transport's own key.
pub(crate) fn keypair(mut seed: [u8; 32]) -> Result<Keypair, MeshError> {
    Keypair::ed25519_from_bytes(&mut seed).map_err(MeshError::TransportKey)
}

/// A swarm with both transports.
pub(crate) fn swarm<B: NetworkBehaviour>(keypair: &Keypair, behaviour: B) -> Result<Swarm<B>, MeshError> {
    let config = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(IDLE)
        .with_max_negotiating_inbound_streams(NEGOTIATING);
    let transport = named(keypair)?;
    Ok(Swarm::new(
        transport,
        behaviour,
        keypair.public().to_peer_id(),
        config,
    ))
}

/// Both transports behind the machine's resolver; a machine without one still dials numeric addresses.
fn named(keypair: &Keypair) -> Result<Connections, MeshError> {
    match dns::tokio::Transport::system(both(keypair)?) {
        Ok(resolving) => Ok(TransportTimeout::new(resolving, SETUP).boxed()),
        Err(error) => {
            tracing::warn!(%error, "no resolver configuration: only numeric addresses can be dialled");
            Ok(TransportTimeout::new(both(keypair)?, SETUP).boxed())
        }
    }
}

fn both(keypair: &Keypair) -> Result<Connections, MeshError> {
    let noise =
        noise::Config::new(keypair).map_err(|error| MeshError::Transport("noise", Box::new(error)))?;
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let quic = quic::tokio::Transport::new(quic::Config::new(keypair))
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    Ok(quic
        .or_transport(tcp)
        .map(|either, _| either.into_inner())
        .boxed())
}
