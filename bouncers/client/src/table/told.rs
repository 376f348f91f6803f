//! What a table says: who is kept out and until when, places as the ranges that an atlas has for them.
//!
//! A place is held as it was decided and found anew each time, so that its end takes no other decision with it and
//! another atlas moves it. Deliberately absent: what changes the table.

use std::net::IpAddr;

use ipnet::IpNet;
use vigie_bouncer_origin::Origin;

use super::Table;
use super::entry::Entry;
use crate::moment::Moment;
use crate::span::{Family, Span, bounds, flatten};
use crate::term::Term;
use crate::value::{Refused, Value};

/// Most ranges that the places of a table have together: a kernel and nginx's workers hold all of them.
pub const MOST_LOCATED: usize = 500_000;

impl Table {
    /// How long an address is kept out as a single address, if it is. Ranges are apart.
    pub fn term(&self, address: IpAddr, now: Moment) -> Option<Term> {
        self.get(Value::Address(address))
            .map(Entry::term)
            .filter(|term| term.until > now)
    }

    /// All single addresses that are kept out.
    pub fn addresses(&self, now: Moment) -> impl Iterator<Item = IpAddr> + '_ {
        let live = move |entry: &Entry| entry.until > now;
        let v4 = self
            .v4
            .iter()
            .filter(move |(_, entry)| live(entry))
            .map(|(address, _)| IpAddr::V4(*address));
        let v6 = self
            .v6
            .iter()
            .filter(move |(_, entry)| live(entry))
            .map(|(address, _)| IpAddr::V6(*address));
        v4.chain(v6)
    }

    /// Every decision that holds, on a place once for each of its ranges: whom it is about, which of
    /// [`super::TableConfig::kinds`] it is, and how long. A value that several kinds were decided for comes once for each.
    pub fn decisions(&self, now: Moment) -> impl Iterator<Item = (IpNet, usize, Term)> + '_ {
        let v4 = self
            .v4
            .iter()
            .map(|(address, entry)| (IpAddr::V4(*address).into(), *entry));
        let v6 = self
            .v6
            .iter()
            .map(|(address, entry)| (IpAddr::V6(*address).into(), *entry));
        let ranges = self.ranges.iter().map(|(net, entry)| (*net, *entry));
        let others = self.others.iter();
        let others = others.flat_map(|(value, entries)| {
            let nets = self.nets(*value);
            nets.flat_map(|net| entries.iter().map(move |entry| (net, *entry)))
        });
        let all = v4.chain(v6).chain(ranges).chain(self.located()).chain(others);
        all.filter(move |(_, entry)| entry.until > now)
            .map(|(net, entry)| (net, usize::from(entry.kind), entry.term()))
    }

    /// How many values are held by the word of each origin, those with none left out.
    pub fn by_origin(&self) -> Vec<(Origin, usize)> {
        let entries = self.v4.values().chain(self.v6.values());
        let entries = entries.chain(self.ranges.values()).chain(self.places.values());
        let mut counts = [0_usize; Origin::ALL.len()];
        for entry in entries {
            if let Some(count) = counts.get_mut(usize::from(entry.origin as u8)) {
                *count = count.saturating_add(1);
            }
        }
        let all = Origin::ALL.into_iter().zip(counts);
        all.filter(|(_, count)| *count > 0).collect()
    }

    /// Who is never kept out: by the local allowlist, or since the node spares them.
    pub fn allowed(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.allow.iter().chain(&self.spared).copied()
    }

    /// The ranges of one family and those of all places, disjoint, without what is allowed.
    pub fn spans(&self, family: Family, now: Moment) -> Vec<Span> {
        let ranges = self.ranges.iter().map(|(net, entry)| (*net, *entry));
        let ranges = ranges.chain(self.located());
        let ranges: Vec<Span> = ranges
            .filter(|(net, entry)| Family::of(*net) == family && entry.until > now)
            .map(|(net, entry)| Span::of(net, entry.term()))
            .collect();
        let holes = self.allowed().filter(|hole| Family::of(*hole) == family);
        flatten(ranges, &holes.map(bounds).collect::<Vec<_>>())
    }

    /// Whether a place has more ranges than there is room for beside the other places.
    pub(super) fn crowds(&self, value: Value) -> Option<Refused> {
        let Value::Place(new) = value else {
            return None;
        };
        // Those that an older picture named, and this one has not, may be over.
        let others = self.places.iter();
        let others = others.filter(|(place, entry)| **place != new && entry.picture == self.picture);
        let all = others.map(|(place, _)| *place).chain([new]);
        let ranges: usize = all.map(|place| self.atlas.ranges(place).len()).sum();
        (ranges > MOST_LOCATED).then_some(Refused::TooMany)
    }

    /// The ranges that hold exactly this value.
    pub(super) fn nets(&self, value: Value) -> impl Iterator<Item = IpNet> + '_ {
        let located = match value {
            Value::Place(place) => self.atlas.ranges(place),
            Value::Address(_) | Value::Range(_) => &[],
        };
        value.net().into_iter().chain(located.iter().copied())
    }

    /// Places as the ranges that they are.
    fn located(&self) -> impl Iterator<Item = (IpNet, Entry)> + '_ {
        let places = self.places.iter();
        places.flat_map(|(place, entry)| self.nets(Value::Place(*place)).map(|net| (net, *entry)))
    }
}
