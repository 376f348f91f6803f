//! Meshes: which of a node's peers it pushes messages to, kept between the degrees of gossipsub.
//!
//! Grafted at the start and at every heartbeat where too few are left, among peers who have room. Pruning is not needed:
//! who has no room refuses.

use crate::clock::SECOND;
use crate::gossip::Topic;
use crate::network::at;
use crate::queue::Event;
use crate::run::World;

impl World<'_> {
    /// Everybody joins all meshes, in random order.
    pub(crate) fn join_meshes(&mut self) {
        let mut order: Vec<u32> = (0..self.setup.nodes).collect();
        self.dice.shuffle(&mut order);
        for node in order {
            for topic in [Topic::Urgent, Topic::Sightings, Topic::Bundles] {
                self.graft(node, topic);
            }
        }
    }

    pub(crate) fn on_heartbeat(&mut self, node: u32) {
        if !self.network.up[at(node)] {
            return;
        }
        for topic in [Topic::Urgent, Topic::Sightings, Topic::Bundles] {
            let (_, fewest, _) = topic.degrees(self.is_seed(node));
            if self.degree(node, topic) < fewest {
                self.graft(node, topic);
            }
        }
        self.name_lately(node);
        self.queue.push(self.now + SECOND, Event::Heartbeat { node });
    }

    fn degree(&self, node: u32, topic: Topic) -> usize {
        let links = self.network.links[at(node)].iter();
        links.filter(|link| link.up && link.mesh[topic.number()]).count()
    }

    fn graft(&mut self, node: u32, topic: Topic) {
        let (wanted, ..) = topic.degrees(self.is_seed(node));
        let links = self.network.links[at(node)].iter();
        let mut others: Vec<u32> = links
            .filter(|link| link.up && !link.mesh[topic.number()])
            .map(|link| link.peer)
            .collect();
        self.dice.shuffle(&mut others);
        let mut missing = wanted.saturating_sub(self.degree(node, topic));
        for peer in others {
            if missing == 0 {
                break;
            }
            let (.., most) = topic.degrees(self.is_seed(peer));
            if self.degree(peer, topic) < most && self.network.reaches(node, peer) {
                self.set_mesh(node, peer, topic);
                missing -= 1;
            }
        }
    }

    fn set_mesh(&mut self, one: u32, other: u32, topic: Topic) {
        for (this, peer) in [(one, other), (other, one)] {
            if let Some(link) = self.network.link(this, peer) {
                self.network.links[at(this)][link].mesh[topic.number()] = true;
            }
        }
    }

    pub(crate) fn is_seed(&self, node: u32) -> bool {
        node < self.setup.seeds()
    }
}
