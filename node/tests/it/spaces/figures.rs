//! What the mesh promises in numbers, measured on real nodes: cold join, memory and processor time under a known rate.
//!
//! Part of `make soak`; a debug build or a busy machine would only measure itself. Deliberately absent: judgement of the
//! figures, which depend on the machine. Around one member, each of twenty is the only one who holds its own chain: what
//! has not come from it after a minute is said, and is no failure here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use vigie_gossip::wire::Genesis;

use super::puppet::{Puppet, org};
use super::say;
use super::town::{Town, stored};
use super::usage::Usage;
use super::wire::Air;
use crate::http::Place;
use crate::network::{found_with, identity, join};
use crate::support::{Home, eventually, number_of, until};

/// Members of the mesh that somebody joins, and what each of them has seen before.
const NODES: usize = 8;
const EACH: u32 = 500;
/// Nodes around one, each with one connection to it.
const AROUND: u8 = 20;
/// How long they speak.
const SECONDS: u32 = 30;

#[test]
fn a_cold_join() {
    if number_of("VIGIE_SOAK_MINUTES").is_none() {
        return;
    }
    let newcomer = Home::watching();
    let air = Air {
        seed: 1,
        loss: 0.0,
        farthest_ms: 100,
        mbit: 100,
    };
    let mut town =
        Town::found_with(NODES, &[identity(&newcomer)], air).unwrap_or_else(|reason| panic!("{reason}"));
    town.until_connected(3);
    // Two members each see the same attackers: their words together are enough to block.
    for pair in 0..4 {
        for member in [2 * pair, 2 * pair + 1] {
            town.see_from(member, u32::try_from(pair).unwrap() * EACH, EACH);
        }
    }
    town.until_whole(Duration::from_secs(300)).unwrap();
    let (sightings, port) = (u64::from(town.seen), town.newcomer(newcomer));
    let invitation = town.members[0].home.beside("invitation");
    town.members[port].start();
    // Its operator has looked at the fingerprints; from here on the clock runs.
    let begun = Instant::now();
    let invitation = invitation.to_str().unwrap();
    let home = &town.members[port].home;
    home.say(&["join", invitation, "--yes", "--share", "yes", "--anchor", "yes"]);
    let joined = begun.elapsed();
    let decided = |least: usize| {
        let rows = town.members[port].ask("/decisions?origin=mesh&limit=10000");
        rows.and_then(|rows| rows.as_array().map(|rows| rows.len() >= least)) == Some(true)
    };
    until("it has a decision of the mesh", || decided(1));
    let first = begun.elapsed();
    until("it knows everything", || {
        town.members[port].sightings() == Some(sightings)
    });
    let whole = begun.elapsed();
    say(&format!(
        "cold join of a mesh of {NODES} with {sightings} sightings, farthest {} ms: the command {joined:.2?}, first decision \
         of the mesh {first:.2?}, everything {whole:.2?} (goal: 3 s to the first)",
        air.farthest_ms
    ));
}

#[test]
fn a_member_with_twenty_connections() {
    if number_of("VIGIE_SOAK_MINUTES").is_none() {
        return;
    }
    for rate in [100, 300, 1_000] {
        under(rate);
    }
}

/// Makes the network of this invitation a month older, so that its members may have spoken before; the genesis file.
fn older(invitation: &Path) -> String {
    let text = std::fs::read_to_string(invitation).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut genesis = Genesis::parse(value["genesis"].as_str().unwrap()).unwrap();
    genesis.created = genesis.created - Duration::from_hours(24 * 30);
    let genesis = genesis.render();
    value["genesis"] = genesis.clone().into();
    std::fs::write(invitation, value.to_string()).unwrap();
    genesis
}

/// Of each chain that lacks something: how much it holds, and the first places that it lacks.
fn lacking(home: &Home, each: u32) -> Vec<(usize, Vec<u64>)> {
    let mut chains: BTreeMap<_, BTreeSet<u64>> = BTreeMap::new();
    for held in stored(home).into_keys() {
        chains.entry(held.publisher).or_default().insert(held.seq);
    }
    let lacks = chains.into_values().map(|chain| {
        let lacks = (0..u64::from(each)).filter(|seq| !chain.contains(seq));
        (chain.len(), lacks.take(8).collect::<Vec<_>>())
    });
    lacks.filter(|(_, lacks)| !lacks.is_empty()).collect()
}

/// One member on loopback, twenty nodes around it that say so many envelopes of one row a second together.
fn under(rate: u32) {
    let (seed, member) = (Home::quiet(), Home::quiet());
    identity(&member);
    let guests: Vec<String> = (0..AROUND).map(|nth| org(nth).public().to_string()).collect();
    found_with(&seed, &[&member], &guests);
    let genesis = older(&seed.beside("invitation"));
    join(&member, seed.beside("invitation").to_str().unwrap(), "yes");
    let node = member.up_with(&["--mesh", "/ip4/127.0.0.1/tcp/0", "--log", "warn"]);
    let place = Place::Unix(member.data().join("vigie.sock"));
    let ask = |path: &str| -> Option<serde_json::Value> {
        serde_json::from_str(&place.ask("GET", path, None).body).ok()
    };
    let address = eventually("it listens", || {
        Some(
            ask("/network")?["peers"]
                .as_array()?
                .first()?
                .as_str()?
                .to_owned(),
        )
    });
    let each = rate * SECONDS / u32::from(AROUND);
    let mut usage = Usage::default();
    usage.look(node.id());
    let alone = usage.peak_kib;
    let mut crowd = Puppet::crowd(&genesis, &address, AROUND, each, SECONDS);
    crowd.told();
    let connections = ask("/status")
        .and_then(|status| status["peers"].as_u64())
        .unwrap_or(0);
    usage.look(node.id());
    let (begun, before, connected) = (Instant::now(), usage.cpu(), usage.rss_kib);
    let said = crowd.told()["said"].as_u64().unwrap();
    let spoke = begun.elapsed();
    let held = || ask("/status").and_then(|status| status["counts"]["envelopes"].as_u64());
    let mut lagged = true;
    while lagged && begun.elapsed() < Duration::from_secs(60) {
        lagged = held() < Some(said);
        std::thread::sleep(Duration::from_millis(100));
    }
    let took = begun.elapsed();
    usage.look(node.id());
    let cpu = usage.cpu().saturating_sub(before);
    let mib = |kib: u64| f64::from(u32::try_from(kib).unwrap()) / 1024.0;
    say(&format!(
        "{connections} connections, {said} envelopes of one row said in {spoke:.1?} ({rate}/s wanted), {:?} held after \
         {took:.1?}: memory {:.1} MiB alone, {:.1} connected, {:.1} then, {:.1} at its highest (goal: 64); processor {cpu:.1?}, \
         {} us per envelope received, stored, scored and passed on",
        held().unwrap_or(0),
        mib(alone),
        mib(connected),
        mib(usage.rss_kib),
        mib(usage.peak_kib),
        cpu.as_micros() / u128::from(held().unwrap_or(0).max(1)),
    ));
    node.terminate();
    crowd.end();
    if lagged {
        say(&format!(
            "  of each chain that lacks something, what it holds and lacks: {:?}",
            lacking(&member, each)
        ));
    }
}
