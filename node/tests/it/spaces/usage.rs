//! What a process used, as the kernel counts it: memory at its highest, and processor time, over several lives.

use std::time::Duration;

/// Ticks of the kernel's accounting in a second, as every Linux has them for programs.
const TICKS: u64 = 100;

/// Over all lives so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// The highest resident memory, in KiB.
    pub(crate) peak_kib: u64,
    /// Resident memory at the last look, in KiB.
    pub(crate) rss_kib: u64,
    before: Duration,
    now: Duration,
}

// === impl Usage ===

impl Usage {
    /// Looks at a running process.
    pub(crate) fn look(&mut self, pid: u32) {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let status = read("status");
        let kib = |field: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok())
                .unwrap_or(0)
        };
        self.peak_kib = self.peak_kib.max(kib("VmHWM:"));
        self.rss_kib = kib("VmRSS:");
        let stat = read("stat");
        // The name before the last bracket may hold anything. After it: state, and from the 12th on utime and stime.
        let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
        let ticks = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok());
        self.now = Duration::from_millis(ticks.sum::<u64>() * 1_000 / TICKS);
    }

    /// The process ends: its successor counts from zero.
    pub(crate) fn add_up(&mut self) {
        self.before += std::mem::take(&mut self.now);
    }

    /// Processor time.
    pub(crate) fn cpu(&self) -> Duration {
        self.before + self.now
    }
}
