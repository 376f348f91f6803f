//! Who says nothing: networks whose servers did not answer in time, and the machine's own servers when none of them does.
//!
//! A network is somebody else's, and perhaps an attacker's; it costs only its own questions. Our own servers say
//! something about every question, if only that nobody knows; when they do not, all questions are in vain.
//! Deliberately absent: asking (`pursue`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ipnet::IpNet;

/// Networks that are not waited for: for how long, and how many.
const SILENT_FOR: Duration = Duration::from_secs(30);
const SILENT: usize = 256;
/// While no server speaks, one question in so much time is sent all the same.
const TRY_EVERY: Duration = Duration::from_secs(5);
/// Between two times that the servers are asked whether they are there.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Networks whose answers did not come in time, the latest last.
#[derive(Debug, Default)]
pub(super) struct Networks(VecDeque<(IpNet, Instant)>);

/// Whether the machine's servers say anything.
#[derive(Debug, Default)]
pub(super) struct Servers {
    silent: bool,
    heard: Option<Instant>,
    tried: Option<Instant>,
    probed: Option<Instant>,
}

/// What to expect of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speak {
    Yes,
    /// They did not until now, and it is time to try again.
    Perhaps,
    Silent,
}

// === impl Networks ===

impl Networks {
    pub(super) fn has(&self, network: IpNet, now: Instant) -> bool {
        let lately = |at: Instant| now.saturating_duration_since(at) < SILENT_FOR;
        self.0.iter().any(|(noted, at)| *noted == network && lately(*at))
    }

    pub(super) fn note(&mut self, network: IpNet, now: Instant) {
        self.forget(network);
        self.0.push_back((network, now));
        if self.0.len() > SILENT {
            self.0.pop_front();
        }
    }

    pub(super) fn forget(&mut self, network: IpNet) {
        self.0.retain(|(noted, _)| *noted != network);
    }
}

// === impl Servers ===

impl Servers {
    pub(super) fn speak(&mut self, now: Instant) -> Speak {
        if !self.silent {
            return Speak::Yes;
        }
        if is_due(&mut self.tried, TRY_EVERY, now) {
            Speak::Perhaps
        } else {
            Speak::Silent
        }
    }

    /// They said something.
    pub(super) fn heard(&mut self, now: Instant) {
        self.silent = false;
        self.heard = Some(now);
    }

    /// They did not even say that they are there.
    pub(super) fn unheard(&mut self, now: Instant) {
        self.silent = true;
        self.tried = Some(now);
    }

    /// Whether to ask them if they are there, after they said nothing about something `asked` then.
    pub(super) fn are_in_doubt(&mut self, asked: Instant, now: Instant) -> bool {
        let heard_since = self.heard.is_some_and(|heard| heard >= asked);
        !heard_since && is_due(&mut self.probed, PROBE_EVERY, now)
    }
}

fn is_due(last: &mut Option<Instant>, every: Duration, now: Instant) -> bool {
    let due = last.is_none_or(|last| now.saturating_duration_since(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}

#[cfg(test)]
mod tests {
    use super::super::Question;
    use super::*;

    #[test]
    fn networks_that_say_nothing_are_known_for_a_while_and_are_not_many() {
        let network = |text: &str| Question::NameOf(text.parse().unwrap()).network().unwrap();
        let (mut silent, now) = (Networks::default(), Instant::now());
        silent.note(network("192.0.2.99"), now);
        silent.note(network("2001:db8:7::1"), now);
        for (ip, expected) in [
            ("192.0.2.1", true),
            ("192.0.3.1", false),
            ("2001:db8:7:ffff::2", true),
            ("2001:db8:8::1", false),
        ] {
            assert_eq!(silent.has(network(ip), now), expected, "{ip}");
            assert!(!silent.has(network(ip), now + SILENT_FOR), "{ip}");
        }
        silent.forget(network("192.0.2.7"));
        assert!(!silent.has(network("192.0.2.1"), now));
        for number in 0..1_000 {
            silent.note(network(&format!("10.{}.{}.1", number / 250, number % 250)), now);
        }
        assert_eq!(silent.0.len(), SILENT);
    }

    #[test]
    fn while_no_server_speaks_one_question_in_a_while_is_a_try() {
        let (mut servers, now) = (Servers::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(servers.speak(now), Speak::Yes);
        assert!(servers.are_in_doubt(now, now + second));
        // They are being asked already.
        assert!(!servers.are_in_doubt(now, now + second));
        servers.unheard(now + second);
        assert_eq!(servers.speak(now + 2 * second), Speak::Silent);
        assert_eq!(servers.speak(now + 7 * second), Speak::Perhaps);
        assert_eq!(servers.speak(now + 8 * second), Speak::Silent);
        servers.heard(now + 9 * second);
        assert_eq!(servers.speak(now + 9 * second), Speak::Yes);
        // What they said since shows that the silence is another's.
        assert!(!servers.are_in_doubt(now + 9 * second, now + 20 * second));
        assert!(servers.are_in_doubt(now + 10 * second, now + 20 * second));
    }
}
