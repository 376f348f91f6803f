//! The handle: each method is one command to the swarm task and its answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use vigie_gossip_core::chain::{Conduct, Watermark};
use vigie_gossip_core::directory::Directory;
use vigie_gossip_core::wire::{Envelope, OrgId, PublisherId, Statement};

use crate::addresses::Addresses;
use crate::error::MeshError;
use crate::event::Peer;
use crate::telemetry::Counters;

/// A question about the directory, answered by its one owner.
pub(crate) type Reading = Box<dyn FnOnce(&Directory) + Send>;

/// What the handle asks of the task.
pub(crate) enum Command {
    Publish {
        envelope: Box<Envelope>,
        reply: oneshot::Sender<Result<(), MeshError>>,
    },
    AddStatement {
        statement: Box<Statement>,
        reply: oneshot::Sender<Result<bool, MeshError>>,
    },
    Dial {
        address: String,
        reply: oneshot::Sender<Result<(), MeshError>>,
    },
    Peers {
        reply: oneshot::Sender<Vec<Peer>>,
    },
    Listening {
        reply: oneshot::Sender<Vec<String>>,
    },
    Addresses {
        reply: oneshot::Sender<Vec<Addresses>>,
    },
    TakeAddresses {
        record: Box<Addresses>,
        reply: oneshot::Sender<bool>,
    },
    Reached {
        reply: oneshot::Sender<Reached>,
    },
    Conduct {
        publisher: PublisherId,
        reply: oneshot::Sender<Conduct>,
    },
    Watermark {
        trusted: Trusted,
        reply: oneshot::Sender<Watermark>,
    },
    Read(Reading),
}

/// Whether and how others can call this node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// Whether somebody called since the start, other than through a circuit.
    pub called: bool,
    /// Where it can be called through a seed, `/p2p/` included.
    pub circuits: Vec<String>,
}

/// Whom the node trusts.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    /// Whose silence tells something, and in which group they count.
    pub voices: BTreeMap<OrgId, OrgId>,
    /// Whose nodes are asked, beside those of seeds, what others hold back.
    pub anchors: BTreeSet<OrgId>,
}

/// The mesh, for everyone but the task that runs it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mesh {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) peer_id: Arc<str>,
}

// === impl Mesh ===

impl Mesh {
    /// Publishes an own envelope that is stored already, on the urgent topic if it asks for that within its
    /// budget. That nobody hears it is no error: sync brings it to whoever missed it.
    pub async fn publish(&self, envelope: Envelope) -> Result<(), MeshError> {
        let envelope = Box::new(envelope);
        self.ask(|reply| Command::Publish { envelope, reply }).await?
    }

    /// Puts a statement into force here and offers it to peers. True if it was new.
    pub async fn add_statement(&self, statement: Statement) -> Result<bool, MeshError> {
        let statement = Box::new(statement);
        self.ask(|reply| Command::AddStatement { statement, reply })
            .await?
    }

    /// Dials an address, and again whenever the connection ends.
    pub async fn dial(&self, address: impl Into<String>) -> Result<(), MeshError> {
        let address = address.into();
        self.ask(|reply| Command::Dial { address, reply }).await?
    }

    /// Connected peers.
    pub async fn peers(&self) -> Result<Vec<Peer>, MeshError> {
        self.ask(|reply| Command::Peers { reply }).await
    }

    /// Addresses we can be reached at, `/p2p/` included.
    pub async fn listening(&self) -> Result<Vec<String>, MeshError> {
        self.ask(|reply| Command::Listening { reply }).await
    }

    /// Where nodes are called, as they signed it, our own included.
    pub async fn addresses(&self) -> Result<Vec<Addresses>, MeshError> {
        self.ask(|reply| Command::Addresses { reply }).await
    }

    /// Takes a record that came another way than from a peer. True if it was new and its node is admitted.
    pub async fn take_addresses(&self, record: Addresses) -> Result<bool, MeshError> {
        let record = Box::new(record);
        self.ask(|reply| Command::TakeAddresses { record, reply }).await
    }

    /// Whether and how others can call us.
    pub async fn reached(&self) -> Result<Reached, MeshError> {
        self.ask(|reply| Command::Reached { reply }).await
    }

    /// What the proofs against a publisher say of him.
    pub async fn conduct(&self, publisher: PublisherId) -> Result<Conduct, MeshError> {
        self.ask(|reply| Command::Conduct { publisher, reply }).await
    }

    /// How far the word of those whom the node trusts, as far as they are admitted, has come here. If it is behind, nodes
    /// of anchors and seeds are asked at once what is missing.
    pub async fn watermark(&self, trusted: Trusted) -> Result<Watermark, MeshError> {
        self.ask(|reply| Command::Watermark { trusted, reply }).await
    }

    /// Asks the directory, which the swarm task owns. Keep it short: the mesh stands still meanwhile.
    pub async fn directory<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Directory) -> T + Send + 'static,
    ) -> Result<T, MeshError> {
        self.ask(|reply| Command::Read(Box::new(move |directory| answer(reply, read(directory)))))
            .await
    }

    /// What was dropped, refused and ignored since start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Our libp2p `PeerId`.
    pub fn peer_id(&self) -> &str {
        &self.peer_id
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, MeshError> {
        let (reply, answered) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| MeshError::Stopped)?;
        answered.await.map_err(|_| MeshError::Stopped)
    }
}

/// Answers a command; that nobody waits for the answer any more is their affair.
pub(crate) fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    drop(reply.send(value));
}
