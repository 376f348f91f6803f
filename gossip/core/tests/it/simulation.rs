//! Whole networks in memory: publishers, gossip that loses, partitions, restarts, restored backups, equivocators, late
//! statements. The property: once everything heals and everybody has talked to everybody, all hold the same.
//!
//! Each seed is one network. To replay a failing one, put it alone into `SEEDS`; nothing else is random.

use vigie_gossip_core::Conduct;

use crate::node::Node;
use crate::world::*;

const SEEDS: &[u64] = &[1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597];
const NODES: usize = 6;
const STEPS: u32 = 100;

/// `SplitMix64`: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

struct Network {
    random: Random,
    nodes: Vec<Node>,
    chains: Vec<Writer>,
    /// Which side of the partition each node is on.
    side: Vec<usize>,
    /// What a backup would bring back.
    backups: Vec<Option<Writer>>,
    /// Publishers who forked, for whatever reason.
    forked: Vec<u8>,
}

/// The organisation of a node: one seed, genesis members, and newcomers.
fn org(node: usize) -> u8 {
    [1, 101, 102, 103, 10, 11][node]
}

impl Network {
    fn new(seed: u64) -> Self {
        let genesis = genesis(1, 3);
        let network = genesis.network();
        let nodes: Vec<Node> = (0..NODES)
            .map(|node| Node {
                own: Some(publisher(org(node))),
                ..Node::new(genesis.clone(), t0())
            })
            .collect();
        let chains = (0..NODES).map(|node| Writer::new(network, org(node))).collect();
        let mut this = Self {
            random: Random(seed),
            nodes,
            chains,
            side: vec![0; NODES],
            backups: vec![None; NODES],
            forked: Vec::new(),
        };
        // Everybody begins with some of the statements only.
        let start = t0() - 2 * DAY;
        let mut statements: Vec<_> = (0..NODES)
            .map(|node| certify(network, org(node), start))
            .collect();
        statements.extend([
            vouch(network, 1, 10, start),
            vouch(network, 101, 11, start),
            vouch(network, 102, 11, start),
        ]);
        for statement in statements {
            let knower = this.random.below(NODES);
            this.nodes[knower].learn([statement]);
        }
        this
    }

    fn step(&mut self) {
        for node in &mut self.nodes {
            node.now = node.now + 5 * MINUTE;
        }
        let who = self.random.below(NODES);
        match self.random.below(21) {
            0..=11 => self.publish(who),
            12..=15 => self.sync(who),
            16 => self.side = (0..NODES).map(|_| self.random.below(2)).collect(),
            17 => self.side = vec![0; NODES],
            18 => self.nodes[who] = self.nodes[who].restart(),
            _ => self.misfortune(who),
        }
    }

    /// A node publishes; gossip reaches some of its side.
    fn publish(&mut self, who: usize) {
        let now = self.nodes[who].now;
        let rows = if self.random.one_in(4) { 200 } else { 5 };
        let host = u32::try_from(self.random.below(1_000)).unwrap();
        for _ in 0..=self.random.below(4) {
            let bytes = self.chains[who].see(host, rows, now).encode();
            for node in 0..NODES {
                let reached = node == who || self.side[node] == self.side[who] && !self.random.one_in(3);
                if reached {
                    drop(self.nodes[node].receive(&bytes));
                }
            }
        }
    }

    /// Two nodes of one side sync, and messages may get lost.
    fn sync(&mut self, who: usize) {
        let peer = self.random.below(NODES);
        if peer == who || self.side[peer] != self.side[who] {
            return;
        }
        let other = self.nodes[peer].clone();
        let random = &mut self.random;
        self.nodes[who].fetch_from(&other, || random.one_in(8));
    }

    fn misfortune(&mut self, who: usize) {
        match self.random.below(4) {
            0 => self.backups[who] = Some(self.chains[who].clone()),
            1 => {
                // A restore that does not notice: the chain forks, and the operator raises the epoch soon after.
                if let Some(old) = self.backups[who].take() {
                    let now = self.chains[who].clone();
                    self.chains[who] = old;
                    self.publish(who);
                    self.chains[who] = if now.epoch > self.chains[who].epoch {
                        now
                    } else {
                        self.chains[who].clone()
                    };
                    self.chains[who].raise_epoch();
                    self.forked.push(org(who));
                }
            }
            2 => {
                // Two stories for two sides.
                let now = self.nodes[who].now;
                let mut other = self.chains[who].clone();
                let (one, two) = (
                    self.chains[who].see(1, 3, now).encode(),
                    other.see(2, 3, now).encode(),
                );
                for node in 0..NODES {
                    let story = if self.random.one_in(2) { &one } else { &two };
                    drop(self.nodes[node].receive(story));
                }
                self.forked.push(org(who));
            }
            _ => {
                let network = self.chains[who].network;
                let since = self.nodes[who].now - HOUR;
                let knower = self.random.below(NODES);
                let late = match self.random.below(3) {
                    0 => revoke(network, 11, Some(11), since),
                    1 => withdraw(network, 101, 11, since),
                    _ => vouch(network, 1, 12, since),
                };
                self.nodes[knower].learn([late]);
            }
        }
    }

    /// Everybody talks to everybody until nothing changes. Gives how many rounds that took.
    fn heal(&mut self) -> usize {
        for round in 0..20 {
            let before: Vec<_> = self
                .nodes
                .iter()
                .map(|node| (node.index.digest(), node.directory.digest()))
                .collect();
            for who in 0..NODES {
                for peer in 0..NODES {
                    let other = self.nodes[peer].clone();
                    self.nodes[who].fetch_from(&other, || false);
                }
            }
            let after: Vec<_> = self
                .nodes
                .iter()
                .map(|node| (node.index.digest(), node.directory.digest()))
                .collect();
            if before == after {
                return round;
            }
        }
        panic!("sync does not come to rest");
    }
}

fn run(seed: u64) -> Network {
    let mut network = Network::new(seed);
    for _ in 0..STEPS {
        network.step();
    }
    let rounds = network.heal();
    assert!(rounds <= 6, "seed {seed}: {rounds} rounds");
    network
}

#[test]
fn after_healing_all_hold_the_same() {
    let (mut held, mut forks) = (0, 0);
    for seed in SEEDS {
        let network = run(*seed);
        let first = &network.nodes[0];
        for (nth, node) in network.nodes.iter().enumerate() {
            assert_eq!(
                node.directory.digest(),
                first.directory.digest(),
                "seed {seed}, node {nth}: statements"
            );
            assert_eq!(node.holds(), first.holds(), "seed {seed}, node {nth}: envelopes");
            assert_eq!(
                node.index.digest(),
                first.index.digest(),
                "seed {seed}, node {nth}: digest"
            );
            let stored: Vec<_> = node.store.keys().copied().collect();
            let indexed: Vec<_> = node
                .holds()
                .into_iter()
                .map(|(publisher, epoch, seq, _)| (publisher, epoch, seq))
                .collect();
            let sorted = {
                let mut sorted = indexed;
                sorted.sort_unstable();
                sorted
            };
            assert_eq!(stored, sorted, "seed {seed}, node {nth}: store and index");
        }
        for org in [1, 101, 102, 103, 10, 11] {
            let conduct = first.index.conduct(publisher(org));
            assert!(
                conduct == Conduct::Clean || network.forked.contains(&org),
                "seed {seed}: {org} is accused falsely"
            );
        }
        held += first.index.len();
        forks += first.index.forks().count();
    }
    // The sweep is worth something only if things happened.
    assert!(held > 500, "{held} held");
    assert!(forks > 5, "{forks} forks");
}

/// Gossip may fail altogether, an announcement may come a moment before somebody listens: what stays is one comparison
/// a round with one peer, as every node makes, and of its messages one in eight is lost.
#[test]
fn without_any_gossip_everything_arrives_within_a_few_rounds() {
    for seed in SEEDS {
        let mut network = Network::new(*seed);
        let mut said = 0;
        for who in 0..NODES {
            let now = network.nodes[who].now;
            let certificate = certify(network.chains[who].network, org(who), t0() - 2 * DAY);
            network.nodes[who].learn([certificate]);
            for _ in 0..5 {
                let bytes = network.chains[who].see(said, 3, now).encode();
                // The two newcomers may not have heard yet that they are admitted.
                said += u32::from(network.nodes[who].receive(&bytes).is_ok());
            }
        }
        let mut rounds = 0;
        let alike = |network: &Network| {
            let digest = |node: &Node| (node.index.digest(), node.directory.digest(), node.index.len());
            let first = digest(&network.nodes[0]);
            network.nodes.iter().all(|node| digest(node) == first)
        };
        while !alike(&network) || network.nodes[0].index.len() < usize::try_from(said).unwrap() {
            rounds += 1;
            assert!(rounds <= 20, "seed {seed}: not after {rounds} rounds");
            for who in 0..NODES {
                network.sync(who);
            }
        }
        assert!(said >= 20, "seed {seed}: {said} words");
    }
}

#[test]
fn one_seed_is_one_network() {
    let (one, two) = (run(4), run(4));
    assert_eq!(one.nodes[0].index.digest(), two.nodes[0].index.digest());
    assert_eq!(one.nodes[0].holds(), two.nodes[0].holds());
}

#[test]
fn a_restored_node_learns_its_own_head_from_its_peers() {
    let mut network = Network::new(7);
    for _ in 0..8 {
        network.publish(1);
    }
    network.heal();
    let top = network.nodes[0].index.highest(publisher(101)).unwrap();
    let mut restored = Node {
        own: Some(publisher(101)),
        ..Node::new(genesis(1, 3), network.nodes[1].now)
    };
    restored.fetch_from(&network.nodes[0], || false);
    assert_eq!(restored.own_heads.first(), Some(&(top.epoch, top.seq)));
    assert_eq!(restored.holds(), network.nodes[0].holds());
}

#[test]
fn long_chains_come_in_pieces_and_newest_first() {
    let mut full = Node::new(genesis(1, 1), t0() + 20 * HOUR);
    full.learn([certify(full.directory.network(), 101, t0())]);
    let mut chain = Writer::new(full.directory.network(), 101);
    for nth in 0..300_u32 {
        full.receive(&chain.see(nth, 150, t0() + nth / 4 * 10 * MINUTE).encode())
            .unwrap();
    }
    assert!(full.store.values().map(Vec::len).sum::<usize>() > 400_000);
    let mut empty = Node::new(genesis(1, 1), full.now);
    empty.fetch_from(&full, || false);
    assert_eq!(empty.holds(), full.holds());
    assert_eq!(empty.index.gaps(), []);
}
