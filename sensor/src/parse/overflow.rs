//! A bucket's overflow as an event: what `reprocess` pours back and expressions see as `evt.Overflow`.
//!
//! Deliberately absent: detections, which `detect` makes of overflows and the node works with.

use super::event::Event;

/// `evt.Overflow`, as far as rules read it.
#[derive(Debug, Clone, Default)]
pub struct Overflow {
    /// The scenario that overflowed.
    pub scenario: String,
    /// Of what the value is: `Ip`, `Range`.
    pub scope: String,
    /// Who.
    pub value: String,
    /// His address, if the scope has one.
    pub ip: String,
    /// His range, if it is known.
    pub range: String,
    /// Whether the scenario asks for a remedy.
    pub remediation: bool,
    /// How many events were poured.
    pub events_count: u32,
    /// The events that the bucket kept.
    pub events: Vec<Event>,
}
