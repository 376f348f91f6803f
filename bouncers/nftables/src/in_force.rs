//! What we have in force in the kernel: the generation that is filled, and older ones until it holds everything.
//!
//! Before: [`crate::enforce`], which knows what is wanted. After: [`crate::apply`]. Each step leaves everybody blocked who
//! belongs blocked. Deliberately absent: reading back what sets hold.

use vigie_bouncer_client::pulse::Dropped;
use vigie_bouncer_client::{Moment, with_causes};

use crate::apply::Backend;
use crate::layout::Layout;
use crate::netlink::NetlinkError;
use crate::plan::Mirror;
use crate::transaction::{Kind, Set, Transaction};

/// Our table in the kernel.
#[derive(Debug)]
pub(crate) struct InForce {
    backend: Backend,
    table: String,
    layout: Layout,
    /// The generation that is filled.
    mirror: Mirror,
    /// Sets in force beside it.
    older: Vec<Set>,
    handle: Option<u64>,
}

// === impl InForce ===

impl InForce {
    /// Puts the table in place, or a new generation of sets into the one that is there.
    pub(crate) fn start(
        (backend, table, layout): (Backend, String, Layout),
        now: Moment,
    ) -> Result<Self, NetlinkError> {
        let mut in_force = Self {
            backend,
            table,
            layout,
            mirror: Mirror::default(),
            older: Vec::new(),
            handle: None,
        };
        in_force.renew(now)?;
        Ok(in_force)
    }

    /// What the generation that is filled holds.
    pub(crate) const fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// Whether the older generations are gone.
    pub(crate) const fn is_alone(&self) -> bool {
        self.older.is_empty()
    }

    /// Begins a new generation: its sets are empty, and in force beside those that are there.
    pub(crate) fn renew(&mut self, now: Moment) -> Result<(), NetlinkError> {
        let found = self.backend.find(&self.table)?;
        let renewal = self.layout.renew(&found);
        self.backend.apply(&renewal.transaction, &self.table, now)?;
        self.handle = self.backend.table_handle(&self.table)?;
        self.mirror = Mirror::of(renewal.generation);
        self.older = renewal.older;
        tracing::info!(
            table = self.table,
            older_sets = self.older.len(),
            "the table is in place, with a new generation of sets"
        );
        Ok(())
    }

    /// Carries out one after another until one is refused. Returns whether none was.
    pub(crate) fn carry_out(&mut self, transactions: &[Transaction], now: Moment) -> bool {
        transactions.iter().all(|one| self.carry_out_one(one, now))
    }

    fn carry_out_one(&mut self, transaction: &Transaction, now: Moment) -> bool {
        if let Err(error) = self.backend.apply(transaction, &self.table, now) {
            tracing::warn!(
                error = with_causes(&error),
                entries = transaction.weight(),
                "a transaction failed, nothing of it took effect"
            );
            return false;
        }
        self.mirror.record(transaction);
        tracing::debug!(
            entries = transaction.weight(),
            elements = self.mirror.len(),
            "a transaction took effect"
        );
        true
    }

    /// The generation that is filled holds everything: the older ones go. Refused, they stay until this is called again,
    /// and nobody gets in by that.
    pub(crate) fn retire(&mut self, now: Moment) {
        if self.is_alone() {
            return;
        }
        let transaction = self.layout.retire(self.mirror.generation(), &self.older);
        if self.carry_out_one(&transaction, now) {
            self.older.clear();
            tracing::info!(
                elements = self.mirror.len(),
                "a new generation of sets is complete, and the only one"
            );
        }
    }

    /// Whether the table is the one that we made, with our rules and with the sets that we filled.
    pub(crate) fn stands(&mut self, now: Moment) -> Result<bool, NetlinkError> {
        let sets = self.older.len().saturating_add(Kind::ALL.len());
        Ok(self.backend.table_handle(&self.table)? == self.handle
            && self.backend.has_rules(self.layout.rules(sets), &self.table)?
            && self.backend.holds(&self.mirror, &self.table, now)?)
    }

    /// What was dropped, by origin and family.
    pub(crate) fn dropped(&mut self) -> Result<Vec<Dropped>, NetlinkError> {
        self.backend.dropped(&self.table)
    }

    /// Forgets what the kernel has let go of by itself.
    pub(crate) fn expire(&mut self, now: Moment) {
        self.mirror.expire(now);
    }
}
