//! Logs that are gone, and how long their positions are kept.
//!
//! Programs that put a date in the names of their logs, and containers, leave a position behind with each. A log may come
//! back with lines that nobody has read, from a disk that was not mounted or out of a backup, so its position stays
//! for a month, and longer if it is named in full or was heard of meanwhile. Before: whoever keeps positions, `watch` and the
//! agent's keeper. Deliberately absent: keeping and removing them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::sync::oneshot;
use vigie_sensor::source::SourceConfig;
use vigie_wire::Timestamp;

/// Between two looks at what is gone.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(3_600);
/// How long the position of a log is kept after it was found gone.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Logs that are gone and keep their positions so long; of more, the ones that are gone longest keep theirs for a day.
const MANY: usize = 1_000;
const KEPT_OF_MANY: Duration = Duration::from_secs(86_400);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Absent {
    /// Since when nothing stands at these paths.
    since: BTreeMap<String, Timestamp>,
    /// Logs that the configuration names in full: they are waited for, however long.
    named: BTreeSet<String>,
    /// Logs that were heard of since the look began.
    heard: BTreeSet<String>,
    look: Option<oneshot::Receiver<BTreeSet<String>>>,
    looked_at: Option<Timestamp>,
}

// === impl Absent ===

impl Absent {
    /// As it was [`kept`](Self::text); what cannot be read counts as nothing, so that everything is kept longer.
    pub(crate) fn new(kept: Option<&str>, sources: &[SourceConfig]) -> Self {
        let since = kept.and_then(|text| serde_json::from_str(text).ok());
        Self {
            since: since.unwrap_or_default(),
            named: sources.iter().map(|source| source.from.name()).collect(),
            ..Self::default()
        }
    }

    /// To be kept.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(&self.since).unwrap_or_default()
    }

    /// There is news of this log.
    pub(crate) fn hear(&mut self, source: &str) {
        self.since.remove(source);
        if self.look.is_some() {
            self.heard.insert(source.to_owned());
        }
    }

    /// Begins to look which of the logs with a position are gone, unless the last look is not over: a disk that does not
    /// answer holds up nobody but it.
    pub(crate) fn look(&mut self, mut positions: Vec<String>) {
        if self.look.is_some() {
            return;
        }
        // Only paths are looked at, and no name that is not quite the file's.
        positions.retain(|name| {
            name.starts_with('/') && !name.contains(char::REPLACEMENT_CHARACTER) && !self.named.contains(name)
        });
        let (tell, told) = oneshot::channel();
        let looking = std::thread::Builder::new().spawn(move || {
            positions.retain(|name| is_gone(Path::new(name)));
            // Nobody asks any more when the program ends.
            drop(tell.send(positions.into_iter().collect()));
        });
        match looking {
            Ok(_) => {
                self.heard.clear();
                self.look = Some(told);
            }
            Err(error) => tracing::warn!(%error, "logs that are gone are not looked for"),
        }
    }

    /// What the look found; never while there is none.
    pub(crate) async fn looked(&mut self) -> BTreeSet<String> {
        let Some(look) = &mut self.look else {
            return pending().await;
        };
        let found = look.await.unwrap_or_default();
        self.look = None;
        found
    }

    /// Takes note of what is `gone` now; whose positions to remove.
    pub(crate) fn settle(&mut self, gone: &BTreeSet<String>, now: Timestamp) -> Vec<String> {
        self.since.retain(|name, _| gone.contains(name));
        // A clock that was set, as one that had no battery is, says nothing of how long a log was gone.
        let before = self.looked_at.replace(now);
        if before.is_some_and(|before| now.since(before) > 2 * LOOK_EVERY) {
            self.since.values_mut().for_each(|since| *since = now);
        }
        for name in gone.difference(&self.heard) {
            self.since.entry(name.clone()).or_insert(now);
        }
        let mut oldest: Vec<_> = self
            .since
            .iter()
            .map(|(name, since)| (*since, name.clone()))
            .collect();
        oldest.sort_unstable();
        let spare = oldest.len().saturating_sub(MANY);
        let over = oldest.into_iter().enumerate().filter(|(at, (since, _))| {
            let kept = if *at < spare { KEPT_OF_MANY } else { KEPT };
            now.since(*since) >= kept
        });
        let over: Vec<String> = over.map(|(_, (_, name))| name).collect();
        for name in &over {
            self.since.remove(name);
        }
        over
    }
}

/// Nothing stands there. What cannot be asked is not gone.
fn is_gone(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// A look when it was time for the next.
    fn after(absent: &mut Absent, gone: &BTreeSet<String>, now: Timestamp) -> Vec<String> {
        absent.looked_at = Some(now - LOOK_EVERY);
        absent.settle(gone, now)
    }

    #[test]
    fn a_clock_that_was_set_makes_no_month() {
        let gone = set(&["/l/a.log"]);
        let mut absent = Absent::default();
        assert!(absent.settle(&gone, Timestamp::from_secs(60)).is_empty());
        assert!(absent.settle(&gone, NOW).is_empty());
        assert!(after(&mut absent, &gone, NOW + DAY * 29).is_empty());
        assert_eq!(after(&mut absent, &gone, NOW + DAY * 30), ["/l/a.log"]);
    }

    #[tokio::test]
    async fn only_a_log_that_is_gone_for_a_month_loses_its_position() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let [old, here, named] = [at("a-2026-01-01.log"), at("a.log"), at("b.log")];
        std::fs::write(&here, "").unwrap();
        let source = SourceConfig {
            kind: "syslog".to_owned(),
            from: vigie_sensor::source::From::File(named.clone().into()),
        };
        let mut absent = Absent::new(None, std::slice::from_ref(&source));
        let positions = || vec![old.clone(), here.clone(), named.clone(), "journald".to_owned()];
        absent.look(positions());
        let gone = absent.looked().await;
        assert_eq!(gone, set(&[&old]));
        assert!(absent.settle(&gone, NOW).is_empty());
        // Another process goes on with what was kept.
        let mut absent = Absent::new(Some(&absent.text()), &[source]);
        assert!(absent.settle(&gone, NOW + DAY * 29).is_empty());
        assert_eq!(
            after(&mut absent, &gone, NOW + DAY * 30),
            std::slice::from_ref(&old)
        );
        assert_eq!(absent.text(), "{}");
        // It was back for a moment.
        assert!(after(&mut absent, &gone, NOW).is_empty());
        assert!(after(&mut absent, &set(&[]), NOW + DAY).is_empty());
        assert!(after(&mut absent, &gone, NOW + DAY * 31).is_empty());
        // So it was, and was heard of, while somebody looked.
        absent.look(positions());
        absent.hear(&old);
        let gone = absent.looked().await;
        assert!(after(&mut absent, &gone, NOW + DAY * 90).is_empty());
        assert_eq!(absent.text(), "{}");
    }

    #[test]
    fn of_many_the_ones_that_are_gone_longest_go_first_but_not_at_once() {
        let names: Vec<_> = (0..MANY + 10)
            .map(|number| format!("/l/{number:04}.log"))
            .collect();
        let gone: BTreeSet<_> = names.iter().cloned().collect();
        let mut absent = Absent::default();
        // A disk with all of them is not mounted.
        assert!(absent.settle(&gone, NOW).is_empty());
        assert!(after(&mut absent, &gone, NOW + DAY / 2).is_empty());
        let over = after(&mut absent, &gone, NOW + DAY);
        assert_eq!(over, names[..10]);
        assert_eq!(absent.since.len(), MANY);
    }
}
