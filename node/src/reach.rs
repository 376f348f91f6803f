//! Whether other organisations' nodes can call this one, and what it means if they cannot, in a sentence.
//!
//! What is known is where we listen and whether somebody called: no outside service is asked, so "nobody called yet" is
//! all that can be said of a port that a router may or may not forward. Deliberately absent: hole punching and relays.

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
    /// Whether another node called it since the start.
    pub(crate) reached: bool,
    /// The same in words.
    pub(crate) words: String,
}

// === impl Reach ===

impl Reach {
    /// Of a node that listens here.
    pub(crate) fn of(listening: Vec<String>, reached: bool) -> Self {
        let words = words(&listening, reached);
        Self {
            listening,
            reached,
            words,
        }
    }
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
        let reach = Reach::of(listening, reached);
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
}
