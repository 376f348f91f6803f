//! Who is to be kept out, and until when: the state that follows from all changes so far. Pure.
//!
//! Before: [`crate::change`]. After: a bouncer's plan. Half a million addresses are the measure, so an entry is
//! a few bytes and texts are held once. The local allowlist is checked here again, whatever the node says.
//! Deliberately absent: what a kernel holds; that is the plan's other half.

mod entry;
mod told;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

use crate::atlas::Atlas;
use crate::change::{Add, Change};
use crate::moment::Moment;
use crate::place::Place;
use crate::value::{Refused, Value, unmapped};

use entry::Entry;

pub use told::MOST_LOCATED;

/// What a table takes.
#[derive(Clone, Debug)]
pub struct TableConfig {
    /// Remediations to act upon, in lower case. At most 255.
    pub kinds: Vec<String>,
    /// Never kept out, whoever decides it.
    pub allow: Vec<IpNet>,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What holds for the value is different now.
    Changed,
    /// Nothing is different.
    Unchanged,
    /// Held, but no database knows where that place is: nobody is kept out.
    Nowhere,
    /// A remediation that this bouncer does not act upon.
    OtherKind,
    /// The local allowlist holds the value.
    Allowed,
    /// Nobody may block this.
    Refused(Refused),
}

/// Counts of what was left out since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// By the local allowlist.
    pub allowed: u64,
    /// Because nobody may block it.
    pub refused: u64,
    /// Of other remediations.
    pub other_kind: u64,
}

/// The desired state.
#[derive(Debug)]
pub struct Table {
    kinds: Vec<Arc<str>>,
    allow: Vec<IpNet>,
    /// Whom the node spares.
    spared: Vec<IpNet>,
    v4: HashMap<Ipv4Addr, Entry>,
    v6: HashMap<Ipv6Addr, Entry>,
    ranges: HashMap<IpNet, Entry>,
    places: HashMap<Place, Entry>,
    atlas: Arc<Atlas>,
    /// Shorter decisions of another kind on a value that has an entry above. Rare.
    others: HashMap<Value, Vec<Entry>>,
    /// Which full picture an entry was last named in.
    picture: u8,
    left_out: LeftOut,
}

// === impl TableConfig ===

impl Default for TableConfig {
    fn default() -> Self {
        Self {
            kinds: vec!["ban".to_owned()],
            allow: Vec::new(),
        }
    }
}

// === impl Table ===

impl Table {
    /// An empty table.
    pub fn new(config: TableConfig) -> Self {
        let kinds = config.kinds.into_iter().take(usize::from(u8::MAX));
        Self {
            kinds: kinds.map(|kind| Arc::from(kind.to_ascii_lowercase())).collect(),
            allow: config
                .allow
                .into_iter()
                .map(|net| unmapped(net.trunc()))
                .collect(),
            spared: Vec::new(),
            v4: HashMap::new(),
            v6: HashMap::new(),
            ranges: HashMap::new(),
            places: HashMap::new(),
            atlas: Arc::default(),
            others: HashMap::new(),
            picture: 0,
            left_out: LeftOut::default(),
        }
    }

    /// Places are there from now on.
    pub fn locate(&mut self, atlas: Arc<Atlas>) {
        self.atlas = atlas;
    }

    /// These are cut out of ranges and places from now on, as well as the local allowlist.
    pub fn spare(&mut self, nets: Vec<IpNet>) {
        self.spared = nets;
    }

    /// A full picture begins.
    pub fn begin(&mut self) {
        self.picture = self.picture.wrapping_add(1);
    }

    /// The full picture is complete: what it did not name is over. Returns how many values went.
    pub fn end(&mut self) -> usize {
        let picture = self.picture;
        self.retain(|entry| entry.picture == picture)
    }

    /// Forgets what has ended. Returns how many values went.
    pub fn expire(&mut self, now: Moment) -> usize {
        self.retain(|entry| entry.until > now)
    }

    /// Takes one change.
    pub fn apply(&mut self, change: &Change) -> Outcome {
        let (Change::Add(Add { kind, .. }) | Change::Remove { kind, .. }) = change;
        let Some(kind) = self.kinds.iter().position(|known| known == kind) else {
            self.left_out.other_kind = self.left_out.other_kind.saturating_add(1);
            return Outcome::OtherKind;
        };
        let kind = u8::try_from(kind).unwrap_or(u8::MAX);
        match change {
            Change::Add(add) => self.add(add, kind),
            Change::Remove { value, .. } => self.remove(*value, kind),
        }
    }

    fn add(&mut self, add: &Add, kind: u8) -> Outcome {
        if let Some(why) = add.value.refused().or_else(|| self.crowds(add.value)) {
            self.left_out.refused = self.left_out.refused.saturating_add(1);
            return Outcome::Refused(why);
        }
        let all_of = |net| self.allow.iter().any(|allowed| allowed.contains(&net));
        if add.value.net().is_some_and(all_of) {
            self.left_out.allowed = self.left_out.allowed.saturating_add(1);
            return Outcome::Allowed;
        }
        let new = Entry {
            until: add.term.until,
            origin: add.term.origin,
            kind,
            picture: self.picture,
        };
        let Some(held) = self.get(add.value) else {
            self.set(add.value, Some(new));
            let nowhere = self.nets(add.value).next().is_none();
            return if nowhere {
                Outcome::Nowhere
            } else {
                Outcome::Changed
            };
        };
        // The first word of a new picture on a kind, or of a replacing message, counts as it is; later ones can only
        // prolong it.
        let (mut all, before) = self.take(add.value, held);
        match all.iter_mut().find(|entry| entry.kind == kind) {
            Some(same) if add.replaces || same.picture != self.picture => *same = new,
            Some(same) if same.until < new.until => *same = new,
            Some(_) => {}
            None => all.push(new),
        }
        self.put(add.value, all, &before)
    }

    fn remove(&mut self, value: Value, kind: u8) -> Outcome {
        let Some(held) = self.get(value) else {
            return Outcome::Unchanged;
        };
        let (mut all, before) = self.take(value, held);
        all.retain(|entry| entry.kind != kind);
        self.put(value, all, &before)
    }

    /// Every entry of a value, `held` the last of them, to be put back; and a copy to compare with.
    fn take(&mut self, value: Value, held: Entry) -> (Vec<Entry>, Vec<Entry>) {
        let mut all = self.others.remove(&value).unwrap_or_default();
        all.push(held);
        let before = all.clone();
        (all, before)
    }

    /// The longest-living of `all` becomes the value's entry, the rest stand by.
    fn put(&mut self, value: Value, mut all: Vec<Entry>, before: &[Entry]) -> Outcome {
        all.sort_unstable_by_key(|entry| entry.term());
        let says_the_same = |one: &Entry, other: &Entry| (one.kind, one.term()) == (other.kind, other.term());
        let same = all.len() == before.len() && all.iter().zip(before).all(|(a, b)| says_the_same(a, b));
        let longest = all.pop();
        if !all.is_empty() {
            self.others.insert(value, all);
        }
        self.set(value, longest);
        if same {
            Outcome::Unchanged
        } else {
            Outcome::Changed
        }
    }

    fn get(&self, value: Value) -> Option<Entry> {
        match value {
            Value::Address(IpAddr::V4(address)) => self.v4.get(&address).copied(),
            Value::Address(IpAddr::V6(address)) => self.v6.get(&address).copied(),
            Value::Range(net) => self.ranges.get(&net).copied(),
            Value::Place(place) => self.places.get(&place).copied(),
        }
    }

    fn set(&mut self, value: Value, entry: Option<Entry>) {
        match value {
            Value::Address(IpAddr::V4(address)) => entry::store(&mut self.v4, address, entry),
            Value::Address(IpAddr::V6(address)) => entry::store(&mut self.v6, address, entry),
            Value::Range(net) => entry::store(&mut self.ranges, net, entry),
            Value::Place(place) => entry::store(&mut self.places, place, entry),
        }
    }

    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) -> usize {
        let before = self.len();
        // A second decision on a value may outlive the first in a new picture: it takes the place.
        let standing_by = std::mem::take(&mut self.others);
        for (value, mut entries) in standing_by {
            entries.extend(self.get(value));
            entries.retain(&keep);
            if !entries.is_empty() {
                self.put(value, entries, &[]);
            }
        }
        self.v4.retain(|_, entry| keep(entry));
        self.v6.retain(|_, entry| keep(entry));
        self.ranges.retain(|_, entry| keep(entry));
        self.places.retain(|_, entry| keep(entry));
        before.saturating_sub(self.len())
    }

    /// How many values are held: addresses, ranges and places.
    pub fn len(&self) -> usize {
        self.v4
            .len()
            .saturating_add(self.v6.len())
            .saturating_add(self.ranges.len())
            .saturating_add(self.places.len())
    }

    /// Whether nobody is kept out.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was left out since the start.
    pub const fn left_out(&self) -> LeftOut {
        self.left_out
    }
}

#[cfg(test)]
mod tests;
