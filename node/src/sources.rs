//! Which logs the sensor reads on this machine, from where on, and by which rules.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use vigie_sensor::rules::Ruleset;
use vigie_sensor::run::{Resume, SensorConfig};
use vigie_sensor::source::{Found, From, SourceConfig, Start, discover};

use crate::config::{Input, Sources};
use crate::node::Node;

/// The sensor's configuration, and a line for people for each log that is read or was found unreadable.
pub(crate) async fn plan(node: &Node) -> anyhow::Result<(SensorConfig, Vec<String>)> {
    let (sources, lines) = match &node.config.sensor.sources {
        Sources::None => (
            Vec::new(),
            vec!["no log: [sensor] sources says \"none\"".to_owned()],
        ),
        Sources::List(inputs) => (
            inputs.iter().map(source).collect(),
            inputs.iter().map(line).collect(),
        ),
        Sources::Auto => found(),
    };
    let config = SensorConfig {
        sources,
        resume: positions(node).await?,
        start: Start::End,
        ..SensorConfig::default()
    };
    Ok((config, lines))
}

/// Our own rules, or those of the directory that the configuration names.
pub(crate) fn rules(node: &Node) -> anyhow::Result<Ruleset> {
    let directory = &node.config.sensor.rules;
    if directory.as_os_str().is_empty() {
        return Ruleset::builtin().context("the rules inside this program are damaged");
    }
    Ok(Ruleset::load_dir(directory)?)
}

fn found() -> (Vec<SourceConfig>, Vec<String>) {
    let (taken, left): (Vec<Found>, Vec<Found>) = discover(Path::new("/"))
        .into_iter()
        .partition(|found| found.taken);
    for found in &left {
        tracing::info!(
            service = found.service,
            log = found.source.from.name(),
            why = found.why,
            "a log is not read"
        );
    }
    let lines = taken
        .iter()
        .map(|found| format!("{} ({})", found.source.from.name(), found.service))
        .collect();
    (taken.into_iter().map(|found| found.source).collect(), lines)
}

async fn positions(node: &Node) -> anyhow::Result<HashMap<String, Resume>> {
    let notes = node.store.notes("position/").await?;
    let read = |(name, text): (String, String)| {
        let resume =
            serde_json::from_str(&text).with_context(|| format!("the database holds a damaged {name}"))?;
        Ok((name.trim_start_matches("position/").to_owned(), resume))
    };
    notes.into_iter().map(read).collect()
}

fn source(input: &Input) -> SourceConfig {
    let from = match (&input.file, &input.journal) {
        (Some(file), _) => From::File(PathBuf::from(file)),
        (None, Some(unit)) => From::Journald {
            matches: vec![format!("_SYSTEMD_UNIT={unit}")],
        },
        (None, None) => From::Stdin,
    };
    SourceConfig {
        kind: input.kind.get_ref().clone(),
        from,
    }
}

fn line(input: &Input) -> String {
    let place = input.file.as_ref().or(input.journal.as_ref());
    format!(
        "{} ({})",
        place.map_or("standard input", String::as_str),
        input.kind.get_ref()
    )
}
