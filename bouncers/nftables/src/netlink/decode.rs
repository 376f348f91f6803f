//! What the kernel says it holds, as our types. Pure.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use vigie_bouncer_client::Moment;
use vigie_bouncer_client::span::number;

use super::attribute::{Received, attributes, find};
use super::consts as c;
use crate::transaction::{Element, Set};

/// Collects the elements of one set from the messages of a dump.
#[derive(Debug)]
pub(super) struct Elements {
    set: Set,
    now: Moment,
    begins: Vec<(IpAddr, Moment)>,
    /// Addresses behind the last of an interval.
    ends: BTreeSet<u128>,
}

// === impl Elements ===

impl Elements {
    pub(super) fn new(set: Set, now: Moment) -> Self {
        Self {
            set,
            now,
            begins: Vec::new(),
            ends: BTreeSet::new(),
        }
    }

    pub(super) fn take(&mut self, message: &Received<'_>) {
        let lists = message
            .attributes()
            .filter(|(kind, _)| *kind == c::ELEM_LIST_ELEMENTS);
        for (_, list) in lists {
            for (_, element) in attributes(list) {
                self.element(element);
            }
        }
    }

    fn element(&mut self, bytes: &[u8]) {
        let mut key = None;
        let mut flags = 0;
        // An element of somebody else's making may have no timeout: it is ours to replace.
        let mut left = Duration::from_secs(u64::from(u32::MAX));
        for (kind, value) in attributes(bytes) {
            match kind {
                c::ELEM_KEY => key = find(attributes(value), c::DATA_VALUE).and_then(address),
                c::ELEM_FLAGS => flags = be32(value).unwrap_or(0),
                c::ELEM_EXPIRATION => left = be64(value).map_or(left, Duration::from_millis),
                _ => {}
            }
        }
        let Some(key) = key else { return };
        if flags & c::ELEM_INTERVAL_END != 0 {
            self.ends.insert(number(key));
        } else {
            self.begins.push((key, self.now.plus(left)));
        }
    }

    pub(super) fn finish(self) -> Vec<Element> {
        let Self {
            set, begins, ends, ..
        } = self;
        if !set.is_interval() {
            return begins
                .into_iter()
                .map(|(address, until)| Element::single(address, until))
                .collect();
        }
        let last = |first: IpAddr| {
            let behind = ends.range(number(first).saturating_add(1)..).next();
            behind.map_or(u128::MAX, |behind| behind.saturating_sub(1))
        };
        let family = set.family();
        let element = |(first, until)| Element {
            first,
            last: family.address(last(first)),
            until,
        };
        begins.into_iter().map(element).collect()
    }
}

/// The name of a chain and of the table it is in.
pub(super) fn chain(message: &Received<'_>) -> Option<(String, String)> {
    let table = find(message.attributes(), c::CHAIN_TABLE)?;
    let name = find(message.attributes(), c::CHAIN_NAME)?;
    Some((text(table), text(name)))
}

/// The number that the kernel gave a table when it was created.
pub(super) fn table_handle(message: &Received<'_>) -> Option<u64> {
    find(message.attributes(), c::TABLE_HANDLE).and_then(be64)
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::V6(Ipv6Addr::from(octets))))
        .ok()
}

fn be32(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

fn be64(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}
