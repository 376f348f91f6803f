//! From a configuration to a handle, its events and the task that makes both work.

use std::sync::Arc;

use futures::future::BoxFuture;
use libp2p::multiaddr::Multiaddr;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::command::Mesh;
use crate::config::{Clock, Initial, MeshConfig};
use crate::error::MeshError;
use crate::event::MeshEvent;
use crate::swarm::{Parts, Task};
use crate::telemetry::Counters;
use crate::topic::Topics;
use crate::{behaviour, limits, transport};

/// The swarm task, to be spawned by whoever started the mesh.
pub type SwarmTask = BoxFuture<'static, Result<(), MeshError>>;

/// Sets everything up and listens. The future is the swarm task: it runs until `shutdown`, and must be
/// spawned within a tokio runtime, where this is called too.
pub fn start(
    config: MeshConfig,
    initial: Initial,
    clock: Clock,
    shutdown: CancellationToken,
) -> Result<(Mesh, mpsc::Receiver<MeshEvent>, SwarmTask), MeshError> {
    let network = initial.directory.genesis().network();
    let certificate = config.own.as_ref().map(|own| own.checked(network)).transpose()?;
    let keypair = transport::keypair(config.transport_seed)?;
    let topics = Topics::of(network);
    let counters = Arc::new(Counters::default());
    let (connections, reservations) = transport::build(&keypair, &counters)?;
    let behaviour = behaviour::build(&config, network, &topics, keypair.public(), reservations)?;
    let mut swarm = transport::swarm(&keypair, connections, behaviour);
    for address in &config.listen {
        let multiaddress = parse(address)?;
        swarm.listen_on(multiaddress).map_err(|error| MeshError::Listen {
            address: address.clone(),
            source: Box::new(error),
        })?;
    }
    let parsed = |addresses: &[String]| {
        let each = addresses.iter().map(|address| parse(address));
        each.collect::<Result<Vec<_>, _>>()
    };
    let (dial, announced) = (parsed(&config.dial)?, parsed(&config.reach.announce)?);
    let transport_key = transport::public_key(&keypair)?;

    let (commands, command_queue) = mpsc::channel(limits::COMMANDS);
    let (events, event_queue) = mpsc::channel(limits::EVENTS);
    let mesh = Mesh {
        commands,
        counters: Arc::clone(&counters),
        peer_id: swarm.local_peer_id().to_string().into(),
    };
    let parts = Parts {
        swarm,
        network,
        topics,
        dial,
        announced,
        transport_key,
        commands: command_queue,
        events,
        counters,
        clock,
        certificate,
    };
    let task = Task::new(parts, config, initial);
    Ok((mesh, event_queue, Box::pin(task.run(shutdown))))
}

/// Whether an address of the configuration is one, before anything starts.
pub fn check_address(address: &str) -> Result<(), MeshError> {
    parse(address).map(|_| ())
}

/// A multiaddress from the configuration.
pub(crate) fn parse(address: &str) -> Result<Multiaddr, MeshError> {
    address.parse().map_err(|source| MeshError::Address {
        address: address.to_owned(),
        source,
    })
}
