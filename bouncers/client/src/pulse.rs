//! What a bouncer says of itself: when it last heard the node, and how much it holds.
//!
//! While the node is away a bouncer goes on with what it has, so nobody notices: this is where one looks. It is a file in
//! the text form that Prometheus reads, as the textfile collector of its node exporter takes it, since a daemon that may change the
//! firewall opens no port. Deliberately absent: what the firewall and nginx count, which they tell themselves.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

/// Between two files.
const EVERY: Duration = Duration::from_secs(10);

/// Shared by those who hear and hold, and by whoever tells. A copy is the same pulse.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<State>);

#[derive(Debug)]
struct State {
    begun: Instant,
    /// Milliseconds after that when the node was last heard, and one; zero if never.
    heard: AtomicU64,
    holds: AtomicUsize,
}

// === impl Pulse ===

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(State {
            begun: Instant::now(),
            heard: AtomicU64::new(0),
            holds: AtomicUsize::new(0),
        }))
    }
}

impl Pulse {
    /// The node was heard just now: a whole answer, or anything at all on an open push.
    pub fn beat(&self) {
        let millis = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.heard.store(millis.saturating_add(1), Ordering::Relaxed);
    }

    /// So many decisions are held.
    pub fn holds(&self, decisions: usize) {
        self.0.holds.store(decisions, Ordering::Relaxed);
    }

    /// Keeps a file for `bouncer` up to date until `shutdown`; nothing without a path. That it cannot be written is logged,
    /// once for each reason, and changes nothing else.
    pub async fn tell(self, path: Option<PathBuf>, bouncer: &str, shutdown: CancellationToken) {
        let Some(path) = path else { return };
        let mut told = None;
        loop {
            let written = write(&path, &self.text(bouncer)).map_err(|error| error.to_string());
            if let Some(error) = written
                .as_ref()
                .err()
                .filter(|error| told.as_ref() != Some(*error))
            {
                tracing::warn!(path = %path.display(), error, "metrics cannot be written");
            }
            told = written.err();
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    fn text(&self, bouncer: &str) -> String {
        let heard = match self.0.heard.load(Ordering::Relaxed) {
            0 => 0,
            millis => {
                let ago = self
                    .0
                    .begun
                    .elapsed()
                    .saturating_sub(Duration::from_millis(millis - 1));
                since_1970().saturating_sub(ago).as_secs()
            }
        };
        let holds = self.0.holds.load(Ordering::Relaxed);
        format!(
            "# HELP vigie_bouncer_heard_timestamp_seconds When the node was last heard, 0 if never. What is blocked stays so \
             until it expires.\n\
             # TYPE vigie_bouncer_heard_timestamp_seconds gauge\n\
             vigie_bouncer_heard_timestamp_seconds{{bouncer=\"{bouncer}\"}} {heard}\n\
             # HELP vigie_bouncer_decisions Decisions that are held.\n\
             # TYPE vigie_bouncer_decisions gauge\n\
             vigie_bouncer_decisions{{bouncer=\"{bouncer}\"}} {holds}\n"
        )
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is read on another machine has to name a time of day; nothing here depends on it"
)]
fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Under another name first: whoever reads sees the old file or the new one.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_heard_is_told_as_such() {
        let pulse = Pulse::default();
        let value = |pulse: &Pulse, name: &str| -> u64 {
            let text = pulse.text("x");
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        assert_eq!(value(&pulse, "vigie_bouncer_heard_timestamp_seconds{"), 0);
        pulse.clone().beat();
        pulse.holds(7);
        let now = since_1970().as_secs();
        let heard = value(&pulse, "vigie_bouncer_heard_timestamp_seconds{");
        assert!(heard <= now && now - heard < 60, "{heard} {now}");
        assert_eq!(value(&pulse, "vigie_bouncer_decisions{"), 7);
    }
}
