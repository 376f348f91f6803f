//! The run: events in order of time, until everybody holds everything or nothing changes any more.

use std::time::Duration;

use vigie_gossip_core::{Class, Scale};

use crate::book::Book;
use crate::clock::{MILLI, Micros, SECOND};
use crate::cpu::Meter;
use crate::dice::Dice;
use crate::founding::Founding;
use crate::gossip::Gossip;
use crate::measure::Measure;
use crate::network::Network;
use crate::node::Node;
use crate::parcels::Parcels;
use crate::queue::{Event, Queue};
use crate::report::Report;
use crate::setup::{Setup, SetupRefused};
use crate::sync::Exchange;
use crate::workload::Workload;

/// So long after the last word sync may take. What is not everywhere by then is lost.
const QUIET: Micros = 30 * 60 * SECOND;
/// Rows that a member may sign in a slot of ten minutes, and so in a second.
const MEMBER_ROWS_PER_SECOND: f64 = 1.0;
/// Bursts of the busiest organisation over its mean.
const HEADROOM: f64 = 2.0;

/// The whole of a run.
pub(crate) struct World<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) now: Micros,
    /// When the last sighting may come.
    pub(crate) publishing: Micros,
    /// When the partition ends.
    pub(crate) heals_at: Option<Micros>,
    pub(crate) scale: Scale,
    pub(crate) queue: Queue,
    pub(crate) founding: Founding,
    pub(crate) nodes: Vec<Node>,
    pub(crate) network: Network,
    pub(crate) gossip: Gossip,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) parcels: Parcels,
    pub(crate) book: Book,
    pub(crate) workload: Workload,
    pub(crate) dice: Dice,
    pub(crate) measure: Measure,
    pub(crate) meter: Meter,
}

/// Runs it. The same setup gives the same report, but for what the processor took. `on_second` hears of every simulated
/// second, and of how many are certain to come.
pub fn run(setup: &Setup, on_second: &mut dyn FnMut(u64, u64)) -> Result<Report, SetupRefused> {
    setup.check()?;
    let mut world = World::new(setup);
    world.begin();
    while let Some((at, event)) = world.queue.pop() {
        world.now = world.now.max(at);
        if event == Event::Second {
            on_second(world.now / SECOND, world.publishing / SECOND);
            if world.is_over() {
                break;
            }
        }
        world.handle(event);
    }
    Ok(Report::of(&world))
}

// === impl World ===

impl<'a> World<'a> {
    fn new(setup: &'a Setup) -> Self {
        let founding = Founding::new(setup);
        let workload = Workload::new(setup);
        let scale = scale(workload.highest_rate());
        let seeds = usize::try_from(setup.seeds()).unwrap_or(1);
        let class = |node: usize| if node < seeds { Class::Seed } else { Class::Member };
        let keys = founding.keys.iter().enumerate();
        let nodes = keys
            .map(|(nth, key)| Node::new(key.clone(), class(nth), scale))
            .collect();
        Self {
            setup,
            now: 0,
            publishing: setup.publishing(),
            heals_at: None,
            scale,
            queue: Queue::new(),
            founding,
            nodes,
            network: Network::new(setup),
            gossip: Gossip::new(setup.seed),
            exchanges: Vec::new(),
            parcels: Parcels::default(),
            book: Book::default(),
            workload,
            dice: Dice::new(setup.seed, "decisions"),
            measure: Measure::default(),
            meter: Meter::new(),
        }
    }

    fn begin(&mut self) {
        self.join_meshes();
        self.plan_trouble();
        for node in 0..self.setup.nodes {
            let pause = self.workload.pause(node);
            self.queue.push(pause, Event::Sight { node });
            let beat = self.dice.below(SECOND);
            self.queue.push(beat, Event::Heartbeat { node });
            // As if all had been running for long: rounds are spread over their interval.
            let first = self.dice.below(30 * SECOND) / MILLI;
            let first = crate::clock::signed(0) + Duration::from_millis(first);
            self.nodes[node as usize].pace.first_round(first);
            self.wake_pace(node);
        }
        self.queue.push(SECOND, Event::Second);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Copy { to, from, message } => self.on_copy(to, from, message),
            Event::Stored { node, message } => self.on_stored(node, message),
            Event::Have { to, from, message } => self.on_have(to, from, message),
            Event::Want { to, from, message } => self.on_want(to, from, message),
            Event::Relay { node } => self.on_relay(node),
            Event::Parcel { to, from, parcel } => self.on_parcel(to, from, parcel),
            Event::Unpacked { node, life, parcel } => self.on_unpacked(node, life, parcel),
            Event::Sight { node } => self.on_sight(node),
            Event::Window { node } => self.on_window(node),
            Event::Heartbeat { node } => self.on_heartbeat(node),
            Event::Pace { node } => self.on_pace(node),
            Event::Asked { exchange } => self.on_asked(exchange),
            Event::Answered { exchange } => self.on_answered(exchange),
            Event::Timeout { exchange } => self.on_timeout(exchange),
            Event::Next { node, peer } => self.on_next(node, peer),
            Event::Split => self.on_split(),
            Event::Heal => self.on_heal(),
            Event::Dead { node, link } => self.on_dead(node, link),
            Event::Redial { node, link, extra } => self.on_redial(node, link, extra),
            Event::Probe { node } => self.on_probe(node),
            Event::Crash { node } => self.on_crash(node),
            Event::Restart { node } => self.on_restart(node),
            Event::Lie { node } => self.on_lie(node),
            Event::Second => {
                self.gossip.tidy(self.now);
                self.queue.push(self.now + SECOND, Event::Second);
            }
        }
    }

    /// Whether all that was said is everywhere, or will never be.
    fn is_over(&self) -> bool {
        if self.now < self.publishing + SECOND {
            return false;
        }
        let late = self.now > self.publishing + QUIET;
        late || self.network.up.iter().all(|up| *up) && self.is_complete() && self.stores_agree()
    }

    fn is_complete(&self) -> bool {
        let waiting = self.nodes.iter().any(|node| !node.waiting.is_empty());
        !waiting && self.measure.held >= self.measure.envelopes * self.honest()
    }

    fn stores_agree(&self) -> bool {
        let mut digests = self.honest_nodes().map(|node| node.index.digest());
        let first = digests.next();
        digests.all(|digest| Some(digest) == first)
    }

    pub(crate) fn honest_nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.role.is_honest())
    }

    pub(crate) fn honest(&self) -> u64 {
        u64::try_from(self.honest_nodes().count()).unwrap_or(0)
    }
}

/// Limits that grow with the rate: a run above the network's constants is about the mesh, not about its limits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are at most fifty thousand"
)]
fn scale(highest_rate: f64) -> Scale {
    Scale::times((highest_rate * HEADROOM / MEMBER_ROWS_PER_SECOND).ceil().max(1.0) as u32)
}
