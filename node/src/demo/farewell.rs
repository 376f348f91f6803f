//! The demo's last words: why the innocent is not blocked, where to look, and the line for programs.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::bail;
use serde::Serialize;

use super::story::Outcome;
use super::view::say;
use super::world::World;

/// The last line, in this order.
#[derive(Debug, Serialize)]
struct LastLine {
    organisations: usize,
    sightings: usize,
    blocked_by_all: bool,
    innocent_blocked: bool,
    detection_to_last_block_ms: u128,
}

// === impl Outcome ===

impl Outcome {
    /// Prints the last line; an error unless everything happened.
    pub(crate) fn conclude(&self) -> anyhow::Result<()> {
        let line = LastLine {
            organisations: self.organisations,
            sightings: self.sightings,
            blocked_by_all: self.blocked_by_all,
            innocent_blocked: self.innocent_blocked,
            detection_to_last_block_ms: self.detection_to_last_block.as_millis(),
        };
        say(&format!("{}\n", serde_json::to_string(&line)?));
        match (self.blocked_by_all, self.innocent_blocked) {
            (true, false) => Ok(()),
            (false, _) => bail!("not every firewall stayed closed to {}", self.attacker),
            (true, true) => bail!("{} was blocked, and it did nothing", self.innocent),
        }
    }
}

/// C's own words about the innocent.
pub(crate) fn explain(outcome: &Outcome) {
    say(&format!("\nC, asked by `vigie explain {}`:\n", outcome.innocent));
    outcome
        .explanation
        .iter()
        .for_each(|line| say(&format!("  {line}\n")));
    let millis = outcome.detection_to_last_block.as_millis();
    let last = match outcome.no_firewalls {
        Some(_) => "decision to block",
        None => "closed firewall",
    };
    say(&format!(
        "\nFrom the first detection to the last {last}: {millis} ms.\n"
    ));
}

/// Says what this machine could not show, also to whoever counts such things.
pub(crate) fn skip(why: &str, skips: Option<&Path>) -> anyhow::Result<()> {
    say(&format!("No firewalls were shown, only decisions: {why}.\n"));
    if let Some(file) = skips {
        let mut file = OpenOptions::new().create(true).append(true).open(file)?;
        writeln!(file, "SKIP demo firewalls: {}", why.replace('\n', " "))?;
    }
    Ok(())
}

/// Where to look while everything runs.
pub(crate) fn look_around(outcome: &Outcome, world: &World) {
    let [a, b, c] = &world.honest;
    let (attacker, innocent) = (outcome.attacker, outcome.innocent);
    say("\nEverything runs until Ctrl-C. Look around:\n\n");
    for organisation in [&world.seed, a, b, c, &world.liar] {
        say(&format!("  {:<14}{}\n", organisation.name, organisation.page));
    }
    say("\n");
    let mut examples = vec![
        c.example("decisions list"),
        c.example("sightings list"),
        c.example(&format!("explain {attacker}")),
        c.example(&format!("explain {innocent}")),
        a.example("alerts list"),
        a.example("share preview"),
        b.example("peers"),
        world.seed.example("status"),
    ];
    examples.extend(world.firewalls.last().map(super::firewall::Firewall::look));
    for line in &examples {
        say(&format!("  {line}\n"));
    }
    say("\n");
}
