//! Whether other organisations' nodes can call this one, and what it means if they cannot, in sentences.
//!
//! What is known is where we listen, whether somebody called, and which seeds take calls for us: no outside service is
//! asked, so "nobody called yet" is all that can be said of a port that a router may or may not forward.

use std::net::IpAddr;

use serde::Serialize;
use vigie_wire::indicator::is_public;

/// The mesh port that is proposed.
const PROPOSED: &str = "/ip4/0.0.0.0/tcp/8481";

/// Whether and how this node is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Reach {
    /// Where it listens, as multiaddresses.
    pub(crate) listening: Vec<String>,
    /// Whether another node called it since the start, other than through a seed.
    pub(crate) reached: bool,
    /// Where seeds take calls for it.
    pub(crate) circuits: Vec<String>,
    /// The same in words.
    pub(crate) words: String,
    /// What is missing, a sentence each.
    pub(crate) missing: Vec<String>,
}

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Situation {
    pub(crate) listening: Vec<String>,
    pub(crate) called: bool,
    pub(crate) circuits: Vec<String>,
    /// Whether the mesh runs: before that, nobody was met because nobody was asked.
    pub(crate) running: bool,
    /// Connected nodes, and those of them that are seeds.
    pub(crate) peers: usize,
    pub(crate) seeds: usize,
    /// Whether this node is a seed itself.
    pub(crate) seed: bool,
}

// === impl Reach ===

impl Reach {
    /// In this situation.
    pub(crate) fn of(situation: Situation) -> Self {
        let mut words = words(&situation.listening, situation.called);
        let through = situation.circuits.len();
        if !situation.called && through > 0 {
            let seeds = if through == 1 {
                "one seed takes"
            } else {
                "two seeds take"
            };
            words.push_str(&format!("; {seeds} calls for it meanwhile"));
        }
        Self {
            missing: missing(&situation),
            reached: situation.called,
            listening: situation.listening,
            circuits: situation.circuits,
            words,
        }
    }
}

/// What would make it better reachable, or reachable at all.
fn missing(situation: &Situation) -> Vec<String> {
    let mut missing = Vec::new();
    let listens = |wanted: &str| situation.listening.iter().any(|address| address.contains(wanted));
    if situation.running && situation.peers == 0 {
        missing.push(
            "no other node is connected: two nodes behind routers (NAT) need one seed that answers, or one open port on either side".to_owned(),
        );
    } else if situation.running && situation.seeds == 0 && !situation.called && !situation.seed {
        missing.push(
            "no seed is connected that could take calls for this node: nodes that nobody can call do not find each other without one".to_owned(),
        );
    }
    if situation.seed && !situation.listening.is_empty() {
        if !listens("/tcp/443") {
            missing.push(
                "a seed at port 443 is reached from networks that let nothing else out: `--listen /ip4/0.0.0.0/tcp/443`, or announce the port that is forwarded to this one".to_owned(),
            );
        }
        if !listens("/quic-v1") {
            missing
                .push("QUIC saves members a round trip: `--listen /ip4/0.0.0.0/udp/8481/quic-v1`".to_owned());
        }
        if !listens("/ip6/") && !listens("/dns") {
            missing.push("members with IPv6 alone cannot call it: `--listen /ip6/::/tcp/8481`".to_owned());
        }
    }
    missing
}

fn words(listening: &[String], reached: bool) -> String {
    let best = listening.iter().max_by_key(|address| openness(address));
    let Some(address) = best else {
        return format!(
            "calls others and is called by nobody, which is enough while a seed or another open node answers; `vigie up --listen {PROPOSED}` opens a port"
        );
    };
    // The name behind it says who, not where.
    let place = address.split("/p2p/").next().unwrap_or(address);
    match (openness(address), reached) {
        (_, true) => format!("is called by others at {place}"),
        (Openness::Public, false) => {
            format!("listens at {place}, where nobody called yet: a firewall may keep that port shut")
        }
        (Openness::Every, false) => format!(
            "listens at {place}, which is every address of this machine; behind a router (NAT) that port has to be forwarded, or calling others is enough while one seed answers"
        ),
        (Openness::Private, false) => format!(
            "listens at {place}, where only its own network can call it unless a router (NAT) forwards that port; calling others is enough while one seed answers"
        ),
        (Openness::Machine, false) => format!("listens at {place}, where only this machine can call it"),
    }
}

/// From where an address can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Openness {
    Machine,
    Private,
    Every,
    Public,
}

fn openness(multiaddress: &str) -> Openness {
    let mut parts = multiaddress.split('/').skip(1);
    match (parts.next(), parts.next().map(str::parse::<IpAddr>)) {
        (Some("ip4" | "ip6"), Some(Ok(ip))) if ip.is_loopback() => Openness::Machine,
        (Some("ip4" | "ip6"), Some(Ok(ip))) if ip.is_unspecified() => Openness::Every,
        (Some("ip4" | "ip6"), Some(Ok(ip))) if !is_public(ip) => Openness::Private,
        // A name, or everything: what it stands for is not known here.
        _ => Openness::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listening: &[&str], reached: bool, expected: &str) {
        let listening = listening.iter().map(|text| (*text).to_owned()).collect();
        let reach = Reach::of(Situation {
            listening,
            called: reached,
            ..Situation::default()
        });
        assert!(reach.words.contains(expected), "{reach:?}");
    }

    #[test]
    fn a_sentence_says_who_can_call() {
        let (loopback, private, public) = (
            "/ip4/127.0.0.1/tcp/8481/p2p/12D3Koo",
            "/ip4/192.168.1.7/tcp/8481",
            "/ip6/2a00::7/udp/8481/quic-v1",
        );
        check(&[], false, "is called by nobody, which is enough");
        check(&[loopback], false, "only this machine");
        check(
            &[loopback, private],
            false,
            "listens at /ip4/192.168.1.7/tcp/8481, where only its own network",
        );
        check(
            &[private, public, loopback],
            false,
            "/ip6/2a00::7/udp/8481/quic-v1, where nobody called yet",
        );
        check(
            &[loopback],
            true,
            "is called by others at /ip4/127.0.0.1/tcp/8481",
        );
        check(&[PROPOSED], false, "has to be forwarded");
        check(&["/dns/seed.example/tcp/8481"], false, "a firewall may");
    }

    #[test]
    fn what_is_missing_is_said_in_the_order_of_its_weight() {
        let check = |situation: Situation, expected: &[&str]| {
            let missing = Reach::of(situation).missing;
            assert_eq!(missing.len(), expected.len(), "{missing:?}");
            for (sentence, part) in missing.iter().zip(expected) {
                assert!(sentence.contains(part), "{sentence}");
            }
        };
        let alone = Situation {
            running: true,
            ..Situation::default()
        };
        check(Situation::default(), &[]);
        check(alone.clone(), &["need one seed that answers, or one open port"]);
        let without_seed = Situation { peers: 2, ..alone };
        check(without_seed.clone(), &["no seed is connected"]);
        check(
            Situation {
                called: true,
                ..without_seed.clone()
            },
            &[],
        );
        check(
            Situation {
                seeds: 1,
                ..without_seed.clone()
            },
            &[],
        );
        let seed = Situation {
            seed: true,
            listening: vec!["/ip4/0.0.0.0/tcp/8481".to_owned()],
            ..without_seed
        };
        check(seed.clone(), &["port 443", "QUIC", "IPv6"]);
        let listening = ["/dns4/seed.example/tcp/443", "/ip4/0.0.0.0/udp/443/quic-v1"];
        check(
            Situation {
                listening: listening.map(str::to_owned).to_vec(),
                ..seed
            },
            &[],
        );
    }

    #[test]
    fn seeds_that_take_calls_are_told_until_somebody_calls() {
        let circuits = vec!["/ip4/192.0.2.1/tcp/443/p2p/A/p2p-circuit".to_owned()];
        let through = Situation {
            circuits,
            ..Situation::default()
        };
        assert!(
            Reach::of(through.clone())
                .words
                .ends_with("; one seed takes calls for it meanwhile")
        );
        let called = Situation {
            called: true,
            listening: vec![PROPOSED.to_owned()],
            ..through
        };
        assert!(!Reach::of(called).words.contains("takes calls"));
    }
}
