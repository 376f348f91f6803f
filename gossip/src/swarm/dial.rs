//! Whom we dial until they answer: who is due, who is up, how long to pause, and in which order their addresses are tried.
//!
//! The addresses of one peer are one attempt: QUIC first, then TCP, then TCP at port 443, then through a seed; what answered
//! last comes before all of them, so that a network that drops UDP costs its three seconds once. Pauses double from the
//! first to the longest, each moved by up to a half, so that a mesh that lost a seed does not come back to it in step.
//! Where many are silent at once the network is more likely at fault than they, and will be back for all of them: then
//! one of them is tried every other second, in turn.
//! Deliberately absent: the swarm; this only says what to dial when.

use std::collections::HashMap;
use std::time::Duration;

use libp2p::PeerId;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::swarm::ConnectionId;
use tokio::time::Instant;

use super::slots::Prefix;
use crate::limits;

/// Connections that lived this long prove the address good.
const PROVEN: Duration = Duration::from_mins(1);
/// Who answers after so many failures was behind an outage rather than restarted.
const OUTAGE: u32 = 4;
/// If at least one in so many was behind an outage, one of those is tried this often, whatever its pause.
const PROBED_SHARE: usize = 4;
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// ... and each of them no oftener than this: everybody's seed may be down.
const PROBED_EVERY: Duration = Duration::from_secs(16);
/// ... unless none whom we dialled is there: who called us may have nobody else either, and nobody tells us that it is over.
const PROBED_ALONE_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Due(Instant),
    Dialling(ConnectionId),
    Up { peer: PeerId, since: Instant },
}

#[derive(Debug)]
struct Target {
    /// In the order of their ranks.
    addresses: Vec<Multiaddr>,
    /// Which of them answered last.
    answered: Option<Multiaddr>,
    line: Line,
    /// Dials that failed and connections that did not last, one after the other: its pause grows with them.
    failures: u32,
    /// Of these, the dials since anybody answered.
    unanswered: u32,
    /// When it was dialled last.
    tried: Option<Instant>,
}

/// Who is behind an address: its peer if it names one, else whoever answers there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Whom {
    Peer(PeerId),
    At(Multiaddr),
}

/// The configured addresses.
#[derive(Debug)]
pub(crate) struct Dialer {
    targets: HashMap<Whom, Target>,
    first: Duration,
    longest: Duration,
    /// No probe before that.
    next_probe: Option<Instant>,
}

// === impl Whom ===

impl Whom {
    fn of(address: &Multiaddr) -> Self {
        peer_of(address).map_or_else(|| Self::At(address.clone()), Self::Peer)
    }
}

/// What is tried first. Names of peers do not matter, and where UDP passes QUIC is a round trip faster.
fn rank(address: &Multiaddr) -> u8 {
    let has = |wanted: &Protocol<'_>| address.iter().any(|part| part == *wanted);
    if has(&Protocol::P2pCircuit) {
        3
    } else if has(&Protocol::QuicV1) {
        0
    } else if has(&Protocol::Tcp(443)) {
        2
    } else {
        1
    }
}

/// In the order in which they are tried.
pub(crate) fn in_order(addresses: &mut [Multiaddr]) {
    addresses.sort_by_key(rank);
}

// === impl Dialer ===

impl Dialer {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            targets: HashMap::new(),
            first,
            longest,
            next_probe: None,
        }
    }

    /// Adds an address; who was not known is due at once. False when there are too many.
    pub(crate) fn add(&mut self, address: Multiaddr, now: Instant) -> bool {
        let held: usize = self.targets.values().map(|target| target.addresses.len()).sum();
        let whom = Whom::of(&address);
        let of_it = self
            .targets
            .get(&whom)
            .map_or(&[][..], |target| &target.addresses);
        if of_it.contains(&address) {
            return true;
        }
        if held >= limits::DIAL_ADDRESSES || of_it.len() >= limits::ADDRESSES_PER_PEER {
            return false;
        }
        let target = self.targets.entry(whom).or_insert(Target {
            addresses: Vec::new(),
            answered: None,
            line: Line::Due(now),
            failures: 0,
            unanswered: 0,
            tried: None,
        });
        target.addresses.push(address);
        in_order(&mut target.addresses);
        true
    }

    /// Whom to dial now: as many as there are slots for, and those first into whose networks we have fewest lines. `alone`:
    /// no member is connected whom we dialled.
    pub(crate) fn due(&mut self, now: Instant, alone: bool) -> Vec<Whom> {
        let probe = self.probe(now, alone);
        let is_due = |target: &Target| matches!(target.line, Line::Due(at) if at <= now);
        let all = self.targets.iter();
        let mut due: Vec<(&Whom, &Target)> = all
            .filter(|(whom, target)| is_due(target) || probe.as_ref() == Some(whom))
            .collect();
        if due.is_empty() {
            return Vec::new();
        }
        let taken = self
            .targets
            .values()
            .filter(|target| !matches!(target.line, Line::Due(_)));
        let mut crowds: HashMap<Option<Prefix>, usize> = HashMap::new();
        let mut slots = limits::OUTBOUND;
        for target in taken {
            *crowds.entry(target.prefix()).or_default() += 1;
            slots = slots.saturating_sub(1);
        }
        let mut chosen = Vec::new();
        while chosen.len() < slots {
            // A name may lead anywhere.
            let crowd = |target: &Target| {
                let prefix = target.prefix()?;
                crowds.get(&Some(prefix)).copied()
            };
            let next = (0..due.len())
                .min_by_key(|at| due.get(*at).map(|(_, target)| (crowd(target), target.failures)));
            let Some(next) = next else { break };
            let (whom, target) = due.swap_remove(next);
            *crowds.entry(target.prefix()).or_default() += 1;
            chosen.push(whom.clone());
        }
        chosen
    }

    /// Whom to try before his time: of those behind an outage, if there are many, the one left alone for longest.
    fn probe(&mut self, now: Instant, alone: bool) -> Option<Whom> {
        if self.next_probe.is_some_and(|next| now < next) {
            return None;
        }
        let silent = |target: &&Target| target.unanswered >= OUTAGE;
        let count = self.targets.values().filter(silent).count();
        if count == 0 || count.saturating_mul(PROBED_SHARE) < self.targets.len() {
            return None;
        }
        let waits = |target: &Target| matches!(target.line, Line::Due(at) if at > now);
        let rest = if alone { PROBED_ALONE_EVERY } else { PROBED_EVERY };
        let rested = |target: &Target| target.tried.is_none_or(|tried| tried + rest <= now);
        let waiting = self
            .targets
            .iter()
            .filter(|(_, target)| silent(target) && waits(target) && rested(target));
        let (whom, _) = waiting.min_by_key(|(_, target)| target.tried)?;
        self.next_probe = Some(now + PROBE_EVERY);
        Some(whom.clone())
    }

    /// Whether it is dialled whatever records say.
    pub(crate) fn knows(&self, peer: PeerId) -> bool {
        self.targets.contains_key(&Whom::Peer(peer))
    }

    /// Whether the configuration wants a connection with it: it answered at one of the addresses, or one names it, be it as
    /// the seed to go through.
    pub(crate) fn wants(&self, peer: PeerId) -> bool {
        let names = |address: &Multiaddr| address.iter().any(|part| part == Protocol::P2p(peer));
        self.targets.values().any(|target| {
            let up = matches!(target.line, Line::Up { peer: up, .. } if up == peer);
            up || target.addresses.iter().any(names)
        })
    }

    /// Its addresses, in the order in which to try them.
    pub(crate) fn addresses(&self, whom: &Whom) -> Vec<Multiaddr> {
        let Some(target) = self.targets.get(whom) else {
            return Vec::new();
        };
        let mut addresses = target.addresses.clone();
        addresses.sort_by_key(|address| Some(address) != target.answered.as_ref());
        addresses
    }

    pub(crate) fn dialling(&mut self, whom: &Whom, connection: ConnectionId, now: Instant) {
        if let Some(target) = self.targets.get_mut(whom) {
            target.line = Line::Dialling(connection);
            target.tried = Some(now);
        }
    }

    /// A dial of ours succeeded, or `peer` is connected another way. If it had not answered for long, what lay between
    /// us is over, and the others are not left to their pauses, which are up to five minutes by then: true in that case.
    /// Who answers and hangs up, as whoever has no room does, was not silent.
    pub(crate) fn up(&mut self, connection: ConnectionId, peer: PeerId, now: Instant) -> bool {
        let mut returned = false;
        for (whom, target) in &mut self.targets {
            let ours = target.line == Line::Dialling(connection);
            let known = matches!(target.line, Line::Due(_)) && *whom == Whom::Peer(peer);
            if ours || known {
                if target.unanswered >= OUTAGE {
                    returned = true;
                    target.failures = target.failures.min(OUTAGE - 1);
                }
                target.unanswered = 0;
                target.line = Line::Up { peer, since: now };
            }
        }
        if returned {
            self.hurry(now);
        }
        returned
    }

    /// The address of a target that answered.
    pub(crate) fn answered(&mut self, connection: ConnectionId, address: &Multiaddr) {
        for target in self.targets.values_mut() {
            let named = |held: &&Multiaddr| *held == address || without_peer(held) == *address;
            if target.line == Line::Dialling(connection)
                && let Some(known) = target.addresses.iter().find(named)
            {
                target.answered = Some(known.clone());
            }
        }
    }

    /// A dial failed: pause. True if it was one of ours.
    pub(crate) fn failed(&mut self, connection: ConnectionId, now: Instant, jitter: f64) -> bool {
        let (first, longest) = (self.first, self.longest);
        let ours = self
            .targets
            .values_mut()
            .find(|target| target.line == Line::Dialling(connection));
        ours.map(|target| target.unanswered(first, longest, now, jitter))
            .is_some()
    }

    /// It cannot be dialled at all now: pause.
    pub(crate) fn refused(&mut self, whom: &Whom, now: Instant, jitter: f64) {
        let (first, longest) = (self.first, self.longest);
        if let Some(target) = self.targets.get_mut(whom) {
            // Or it would be the next to be probed again and again.
            target.tried = Some(now);
            target.unanswered(first, longest, now, jitter);
        }
    }

    /// The last connection with `peer` is gone: its addresses are due again, soon if it had been up long.
    pub(crate) fn down(&mut self, peer: PeerId, now: Instant, jitter: f64) {
        let (first, longest) = (self.first, self.longest);
        for target in self.targets.values_mut() {
            let Line::Up { peer: up, since } = target.line else {
                continue;
            };
            if up == peer {
                if now.saturating_duration_since(since) >= PROVEN {
                    target.failures = 0;
                }
                target.pause(first, longest, now, jitter);
            }
        }
    }

    /// Whatever waits for its time is due now: it is worth more than sparing those who do not answer.
    pub(crate) fn hurry(&mut self, now: Instant) {
        for target in self.targets.values_mut() {
            if matches!(target.line, Line::Due(at) if at > now) {
                target.line = Line::Due(now);
            }
        }
    }

    /// The address is our own.
    pub(crate) fn forget(&mut self, connection: ConnectionId) {
        self.targets
            .retain(|_, target| target.line != Line::Dialling(connection));
    }
}

// === impl Target ===

impl Target {
    /// The network of the address that answered last, or of the one that is tried first.
    fn prefix(&self) -> Option<Prefix> {
        Prefix::of(self.answered.as_ref().or(self.addresses.first())?)
    }

    /// A dial that nobody answered.
    fn unanswered(&mut self, first: Duration, longest: Duration, now: Instant, jitter: f64) {
        self.unanswered = self.unanswered.saturating_add(1);
        self.pause(first, longest, now, jitter);
    }

    /// `jitter` is drawn from 0..1.
    fn pause(&mut self, first: Duration, longest: Duration, now: Instant, jitter: f64) {
        let pause = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures = self.failures.saturating_add(1);
        self.line = Line::Due(now + pause.mul_f64(0.5 + jitter.clamp(0.0, 1.0)));
    }
}

/// The peer an address names: of a circuit the one behind the seed.
pub(crate) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// The address alone, as a connection tells it.
fn without_peer(address: &Multiaddr) -> Multiaddr {
    let mut address = address.clone();
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_up_to_the_longest_and_a_long_life_resets_them() {
        let address: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
        let start = Instant::now();
        let mut dialer = Dialer::new(SECOND, 4 * SECOND);
        assert!(dialer.add(address.clone(), start));
        let whom = Whom::of(&address);
        for (round, pause) in [1, 2, 4, 4].into_iter().enumerate() {
            let connection = ConnectionId::new_unchecked(round);
            dialer.dialling(&whom, connection, start);
            assert!(dialer.due(start + 100 * SECOND, false).is_empty());
            assert!(dialer.failed(connection, start, 0.5));
            assert!(dialer.due(start + pause * SECOND - SECOND / 2, false).is_empty());
            assert_eq!(dialer.due(start + pause * SECOND, false).len(), 1);
        }
        dialer.hurry(start);
        assert_eq!(dialer.due(start, false).len(), 1);
        let (connection, peer) = (ConnectionId::new_unchecked(9), PeerId::random());
        dialer.dialling(&whom, connection, start);
        dialer.up(connection, peer, start);
        dialer.down(peer, start + PROVEN, 0.5);
        assert_eq!(dialer.due(start + PROVEN + SECOND, false).len(), 1);
    }

    #[test]
    fn where_many_are_silent_one_is_tried_every_other_second_in_turn() {
        let start = Instant::now();
        let address = |host: usize| -> Multiaddr { format!("/ip4/192.0.{host}.1/tcp/1").parse().unwrap() };
        // Two of eight are silent, then one of eight, then all there are, and others or nobody is connected.
        for (silent, of, alone, expected) in [
            (2, 8, false, &[16, 18, 32, 34][..]),
            (1, 8, false, &[]),
            (2, 2, false, &[16, 18, 32, 34]),
            (
                2,
                2,
                true,
                &[5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 30, 32, 35, 37],
            ),
        ] {
            let mut dialer = Dialer::new(SECOND, 300 * SECOND);
            for host in 0..of {
                dialer.add(address(host), start);
                let whom = Whom::of(&address(host));
                for nth in 0..usize::try_from(OUTAGE).unwrap() {
                    let connection = ConnectionId::new_unchecked(100 * host + nth);
                    dialer.dialling(&whom, connection, start);
                    if host < silent {
                        dialer.failed(connection, start + 600 * SECOND, 0.5);
                    } else {
                        dialer.up(connection, PeerId::random(), start);
                    }
                }
            }
            let mut tried = Vec::new();
            for second in 0..40 {
                let now = start + second * SECOND;
                for whom in dialer.due(now, alone) {
                    let connection = ConnectionId::new_unchecked(usize::try_from(1_000 + second).unwrap());
                    dialer.dialling(&whom, connection, now);
                    dialer.failed(connection, now, 0.5);
                    // Not before its pause is over, but for being tried.
                    tried.push((second, whom));
                }
            }
            let seconds: Vec<u32> = tried.iter().map(|(second, _)| *second).collect();
            assert_eq!(seconds, expected);
            let in_turn = tried.windows(2).all(|two| two[0].1 != two[1].1);
            assert!(in_turn, "{tried:?}");
        }
    }

    #[test]
    fn who_comes_back_after_an_outage_brings_the_others_forward() {
        let [one, other] =
            [1, 2].map(|host| -> Multiaddr { format!("/ip4/192.0.{host}.1/tcp/1").parse().unwrap() });
        let start = Instant::now();
        for (failures, brought) in [(OUTAGE, 1), (OUTAGE - 1, 0)] {
            let mut dialer = Dialer::new(SECOND, 300 * SECOND);
            for address in [&one, &other] {
                dialer.add(address.clone(), start);
                for nth in 0..usize::try_from(failures).unwrap() {
                    dialer.dialling(&Whom::of(address), ConnectionId::new_unchecked(nth), start);
                    dialer.failed(ConnectionId::new_unchecked(nth), start, 0.5);
                }
            }
            let back = ConnectionId::new_unchecked(99);
            dialer.dialling(&Whom::of(&one), back, start);
            dialer.up(back, PeerId::random(), start);
            assert_eq!(dialer.due(start, false).len(), brought);
        }
    }

    #[test]
    fn who_answers_and_hangs_up_hurries_nobody_and_is_left_alone_for_longer_each_time() {
        let [full, silent] =
            [1, 2].map(|host| -> Multiaddr { format!("/ip4/192.0.{host}.1/tcp/1").parse().unwrap() });
        let (start, peer) = (Instant::now(), PeerId::random());
        let mut dialer = Dialer::new(SECOND, 300 * SECOND);
        dialer.add(silent.clone(), start);
        for nth in 0..9 {
            dialer.dialling(&Whom::of(&silent), ConnectionId::new_unchecked(nth), start);
            dialer.failed(ConnectionId::new_unchecked(nth), start, 0.5);
        }
        dialer.add(full.clone(), start);
        let mut now = start;
        for nth in 10..20 {
            let connection = ConnectionId::new_unchecked(nth);
            dialer.dialling(&Whom::of(&full), connection, now);
            assert!(!dialer.up(connection, peer, now));
            dialer.down(peer, now + SECOND, 0.5);
            now += SECOND;
        }
        assert_eq!(dialer.due(now + 2 * SECOND, false), []);
        let probed = [Whom::of(&silent)];
        assert_eq!(dialer.due(now + 200 * SECOND, false), probed);
    }

    #[test]
    fn of_more_addresses_than_slots_those_of_other_networks_come_first() {
        let now = Instant::now();
        let mut dialer = Dialer::new(SECOND, SECOND);
        // An invitation that names one network sixty times, and six others besides.
        for host in 0..60 {
            dialer.add(format!("/ip4/192.0.2.{host}/tcp/1").parse().unwrap(), now);
        }
        for network in 0..6 {
            dialer.add(format!("/ip4/10.{network}.0.1/tcp/1").parse().unwrap(), now);
        }
        let due = dialer.due(now, false);
        let at_ten = |whom: &Whom| {
            dialer
                .addresses(whom)
                .iter()
                .any(|one| one.to_string().starts_with("/ip4/10."))
        };
        let others = due.iter().filter(|whom| at_ten(whom));
        assert_eq!((due.len(), others.count()), (limits::OUTBOUND, 6));
        for (nth, whom) in due.iter().enumerate() {
            dialer.dialling(whom, ConnectionId::new_unchecked(nth), now);
        }
        assert!(dialer.due(now, false).is_empty());
        assert!(dialer.failed(ConnectionId::new_unchecked(0), now, 0.5));
        assert_eq!(dialer.due(now, false).len(), 1);
    }

    #[test]
    fn one_peer_is_one_attempt_and_what_answered_last_comes_first() {
        let now = Instant::now();
        let mut dialer = Dialer::new(SECOND, SECOND);
        let (relay, peer) = (PeerId::random(), PeerId::random());
        let through = format!("/ip4/192.0.2.9/tcp/1/p2p/{relay}/p2p-circuit");
        let order = [
            "/ip4/192.0.2.1/udp/1/quic-v1",
            "/ip4/192.0.2.1/tcp/1",
            "/dns4/seed.example/tcp/443",
            &through,
        ];
        for address in order.iter().rev() {
            assert!(dialer.add(format!("{address}/p2p/{peer}").parse().unwrap(), now));
        }
        assert_eq!(dialer.due(now, false), [Whom::Peer(peer)]);
        let tried = |dialer: &Dialer| {
            let tried = dialer.addresses(&Whom::Peer(peer));
            tried
                .iter()
                .map(|one| without_peer(one).to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(tried(&dialer), order);
        let connection = ConnectionId::new_unchecked(1);
        dialer.dialling(&Whom::Peer(peer), connection, now);
        dialer.answered(connection, &order[2].parse().unwrap());
        dialer.up(connection, peer, now);
        assert_eq!(tried(&dialer), [order[2], order[0], order[1], order[3]]);
    }

    #[test]
    fn wanted_is_who_answered_and_whoever_is_named_also_as_the_seed_on_the_way() {
        let now = Instant::now();
        let mut dialer = Dialer::new(SECOND, SECOND);
        let [relay, peer, other] = [(); 3].map(|()| PeerId::random());
        let through = format!("/ip4/192.0.2.9/tcp/1/p2p/{relay}/p2p-circuit/p2p/{peer}");
        let unnamed: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
        assert!(dialer.add(through.parse().unwrap(), now) && dialer.add(unnamed.clone(), now));
        let wanted = |dialer: &Dialer| [relay, peer, other].map(|one| dialer.wants(one));
        assert_eq!(wanted(&dialer), [true, true, false]);
        let connection = ConnectionId::new_unchecked(1);
        dialer.dialling(&Whom::At(unnamed), connection, now);
        dialer.up(connection, other, now);
        assert_eq!(wanted(&dialer), [true; 3]);
        dialer.down(other, now, 0.5);
        assert_eq!(wanted(&dialer), [true, true, false]);
    }

    #[test]
    fn addresses_are_bounded() {
        let now = Instant::now();
        let mut dialer = Dialer::new(SECOND, SECOND);
        let address = |port: usize| format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap();
        assert!((0..limits::DIAL_ADDRESSES).all(|port| dialer.add(address(port), now)));
        assert!(!dialer.add(address(limits::DIAL_ADDRESSES), now));
        assert!(dialer.add(address(0), now));
    }
}
