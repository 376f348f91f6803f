//! `vigie sim`: what a scorer does under attack, in a simulated network. One run here, the whole table in `table`; the
//! network itself, simulated, in `mesh`.
//!
//! The model, the attacks and the measures stand in the crate `vigie-sim`; here are arguments, files and the progress
//! bar. Deliberately absent: anything of the running node. Nothing is read from it or told to it.

mod define;
mod mesh;
mod progress;
mod replay;
mod table;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use vigie_sim::{Attack, Record, Recording, Scorers, Setup, course, generator};

use crate::terminal::say;
use define::MEASURES;
use progress::bar;

/// Simulate a network under attack, and what a scorer makes of it
///
/// A run is a pure function of its numbers and its seed: the same give the same bytes, on every machine.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_long_help = MEASURES)]
pub(crate) struct Sim {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    Table(table::Table),
    Mesh(mesh::Mesh),
}

/// One run.
#[derive(Debug, Args)]
struct Run {
    /// What the liars do: none, A01 to A23, adaptive
    #[arg(long, value_name = "ID", default_value = "none")]
    attack: String,
    /// Liars among all organisations, 0 to 0.95
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    liars: f64,
    /// Whose opinion is measured: vigie, count-K, crowdsec, beta, eigentrust, fides, fides-best, nerd, dawid-skene, oracle
    #[arg(long, value_name = "NAME", default_value = "vigie")]
    scorer: String,
    /// The seed of everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    world: World,
    /// Real attackers instead of drawn ones, from ../shared/trust-data or --data-set: honeypots, lists
    #[arg(long, value_name = "SET")]
    replay: Option<replay::Set>,
    /// Where the data sets of --replay lie
    #[arg(long, value_name = "DIR", default_value = "../shared/trust-data")]
    data_set: PathBuf,
    /// Draw harm by day into this file, as SVG
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Print JSON; the last line is one object
    #[arg(long)]
    json: bool,
}

/// The numbers that runs of a table share.
#[derive(Debug, Args)]
struct World {
    /// Honest organisations [default: 1000]
    #[arg(long, value_name = "N")]
    orgs: Option<u32>,
    /// Days [default: 90]
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// The day on which liars strike and measuring begins [default: half of the days, 30 at most]
    #[arg(long, value_name = "N")]
    strike_day: Option<u32>,
    /// Honest members that are measured [default: 3]
    #[arg(long, value_name = "N")]
    observers: Option<u32>,
    /// Of the 12 anchors, how many keys are stolen and join the liars [default: 0]
    #[arg(long, value_name = "N")]
    anchors_stolen: Option<u32>,
    /// Any other number, such as `attack.strike.spread_hours=6`; --print-setup shows all
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Print every number of the run as JSON instead of running it
    #[arg(long)]
    print_setup: bool,
}

// === impl Sim ===

impl Sim {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Some(Command::Table(table)) => table.run(),
            Some(Command::Mesh(mesh)) => mesh.run(),
            None => self.run.run(),
        }
    }
}

// === impl World ===

impl World {
    /// Takes the numbers up; those of `--set` last.
    fn apply(&self, setup: &mut Setup) -> anyhow::Result<()> {
        setup.orgs = self.orgs.unwrap_or(setup.orgs);
        setup.days = self.days.unwrap_or(setup.days);
        setup.strike_day = self.strike_day.or(setup.strike_day);
        setup.observers = self.observers.unwrap_or(setup.observers);
        setup.anchors_stolen = self.anchors_stolen.unwrap_or(setup.anchors_stolen);
        for assignment in &self.set {
            setup
                .assign(assignment)
                .with_context(|| format!("--set {assignment}"))?;
        }
        Ok(())
    }
}

// === impl Run ===

impl Run {
    fn run(&self) -> anyhow::Result<()> {
        let (setup, recording) = self.setup()?;
        setup.check()?;
        if self.world.print_setup {
            return say(&(serde_json::to_string_pretty(&setup)? + "\n"));
        }
        let bar = bar(u64::from(setup.days), "day", false);
        let course = course(
            &setup,
            recording.as_ref(),
            &mut generator(self.seed),
            &mut |day| {
                bar.set_position(u64::from(day));
            },
        )?;
        bar.finish_and_clear();
        if let Some(file) = &self.figure {
            std::fs::write(file, course.figure())
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        if self.json {
            let record = Record {
                seed: self.seed,
                outcome: course.outcome,
            };
            return say(&(serde_json::to_string(&record)? + "\n"));
        }
        say(&define::for_people(&course, self.seed))
    }

    fn setup(&self) -> anyhow::Result<(Setup, Option<Recording>)> {
        let mut setup = Setup {
            attack: self.attack.parse::<Attack>().context("--attack")?,
            scorer: self.scorer.parse::<Scorers>().context("--scorer")?,
            liars: self.liars,
            ..Setup::default()
        };
        self.world.apply(&mut setup)?;
        let recording = match self.replay {
            Some(set) => Some(set.load(&self.data_set, &mut setup, self.seed)?),
            None => None,
        };
        Ok((setup, recording))
    }
}
