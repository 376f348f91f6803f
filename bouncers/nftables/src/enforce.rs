//! The loop between the stream and the kernel. Before: `vigie-bouncer-client`. After: [`crate::apply`].
//!
//! Start: what an earlier start left in the kernel stays in force, and a new generation of sets is filled beside it. While
//! a full picture arrives, its additions take effect at once; what it does not name goes with the older generation when
//! the picture is complete, not before. When the kernel refuses something, or somebody else took out what is ours, another
//! generation is filled in the same way. The table stays when we end.

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
use crate::transaction::{Set, Transaction};

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
/// Most addresses planned for at a time: a plan takes some hundred bytes for each.
const ADDRESSES_AT_ONCE: usize = 16_000;
/// Between two looks at whether what is ours still is there.
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
    /// Sets in force beside those of the mirror, until these hold everything.
    older: Vec<Set>,
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
    /// Puts the table in place, or a new generation of sets into the one that is there.
    pub fn start(config: EnforceConfig, backend: Backend, clock: Clock) -> Result<Self, NetlinkError> {
        let mut enforcer = Self {
            table: Table::new(config.accept.clone()),
            config,
            backend,
            clock,
            mirror: Mirror::default(),
            older: Vec::new(),
            handle: None,
            changed: Vec::new(),
            ranges_changed: false,
            complete: false,
            astray: false,
        };
        enforcer.renew()?;
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
        !self.astray && (self.older.is_empty() || !self.complete)
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

    /// Brings the kernel up to date. If it refuses, a new generation is filled, once; if that fails too, again at the next
    /// look, and until then nothing older goes.
    fn settle(&mut self) {
        let refused = !self.try_settle();
        self.astray = self.astray || (refused && !self.begin_anew());
        self.retire();
    }

    fn begin_anew(&mut self) -> bool {
        if let Err(error) = self.renew() {
            tracing::error!(error = chain(&error), "the table cannot be put in place");
            return false;
        }
        self.everything();
        self.try_settle()
    }

    fn try_settle(&mut self) -> bool {
        let now = self.clock.now();
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let singles = changed.chunks(ADDRESSES_AT_ONCE).all(|some| {
            let wanted = some
                .iter()
                .map(|address| (*address, self.table.until(*address, now)));
            let planned = plan::addresses(wanted, &self.mirror, now);
            self.carry_out(&planned, now)
        });
        // Ranges wait for a complete picture: half of one would take out the other half.
        if !(singles && self.complete && std::mem::take(&mut self.ranges_changed)) {
            return singles;
        }
        [Family::V4, Family::V6].into_iter().all(|family| {
            let spans = self.table.spans(family, now);
            let planned = plan::ranges(&spans, family, &self.mirror, now);
            self.carry_out(&planned, now)
        })
    }

    /// When our generation holds everything, the older ones go. Refused, they stay, which keeps nobody in: the next look
    /// tries again.
    fn retire(&mut self) {
        if self.astray || !self.complete || self.older.is_empty() {
            return;
        }
        let layout = &self.config.layout;
        let transaction = layout.retire(self.mirror.generation(), &self.older);
        if self.carry_out(&[transaction], self.clock.now()) {
            self.older.clear();
            tracing::info!(
                elements = self.mirror.len(),
                "a new generation of sets is complete, and the only one"
            );
        }
    }

    fn carry_out(&mut self, transactions: &[Transaction], now: Moment) -> bool {
        transactions.iter().all(|one| self.carry_out_one(one, now))
    }

    fn carry_out_one(&mut self, transaction: &Transaction, now: Moment) -> bool {
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

    /// Begins a new generation: its sets are empty, and in force beside those that are there.
    fn renew(&mut self) -> Result<(), NetlinkError> {
        let now = self.clock.now();
        let found = self.backend.find(&self.config.table)?;
        let renewal = self.config.layout.renew(&found);
        self.backend
            .apply(&renewal.transaction, &self.config.table, now)?;
        self.handle = self.backend.table_handle(&self.config.table)?;
        self.mirror = Mirror::of(renewal.generation);
        self.older = renewal.older;
        tracing::info!(
            table = self.config.table,
            older_sets = self.older.len(),
            "the table is in place, with a new generation of sets"
        );
        Ok(())
    }

    /// Looks after the table: is it still ours, what has ended, what failed last time.
    fn look(&mut self, sweep: bool) {
        let now = self.clock.now();
        if sweep {
            self.table.expire(now);
            self.mirror.expire(now);
        }
        match self.stands(now) {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("somebody took out what is ours (a firewall reload?); it is put back");
                self.astray = true;
            }
            Err(error) => tracing::error!(error = chain(&error), "the kernel's tables cannot be looked at"),
        }
        if self.astray {
            self.astray = !self.begin_anew();
        }
        self.retire();
    }

    fn stands(&mut self, now: Moment) -> Result<bool, NetlinkError> {
        let table = &self.config.table;
        let same = self.backend.table_handle(table)? == self.handle;
        Ok(same && self.backend.holds(&self.mirror, table, now)?)
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
