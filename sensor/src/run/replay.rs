//! A whole file at once, as history: the same parser and detector, no threads, nothing live.
//!
//! Deliberately absent: taking up a position; a replay reads from the first line to the last, also through gzip.

use std::io;
use std::path::Path;
use std::sync::Arc;

use vigie_wire::Timestamp;

use super::worker::Worker;
use super::{SensorConfig, SensorEvent};
use crate::line::{Line, Position};
use crate::rules::Ruleset;
use crate::source::Intake;
use crate::source::file::reader::Reader;
use crate::stats::Snapshot;

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file that cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}")]
pub struct ReplayError {
    path: String,
    #[source]
    source: io::Error,
}

/// Reads a log of the type `kind` and gives every event to `each`. `now` is the year of dates without one and the
/// bound of times in the future.
pub fn replay(
    path: &Path,
    kind: &str,
    rules: &Ruleset,
    now: Timestamp,
    mut each: impl FnMut(SensorEvent),
) -> Result<Snapshot, ReplayError> {
    let failed = |source| ReplayError {
        path: path.display().to_string(),
        source,
    };
    let config = SensorConfig::default();
    let source: Arc<str> = path.to_string_lossy().into();
    let kind: Arc<str> = kind.into();
    let stats = config.stats.source(&source);
    let mut worker = Worker::new(rules, &config, false, |event| {
        each(event);
        Ok(())
    });
    let mut reader = Reader::open(path).map_err(failed)?;
    reader.identify(true).map_err(failed)?;
    let file = reader.print.as_ref().map_or(0, |print| print.hash);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = reader.fill(&mut buffer).map_err(failed)?;
        let mut split = Vec::new();
        match buffer.get(..count) {
            Some(bytes) if count > 0 => reader.splitter.feed(bytes, &stats, &mut split),
            _ => reader.splitter.finish(&stats, &mut split),
        }
        stats.lines.add(split.len() as u64);
        stats
            .bytes
            .add(split.iter().map(|line| line.text.len() as u64).sum());
        let lines = split.into_iter().map(|line| Line {
            source: Arc::clone(&source),
            position: Position::File {
                file,
                offset: line.offset,
            },
            kind: Arc::clone(&kind),
            text: line.text,
            read_at: now,
        });
        let batch = Intake::Lines {
            source: Arc::clone(&source),
            lines: lines.collect(),
            next: None,
        };
        if worker.take(batch, now).is_err() || count == 0 {
            break;
        }
    }
    worker.count();
    drop(worker);
    Ok(config.stats.snapshot())
}
