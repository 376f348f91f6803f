//! Statements come in: from the node, in hellos, in envelopes, by sync. The directory judges them; here
//! follows what a change of it means for chains, peers and the node.

use libp2p::PeerId;
use vigie_gossip_core::chain::Held;
use vigie_gossip_core::directory::{Insertion, StatementRefused};
use vigie_gossip_core::wire::{NodeCertificate, Signed, Statement};

use super::Task;
use crate::error::MeshError;
use crate::event::MeshEvent;
use crate::limits;

impl Task {
    pub(super) fn add_statement(&mut self, statement: Statement) -> Result<bool, MeshError> {
        let fresh = match &statement {
            Statement::NodeCertificate(fresh) => Some(fresh.clone()),
            _ => None,
        };
        let insertion = self.insert(statement).map_err(MeshError::Statement)?;
        self.renew(fresh);
        self.after_statements();
        Ok(insertion != Insertion::Known)
    }

    /// Our own certificate was made anew: hellos show the one that lasts longest.
    fn renew(&mut self, fresh: Option<Signed<NodeCertificate>>) {
        let (Some(fresh), Some(held)) = (fresh, &self.certificate) else {
            return;
        };
        if fresh.node == held.node && fresh.not_after > held.not_after {
            self.certificate = Some(fresh);
        }
    }

    /// Takes what a peer says of its own knowledge: in a hello, or by sync. Only a wrong signature is its fault; a full
    /// shelf is nobody's. Of a change of seeds it may have another history than we, so that counts little.
    pub(super) fn learn(&mut self, statements: impl IntoIterator<Item = Statement>, from: PeerId) {
        let mut faults = 0.0;
        for statement in statements {
            let signed = statement.signer().is_some();
            match self.insert(statement) {
                Ok(_) => {}
                Err(StatementRefused::Signature(error)) => {
                    tracing::info!(peer.id = %from, %error, "forged statement");
                    faults += if signed {
                        limits::FAULT_HIGH
                    } else {
                        limits::FAULT_LOW
                    };
                }
                Err(error) => tracing::debug!(peer.id = %from, %error, "statement not kept"),
            }
            if faults > limits::FAULTS {
                break;
            }
        }
        if faults > 0.0 {
            self.blame(from, faults);
        }
        self.after_statements();
    }

    /// Takes what an envelope carried. Whoever brought that had to check the envelope, not what it quotes: blaming him
    /// would let a publisher of forged statements have every honest forwarder banned.
    pub(super) fn learn_quoted(&mut self, statements: Vec<Statement>) {
        for statement in statements {
            if let Err(error) = self.insert(statement) {
                tracing::debug!(%error, "statement of an envelope not kept");
            }
        }
        self.after_statements();
    }

    fn insert(&mut self, statement: Statement) -> Result<Insertion, StatementRefused> {
        let insertion = self.directory.insert(statement.clone())?;
        if insertion == Insertion::New {
            self.outbox.push(MeshEvent::Statement(statement));
        }
        Ok(insertion)
    }

    /// Tells of statements that others brought into force, and lets chains and peers follow the directory.
    fn after_statements(&mut self) {
        for settled in self.directory.take_settled() {
            self.outbox.push(MeshEvent::Statement(settled));
        }
        if self.directory.revision() == self.revision {
            return;
        }
        self.revision = self.directory.revision();
        let dropped = self.chains.reconcile(&self.directory);
        self.drop_held(dropped);
        self.place_all();
    }

    /// What the index no longer holds, the store need not either.
    pub(super) fn drop_held(&mut self, dropped: Vec<Held>) {
        if !dropped.is_empty() {
            self.outbox.push(MeshEvent::Dropped(dropped));
        }
    }
}
