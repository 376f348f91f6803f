//! What the attacker's side finds at one firewall: for each address, since when it is open or blocked.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;
use vigie_wire::Timestamp;

use super::probe::Attempt;

/// Attempts in a row that must fail until an address counts as blocked; one may fail on a busy machine.
const CERTAIN: u32 = 3;

/// One firewall, as it looks from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Mutex<HashMap<Ipv4Addr, Run>>>);

/// Attempts of one address that all ended alike, up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    open: bool,
    /// When the first of them began.
    since: Timestamp,
    /// When the last of them began.
    last: Timestamp,
    attempts: u32,
}

/// What can be said of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Too few attempts yet.
    Unknown,
    /// The last attempt worked.
    Open { last: Timestamp },
    /// No attempt since then worked.
    Blocked { since: Timestamp },
}

// === impl Gate ===

impl Gate {
    /// Takes in one attempt.
    pub(crate) fn note(&self, attempt: Attempt) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Attempt { from, at, open } = attempt;
        match runs.get_mut(&from) {
            Some(run) if run.open == open => {
                run.attempts = run.attempts.saturating_add(1);
                run.last = at;
            }
            _ => {
                runs.insert(
                    from,
                    Run {
                        open,
                        since: at,
                        last: at,
                        attempts: 1,
                    },
                );
            }
        }
    }

    /// How it looks from this address now.
    pub(crate) fn seen_from(&self, address: Ipv4Addr) -> View {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match runs.get(&address) {
            Some(run) if run.open => View::Open { last: run.last },
            Some(run) if run.attempts >= CERTAIN => View::Blocked { since: run.since },
            _ => View::Unknown,
        }
    }

    /// Reads attempts from the attacker's side until it ends.
    pub(crate) async fn follow(self, output: BufReader<ChildStdout>) -> std::io::Result<()> {
        let mut lines = output.lines();
        while let Some(line) = lines.next_line().await? {
            if let Ok(attempt) = serde_json::from_str(&line) {
                self.note(attempt);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_is_said_after_three_failures_and_dated_to_the_first() {
        let (gate, from) = (Gate::default(), Ipv4Addr::new(192, 88, 99, 7));
        let mut at = 0;
        let mut check = |open, expected| {
            at += 1;
            gate.note(Attempt {
                from,
                at: Timestamp::from_millis(at),
                open,
            });
            assert_eq!(gate.seen_from(from), expected, "after attempt {at}");
        };
        let millis = Timestamp::from_millis;
        check(false, View::Unknown);
        check(true, View::Open { last: millis(2) });
        check(false, View::Unknown);
        check(false, View::Unknown);
        check(false, View::Blocked { since: millis(3) });
        check(false, View::Blocked { since: millis(3) });
        check(true, View::Open { last: millis(7) });
        assert_eq!(gate.seen_from(Ipv4Addr::new(192, 88, 99, 8)), View::Unknown);
    }
}
