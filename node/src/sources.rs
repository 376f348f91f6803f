//! Which logs the sensor reads on this machine, from where on, and by which rules.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use vigie_sensor::source::discover::discover;
use vigie_sensor::{From, Position, Ruleset, SensorConfig, SourceConfig, Start};

use crate::config::{Input, Sources};
use crate::node::Node;

/// The sensor's configuration, and a line for people for each log that is read or was found unreadable.
pub(crate) async fn plan(node: &Node) -> anyhow::Result<(SensorConfig, Vec<String>)> {
    let (sources, lines) = match &node.config.sensor.sources {
        Sources::None => (Vec::new(), vec!["no log: [sensor] sources says \"none\"".to_owned()]),
        Sources::List(inputs) => (inputs.iter().map(source).collect(), inputs.iter().map(line).collect()),
        Sources::Auto => found(),
    };
    let config = SensorConfig { sources, resume: positions(node).await?, start: Start::End };
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
    let found = discover(Path::new("/"));
    let lines = found.iter().map(ToString::to_string).collect();
    (found.into_iter().filter_map(|found| found.source).collect(), lines)
}

async fn positions(node: &Node) -> anyhow::Result<HashMap<String, Position>> {
    let notes = node.store.notes("position/").await?;
    let read = |(name, text): (String, String)| {
        let position = serde_json::from_str(&text).with_context(|| format!("the database holds a damaged {name}"))?;
        Ok((name.trim_start_matches("position/").to_owned(), position))
    };
    notes.into_iter().map(read).collect()
}

fn source(input: &Input) -> SourceConfig {
    let from = match (&input.file, &input.journal) {
        (Some(file), _) => From::File(file.clone()),
        (None, Some(unit)) => From::Journald { matches: vec![format!("_SYSTEMD_UNIT={unit}")] },
        (None, None) => From::Stdin,
    };
    SourceConfig { kind: input.kind.get_ref().clone(), from }
}

fn line(input: &Input) -> String {
    let place = input.file.as_ref().or(input.journal.as_ref());
    format!("{} as {}", place.map_or("standard input", String::as_str), input.kind.get_ref())
}
