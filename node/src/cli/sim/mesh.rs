//! `vigie sim mesh`: the core of many nodes over a simulated network, and what gets where, when, at what cost.
//!
//! Model and measures stand in the crate `vigie-mesh-sim`; here are arguments, the progress bar and the summary.
//! Deliberately absent: anything of the running node.

use clap::Args;
use vigie_mesh_sim::{DEFINITIONS, Report, Setup, run};

use super::progress::bar;
use crate::terminal::say;

/// Simulate the mesh: the real core of many nodes over a simulated network
///
/// A run is a pure function of its numbers and its seed, but for the processor time that it measures. Organisations
/// publish for --seconds; then sync goes on until all honest nodes hold the same. 1,000 nodes take minutes and 4 GB.
#[derive(Debug, Args)]
#[command(after_long_help = DEFINITIONS)]
pub(super) struct Mesh {
    /// Organisations, each with one node, 2 to 20,000
    #[arg(long, value_name = "N", default_value_t = 100)]
    nodes: u32,
    /// Sightings per second and organisation; few see much, most see little. Above the network's rates, limits grow with it
    #[arg(long, value_name = "R", default_value_t = 0.5)]
    rate: f64,
    /// Share of the sightings that are urgent: those travel alone, 0 to 0.5
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    urgent: f64,
    /// The seed of everything that is drawn
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// How long organisations publish; at least twenty seconds more than a partition
    #[arg(long, value_name = "SECS", default_value_t = 30)]
    seconds: u32,
    /// Probability that a packet is lost, 0 to 0.5: TCP and QUIC send it again, which takes time
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    loss: f64,
    /// So long the network is in two halves
    #[arg(long, value_name = "SECS", default_value_t = 0)]
    partition: u32,
    /// Share of the nodes that are killed once, and start again 5 to 30 s later from what they had stored
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    churn: f64,
    /// Share of the nodes that forward nothing; half of these answer no sync either
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    droppers: f64,
    /// Share of the nodes that once say two things under one place of their chain, each to half of their peers
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    liars: f64,
    /// Upload bandwidth of a node
    #[arg(long, value_name = "MBIT", default_value_t = 20.0)]
    uplink: f64,
    /// Connections of a node, in the mean
    #[arg(long, value_name = "N", default_value_t = 20)]
    connections: u32,
    /// Gossip every envelope alone, as libp2p does by itself: to compare with
    #[arg(long)]
    one_by_one: bool,
    /// Print JSON; the last line is one object
    #[arg(long)]
    json: bool,
}

// === impl Mesh ===

impl Mesh {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let setup = self.setup();
        let bar = bar(0, "s", false);
        let report = run(&setup, &mut |second, of| {
            bar.set_length(of.max(second));
            bar.set_position(second);
        })?;
        bar.finish_and_clear();
        if self.json {
            return say(&(serde_json::to_string(&report)? + "\n"));
        }
        say(&for_people(&report))
    }

    const fn setup(&self) -> Setup {
        Setup {
            nodes: self.nodes,
            rate: self.rate,
            urgent: self.urgent,
            seed: self.seed,
            seconds: self.seconds,
            loss: self.loss,
            partition: self.partition,
            churn: self.churn,
            droppers: self.droppers,
            liars: self.liars,
            uplink_mbit: self.uplink,
            connections: self.connections,
            bundled: !self.one_by_one,
        }
    }
}

fn for_people(report: &Report) -> String {
    let millis = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value} ms"));
    let healed = report
        .heal_seconds
        .map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s"));
    let lines = [
        (
            "published",
            format!("{} rows in {} envelopes", report.published, report.envelopes),
        ),
        ("rows per envelope", format!("{}", report.mean_rows_per_envelope)),
        ("delivered", format!("{} (row, node) pairs", report.delivered)),
        ("lost", format!("{}", report.lost)),
        ("stores equal", format!("{}", report.stores_equal)),
        (
            "urgent, half and 99 %",
            format!(
                "{}, {}",
                millis(report.urgent_p50_ms),
                millis(report.urgent_p99_ms)
            ),
        ),
        (
            "normal, half and 99 %",
            format!(
                "{}, {}",
                millis(report.normal_p50_ms),
                millis(report.normal_p99_ms)
            ),
        ),
        ("copies per message", format!("{}", report.copies)),
        ("bytes per delivery", format!("{}", report.bytes_per_delivery)),
        (
            "processor per delivery",
            format!(
                "{} us: {} us of the core, {} us of libp2p",
                report.cpu_us_per_delivery,
                report.core_cpu_us_per_delivery,
                report.libp2p_cpu_us_per_delivery
            ),
        ),
        ("healed after", healed),
        ("lies proven after", millis(report.equivocation_detect_ms)),
    ];
    lines
        .iter()
        .map(|(name, value)| format!("{name:<24}{value}\n"))
        .collect()
}
