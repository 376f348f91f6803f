//! Standard input: lines until it ends. It cannot be read again, so its positions are of no use after a restart.
//!
//! Before: whoever writes to us. After: `run`, over the intake. Deliberately absent: waiting for it at shutdown; a
//! blocked read ends with the process.

use std::io::{self, BufRead};
use std::sync::Arc;

use super::file::splitter::{MAX_LINE_BYTES, Splitter};
use super::{Closed, Outlet};
use crate::line::Position;

/// Reads `input` to its end.
pub(crate) fn run(
    input: &mut impl BufRead,
    source: &Arc<str>,
    kind: &Arc<str>,
    outlet: &Outlet,
) -> Result<(), Closed> {
    let stats = outlet.stats.source(source);
    let mut splitter = Splitter::default();
    let mut buffer = vec![0; MAX_LINE_BYTES.min(64 * 1024)];
    while !outlet.stopping() {
        let count = match input.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                stats.errors.add(1);
                tracing::warn!(%error, "standard input cannot be read");
                break;
            }
        };
        let mut split = Vec::new();
        if count == 0 {
            splitter.finish(&stats, &mut split);
        } else {
            splitter.feed(buffer.get(..count).unwrap_or_default(), &stats, &mut split);
        }
        let lines: Vec<_> = split
            .into_iter()
            .map(|line| {
                (
                    Position::File {
                        file: 0,
                        offset: line.offset,
                    },
                    line.text,
                )
            })
            .collect();
        if !lines.is_empty() {
            outlet.lines(source, kind, lines, None)?;
        }
        if count == 0 {
            break;
        }
    }
    outlet.idle(source, None)
}
