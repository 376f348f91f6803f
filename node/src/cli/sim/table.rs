//! `vigie sim table`: every attack against every scorer, as JSON, as a page and as figures.
//!
//! Each run that ends is one line in the state file, so an interrupted table goes on where it stopped. Deliberately
//! absent: anything that a single `vigie sim` would not give; cells are such runs.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use clap::Args;
use vigie_sim::table::{Cell, Page, Plan, Row, figures, page, rows};
use vigie_sim::{Attack, Record, Scorers, Setup, generator, simulate};

use super::World;
use super::progress::bar;
use crate::terminal::say;

/// What the page shows between; everything else on it stays.
const BEGIN: &str = "<!-- written by vigie sim table: begin -->";
/// See `BEGIN`.
const END: &str = "<!-- written by vigie sim table: end -->";

/// Run attacks x scorers x liars x seeds, and write the table
///
/// Resumable: every run that ends is kept in the state file. Without options this takes days of one core.
#[derive(Debug, Args)]
pub(crate) struct Table {
    /// Attacks, separated by commas [default: none, A01 to A23, adaptive]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    attacks: Vec<String>,
    /// Scorers, separated by commas [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    scorers: Vec<String>,
    /// Shares of liars, separated by commas
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "0,0.1,0.2,0.3,0.4,0.49"
    )]
    liars: Vec<f64>,
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 10)]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "N", default_value_t = 1)]
    first_seed: u64,
    #[command(flatten)]
    world: World,
    /// A small table, minutes instead of days: 100 organisations, 20 days, 40 % liars, one seed, four scorers
    #[arg(long)]
    quick: bool,
    /// Runs at a time
    #[arg(long, value_name = "N", default_value = "1")]
    jobs: NonZeroUsize,
    /// Where ended runs are kept
    #[arg(long, value_name = "FILE", default_value = "target/sim-table.jsonl")]
    state: PathBuf,
    /// The table as JSON
    #[arg(long, value_name = "FILE", default_value = "docs/resistance.json")]
    out_json: PathBuf,
    /// The table as a page; of a page that is there only the marked part is replaced
    #[arg(long, value_name = "FILE", default_value = "docs/resistance.md")]
    out: PathBuf,
    /// Write what the state file holds, and run nothing
    #[arg(long)]
    write_only: bool,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

/// The state file: the plan's base, then a record a line.
struct State {
    file: Mutex<File>,
    records: Mutex<Vec<Record>>,
}

// === impl Table ===

impl Table {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let plan = self.plan()?;
        plan.base.check()?;
        if self.world.print_setup {
            return say(&(serde_json::to_string_pretty(&plan)? + "\n"));
        }
        let state = State::open(&self.state, &plan)?;
        if !self.write_only {
            self.run_missing(&plan, &state)?;
        }
        let records = state.of(&plan);
        let missing = plan.cells().len() - records.len();
        self.write(&plan, &records)?;
        say(&format!(
            "{} runs in {} and {}{}\n",
            records.len(),
            self.out.display(),
            self.out_json.display(),
            if missing > 0 {
                format!(", {missing} are missing")
            } else {
                String::new()
            }
        ))
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        let mut base = Setup::default();
        let mut plan = if self.quick {
            base.orgs = 100;
            base.days = 20;
            base.observers = 3;
            Plan {
                attacks: Attack::names().filter(|name| &**name != "adaptive").collect(),
                scorers: vec![
                    Scorers::Vigie,
                    Scorers::Count(2),
                    Scorers::Count(3),
                    Scorers::EigenTrust,
                ],
                liars: vec![0.0, 0.4],
                seeds: vec![self.first_seed],
                base: Setup::default(),
            }
        } else {
            let seeds = self.first_seed..self.first_seed.saturating_add(self.seeds.min(1_000));
            Plan {
                attacks: Attack::names().collect(),
                scorers: Scorers::ALL.to_vec(),
                liars: self.liars.clone(),
                seeds: seeds.collect(),
                base: Setup::default(),
            }
        };
        self.world.apply(&mut base)?;
        plan.base = base;
        if !self.attacks.is_empty() {
            for name in &self.attacks {
                name.parse::<Attack>()
                    .with_context(|| format!("--attacks {name}"))?;
            }
            plan.attacks = self.attacks.iter().map(|name| name.as_str().into()).collect();
        }
        if !self.scorers.is_empty() {
            let parse = |name: &String| name.parse().with_context(|| format!("--scorers {name}"));
            plan.scorers = self.scorers.iter().map(parse).collect::<anyhow::Result<_>>()?;
        }
        if let Some(wrong) = plan.liars.iter().find(|share| !(0.0..=0.95).contains(*share)) {
            bail!("--liars {wrong}: shares lie between 0 and 0.95");
        }
        Ok(plan)
    }

    fn run_missing(&self, plan: &Plan, state: &State) -> anyhow::Result<()> {
        let missing: Vec<Cell> = plan.cells().into_iter().filter(|cell| !state.has(cell)).collect();
        let bar = bar(u64::try_from(missing.len())?, "run", self.quiet);
        let queue = Mutex::new(missing.into_iter());
        let work = || -> anyhow::Result<()> {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(cell) = next else { return Ok(()) };
                bar.set_message(format!("{} {} {}", cell.attack, cell.scorer, cell.liars));
                let outcome = simulate(&plan.setup(&cell)?, &mut generator(cell.seed))?;
                state.keep(Record {
                    seed: cell.seed,
                    outcome,
                })?;
                bar.inc(1);
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs.get().min(256)).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(ended) => ended,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    fn write(&self, plan: &Plan, records: &[Record]) -> anyhow::Result<()> {
        let rows = rows(records);
        write(&self.out_json, &json(plan, &rows)?)?;
        let said = |argument: &String| argument != "--write-only";
        let command: Vec<String> = std::env::args().skip(1).filter(said).collect();
        let table = Page {
            plan,
            rows: &rows,
            command: &format!("vigie {}", command.join(" ")),
            figures: "resistance",
        };
        let directory = self.out.with_extension("");
        for (name, _, svg) in figures(&table) {
            write(&directory.join(name), &svg)?;
        }
        let known = std::fs::read_to_string(&self.out).unwrap_or_default();
        let figures_at = directory
            .file_name()
            .map_or("".into(), |name| name.to_string_lossy());
        let text = page(&Page {
            figures: &figures_at,
            ..table
        });
        write(&self.out, &placed(&known, &text))
    }
}

/// The table as JSON, a row a line.
fn json(plan: &Plan, rows: &[Row]) -> anyhow::Result<String> {
    let lines: Vec<String> = rows.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    Ok(format!(
        "{{\"plan\":{},\n\"rows\":[\n{}\n]}}\n",
        serde_json::to_string(plan)?,
        lines.join(",\n")
    ))
}

/// The page with its marked part replaced; a page without one gets it at its end.
fn placed(known: &str, text: &str) -> String {
    let part = format!("{BEGIN}\n\n{text}\n{END}");
    match (known.split_once(BEGIN), known.split_once(END)) {
        (Some((before, _)), Some((_, after))) => format!("{before}{part}{after}"),
        _ if known.is_empty() => format!("# Resistance to poisoning, measured\n\n{part}\n"),
        _ => format!("{}\n\n{part}\n", known.trim_end()),
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(cannot)?;
    }
    std::fs::write(path, text).with_context(cannot)
}

// === impl State ===

impl State {
    fn open(path: &Path, plan: &Plan) -> anyhow::Result<Self> {
        let base = serde_json::to_string(&plan.base)?;
        let known = std::fs::read_to_string(path).unwrap_or_default();
        let mut lines = known.lines();
        let fresh = lines.next().is_none_or(|first| {
            // Another world's runs do not belong into this table.
            first != base
        });
        if fresh && !known.is_empty() {
            bail!(
                "{} holds runs of another world: take another --state, or delete it",
                path.display()
            );
        }
        // A line that a crash cut short is one run to do again.
        let records = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        if fresh {
            writeln!(file, "{base}")?;
        } else if !known.ends_with('\n') {
            writeln!(file)?;
        }
        Ok(Self {
            file: Mutex::new(file),
            records: Mutex::new(records),
        })
    }

    fn has(&self, cell: &Cell) -> bool {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().any(|record| cell.is_of(record))
    }

    fn keep(&self, record: Record) -> anyhow::Result<()> {
        let line = serde_json::to_string(&record)?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{line}").context("cannot write the state file")?;
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(record);
        Ok(())
    }

    /// The records of a plan, in its order.
    fn of(&self, plan: &Plan) -> Vec<Record> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        plan.cells()
            .iter()
            .filter_map(|cell| records.iter().find(|record| cell.is_of(record)).cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marked_part_of_a_page_is_replaced() {
        let first = placed("", "one");
        let known = format!("before\n{first}\nafter");
        let second = placed(&known, "two");
        assert!(second.starts_with("before\n") && second.ends_with("\nafter"));
        assert!(second.contains("two") && !second.contains("one"), "{second}");
        assert_eq!(placed(&second, "two"), second);
    }
}
