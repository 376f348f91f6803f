//! All decisions at one moment, found by number, network, value, version and end without looking at the others.
//!
//! Ordered maps that share their parts with the moments before and after (`ordered`). A look-up by address asks
//! once for each prefix length in use; what changed, what ended, and what lies inside a network stand side by side.
//! Deliberately absent: what a reader is served of it (`api`).

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vigie_store::{Decision, DecisionId};
use vigie_wire::Timestamp;

use super::ordered::Ordered;
use super::{Entry, KEPT_AFTER_END, Version};
use crate::config;

/// How many networks of each prefix length there are, IPv4 then IPv6.
type Lengths = [[u32; 129]; 2];

/// All decisions at one moment. Never changes; a copy is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    entries: Ordered<DecisionId, Entry>,
    v4: Ordered<(Ipv4Net, DecisionId), ()>,
    v6: Ordered<(Ipv6Net, DecisionId), ()>,
    lengths: Arc<Lengths>,
    /// By the hash of the value; rows of one hash are told apart by the value itself.
    values: Ordered<(u64, DecisionId), ()>,
    /// The hashes that more than one row has.
    doubled: Ordered<u64, ()>,
    versions: Ordered<(Version, DecisionId), ()>,
    /// Those that end, or ended, by time.
    ends: Ordered<(Timestamp, DecisionId), ()>,
    /// Those that were ended early, with when they are forgotten; and by that.
    early: Ordered<(Timestamp, DecisionId), Timestamp>,
    leaving: Ordered<(Timestamp, DecisionId), ()>,
    hasher: RandomState,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            entries: Ordered::default(),
            v4: Ordered::default(),
            v6: Ordered::default(),
            lengths: Arc::new([[0; 129]; 2]),
            values: Ordered::default(),
            doubled: Ordered::default(),
            versions: Ordered::default(),
            ends: Ordered::default(),
            early: Ordered::default(),
            leaving: Ordered::default(),
            hasher: RandomState::new(),
        }
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// The one with this number.
    pub(crate) fn get(&self, id: DecisionId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// All, by number.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|row| &row.1)
    }

    /// The numbers of all, in order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = DecisionId> {
        self.entries.iter().map(|row| row.0)
    }

    /// Those on networks that hold all of this one, the largest networks first. Families never mix.
    pub(crate) fn holding(&self, target: IpNet) -> impl Iterator<Item = &Arc<Decision>> {
        let used = self.lengths.get(family(&target)).into_iter().flatten();
        let around = (0..=target.prefix_len()).zip(used).filter(|(_, many)| **many > 0);
        let found = around.filter_map(move |(length, _)| {
            let network = IpNet::new(target.network(), length).ok()?.trunc();
            Some(self.from(network).take_while(move |row| row.0 == network))
        });
        found.flatten().filter_map(|row| self.held(row.1))
    }

    /// Those on this network and on all inside it.
    pub(crate) fn inside(&self, target: IpNet) -> impl Iterator<Item = &Arc<Decision>> {
        let target = target.trunc();
        let inside = self.from(target).take_while(move |row| target.contains(&row.0));
        inside.filter_map(|row| self.held(row.1))
    }

    /// Those on exactly this value, by number; ended ones too.
    pub(crate) fn of_value<'a>(&'a self, value: &'a str) -> impl Iterator<Item = &'a Arc<Decision>> {
        let hash = self.hasher.hash_one(value);
        let rows = self.values.from(&(hash, DecisionId::MIN)).map(|row| row.0);
        let same = rows.take_while(move |row| row.0 == hash);
        let held = same.filter_map(|row| self.held(row.1));
        held.filter(move |held| &*held.decision.value == value)
    }

    /// All on the value of this one, itself among them; nothing, and no look-up, where it is certainly the only one.
    pub(crate) fn beside<'a>(&'a self, held: &'a Decision) -> impl Iterator<Item = &'a Arc<Decision>> {
        let value = &held.decision.value;
        let hash = (!self.doubled.is_empty()).then(|| self.hasher.hash_one(&**value));
        let more = hash.is_some_and(|hash| self.doubled.get(&hash).is_some());
        more.then(|| self.of_value(value)).into_iter().flatten()
    }

    /// The numbers of those that a later change than this brought or ended.
    pub(crate) fn changed(&self, after: Version) -> impl Iterator<Item = DecisionId> {
        let rows = self.versions.from(&(after, DecisionId::MAX)).map(|row| row.0);
        rows.filter(move |row| row.0 > after).map(|row| row.1)
    }

    /// The numbers of those that ended later than `after`, and by now.
    pub(crate) fn ended(&self, after: Timestamp, now: Timestamp) -> impl Iterator<Item = DecisionId> {
        let first = (after, DecisionId::MAX);
        let by_time = self.ends.from(&first).map(|row| row.0);
        let early = self.early.from(&first).map(|row| row.0);
        let within = move |row: &(Timestamp, DecisionId)| row.0 <= now;
        let both = by_time.take_while(within).chain(early.take_while(within));
        both.filter(move |row| row.0 > after).map(|row| row.1)
    }

    /// When the next decision ends by time.
    pub(crate) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let first = (now, DecisionId::MAX);
        let by_time = self
            .ends
            .from(&first)
            .map(|row| row.0.0)
            .find(|until| *until > now);
        let early = self
            .early
            .from(&first)
            .map(|row| row.0.0)
            .find(|until| *until > now);
        by_time.into_iter().chain(early).min()
    }

    /// Those that hold now, by number.
    pub(crate) fn active(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Decision>> {
        let held = self.values().map(|entry| &entry.held);
        held.filter(move |held| held.decision.until > now)
    }

    /// Puts one in, in the place of a former one of that number; `early` says when it is forgotten, if it was ended early.
    pub(super) fn put(&mut self, version: Version, held: Decision, early: Option<Timestamp>) {
        let id = held.id;
        let early = self.take(id).max(early);
        if let Some(net) = network(&held) {
            match net {
                IpNet::V4(net) => self.v4.insert((net, id), ()),
                IpNet::V6(net) => self.v6.insert((net, id), ()),
            }
            self.count(&net, |many| many.saturating_add(1));
        }
        let value = self.hasher.hash_one(&*held.decision.value);
        self.values.insert((value, id), ());
        if self.has_several(value) {
            self.doubled.insert(value, ());
        }
        self.versions.insert((version, id), ());
        let end = (held.decision.until, id);
        match early {
            Some(forgotten) => {
                self.early.insert(end, forgotten);
                self.leaving.insert((forgotten, id), ());
            }
            None => self.ends.insert(end, ()),
        }
        let held = Arc::new(held);
        self.entries.insert(id, Entry { version, held });
    }

    /// Forgets those that ended long ago.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let first = |ends: &Ordered<(Timestamp, DecisionId), ()>, gone| {
            let first = ends.iter().next().map(|row| row.0);
            first.filter(|row| row.0 <= gone)
        };
        while let Some((_, id)) =
            first(&self.ends, now - KEPT_AFTER_END).or_else(|| first(&self.leaving, now))
        {
            self.take(id);
        }
    }

    /// Takes one out; gives when it was to be forgotten, if it was ended early.
    fn take(&mut self, id: DecisionId) -> Option<Timestamp> {
        let Entry { version, held } = self.entries.get(&id).cloned()?;
        if let Some(net) = network(&held) {
            match net {
                IpNet::V4(net) => self.v4.remove(&(net, id)),
                IpNet::V6(net) => self.v6.remove(&(net, id)),
            }
            self.count(&net, |many| many.saturating_sub(1));
        }
        let value = self.hasher.hash_one(&*held.decision.value);
        self.values.remove(&(value, id));
        if !self.has_several(value) {
            self.doubled.remove(&value);
        }
        self.versions.remove(&(version, id));
        let end = (held.decision.until, id);
        let early = self.early.get(&end).copied();
        match early {
            Some(forgotten) => {
                self.early.remove(&end);
                self.leaving.remove(&(forgotten, id));
            }
            None => self.ends.remove(&end),
        }
        self.entries.remove(&id);
        early
    }

    fn count(&mut self, net: &IpNet, change: impl Fn(u32) -> u32) {
        let lengths = Arc::make_mut(&mut self.lengths).get_mut(family(net));
        if let Some(many) = lengths.and_then(|lengths| lengths.get_mut(usize::from(net.prefix_len()))) {
            *many = change(*many);
        }
    }

    fn has_several(&self, hash: u64) -> bool {
        let rows = self.values.from(&(hash, DecisionId::MIN)).map(|row| row.0.0);
        rows.take_while(|row| *row == hash).nth(1).is_some()
    }

    /// Networks of its family from this one on, in order: by address, the larger of two that begin alike first. Apart by
    /// family, as a row of IPv6's is twice as long.
    fn from(&self, network: IpNet) -> impl Iterator<Item = (IpNet, DecisionId)> {
        let (v4, v6) = match network {
            IpNet::V4(net) => (Some(self.v4.from(&(net, DecisionId::MIN))), None),
            IpNet::V6(net) => (None, Some(self.v6.from(&(net, DecisionId::MIN)))),
        };
        let v4 = v4.into_iter().flatten().map(|row| (row.0.0.into(), row.0.1));
        v4.chain(v6.into_iter().flatten().map(|row| (row.0.0.into(), row.0.1)))
    }

    fn held(&self, id: DecisionId) -> Option<&Arc<Decision>> {
        Some(&self.get(id)?.held)
    }
}

fn family(net: &IpNet) -> usize {
    usize::from(matches!(net, IpNet::V6(_)))
}

/// The network that a decision is on: an address is the one that holds only itself. `None` for other scopes.
fn network(held: &Decision) -> Option<IpNet> {
    let scope = &held.decision.scope;
    let addressed = ["ip", "range"].iter().any(|one| scope.eq_ignore_ascii_case(one));
    addressed.then(|| config::network(&held.decision.value)).flatten()
}
