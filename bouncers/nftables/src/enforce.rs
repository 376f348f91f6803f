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
use vigie_bouncer_client::{Change, Clock, Pulse, Table, TableConfig, Update, Value, with_causes};

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
    /// Told how much is held and dropped.
    pub pulse: Pulse,
}

/// Updates taken from the channel before the kernel is spoken to: what arrives together takes effect together.
const UPDATES_AT_ONCE: usize = 16;
/// Most addresses planned for at a time: a plan takes some hundred bytes for each.
const ADDRESSES_AT_ONCE: usize = 16_000;
/// Between two looks at whether what is ours still is there.
const CHECK: Duration = Duration::from_secs(5);
/// Most looks between two attempts to put things right: each fills a whole generation, and the kernel may refuse for good.
const LONGEST_PAUSE: u32 = 12;
/// Every so many looks, what has ended is forgotten.
const CHECKS_PER_SWEEP: u32 = 12;

/// Keeps the kernel in step with the decisions.
#[derive(Debug)]
pub struct Enforcer {
    clock: Clock,
    pulse: Pulse,
    table: Table,
    in_force: InForce,
    changed: Changed,
    /// A full picture has been seen to its end: what we do not know of is over.
    complete: bool,
    /// What we know of the kernel may be wrong.
    astray: bool,
    /// Looks to let pass before that is put right, and how many that will be next time.
    pause: (u32, u32),
}

/// What is to be compared with the kernel.
#[derive(Debug, Default)]
struct Changed {
    addresses: Vec<IpAddr>,
    all_addresses: bool,
    ranges: bool,
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
            changed: Changed::default(),
            complete: false,
            astray: false,
            pause: (0, 0),
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
                self.changed.ranges = true;
            }
            Update::Spared(nets) => {
                self.table.spare(nets);
                self.changed.ranges = true;
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
                Value::Address(address) => self.changed.addresses.push(address),
                Value::Range(_) | Value::Place(_) => self.changed.ranges = true,
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
        self.changed = Changed {
            addresses: Vec::new(),
            all_addresses: true,
            ranges: true,
        };
    }

    /// Brings the kernel up to date. If it refuses, a new generation is filled, once; if that fails too, again at the next
    /// look, and until then nothing older goes.
    fn settle(&mut self) {
        let refused = !self.try_settle();
        self.astray = self.astray || (refused && !self.begin_anew());
        self.retire();
    }

    fn try_settle(&mut self) -> bool {
        let mut changed = std::mem::take(&mut self.changed.addresses);
        changed.sort_unstable();
        changed.dedup();
        let singles = (!std::mem::take(&mut self.changed.all_addresses) || self.bring_all())
            && bring(&mut self.in_force, &self.table, self.clock, changed);
        // Ranges wait for a complete picture: half of one would take out the other half.
        if !(singles && self.complete && std::mem::take(&mut self.changed.ranges)) {
            return singles;
        }
        [Family::V4, Family::V6].into_iter().all(|family| {
            let now = self.clock.now();
            let spans = self.table.spans(family, now);
            let planned = plan::ranges(&spans, family, self.in_force.mirror(), now);
            self.in_force.carry_out(&planned, now)
        })
    }

    /// Whoever is kept out, and then who is to be no longer.
    fn bring_all(&mut self) -> bool {
        let (table, now) = (&self.table, self.clock.now());
        if !bring(&mut self.in_force, table, self.clock, table.addresses(now)) {
            return false;
        }
        // Before the picture is complete, nobody is known to be over.
        let held = self.in_force.mirror().addresses().filter(|_| self.complete);
        let over: Vec<IpAddr> = held
            .filter(|address| table.term(*address, now).is_none())
            .collect();
        bring(&mut self.in_force, table, self.clock, over)
    }

    fn begin_anew(&mut self) -> bool {
        if let Err(error) = self.in_force.renew(self.clock.now()) {
            tracing::error!(error = with_causes(&error), "the table cannot be put in place");
            return false;
        }
        self.everything();
        self.try_settle()
    }

    fn put_right(&mut self) {
        let (left, next) = self.pause;
        if left > 0 {
            self.pause.0 = left - 1;
            return;
        }
        self.astray = !self.begin_anew();
        let longer = next.saturating_mul(2).clamp(1, LONGEST_PAUSE);
        self.pause = if self.astray { (next, longer) } else { (0, 0) };
    }

    /// Older generations go when nothing is missing that they might hold.
    fn retire(&mut self) {
        if self.complete && !self.astray {
            self.in_force.retire(self.clock.now());
        }
    }

    /// Looks after the table: what has ended, is it still ours, what failed last time.
    fn look(&mut self, sweep: bool) {
        let now = self.clock.now();
        if sweep {
            self.table.expire(now);
            self.in_force.expire(now);
        }
        let seen = self
            .in_force
            .stands(now)
            .and_then(|stands| Ok((stands, self.in_force.dropped()?)));
        match seen {
            Ok((stands, dropped)) => {
                if !stands {
                    tracing::warn!("somebody took out what is ours (a firewall reload?); it is put back");
                    self.astray = true;
                }
                self.pulse.dropped(dropped);
            }
            Err(error) => tracing::error!(
                error = with_causes(&error),
                "the kernel's tables cannot be looked at"
            ),
        }
        self.pulse.holds(self.table.by_origin());
        if self.astray {
            self.put_right();
        }
        self.retire();
    }
}

/// Has the kernel keep these addresses out as the table says by now, some at a time: a plan takes far more room than they do.
fn bring(
    in_force: &mut InForce,
    table: &Table,
    clock: Clock,
    addresses: impl IntoIterator<Item = IpAddr>,
) -> bool {
    let mut addresses = addresses.into_iter().peekable();
    while addresses.peek().is_some() {
        let now = clock.now();
        let wanted = addresses
            .by_ref()
            .take(ADDRESSES_AT_ONCE)
            .map(|address| (address, table.term(address, now)));
        let planned = plan::addresses(wanted, in_force.mirror(), now);
        if !in_force.carry_out(&planned, now) {
            return false;
        }
    }
    true
}
