//! The loop between the stream and the kernel. Before: `vigie-bouncer-client`. After: `in_force`.
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
use vigie_bouncer_client::{Change, Clock, Pulse, Table, TableConfig, Update, Value};

use crate::apply::Backend;
use crate::in_force::InForce;
use crate::layout::Layout;
use crate::netlink::NetlinkError;
use crate::plan;

/// What to enforce and where.
#[derive(Clone, Debug)]
pub struct EnforceConfig {
    /// Name of our table.
    pub table: String,
    /// Its form.
    pub layout: Layout,
    /// Which decisions to take.
    pub accept: TableConfig,
    /// Told how much is held.
    pub pulse: Pulse,
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
    clock: Clock,
    pulse: Pulse,
    table: Table,
    in_force: InForce,
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
        Ok(Self {
            clock,
            table: Table::new(config.accept),
            pulse: config.pulse,
            in_force: InForce::start((backend, config.table, config.layout), clock.now())?,
            changed: Vec::new(),
            ranges_changed: false,
            complete: false,
            astray: false,
        })
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
            elements = self.in_force.mirror().len(),
            "stopping; the table stays and its elements expire by themselves"
        );
        !self.astray && (self.in_force.is_alone() || !self.complete)
    }

    fn take(&mut self, update: Update) {
        match update {
            Update::Atlas(atlas) => {
                self.table.locate(atlas);
                self.ranges_changed = true;
            }
            Update::Spared(nets) => {
                self.table.spare(nets);
                self.ranges_changed = true;
            }
            Update::Begin => self.table.begin(),
            Update::Changes(changes) => changes.iter().for_each(|change| self.change(change)),
            Update::End => self.picture_complete(),
        }
    }

    fn change(&mut self, change: &Change) {
        let value = change.value();
        match self.table.apply(change) {
            // The first picture also tells what of the kernel's remainder is right.
            Outcome::Changed | Outcome::Unchanged => match value {
                Value::Address(address) => self.changed.push(address),
                Value::Range(_) | Value::Place(_) => self.ranges_changed = true,
            },
            Outcome::Nowhere => {
                tracing::warn!(%value, "no database knows where this is, so it keeps nobody out");
            }
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
        let mirror = self.in_force.mirror();
        self.ranges_changed = true;
        self.changed.clear();
        let differs = |address: &IpAddr| match (self.table.until(*address, now), mirror.until(*address)) {
            (Some(wanted), Some(held)) => wanted.distance_secs(held) > plan::SLACK_SECS,
            (wanted, held) => wanted.is_some() != held.is_some(),
        };
        self.changed.extend(self.table.addresses(now).filter(differs));
        if self.complete {
            let over = mirror
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

    fn try_settle(&mut self) -> bool {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let singles = changed.chunks(ADDRESSES_AT_ONCE).all(|some| {
            let now = self.clock.now();
            let wanted = some
                .iter()
                .map(|address| (*address, self.table.until(*address, now)));
            let planned = plan::addresses(wanted, self.in_force.mirror(), now);
            self.in_force.carry_out(&planned, now)
        });
        // Ranges wait for a complete picture: half of one would take out the other half.
        if !(singles && self.complete && std::mem::take(&mut self.ranges_changed)) {
            return singles;
        }
        [Family::V4, Family::V6].into_iter().all(|family| {
            let now = self.clock.now();
            let spans = self.table.spans(family, now);
            let planned = plan::ranges(&spans, family, self.in_force.mirror(), now);
            self.in_force.carry_out(&planned, now)
        })
    }

    fn begin_anew(&mut self) -> bool {
        if let Err(error) = self.in_force.renew(self.clock.now()) {
            tracing::error!(error = error.with_causes(), "the table cannot be put in place");
            return false;
        }
        self.everything();
        self.try_settle()
    }

    /// Older generations go when nothing is missing that they might hold.
    fn retire(&mut self) {
        if self.complete && !self.astray {
            self.in_force.retire(self.clock.now());
        }
    }

    /// Looks after the table: what has ended, is it still ours, what failed last time.
    fn look(&mut self, sweep: bool) {
        self.pulse.holds(self.table.len());
        let now = self.clock.now();
        if sweep {
            self.table.expire(now);
            self.in_force.expire(now);
        }
        match self.in_force.stands(now) {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("somebody took out what is ours (a firewall reload?); it is put back");
                self.astray = true;
            }
            Err(error) => tracing::error!(
                error = error.with_causes(),
                "the kernel's tables cannot be looked at"
            ),
        }
        if self.astray {
            self.astray = !self.begin_anew();
        }
        self.retire();
    }
}
