//! The loop between the stream and the kernel. Before: `vigie-bouncer-client`. After: [`crate::apply`].
//!
//! Start: the kernel's sets are read back and kept, so a restart leaves no gap. While a full picture arrives,
//! its additions take effect at once; what it does not name is taken out when it is complete, not before.
//! When the kernel refuses something, or somebody else removed our table, everything is read back and planned
//! anew. The table stays when we end.

use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use vigie_bouncer_client::span::Family;
use vigie_bouncer_client::table::Outcome;
use vigie_bouncer_client::{Change, Clock, Moment, Table, TableConfig, Update};

use crate::apply::Backend;
use crate::layout::Layout;
use crate::netlink::NetlinkError;
use crate::plan::{self, Mirror};
use crate::transaction::Transaction;

/// What to enforce and where.
#[derive(Clone, Debug)]
pub struct EnforceConfig {
    /// Name of our table.
    pub table: String,
    /// Its form.
    pub layout: Layout,
    /// Which decisions to take.
    pub accept: TableConfig,
}

/// Updates taken from the channel before the kernel is spoken to: what arrives together takes effect together.
const UPDATES_AT_ONCE: usize = 16;
/// Between two looks at whether our table still is there.
const CHECK: Duration = Duration::from_secs(5);
/// Every so many looks, what has ended is forgotten.
const CHECKS_PER_SWEEP: u32 = 12;

/// Keeps the kernel in step with the decisions.
#[derive(Debug)]
pub struct Enforcer {
    config: EnforceConfig,
    backend: Backend,
    clock: Clock,
    table: Table,
    mirror: Mirror,
    handle: Option<u64>,
    changed: Vec<IpAddr>,
    ranges_changed: bool,
    /// A full picture has been seen to its end: what we do not know of is over.
    complete: bool,
    /// What we know of the kernel may be wrong.
    astray: bool,
}

// === impl Enforcer ===

impl Enforcer {
    /// Reads back what the kernel holds and puts the table in place around it.
    pub fn start(config: EnforceConfig, backend: Backend, clock: Clock) -> Result<Self, NetlinkError> {
        let mut enforcer = Self {
            table: Table::new(config.accept.clone()),
            config,
            backend,
            clock,
            mirror: Mirror::default(),
            handle: None,
            changed: Vec::new(),
            ranges_changed: false,
            complete: false,
            astray: false,
        };
        enforcer.establish()?;
        Ok(enforcer)
    }

    /// Follows the updates until the stream ends or `shutdown`. Returns whether the kernel is in step then.
    pub async fn run(mut self, mut updates: mpsc::Receiver<Update>, shutdown: CancellationToken) -> bool {
        let mut ticks = tokio::time::interval(CHECK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(UPDATES_AT_ONCE);
        let mut looks: u32 = 0;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                count = updates.recv_many(&mut batch, UPDATES_AT_ONCE) => {
                    if count == 0 {
                        break;
                    }
                    batch.drain(..).for_each(|update| self.take(update));
                    self.settle();
                }
                _ = ticks.tick() => {
                    looks = looks.wrapping_add(1);
                    self.look(looks.is_multiple_of(CHECKS_PER_SWEEP));
                }
            }
        }
        tracing::info!(
            elements = self.mirror.len(),
            "stopping; the table stays and its elements expire by themselves"
        );
        !self.astray
    }

    fn take(&mut self, update: Update) {
        match update {
            Update::Begin => self.table.begin(),
            Update::Changes(changes) => changes.iter().for_each(|change| self.change(change)),
            Update::End => self.picture_complete(),
        }
    }

    fn change(&mut self, change: &Change) {
        let outcome = self.table.apply(change);
        let value = match change {
            Change::Add(add) => add.value,
            Change::Remove { value, .. } => *value,
        };
        match outcome {
            // The first picture also tells what of the kernel's remainder is right.
            Outcome::Changed | Outcome::Unchanged => match value.net() {
                net if net.prefix_len() == net.max_prefix_len() => self.changed.push(net.addr()),
                _ => self.ranges_changed = true,
            },
            Outcome::Refused(why) => {
                tracing::warn!(value = %value, reason = %why, "a decision that nobody may enforce was refused");
            }
            Outcome::Allowed => tracing::debug!(value = %value, "the local allowlist holds this value"),
            Outcome::OtherKind => {}
        }
    }

    fn picture_complete(&mut self) {
        let over = self.table.end();
        self.complete = true;
        self.everything();
        let left_out = self.table.left_out();
        tracing::info!(
            decisions = self.table.len(),
            over,
            refused = left_out.refused,
            allowlisted = left_out.allowed,
            other_remediations = left_out.other_kind,
            "a full picture of the decisions is complete"
        );
    }

    /// Everything that is wanted or held is to be compared.
    fn everything(&mut self) {
        let now = self.clock.now();
        self.ranges_changed = true;
        self.changed.clear();
        let differs = |address: &IpAddr| match (self.table.until(*address, now), self.mirror.until(*address))
        {
            (Some(wanted), Some(held)) => wanted.distance_secs(held) > plan::SLACK_SECS,
            (wanted, held) => wanted.is_some() != held.is_some(),
        };
        self.changed.extend(self.table.addresses(now).filter(differs));
        if self.complete {
            let over = self
                .mirror
                .addresses()
                .filter(|address| self.table.until(*address, now).is_none());
            self.changed.extend(over);
        }
    }

    /// Brings the kernel up to date. If it refuses, what it holds is read back and planned anew, once; if that
    /// fails too, again at the next look.
    fn settle(&mut self) {
        if self.try_settle() {
            return;
        }
        match self.establish() {
            Ok(()) => {
                self.everything();
                self.astray = !self.try_settle();
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "the kernel's tables cannot be read");
                self.astray = true;
            }
        }
    }

    fn try_settle(&mut self) -> bool {
        let now = self.clock.now();
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let wanted = changed
            .into_iter()
            .map(|address| (address, self.table.until(address, now)));
        let mut transactions = plan::addresses(wanted, &self.mirror, now);
        // Ranges wait for a complete picture: half of one would take out the other half.
        if self.complete && std::mem::take(&mut self.ranges_changed) {
            for family in [Family::V4, Family::V6] {
                let spans = self.table.spans(family, now);
                transactions.extend(plan::ranges(&spans, family, &self.mirror, now));
            }
        }
        transactions
            .iter()
            .all(|transaction| self.carry_out(transaction, now))
    }

    fn carry_out(&mut self, transaction: &Transaction, now: Moment) -> bool {
        match self.backend.apply(transaction, &self.config.table, now) {
            Ok(()) => {
                self.mirror.record(transaction);
                tracing::debug!(
                    entries = transaction.weight(),
                    elements = self.mirror.len(),
                    "a transaction took effect"
                );
                true
            }
            Err(error) => {
                tracing::warn!(
                    error = chain(&error),
                    entries = transaction.weight(),
                    "a transaction failed, nothing of it took effect"
                );
                false
            }
        }
    }

    /// Reads back what the kernel holds, and puts table, chains and rules in place around it.
    fn establish(&mut self) -> Result<(), NetlinkError> {
        let now = self.clock.now();
        let held = self.backend.read(&self.config.table, now)?;
        let transaction = self.config.layout.establish(&held.chains);
        self.backend.apply(&transaction, &self.config.table, now)?;
        self.handle = self.backend.table_handle(&self.config.table)?;
        tracing::info!(
            table = self.config.table,
            elements = held.mirror.len(),
            "the table is in place"
        );
        self.mirror = held.mirror;
        self.astray = false;
        Ok(())
    }

    /// Looks after the table: is it still ours, what has ended, what failed last time.
    fn look(&mut self, sweep: bool) {
        match self.backend.table_handle(&self.config.table) {
            Ok(handle) if handle == self.handle => {}
            Ok(_) => {
                tracing::warn!("somebody removed our table (a firewall reload?); it is put back");
                self.astray = true;
            }
            Err(error) => tracing::error!(error = chain(&error), "the kernel's tables cannot be looked at"),
        }
        if sweep {
            let now = self.clock.now();
            self.table.expire(now);
            self.mirror.expire(now);
        }
        if self.astray {
            match self.establish() {
                Ok(()) => {
                    self.everything();
                    self.settle();
                }
                Err(error) => tracing::error!(error = chain(&error), "the table cannot be put in place"),
            }
        }
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
