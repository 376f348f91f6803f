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
use crate::network::{found, join};
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
        let wire = Wire::stretch(nodes, air)?;
        let homes: Vec<Home> = (0..nodes).map(|_| Home::watching()).collect();
        let (seed, others) = homes.split_first().unwrap();
        found(seed, &others.iter().collect::<Vec<_>>());
        let invitation = seed.beside("invitation");
        std::thread::scope(|scope| {
            for home in others {
                scope.spawn(|| join(home, invitation.to_str().unwrap(), "yes"));
            }
        });
        for (port, home) in homes.iter().enumerate() {
            home.configure(&config(home, port, &neighbours(port, nodes)));
        }
        let members = homes.into_iter().enumerate().map(|(port, home)| Member {
            home,
            before: wire.inside(port),
            node: None,
            seen: 0,
            usage: Usage::default(),
        });
        let mut town = Self {
            members: members.collect(),
            wire,
            seen: 0,
        };
        town.members.iter_mut().for_each(Member::start);
        Ok(town)
    }

    /// This member's log tells of so many attackers more.
    pub(crate) fn see(&mut self, member: usize, attackers: u32) {
        let lines: String = (0..attackers)
            .map(|nth| guesses(&attacker(self.seen + nth), GUESSES))
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
        self.measure();
        for member in &mut self.members {
            member.usage.add_up();
            let ended = member.node.take().map(Node::terminate);
            assert!(
                ended.is_none_or(|(status, _)| status.success()),
                "{}",
                member.home.told()
            );
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
    called.retain(|other| *other != port);
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
    /// Starts its node, which ends with this process.
    pub(crate) fn start(&mut self) {
        self.node = Some(self.home.up_behind(&self.before, &[]));
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
