//! Members whom nobody can call by an address: behind routers that translate, or in one segment with addresses that are
//! nobody's business. And a seed that they know by its name only.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::air;
use super::wire::{Air, Wire, run};
use crate::network::{found, join};
use crate::skip::skip;
use crate::support::{Home, Node, eventually, guesses, watch};

const PORT: u16 = 7946;
const SEED: usize = 0;

/// A seed and two members that joined it.
struct Street {
    seed: Home,
    members: [Home; 2],
}

impl Street {
    /// Where the seed is by its numbers.
    fn by_numbers() -> String {
        let address = Wire::address(SEED);
        format!("\"/ip4/{address}/udp/{PORT}/quic-v1\", \"/ip4/{address}/tcp/{PORT}\"")
    }

    /// `seed_is`: where each of the members looks for the seed. `mesh`: what stands under `[mesh]` of theirs besides.
    fn found(seed_is: [&str; 2], mesh: &str) -> Self {
        let (seed, members) = (Home::watching(), [Home::watching(), Home::watching()]);
        found(&seed, &members.each_ref());
        let invitation = seed.beside("invitation");
        for member in &members {
            join(member, invitation.to_str().unwrap(), "yes");
        }
        let address = Wire::address(SEED);
        let config = |home: &Home, listen: &str, more: &str| {
            home.configure(&format!(
                "{}[policy]\nhearing = \"0s\"\n[mesh]\nlisten = [{listen}]\n{more}\n",
                watch(&home.log())
            ));
        };
        config(
            &seed,
            &format!("\"/ip4/{address}/tcp/{PORT}\", \"/ip4/{address}/udp/{PORT}/quic-v1\""),
            "private = true",
        );
        for (member, seed_is) in members.iter().zip(seed_is) {
            let listen = format!("\"/ip4/0.0.0.0/tcp/{PORT}\", \"/ip4/0.0.0.0/udp/{PORT}/quic-v1\"");
            config(member, &listen, &format!("peers = [{seed_is}]\n{mesh}"));
        }
        Self { seed, members }
    }

    /// Starts them: what goes before each program says where.
    fn up(&self, seed: &[String], members: &[Vec<String>; 2]) -> Vec<Node> {
        let mut nodes = vec![self.seed.up_behind(seed, &[])];
        for (home, before) in self.members.iter().zip(members) {
            nodes.push(home.up_behind(before, &[]));
        }
        nodes
    }

    /// Until the members are connected with each other, too. Who listens asks a seed to take calls for it after a minute
    /// in which nobody called.
    fn until_all_meet(&self) {
        for home in &self.members {
            let meets = || home.json(&["status"])["peers"].as_u64() >= Some(2);
            let until = Instant::now() + Duration::from_mins(3);
            while !meets() {
                assert!(
                    Instant::now() < until,
                    "{}\n{}\n{}",
                    home.json(&["status"]),
                    self.members[0].told(),
                    self.members[1].told()
                );
                sleep(Duration::from_millis(500));
            }
        }
    }

    /// What one member sees the other one hears of.
    fn until_heard(&self) {
        let [sees, hears] = &self.members;
        sees.append(&guesses("5.0.0.1", 6));
        eventually("the sighting", || {
            (hears.json(&["status"])["counts"]["sightings"] == 1).then_some(())
        });
    }
}

fn wire(test: &str) -> Option<Wire> {
    let calm = Air {
        loss: 0.0,
        farthest_ms: 10,
        ..air()
    };
    match Wire::stretch(3, calm) {
        Ok(wire) => Some(wire),
        Err(reason) => {
            skip(test, &reason);
            None
        }
    }
}

#[test]
fn members_behind_their_own_routers_meet_through_a_seed() {
    let test = "members_behind_their_own_routers_meet_through_a_seed";
    let Some(mut wire) = wire(test) else { return };
    let homes = [wire.behind(1), wire.behind(2)];
    let [Ok(one), Ok(two)] = homes else {
        return skip(
            test,
            "this machine translates no addresses between network namespaces",
        );
    };
    let seed_is = Street::by_numbers();
    let street = Street::found([&seed_is; 2], "private = true");
    let _nodes = street.up(&wire.inside(SEED), &[one, two]);
    street.until_all_meet();
    // The later of them may have been called before it asked anybody to take calls for it.
    let circuits = |home: &Home| home.json(&["status"])["reach"]["circuits"].to_string();
    let circuits = street.members.each_ref().map(circuits).concat();
    assert!(circuits.contains("/p2p-circuit/"), "{circuits}");
    street.until_heard();
}

#[test]
fn members_in_one_segment_meet_by_mdns_without_telling_addresses() {
    let test = "members_in_one_segment_meet_by_mdns_without_telling_addresses";
    let Some(wire) = wire(test) else { return };
    let seed_is = Street::by_numbers();
    let street = Street::found([&seed_is; 2], "mdns = true\nthrough_seeds = false");
    let _nodes = street.up(&wire.inside(SEED), &[wire.inside(1), wire.inside(2)]);
    street.until_all_meet();
    street.until_heard();
}

/// By `/dnsaddr` one of them, by `/dns4` the other. Nobody answers for these names at first.
#[test]
fn members_find_a_seed_by_its_name() {
    let test = "members_find_a_seed_by_its_name";
    let Some(wire) = wire(test) else { return };
    let street = Street::found(
        [
            "\"/dnsaddr/mesh.example\"",
            &format!("\"/dns4/seed.example/tcp/{PORT}\""),
        ],
        "private = true",
    );
    let asking = street.seed.beside("resolv.conf");
    std::fs::write(&asking, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    let mounted = format!(
        "mount --bind {} /etc/resolv.conf && exec \"$@\"",
        asking.display()
    );
    let by_names = |port| {
        let mount = ["unshare", "-m", "--", "sh", "-c", &mounted, "sh"].map(str::to_owned);
        [wire.inside(port), mount.to_vec()].concat()
    };
    if let Err(reason) = run(&by_names(1), &["true".to_owned()], "") {
        return skip(
            test,
            &format!("this machine gives a process no files of its own: {reason}"),
        );
    }
    let _nodes = street.up(&wire.inside(SEED), &[by_names(1), by_names(2)]);
    sleep(Duration::from_secs(2));
    for member in &street.members {
        assert_eq!(member.json(&["status"])["peers"], 0);
    }
    let _servers = [1, 2].map(|port| wire.names(port, SEED, PORT));
    street.until_all_meet();
    street.until_heard();
}
