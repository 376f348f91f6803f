//! Which addresses are in a country or an AS: databases in `MaxMind`'s format, turned over once. Pure but for reading files.
//!
//! Before: the operator's files, which are somebody else's and never shipped. After: [`crate::table`], for which a place
//! is a list of ranges. The files are read whole, walked, and forgotten; neighbours in one place are joined on the way.
//! Deliberately absent: looking up one address. No packet and no request ever waits for a database.

mod guide;
mod read;

use std::collections::HashMap;
use std::fmt;

use ipnet::IpNet;

use crate::place::Place;
use crate::value::{Refused, Value, WIDEST_V4, WIDEST_V6};

pub use guide::{Databases, Guide};
pub use read::AtlasError;

/// Most ranges of all places together.
pub const MOST_RANGES: usize = 4_000_000;
/// A range as wide as this is no place: a database that names one has no idea.
const NOWHERE: u8 = 3;

/// The ranges of every place that the databases know.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Atlas {
    places: HashMap<Place, Vec<IpNet>>,
    ranges: usize,
}

// === impl Atlas ===

impl Atlas {
    /// The ranges of a place: disjoint, in order, IPv4 before IPv6. None if no database knows it.
    pub fn ranges(&self, place: Place) -> &[IpNet] {
        self.places.get(&place).map_or(&[], Vec::as_slice)
    }

    /// How many places it knows.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it knows no place.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// One of these countries' ranges and addresses.
    #[cfg(test)]
    pub(crate) fn of(ranges: &[(&str, &str)]) -> Self {
        let mut atlas = Self::default();
        for (code, net) in ranges {
            let (code, net) = (Place::country(code), Value::parse("Ip", net));
            atlas.put(code.unwrap(), net.unwrap().net().unwrap());
        }
        atlas
    }

    /// Puts a range into a place. They come in order. What nobody may block is left out.
    fn put(&mut self, place: Place, net: IpNet) {
        if net.prefix_len() <= NOWHERE {
            return;
        }
        let widest = if net.addr().is_ipv4() {
            WIDEST_V4
        } else {
            WIDEST_V6
        };
        let ranges = self.places.entry(place).or_default();
        let before = ranges.len();
        let pieces = net.subnets(net.prefix_len().max(widest));
        for piece in pieces.into_iter().flatten() {
            match Value::from(piece).refused() {
                None | Some(Refused::TooWide) => append(ranges, piece, widest),
                Some(_) => {}
            }
        }
        self.ranges = self.ranges.saturating_add(ranges.len()).saturating_sub(before);
    }
}

impl fmt::Debug for Atlas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Atlas")
            .field("places", &self.places.len())
            .field("ranges", &self.ranges)
            .finish()
    }
}

/// Behind the others; with the one before it, if the two are the halves of one that may be blocked.
fn append(ranges: &mut Vec<IpNet>, mut net: IpNet, widest: u8) {
    while net.prefix_len() > widest
        && let Some(around) = net.supernet()
        && ranges
            .last()
            .is_some_and(|last| *last != net && last.supernet() == Some(around))
    {
        ranges.pop();
        net = around;
    }
    ranges.push(net);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(put: &[&str], expected: &[&str]) {
        let place = Place::country("FR").unwrap();
        let mut atlas = Atlas::default();
        for net in put {
            atlas.put(place, net.parse().unwrap());
        }
        let got: Vec<String> = atlas.ranges(place).iter().map(ToString::to_string).collect();
        assert_eq!(got, expected, "{put:?}");
        assert_eq!(atlas.ranges, expected.len());
    }

    #[test]
    fn neighbours_are_joined_as_far_as_they_may_be_blocked() {
        check(
            &["2.0.0.0/25", "2.0.0.128/26", "2.0.0.192/26", "2.0.1.0/24"],
            &["2.0.0.0/23"],
        );
        check(&["2.0.1.0/24", "2.0.2.0/24"], &["2.0.1.0/24", "2.0.2.0/24"]);
        check(&["6.0.0.0/8", "7.0.0.0/8"], &["6.0.0.0/8", "7.0.0.0/8"]);
        check(&["6.0.0.0/7"], &["6.0.0.0/8", "7.0.0.0/8"]);
        check(
            &["9.9.9.9/32", "2a00::/17", "2a00:8000::/17"],
            &["9.9.9.9/32", "2a00::/16"],
        );
    }

    #[test]
    fn no_place_holds_what_nobody_may_block() {
        check(
            &["127.0.0.0/16", "169.254.0.0/16", "224.0.0.0/8", "fe80::/16"],
            &[],
        );
        check(&["0.0.0.0/0"], &[]);
        check(&["2000::/3"], &[]);
        check(&["126.0.0.0/7"], &["126.0.0.0/8"]);
    }
}
