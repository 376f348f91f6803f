//! How the demo waits: by looking at what really is, up to one limit for everything. No pause proves anything.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep, timeout_at};
use vigie_wire::Timestamp;

use super::organisation::Organisation;
use super::view::{Time, View};
use crate::clock;

/// How long the whole demo may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(25);

/// The view, and the time that is left.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) view: View,
    deadline: Instant,
    step_began: Timestamp,
}

// === impl Stage ===

impl Stage {
    pub(crate) fn new(view: View) -> Self {
        Self {
            view,
            deadline: Instant::now() + LIMIT,
            step_began: clock::now(),
        }
    }

    /// A step begins.
    pub(crate) fn begin(&mut self, text: &str) {
        self.step_began = clock::now();
        self.view.begin(text);
    }

    /// It is done; the time is how long it took.
    pub(crate) fn done(&mut self, text: &str, details: &[String]) {
        let took = clock::now().since(self.step_began);
        self.view.done(text, Time::Took(took), details);
    }

    /// It is done; the time is how long after the first detection.
    pub(crate) fn done_after(&mut self, text: &str, after: Duration, details: &[String]) {
        self.view.done(text, Time::After(after), details);
    }

    /// Looks until there is something to see. `who` is concerned: a failure shows what their nodes said last.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        who: &[&Organisation],
        mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let why = loop {
            match timeout_at(self.deadline, look()).await {
                Ok(Ok(Some(seen))) => return Ok(seen),
                Ok(Ok(None)) if Instant::now() < self.deadline => {}
                Ok(Err(error)) => break format!("{error:#}"),
                _ => break format!("{} s are over", LIMIT.as_secs()),
            }
            self.view.tick();
            sleep(GLANCE).await;
        };
        let words: String = who.iter().map(|organisation| organisation.last_words()).collect();
        bail!("this did not happen: {what} ({why})\n{}", words.trim_end())
    }

    /// Waits until this node said its first words.
    pub(crate) async fn up(&mut self, organisation: &mut Organisation) -> anyhow::Result<()> {
        while !organisation.is_up()? {
            if Instant::now() >= self.deadline {
                bail!(
                    "the node of {} does not start\n{}",
                    organisation.name,
                    organisation.last_words()
                );
            }
            self.view.tick();
            sleep(GLANCE).await;
        }
        Ok(())
    }
}
