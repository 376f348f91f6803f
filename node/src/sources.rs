//! Which logs the sensor reads on this machine, from where on, and by which rules.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, bail};
use vigie_sensor::detect::Limits;
use vigie_sensor::rules::{Loader, Ruleset};
use vigie_sensor::run::{Resume, SensorConfig};
use vigie_sensor::source::{Found, SourceConfig, Start, discover};

use crate::asked::Asked;
use crate::config::{Config, Input, Sources};
use crate::hub::installed::Installed;
use crate::node::Node;
use crate::paths::Paths;

/// The note of the sources that the last process watched.
const WATCHED: &str = "watched";

/// The sensor's configuration, and a line for people for each log that is read or was found unreadable.
pub(crate) async fn plan(node: &Node) -> anyhow::Result<(SensorConfig, Vec<String>)> {
    let (sources, lines) = chosen(&node.config.sensor.sources)?;
    let mut config = SensorConfig {
        sources,
        resume: positions(node).await?,
        start: Start::End,
        spool: node.paths.spool(),
        limits: limits(&node.config),
        simulate: node.config.sensor.simulate.iter().cloned().collect(),
        ..SensorConfig::default()
    };
    begin_at_ends(node, &mut config).await?;
    Ok((config, lines))
}

/// What the scenarios' buckets may hold.
pub(crate) fn limits(config: &Config) -> Limits {
    Limits {
        bytes: config.sensor.bucket_mib.get_ref() * 1024 * 1024,
        ..Limits::default()
    }
}

/// The logs that the configuration names, and a line for people for each.
pub(crate) fn chosen(sources: &Sources) -> anyhow::Result<(Vec<SourceConfig>, Vec<String>)> {
    match sources {
        Sources::None => Ok((
            Vec::new(),
            vec!["no log: [sensor] sources says \"none\"".to_owned()],
        )),
        Sources::List(inputs) => listed(inputs),
        Sources::Auto => Ok(found()),
    }
}

/// What is written from here on is read, also before the sensor has opened it, and also by the next process if this one
/// is killed before its first checkpoint.
async fn begin_at_ends(node: &Node, config: &mut SensorConfig) -> anyhow::Result<()> {
    let known: HashSet<String> = config.resume.keys().cloned().collect();
    if let Some(watched) = node.store.note(node.mine(), WATCHED).await? {
        config.watched =
            serde_json::from_str(&watched).context("the database holds a damaged note of logs")?;
    }
    config.take_ends(node.now());
    let mut noted = true;
    for (name, resume) in &config.resume {
        if known.contains(name) {
            continue;
        }
        let Ok(text) = serde_json::to_string(resume) else {
            continue;
        };
        let note = format!("position/{name}");
        if let Err(error) = node.store.put_note(node.mine(), &note, &text).await {
            tracing::warn!(%error, log = name, "where a new log begins could not be noted");
            noted = false;
        }
    }
    // From here on what these name and has no position is new, and only from here on.
    let names: BTreeSet<String> = config.sources.iter().map(|source| source.from.name()).collect();
    let text = serde_json::to_string(&names)?;
    if noted && let Err(error) = node.store.put_note(node.mine(), WATCHED, &text).await {
        tracing::warn!(%error, "which logs are watched could not be noted");
    }
    Ok(())
}

/// Our own rules and those that were installed from a hub, or those of the directory that the configuration names.
/// `asked` answers what they ask beyond their lines.
pub(crate) fn rules(config: &Config, paths: &Paths, asked: Asked) -> anyhow::Result<Ruleset> {
    let rules = rules_of(config, paths, asked)?;
    can_be_tried(&config.sensor.simulate, &rules).context("[sensor] simulate")?;
    Ok(rules)
}

/// Whether there are such scenarios: misspelt, one would be enforced.
pub(crate) fn can_be_tried(simulate: &[String], rules: &Ruleset) -> anyhow::Result<()> {
    for name in simulate {
        if !rules.scenarios.iter().any(|scenario| *scenario.name == **name) {
            bail!("there is no scenario {name:?}");
        }
    }
    Ok(())
}

fn rules_of(config: &Config, paths: &Paths, asked: Asked) -> anyhow::Result<Ruleset> {
    let directory = &config.sensor.rules;
    if directory.as_os_str().is_empty() {
        return with_installed(paths, asked);
    }
    if !directory.is_dir() {
        bail!("[sensor] rules: {} is not a directory", directory.display());
    }
    let mut loader = Loader::new();
    asked.answer(&mut loader);
    loader.dir(directory);
    let rules = loader.finish()?;
    if rules.scenarios.is_empty() {
        bail!(
            "[sensor] rules: {} holds no scenario, so nothing would be detected",
            directory.display()
        );
    }
    Ok(rules)
}

/// What does not compile of the installed rules is said and left out: the rest goes on watching.
fn with_installed(paths: &Paths, asked: Asked) -> anyhow::Result<Ruleset> {
    let installed = Installed::open(&paths.hub())?;
    if installed.rules().next().is_none() {
        let mut loader = Loader::builtin();
        asked.answer(&mut loader);
        return loader
            .finish()
            .context("the rules inside this program are damaged");
    }
    for pinned in installed.rules().filter(|pinned| installed.is_changed(pinned)) {
        tracing::warn!(item = %pinned.item, "an installed rule was changed by hand");
    }
    let mut loader = Loader::builtin();
    asked.answer(&mut loader);
    installed.load(&mut loader);
    let (rules, faults) = loader.finish_lenient();
    for odd in &rules.warnings {
        tracing::warn!(%odd, "an installed rule does less than it says");
    }
    for fault in faults {
        tracing::error!(%fault, "an installed rule is left out; `vigie hub check` tells all");
    }
    Ok(rules)
}

fn found() -> (Vec<SourceConfig>, Vec<String>) {
    let found = discover(Path::new("/"));
    for left in found.iter().filter(|found| !found.taken) {
        tracing::info!(
            service = left.service,
            log = left.source.from.name(),
            why = left.why,
            "a log is not read"
        );
    }
    let lines = found.iter().filter_map(told).collect();
    let taken = found.into_iter().filter(|found| found.taken);
    (taken.map(|found| found.source).collect(), lines)
}

/// What a person must know: what is read, and what is there and refuses to be.
fn told(found: &Found) -> Option<String> {
    let (log, service, why) = (found.source.from.name(), found.service, &found.why);
    let refused = why.contains("cannot be read");
    match (found.taken, refused) {
        (true, false) => Some(format!("{log} ({service})")),
        (true, true) => Some(format!("{log} ({service}; {why})")),
        (false, true) => Some(format!("NOT read: {log} ({service}; {why})")),
        (false, false) => None,
    }
}

async fn positions(node: &Node) -> anyhow::Result<HashMap<String, Resume>> {
    let notes = node.store.notes(node.mine(), "position/").await?;
    let read = |(name, text): (String, String)| {
        let resume =
            serde_json::from_str(&text).with_context(|| format!("the database holds a damaged {name}"))?;
        Ok((name.trim_start_matches("position/").to_owned(), resume))
    };
    notes.into_iter().map(read).collect()
}

fn listed(inputs: &[Input]) -> anyhow::Result<(Vec<SourceConfig>, Vec<String>)> {
    let mut sources = Vec::new();
    for input in inputs {
        let source = input.source().map_err(|wrong| {
            // The configuration was checked when it was read.
            let reasons: Vec<_> = wrong.into_iter().map(|(_, reason)| reason).collect();
            anyhow::anyhow!("[sensor] sources: {}", reasons.join("; "))
        })?;
        sources.push(source);
    }
    let line = |source: &SourceConfig| format!("{} ({})", source.from.name(), source.kind);
    let lines = sources.iter().map(line).collect();
    Ok((sources, lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_log_that_refuses_to_be_read_is_said() {
        let machine = tempfile::tempdir().unwrap();
        let logs = machine.path().join("var/log");
        std::fs::create_dir_all(&logs).unwrap();
        let log = logs.join("auth.log");
        std::fs::write(&log, "").unwrap();
        let lines = || -> Vec<String> { discover(machine.path()).iter().filter_map(told).collect() };
        assert_eq!(lines(), [format!("{} (sshd)", log.display())]);
        std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o000)).unwrap();
        // Root reads everything.
        if std::fs::File::open(&log).is_err() {
            assert!(lines()[0].starts_with("NOT read: "), "{:?}", lines());
        }
    }
}
