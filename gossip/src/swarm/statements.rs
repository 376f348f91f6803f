//! Statements come in: from the node, in hellos, in envelopes, by sync. The directory judges them; here
//! follows what a change of it means for chains, peers and the node.

use libp2p::PeerId;
use vigie_gossip_core::chain::Held;
use vigie_gossip_core::directory::{Insertion, StatementRefused};
use vigie_gossip_core::wire::Statement;

use super::Task;
use crate::error::MeshError;
use crate::event::MeshEvent;
use crate::limits;

impl Task {
    pub(super) fn add_statement(&mut self, statement: Statement) -> Result<bool, MeshError> {
        let insertion = self.insert(statement).map_err(MeshError::Statement)?;
        self.after_statements();
        Ok(insertion != Insertion::Known)
    }

    /// Takes what a peer sent. Only a wrong signature is its fault; a full shelf is nobody's.
    pub(super) fn learn(&mut self, statements: impl IntoIterator<Item = Statement>, from: PeerId) {
        let mut forged = 0.0;
        for statement in statements {
            match self.insert(statement) {
                Ok(_) => {}
                Err(StatementRefused::Signature(error)) => {
                    tracing::info!(peer.id = %from, %error, "forged statement");
                    forged += limits::FAULT_HIGH;
                }
                Err(error) => tracing::debug!(peer.id = %from, %error, "statement not kept"),
            }
        }
        if forged > 0.0 {
            self.blame(from, forged);
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
