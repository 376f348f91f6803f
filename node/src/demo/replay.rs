//! An attack told again: its lines, dated to the moment they are written, into a log that a node is reading.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::dated::Dated;
use super::organisation::append;
use crate::clock;

/// Between two lines: several tries a second, as password guessers do.
const PACE: Duration = Duration::from_millis(180);

/// A replay that runs until it is stopped, over again if need be.
#[derive(Debug)]
pub(crate) struct Replay {
    written: Arc<AtomicUsize>,
    stop: CancellationToken,
    writer: JoinSet<anyhow::Result<()>>,
}

// === impl Replay ===

impl Replay {
    pub(crate) fn start(log: PathBuf, lines: Vec<Dated>) -> Self {
        let (written, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let (count, stopped) = (Arc::clone(&written), stop.clone());
        let mut writer = JoinSet::new();
        writer.spawn(async move {
            for line in lines.iter().cycle() {
                append(&log, &line.told_at(clock::now()))?;
                count.fetch_add(1, Ordering::Relaxed);
                tokio::select! {
                    () = tokio::time::sleep(PACE) => {}
                    () = stopped.cancelled() => break,
                }
            }
            Ok(())
        });
        Self {
            written,
            stop,
            writer,
        }
    }

    /// Ends it; how many lines were written.
    pub(crate) async fn end(mut self) -> anyhow::Result<usize> {
        self.stop.cancel();
        while let Some(ended) = self.writer.join_next().await {
            ended??;
        }
        Ok(self.written.load(Ordering::Relaxed))
    }
}
