//! What came out: the figures of a run, and the stores of all honest nodes compared at its end.

use serde::Serialize;
use vigie_gossip_core::wire::{HeaderHash, PublisherId};

use crate::clock::as_seconds;
use crate::cpu::{LIBP2P_MICROS_PER_COPY, Work};
use crate::node::Node;
use crate::run::World;
use crate::setup::Setup;

/// The figures. What each means stands in [`DEFINITIONS`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "DEFINITIONS says what each is, once, for --help and for readers of this"
)]
pub struct Report {
    pub nodes: u32,
    pub seed: u64,
    pub sightings: u64,
    pub published: u64,
    pub envelopes: u64,
    pub mean_rows_per_envelope: f64,
    pub mean_envelope_bytes: f64,
    pub repeat_share: f64,
    pub copies: f64,
    pub delivered: u64,
    pub lost: u64,
    pub stores_equal: bool,
    pub urgent_p50_ms: Option<u64>,
    pub urgent_p99_ms: Option<u64>,
    pub normal_p50_ms: Option<u64>,
    pub normal_p99_ms: Option<u64>,
    pub repeat_p99_ms: Option<u64>,
    pub bytes_per_delivery: f64,
    pub gossip_bytes_per_delivery: f64,
    pub sync_bytes_per_delivery: f64,
    pub cpu_us_per_delivery: f64,
    pub core_cpu_us_per_delivery: f64,
    pub libp2p_cpu_us_per_delivery: f64,
    pub heal_seconds: Option<f64>,
    pub equivocation_detect_ms: Option<u64>,
    pub by_sync_share: f64,
    pub mean_envelopes_per_bundle: f64,
    pub copies_dropped: u64,
    pub over_rate: u64,
    pub sync_sessions: u64,
    pub sync_declined: u64,
    pub sync_timeouts: u64,
    pub simulated_seconds: f64,
    pub setup: Setup,
}

/// What every figure means.
pub const DEFINITIONS: &str = "\
FIGURES (rows are sightings after repeats were merged)
nodes, seed                  As asked for
sightings                    What honest organisations' sensors saw
published                    Rows that honest organisations published: sightings after repeats were counted together
envelopes                    What they travelled in
mean_rows_per_envelope       published / envelopes
mean_envelope_bytes          Encoded, header and signature included
repeat_share                 Sightings of an (address, behaviour) that the same organisation had seen before in the run
copies                       Copies of envelopes received for each that gossip or a stream brought
delivered                    (Row, node) pairs: a node other than the author's came to hold the row, by gossip or sync
lost                         (Row, honest node) pairs missing when the run ends
stores_equal                 All honest nodes hold the same set of (publisher, epoch, seq, header hash)
urgent_p50_ms, urgent_p99_ms From the sensor to stored at another node, over deliveries of urgent rows, however they came
normal_p50_ms, normal_p99_ms The same of rows told for the first time and not urgent: the window is in it
repeat_p99_ms                The same of rows that count repeats, from the first one counted
bytes_per_delivery           Bytes on the wire / delivered: envelopes, 200 bytes around each copy (390 from 4 KiB on), as
                             measured with heartbeats and lazy gossip in it; messages between neighbours and sync,
                             each with 150 bytes of frames and 60 of headers for every packet
gossip_.., sync_bytes_..     Its two parts
cpu_us_per_delivery          Processor time / delivered: the two below together
core_cpu_us_per_delivery     Measured in this run: decoding and verifying (done once for each envelope here, counted for
                             each node that took it), admission, sealing, windows and sync of the real core
libp2p_cpu_us_per_delivery   Not run here: 50 us for every message received, as measured of rust-libp2p
heal_seconds                 From the end of the partition until every honest node held all that was said before it ended
equivocation_detect_ms       From the lie until every honest node held its proof; the slowest lie. null: none, or not all
by_sync_share                Share of the arriving envelopes that sync brought
mean_envelopes_per_bundle    In a message between neighbours, which may have names alone; 0 if one by one
copies_dropped               Copies thrown away at a full uplink, or for a processor two seconds behind
over_rate                    Envelopes dropped again because their publisher exceeds his rate
sync_sessions, .._declined, .._timeouts
                             Comparisons begun, requests declined for the asker's allowance, requests without an answer
simulated_seconds            How long the network ran until it was quiet and equal";

// === impl Report ===

impl Report {
    pub(crate) fn of(world: &World<'_>) -> Self {
        let measure = &world.measure;
        let traffic = world.network.traffic;
        let meter = &world.meter;
        let per_delivery = |sum: f64| rounded(ratio(sum, measure.delivered));
        let taken = count(measure.by_gossip + measure.by_sync);
        let batched = count(measure.batched);
        let core = meter.mean(Work::Verify) * (taken - batched)
            + ratio(meter.total(Work::Batch), measure.batch_timed) * batched
            + meter.total(Work::Verify)
            + meter.total(Work::Admit)
            + meter.total(Work::Publish)
            + meter.mean(Work::Pack) * taken
            + meter.total(Work::Encode)
            + meter.mean(Work::Unpack) * count(measure.parcels)
            + meter.total(Work::Relay)
            + meter.total(Work::Sync);
        let libp2p = count(measure.copies * LIBP2P_MICROS_PER_COPY);
        let (lost, stores_equal) = compare(world);
        let heal = |at: u64| {
            world
                .heals_at
                .map(|heals| rounded(as_seconds(at.saturating_sub(heals))))
        };
        let proof = measure.slowest_proof(world.honest());
        Self {
            nodes: world.setup.nodes,
            seed: world.setup.seed,
            sightings: measure.sightings,
            published: measure.rows,
            envelopes: measure.envelopes,
            mean_rows_per_envelope: rounded(ratio(count(measure.rows), measure.envelopes)),
            mean_envelope_bytes: rounded(ratio(count(measure.payload_bytes), measure.envelopes)),
            repeat_share: rounded(ratio(count(measure.repeats), measure.sightings)),
            copies: rounded(ratio(
                count(measure.copies - measure.parcels + measure.unbundled),
                measure.firsts + measure.batched,
            )),
            delivered: measure.delivered,
            lost,
            stores_equal,
            urgent_p50_ms: measure.urgent.within(500),
            urgent_p99_ms: measure.urgent.within(990),
            normal_p50_ms: measure.new.within(500),
            normal_p99_ms: measure.new.within(990),
            repeat_p99_ms: measure.repeated.within(990),
            bytes_per_delivery: per_delivery(count(traffic.gossip_bytes + traffic.sync_bytes)),
            gossip_bytes_per_delivery: per_delivery(count(traffic.gossip_bytes)),
            sync_bytes_per_delivery: per_delivery(count(traffic.sync_bytes)),
            cpu_us_per_delivery: per_delivery(core + libp2p),
            core_cpu_us_per_delivery: per_delivery(core),
            libp2p_cpu_us_per_delivery: per_delivery(libp2p),
            heal_seconds: if lost == 0 {
                heal(measure.healed.unwrap_or(0))
            } else {
                None
            },
            equivocation_detect_ms: proof.map(|micros| micros.div_ceil(1_000)),
            by_sync_share: rounded(ratio(count(measure.by_sync), measure.by_gossip + measure.by_sync)),
            mean_envelopes_per_bundle: rounded(ratio(count(measure.bundled), measure.bundles)),
            copies_dropped: traffic.dropped,
            over_rate: measure.over_rate,
            sync_sessions: measure.sessions,
            sync_declined: measure.declined,
            sync_timeouts: measure.timeouts,
            simulated_seconds: rounded(as_seconds(world.now)),
            setup: world.setup.clone(),
        }
    }

    /// The same without what depends on the machine: equal for equal setups.
    #[must_use]
    pub fn without_cpu(&self) -> Self {
        Self {
            cpu_us_per_delivery: 0.0,
            core_cpu_us_per_delivery: 0.0,
            ..self.clone()
        }
    }
}

type Entry = (PublisherId, u32, u64, HeaderHash);

fn holds(node: &Node) -> impl Iterator<Item = Entry> + '_ {
    node.index.heads().into_iter().flat_map(|head| {
        let hashes = node.index.hashes(head.publisher, head.epoch, 0..=u64::MAX);
        hashes.map(move |(seq, hash)| (head.publisher, head.epoch, seq, hash))
    })
}

/// Rows missing at honest nodes, and whether all of those hold the same.
fn compare(world: &World<'_>) -> (u64, bool) {
    let mut honest = world.honest_nodes();
    let equal = honest
        .next()
        .is_none_or(|first| honest.all(|node| holds(node).eq(holds(first))));
    let missing = |node: &Node| -> u64 {
        let counted = world.book.iter().filter(|paper| paper.counts);
        counted
            .filter(|paper| {
                node.index.hash_at(paper.held.publisher, paper.held.place()) != Some(paper.held.hash)
            })
            .map(|paper| u64::try_from(paper.rows.len()).unwrap_or(0))
            .sum()
    };
    let lost = if equal {
        world
            .honest_nodes()
            .next()
            .map_or(0, |node| missing(node) * world.honest())
    } else {
        world.honest_nodes().map(missing).sum()
    };
    (lost, equal)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
fn count(value: u64) -> f64 {
    value as f64
}

fn ratio(sum: f64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { sum / count(of) }
}

/// To three places: a figure is read by people too.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
