//! A node of the next version among nodes of this one: what they cannot read they carry, and hold nothing against it.
//!
//! Its words are made by `says`: the format's version, kinds, flags, indicators and behaviours one ahead, between words
//! that everybody understands. Deliberately absent: a newer hello and newer topics, whose names carry the major version.

use std::time::Duration;

use vigie_gossip::wire::envelope::opaque_root;
use vigie_gossip::wire::{
    Behaviour, Count, Draft, Envelope, Header, HeaderHash, Indicator, Kind, NetworkId, Payload, RuleHash,
    SecretKey, Sighting, SignedHeader, Timestamp, Tlp,
};

use super::puppet::{Puppet, org};
use super::storm::first_difference;
use super::town::{Member, attacker};
use super::wire::Wire;
use super::{air, town};
use crate::support::until;

/// Attackers that its words of this version name; no log of the others does.
const KNOWN: [u32; 3] = [70_000, 70_001, 70_002];

/// What the newer node says, as one chain.
pub(crate) fn says(network: NetworkId, key: &SecretKey, now: Timestamp) -> Vec<Envelope> {
    let mut chain: Vec<Envelope> = Vec::new();
    let sighting = |indicator, behaviour| Sighting {
        indicator,
        behaviour,
        rule: RuleHash([7; 8]),
        at: now.to_minute(),
        count: Count::of(8),
        confidence: 100,
    };
    let ip = |nth: u32| Indicator::ip(attacker(nth).parse().unwrap());
    let known = |nth: u32| vec![sighting(ip(nth), Behaviour(1))];
    let say = |chain: &mut Vec<Envelope>, rows: Vec<Sighting>| {
        let draft = Draft {
            network,
            epoch: 0,
            seq: chain.len() as u64,
            prev: chain.last().map_or(HeaderHash([0; 32]), Envelope::header_hash),
            time_base: now,
            tlp: Tlp::Green,
            policy: 0,
            payload: Payload::Sightings(rows),
        };
        chain.push(draft.seal(key, [9; 16]).unwrap());
    };
    let say_newer = |chain: &mut Vec<Envelope>, change: fn(&mut Header)| {
        say(chain, known(0));
        let mut header = *chain.pop().unwrap().header();
        let (commitment, content) = (header.root, b"what only the next version can read");
        header.root = opaque_root(&commitment, content);
        change(&mut header);
        let mut bytes = SignedHeader::sign(header, key).encode();
        bytes.push(1);
        bytes.extend_from_slice(&commitment);
        bytes.extend_from_slice(content);
        chain.push(Envelope::decode(&bytes).unwrap());
    };
    say(&mut chain, known(KNOWN[0]));
    say_newer(&mut chain, |header| header.version = 2);
    say_newer(&mut chain, |header| header.kind = Kind::Unknown(99));
    say_newer(&mut chain, |header| header.flags = 0x80);
    say(&mut chain, known(KNOWN[1]));
    // Rows of which a part is news.
    let tomorrow = Indicator::Unknown {
        tag: 200,
        bytes: b"tomorrow".as_slice().into(),
    };
    say(
        &mut chain,
        vec![
            sighting(ip(KNOWN[2]), Behaviour(1)),
            sighting(ip(KNOWN[2] + 1), Behaviour(60_000)),
            sighting(tomorrow, Behaviour(1)),
        ],
    );
    chain
}

/// A long chain of one row each that a member may sign: every row in its own moment of the past.
pub(crate) fn recites(network: NetworkId, key: &SecretKey, now: Timestamp, envelopes: u32) -> Vec<Envelope> {
    // 600 rows in ten minutes, with a fifth to spare.
    let apart = Duration::from_millis(1_200);
    let mut chain: Vec<Envelope> = Vec::new();
    for nth in 0..envelopes {
        let at = now - apart * (envelopes - nth);
        let salt: [u8; 4] = key.public().publisher_id().0[..4].try_into().unwrap();
        // An address of its own for each row of each key: 1.0.0.0 and up.
        let address = 0x0100_0000 + (u32::from_be_bytes(salt) % 0x0300_0000) + nth;
        let sighting = Sighting {
            indicator: Indicator::ip(std::net::Ipv4Addr::from(address).into()),
            behaviour: Behaviour(1),
            rule: RuleHash([7; 8]),
            at: at.to_minute(),
            count: Count::of(8),
            confidence: 100,
        };
        let draft = Draft {
            network,
            epoch: 0,
            seq: nth.into(),
            prev: chain.last().map_or(HeaderHash([0; 32]), Envelope::header_hash),
            time_base: at,
            tlp: Tlp::Green,
            policy: 0,
            payload: Payload::Sightings(vec![sighting]),
        };
        chain.push(draft.seal(key, [9; 16]).unwrap());
    }
    chain
}

#[test]
fn a_newer_node_lives_among_us() {
    let test = "a_newer_node_lives_among_us";
    let Some(mut town) = town(test, 3, &[org(0).public().to_string()], air()) else {
        return;
    };
    let genesis = std::fs::read_to_string(town.members[0].home.data().join("genesis")).unwrap();
    // It calls two of the three: what the third holds was passed on by who cannot read it.
    let mut puppet = Puppet::newer(&town.wire.inside(3), &genesis, &town.addresses()[..2]);
    puppet.told();
    let told = puppet.told();
    let publisher = told["publisher"].as_str().unwrap();
    let said = told["said"].as_u64().unwrap();
    let envelopes = |member: &Member| {
        member
            .status()
            .and_then(|status| status["counts"]["envelopes"].as_u64())
    };
    for member in &town.members {
        until("everybody carries everything", || envelopes(member) == Some(said));
        for nth in KNOWN {
            let rows = member
                .home
                .rows(&["sightings", "list", "--value", &attacker(nth)]);
            assert_eq!(rows.len(), 1, "what is known is understood");
            assert_eq!(rows[0]["organisation"], "guest0");
        }
    }
    // And it understands us.
    town.see(0, 2);
    town.see(2, 2);
    until("everybody hears everybody", || {
        town.members
            .iter()
            .all(|member| envelopes(member) >= Some(said + 2))
    });
    // Longer than any fault would take to end a connection: each envelope was judged at once.
    std::thread::sleep(Duration::from_secs(2));
    let held = envelopes(&town.members[0]);
    let callers = |member: &Member| {
        let peers = member.home.rows(&["peers"]);
        peers
            .into_iter()
            .filter(|peer| peer["organisation"] == "guest0")
            .count()
    };
    assert_eq!(callers(&town.members[0]), 1, "{}", town.members[0].home.told());
    assert_eq!(callers(&town.members[1]), 1);
    let last = puppet.end();
    assert_eq!(last["lost"], serde_json::json!([]), "nobody hung up");
    assert_eq!(last["connected"], 2);
    assert_eq!(last["held"].as_u64(), held, "it holds what we hold");
    let port = Wire::address(3).to_string();
    for member in &town.members {
        let told = member.home.told();
        let blamed = told.lines().find(|line| {
            (line.contains(" WARN ") || line.contains("ERROR"))
                && (line.contains(publisher) || line.contains(&port))
        });
        assert_eq!(blamed, None, "nothing is held against it");
    }
    let stores = town.stores();
    assert_eq!(first_difference(&stores), None);
}
