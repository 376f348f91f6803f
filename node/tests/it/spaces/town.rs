//! A mesh of real nodes on a wire: founded and joined by commands, each with a log of its own, and killed as one likes.
//!
//! Every attacker in their logs is another address, so what the mesh should hold in the end is known to the row.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use vigie_store::{Envelopes, Held};
use vigie_store_sqlite::SqliteStore;

use super::usage::Usage;
use super::wire::{Air, Wire};
use crate::http::Place;
use crate::kill::copy_directory;
use crate::network::{found_with, join};
use crate::support::{Home, Node, guesses};

/// Where the nodes listen.
const PORT: u16 = 7946;
/// Between two looks at all nodes.
const LOOK: Duration = Duration::from_millis(100);
/// Lines of sshd that make one detection, with one to spare.
const GUESSES: usize = 6;
/// The first attacker. Any public address would do: nobody contacts it.
const FIRST: u32 = 0x0500_0001;

/// Whose nodes are where.
pub(crate) struct Town {
    pub(crate) members: Vec<Member>,
    pub(crate) wire: Wire,
    /// Attackers so far, over all logs.
    pub(crate) seen: u32,
}

/// One organisation, whose node may be running. The first is the seed.
pub(crate) struct Member {
    pub(crate) home: Home,
    before: Vec<String>,
    node: Option<Node>,
    pub(crate) seen: u32,
    pub(crate) usage: Usage,
}

/// What a store holds: every place of every chain, and what stands there.
pub(crate) type Stored = BTreeMap<Held, Vec<u8>>;

// === impl Town ===

impl Town {
    /// So many founders, joined and up; the reason if this machine has no wire for them.
    pub(crate) fn found(nodes: usize, air: Air) -> Result<Self, String> {
        Self::found_with(nodes, &[], air)
    }

    /// The same with a port more, for somebody else; the network's founders include these keys too.
    pub(crate) fn found_with(nodes: usize, guests: &[String], air: Air) -> Result<Self, String> {
        let wire = Wire::stretch(nodes + 1, air)?;
        let homes: Vec<Home> = (0..nodes).map(|_| Home::watching()).collect();
        let (seed, others) = homes.split_first().unwrap();
        found_with(seed, &others.iter().collect::<Vec<_>>(), guests);
        let invitation = seed.beside("invitation");
        std::thread::scope(|scope| {
            for home in others {
                scope.spawn(|| join(home, invitation.to_str().unwrap(), "yes"));
            }
        });
        for (port, home) in homes.iter().enumerate() {
            home.configure(&config(home, port, &neighbours(port, nodes)));
        }
        let members = homes.into_iter().enumerate();
        let members = members.map(|(port, home)| Member::new(home, wire.inside(port)));
        let mut town = Self {
            members: members.collect(),
            wire,
            seen: 0,
        };
        town.members.iter_mut().for_each(Member::start);
        Ok(town)
    }

    /// A second node at the spare port, with the keys and the store that this member's node has now, and a log of its own.
    pub(crate) fn twin(&mut self, of: usize) -> usize {
        let (home, port) = (Home::watching(), self.members.len());
        std::fs::remove_dir_all(home.data()).unwrap();
        copy_directory(&self.members[of].home.data(), &home.data());
        home.configure(&config(&home, port, &neighbours(port, port)));
        self.members.push(Member::new(home, self.wire.inside(port)));
        port
    }

    /// Somebody new at the spare port, who is in the network by his key only, calls everybody and enforces what he hears.
    pub(crate) fn newcomer(&mut self, home: Home) -> usize {
        let port = self.members.len();
        let config = config(&home, port, &neighbours(port, port));
        home.configure(&config.replace("[policy]\n", "[policy]\nremote = \"enforce\"\n"));
        self.members.push(Member::new(home, self.wire.inside(port)));
        port
    }

    /// The addresses by which a node at the spare port calls everybody.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let ports = 0..self.members.len();
        ports
            .map(|port| format!("/ip4/{}/tcp/{PORT}", Wire::address(port)))
            .collect()
    }

    /// This member's log tells of so many attackers more.
    pub(crate) fn see(&mut self, member: usize, attackers: u32) {
        self.see_from(member, self.seen, attackers);
    }

    /// The same of attackers from the nth on, whom others may have seen: each time is a sighting.
    pub(crate) fn see_from(&mut self, member: usize, first: u32, attackers: u32) {
        let lines: String = (first..first + attackers)
            .map(|nth| guesses(&attacker(nth), GUESSES))
            .collect();
        self.seen += attackers;
        self.members[member].seen += attackers;
        self.members[member].home.append(&lines);
    }

    /// Whether every running node holds all that was ever seen.
    pub(crate) fn is_whole(&self) -> bool {
        let mut running = self.members.iter().filter(|member| member.runs());
        running.all(|member| member.sightings() == Some(u64::from(self.seen)))
    }

    /// Waits until everybody holds everything; how long it took, or who holds how much after so long.
    pub(crate) fn until_whole(&mut self, longest: Duration) -> Result<Duration, String> {
        let begun = Instant::now();
        while !self.is_whole() {
            if begun.elapsed() > longest {
                let held: Vec<_> = self.members.iter().map(Member::sightings).collect();
                return Err(format!(
                    "after {longest:?} the nodes hold {held:?} of {} sightings",
                    self.seen
                ));
            }
            std::thread::sleep(LOOK);
        }
        let took = begun.elapsed();
        self.measure();
        Ok(took)
    }

    /// Waits until every node has so many peers.
    pub(crate) fn until_connected(&self, peers: u64) {
        for member in &self.members {
            crate::support::until("the nodes are connected", || {
                member
                    .status()
                    .is_some_and(|status| status["peers"].as_u64() >= Some(peers))
            });
        }
    }

    /// Looks what every running node has used.
    pub(crate) fn measure(&mut self) {
        self.members.iter_mut().for_each(Member::measure);
    }

    /// Ends all nodes as systemd does, and reads what each stored.
    pub(crate) fn stores(&mut self) -> Vec<Stored> {
        for member in self.members.iter_mut().filter(|member| member.runs()) {
            member.stop();
        }
        self.members.iter().map(|member| stored(&member.home)).collect()
    }
}

/// The address of the nth attacker.
pub(crate) fn attacker(nth: u32) -> String {
    std::net::Ipv4Addr::from(FIRST + nth).to_string()
}

/// Whom the node at this port calls: the two after it, and the seed.
fn neighbours(port: usize, nodes: usize) -> Vec<usize> {
    let mut called = vec![0, (port + 1) % nodes, (port + 2) % nodes];
    called.retain(|other| *other != port && *other < nodes);
    called.sort_unstable();
    called.dedup();
    called
}

fn config(home: &Home, port: usize, called: &[usize]) -> String {
    let at = |port: usize, transport: &str| {
        let address = Wire::address(port);
        match transport {
            "tcp" => format!("\"/ip4/{address}/tcp/{PORT}\""),
            _ => format!("\"/ip4/{address}/udp/{PORT}/quic-v1\""),
        }
    };
    // Half of the connections are of each kind.
    let by = |other: usize| {
        if (port + other).is_multiple_of(2) {
            "tcp"
        } else {
            "quic"
        }
    };
    let peers: Vec<String> = called.iter().map(|other| at(*other, by(*other))).collect();
    format!(
        "{}[policy]\nhearing = \"0s\"\n[mesh]\nlisten = [{}, {}]\npeers = [{}]\n",
        crate::support::watch(&home.log()),
        at(port, "tcp"),
        at(port, "quic"),
        peers.join(", ")
    )
}

/// What the file of a node that is not running holds.
pub(crate) fn stored(home: &Home) -> Stored {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let store = SqliteStore::open(&home.data().join("vigie.sqlite"))
            .await
            .unwrap();
        let mut all = Stored::new();
        for one in store.held().await.unwrap() {
            let held = one.held;
            let bytes = store
                .range(held.publisher, held.epoch, held.seq, held.seq, 1 << 20)
                .await;
            all.insert(held, bytes.unwrap().concat());
        }
        store.close().await;
        all
    })
}

// === impl Member ===

impl Member {
    fn new(home: Home, before: Vec<String>) -> Self {
        Self {
            home,
            before,
            node: None,
            seen: 0,
            usage: Usage::default(),
        }
    }

    /// Starts its node, which ends with this process.
    pub(crate) fn start(&mut self) {
        self.node = Some(self.home.up_behind(&self.before, &[]));
    }

    /// Ends its node as systemd does.
    pub(crate) fn stop(&mut self) {
        self.measure();
        self.usage.add_up();
        let (status, _) = self.node.take().unwrap().terminate();
        assert!(status.success(), "{}", self.home.told());
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.measure();
        self.usage.add_up();
        self.node.take().unwrap().kill();
    }

    pub(crate) fn runs(&self) -> bool {
        self.node.is_some()
    }

    fn measure(&mut self) {
        if let Some(node) = &self.node {
            self.usage.look(node.id());
        }
    }

    /// What `vigie status` asks; `None` while it does not answer.
    pub(crate) fn status(&self) -> Option<Value> {
        self.ask("/status")
    }

    pub(crate) fn ask(&self, path: &str) -> Option<Value> {
        let answer = Place::Unix(self.home.data().join("vigie.sock")).ask("GET", path, None);
        (answer.status == 200).then(|| serde_json::from_str(&answer.body).unwrap())
    }

    /// Sightings in its store.
    pub(crate) fn sightings(&self) -> Option<u64> {
        self.status()?["counts"]["sightings"].as_u64()
    }
}
