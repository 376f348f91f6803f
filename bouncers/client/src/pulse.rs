//! What a bouncer says of itself: when it last heard the node, how much it holds, and what a firewall dropped.
//!
//! While the node is away a bouncer goes on with what it has, so nobody notices: this is where one looks. It is a file in
//! the text form that Prometheus reads, as the textfile collector of its node exporter takes it, since a daemon that may change the
//! firewall opens no port. Deliberately absent: what nginx counts, which it tells itself.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;
use vigie_bouncer_origin::Origin;

use crate::span::Family;

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
    counts: Mutex<Counts>,
}

/// What is told of numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Decisions of each origin.
    pub(crate) holds: Vec<(Origin, usize)>,
    pub(crate) dropped: Vec<Dropped>,
    /// What was dropped when this program began.
    pub(crate) dropped_before: Vec<Dropped>,
}

/// What a firewall dropped by the word of an origin, since it began to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// By whose word.
    pub origin: Origin,
    /// Whose packets.
    pub family: Family,
    /// So many packets.
    pub packets: u64,
    /// Of so many bytes together.
    pub bytes: u64,
}

// === impl Pulse ===

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(State {
            begun: Instant::now(),
            heard: AtomicU64::new(0),
            counts: Mutex::default(),
        }))
    }
}

impl Pulse {
    /// The node was heard just now: a whole answer, or anything at all on an open push.
    pub fn beat(&self) {
        let millis = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.heard.store(millis.saturating_add(1), Ordering::Relaxed);
    }

    /// So many decisions of each origin are held.
    pub fn holds(&self, decisions: Vec<(Origin, usize)>) {
        self.with(|counts| counts.holds = decisions);
    }

    /// So much was dropped so far.
    pub fn dropped(&self, dropped: Vec<Dropped>) {
        self.with(|counts| {
            if counts.dropped.is_empty() {
                counts.dropped_before.clone_from(&dropped);
            }
            counts.dropped = dropped;
        });
    }

    /// The numbers as they are now.
    pub(crate) fn counts(&self) -> Counts {
        self.with(|counts| counts.clone())
    }

    fn with<T>(&self, with: impl FnOnce(&mut Counts) -> T) -> T {
        with(&mut self.0.counts.lock().unwrap_or_else(PoisonError::into_inner))
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
        let mut out = format!(
            "# HELP vigie_bouncer_heard_timestamp_seconds When the node was last heard, 0 if never. What is blocked stays so \
             until it expires.\n\
             # TYPE vigie_bouncer_heard_timestamp_seconds gauge\n\
             vigie_bouncer_heard_timestamp_seconds{{bouncer=\"{bouncer}\"}} {heard}\n\
             # HELP vigie_bouncer_decisions Decisions that are held, by who decided.\n\
             # TYPE vigie_bouncer_decisions gauge\n"
        );
        self.counts().tell(bouncer, &mut out);
        out
    }
}

// === impl Counts ===

impl Counts {
    /// Writing to a string cannot fail.
    fn tell(&self, bouncer: &str, out: &mut String) {
        for (origin, count) in &self.holds {
            let labels = format_args!("{{bouncer=\"{bouncer}\",origin=\"{origin}\"}}");
            writeln!(out, "vigie_bouncer_decisions{labels} {count}").unwrap_or_default();
        }
        let packets: fn(&Dropped) -> u64 = |dropped| dropped.packets;
        let bytes: fn(&Dropped) -> u64 = |dropped| dropped.bytes;
        for (what, count) in [("packets", packets), ("bytes", bytes)] {
            if self.dropped.is_empty() {
                continue;
            }
            let name = format!("vigie_bouncer_dropped_{what}_total");
            writeln!(
                out,
                "# HELP {name} What was dropped, by who decided.\n# TYPE {name} counter"
            )
            .unwrap_or_default();
            for dropped in &self.dropped {
                let (origin, family) = (dropped.origin, dropped.family);
                let labels =
                    format_args!("{{bouncer=\"{bouncer}\",origin=\"{origin}\",ip_type=\"{family}\"}}");
                writeln!(out, "{name}{labels} {}", count(dropped)).unwrap_or_default();
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is read on another machine has to name a time of day; nothing here depends on it"
)]
pub(crate) fn since_1970() -> Duration {
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
        pulse.holds(vec![(Origin::Mesh, 7)]);
        let now = since_1970().as_secs();
        let heard = value(&pulse, "vigie_bouncer_heard_timestamp_seconds{");
        assert!(heard <= now && now - heard < 60, "{heard} {now}");
        assert_eq!(
            value(&pulse, "vigie_bouncer_decisions{bouncer=\"x\",origin=\"mesh\"}"),
            7
        );
        assert!(!pulse.text("x").contains("dropped"));
        pulse.dropped(vec![Dropped {
            origin: Origin::Sensor,
            family: Family::V6,
            packets: 3,
            bytes: 180,
        }]);
        let labels = "{bouncer=\"x\",origin=\"sensor\",ip_type=\"ipv6\"}";
        assert_eq!(
            value(&pulse, &format!("vigie_bouncer_dropped_packets_total{labels}")),
            3
        );
        assert_eq!(
            value(&pulse, &format!("vigie_bouncer_dropped_bytes_total{labels}")),
            180
        );
    }
}
