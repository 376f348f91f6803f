//! What the kernel says there is of ours, as our types. Pure. Deliberately absent: what the sets hold, which the
//! kernel takes ten seconds to tell of 500,000 elements.

use vigie_bouncer_client::pulse::Dropped;

use super::attribute::{Received, attributes, find};
use super::consts as c;
use crate::transaction::{Counter, Hook, Set};

/// A set that the kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenSet {
    /// Which.
    pub set: Set,
    /// How many elements it holds; ranges may count twice, and what has ended may count. Older kernels do not tell.
    pub elements: Option<u32>,
}

/// A set, if it is one of ours in this table.
pub(super) fn set(message: &Received<'_>, table: &str) -> Option<SeenSet> {
    let get = |kind| find(message.attributes(), kind);
    let name = text(get(c::SET_NAME)?);
    let set = Set::named(&name).filter(|_| get(c::SET_TABLE).is_some_and(|of| text(of) == table))?;
    Some(SeenSet {
        set,
        elements: get(c::SET_COUNT).and_then(be32),
    })
}

/// The hook of a chain, if it is one of ours in this table.
pub(super) fn chain(message: &Received<'_>, table: &str) -> Option<Hook> {
    let get = |kind| find(message.attributes(), kind).map(text);
    let hook = Hook::named(&get(c::CHAIN_NAME)?)?;
    get(c::CHAIN_TABLE).is_some_and(|of| of == table).then_some(hook)
}

/// The hook that a rule looks at, if it is of one of our chains in this table.
pub(super) fn rule(message: &Received<'_>, table: &str) -> Option<Hook> {
    let get = |kind| find(message.attributes(), kind).map(text);
    let hook = Hook::named(&get(c::RULE_CHAIN)?)?;
    get(c::RULE_TABLE).is_some_and(|of| of == table).then_some(hook)
}

/// What a counter has counted, if it is one of ours in this table.
pub(super) fn dropped(message: &Received<'_>, table: &str) -> Option<Dropped> {
    let get = |kind| find(message.attributes(), kind);
    let is_ours = get(c::OBJ_TABLE).is_some_and(|of| text(of) == table)
        && get(c::OBJ_TYPE).and_then(be32) == Some(c::OBJECT_COUNTER);
    let Counter { origin, family } = Counter::named(&text(get(c::OBJ_NAME)?)).filter(|_| is_ours)?;
    let number = |kind| find(attributes(get(c::OBJ_DATA)?), kind).and_then(be64);
    Some(Dropped {
        origin,
        family,
        packets: number(c::COUNTER_PACKETS)?,
        bytes: number(c::COUNTER_BYTES)?,
    })
}

/// The number that the kernel gave a table when it was created.
pub(super) fn table_handle(message: &Received<'_>) -> Option<u64> {
    find(message.attributes(), c::TABLE_HANDLE).and_then(be64)
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

fn be32(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

fn be64(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}
