//! `vigie sensor replay FILE --type T`: what would these rules have found in this history?
//!
//! The rules are the node's own or those of a hub's directory. Nothing is sent, decided or stored.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use vigie_sensor::detect::Detection;
use vigie_sensor::replay::{Outcome, Progress, Replay as History};

use super::super::Global;
use super::rules::Rules;
use crate::asked::Asked;
use crate::clock;
use crate::terminal::{printable, say};

/// Run a log's history under rules, in the log's own time, and tell what they find
///
/// The log may be plain, gzip or zstd. Dates without a year are taken for the latest that do not lie ahead.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The log
    file: PathBuf,
    /// What kind of log it is, as in the type label of a source: syslog, nginx, apache2
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    #[command(flatten)]
    rules: Rules,
    /// Threads that parse [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Write every detection to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    detections: Option<PathBuf>,
    /// Run the plain engine, which foresees nothing: the measure of the ordinary one
    #[arg(long)]
    plain: bool,
    /// Print JSON; the last line is the summary
    #[arg(long)]
    json: bool,
}

/// Bytes, lines a second and the time that is left, on standard error if that is a terminal.
struct Bar {
    bar: ProgressBar,
    began: Instant,
}

// === impl Replay ===

impl Replay {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let began = Instant::now();
        let rules = self.rules.load(global, Asked::nobody())?;
        let mut told = self.told()?;
        let mut history = History::new(&self.file, &self.kind, clock::now());
        let every = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        history.threads = self.threads.unwrap_or(every);
        history.plain = self.plain;
        let bar = Bar::new(self.json);
        let mut failed = None;
        let outcome = history.run(
            &rules,
            |progress| bar.show(progress),
            |detection| {
                let wrote = told.as_mut().map_or(Ok(()), |file| write(file, &detection));
                if let Err(error) = wrote {
                    failed.get_or_insert(error);
                }
            },
        )?;
        bar.bar.finish_and_clear();
        if let Some(file) = &mut told {
            let wrote = failed.map_or(Ok(()), Err).and_then(|()| Ok(file.flush()?));
            wrote.context("cannot write the detections")?;
        }
        let used = Used::since(began)?;
        if self.json {
            return say(&format!("{}\n", summary(&outcome, &used)));
        }
        say(&table(&outcome, &used))
    }

    fn told(&self) -> anyhow::Result<Option<BufWriter<File>>> {
        let create = |path: &PathBuf| {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(BufWriter::new(file))
        };
        self.detections.as_ref().map(create).transpose()
    }
}

fn write(file: &mut BufWriter<File>, detection: &Detection) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *file, detection)?;
    Ok(file.write_all(b"\n")?)
}

/// What the process used.
struct Used {
    wall_s: f64,
    cpu_s: f64,
    peak_mib: f64,
}

// === impl Used ===

impl Used {
    fn since(began: Instant) -> anyhow::Result<Self> {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let nanos = u32::try_from(cpu.tv_nsec)?;
        Ok(Self {
            wall_s: round(began.elapsed().as_secs_f64()),
            cpu_s: round(f64::from(u32::try_from(cpu.tv_sec)?) + f64::from(nanos) / 1e9),
            peak_mib: round(peak.map_or(Ok(0), str::parse::<u32>).map_or(0.0, f64::from) / 1024.0),
        })
    }
}

fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

// === impl Bar ===

impl Bar {
    fn new(quiet: bool) -> Self {
        let target = if quiet || !std::io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(8)
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {msg}  {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self {
            bar,
            began: Instant::now(),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people to look at"
    )]
    fn show(&self, progress: Progress) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_length(progress.file_bytes);
        self.bar.set_position(progress.read_bytes);
        let rate = progress.lines as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        self.bar.set_message(format!("{} lines/s", rate as u64));
    }
}

/// One object, on one line.
fn summary(outcome: &Outcome, used: &Used) -> serde_json::Value {
    let scenarios: serde_json::Map<_, _> = outcome
        .scenarios
        .iter()
        .map(|(name, found)| {
            let counts = json!({"detections": found.detections, "sources": found.sources.len()});
            (name.clone(), counts)
        })
        .collect();
    json!({
        "lines": outcome.lines,
        "bytes": outcome.bytes,
        "parsed": outcome.parsed,
        "unparsed": outcome.unparsed,
        "whitelisted": outcome.whitelisted,
        "detections": outcome.detections,
        "sources": outcome.sources().len(),
        "scenarios": scenarios,
        "suppressed": outcome.suppressed,
        "rule_errors": outcome.rule_errors,
        "buckets": outcome.buckets,
        "evicted": outcome.evicted,
        "cut": outcome.cut,
        "lossy": outcome.lossy,
        "nul": outcome.nul,
        "backwards": outcome.backwards,
        "wall_s": used.wall_s,
        "cpu_s": used.cpu_s,
        "peak_mib": used.peak_mib,
    })
}

/// The most sources named for each scenario.
const NAMED: usize = 5;

fn table(outcome: &Outcome, used: &Used) -> String {
    let mut out = String::new();
    for (name, found) in &outcome.scenarios {
        out.push_str(&format!(
            "{}: {} detections, {} sources: {}\n",
            printable(name),
            found.detections,
            found.sources.len(),
            named(&found.sources),
        ));
    }
    out.push_str(&format!(
        "{} lines: {} parsed, {} unparsed, {} whitelisted; {} detections of {} sources\n\
         {:.1} s, {:.1} s of processor time, at most {:.0} MiB\n",
        outcome.lines,
        outcome.parsed,
        outcome.unparsed,
        outcome.whitelisted,
        outcome.detections,
        outcome.sources().len(),
        used.wall_s,
        used.cpu_s,
        used.peak_mib,
    ));
    out
}

fn named(sources: &BTreeSet<String>) -> String {
    let few: Vec<_> = sources
        .iter()
        .take(NAMED)
        .map(|source| printable(source))
        .collect();
    let dots = if sources.len() > NAMED { ", ..." } else { "" };
    format!("{}{dots}", few.join(", "))
}
