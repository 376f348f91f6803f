//! A bucket's overflow as an event: what postoverflows judge, `reprocess` pours back and expressions see as
//! `evt.Overflow`.
//!
//! Deliberately absent: detections, which `detect` makes of overflows and the node works with.

use vigie_wire::Timestamp;

use super::event::Event;

/// `evt.Overflow`, as far as rules read it.
#[derive(Debug, Clone, Default)]
pub struct Overflow {
    /// Whom the bucket saw, each once, the first seen first.
    pub sources: Vec<Source>,
    /// The same, as the alerts will name them: postoverflows may change the first.
    pub alerted: Vec<Source>,
    /// Whether a postoverflow said that it is none of our business.
    pub whitelisted: bool,
    /// Whether it is poured into the other scenarios.
    pub reprocess: bool,
    /// What all alerts of this overflow say.
    pub alert: Alert,
}

/// `evt.Overflow.Alert`, but for its source.
#[derive(Debug, Clone, Default)]
pub struct Alert {
    /// The scenario that overflowed.
    pub scenario: String,
    /// Its version.
    pub scenario_version: String,
    /// One sentence.
    pub message: String,
    /// Whether the scenario asks for a remedy.
    pub remediation: bool,
    /// Whether the scenario is only being tried.
    pub simulated: bool,
    /// How many events were poured.
    pub events_count: u32,
    /// The scenario's capacity.
    pub capacity: i32,
    /// The scenario's leak speed, as it was written.
    pub leakspeed: String,
    /// Time of the first event.
    pub start_at: Timestamp,
    /// Time of the overflow.
    pub stop_at: Timestamp,
    /// The events that the bucket kept.
    pub events: Vec<Event>,
}

/// Who an overflow is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Source {
    /// Of what the value is: `Ip`, `Range`, or the scenario's own word.
    pub scope: String,
    /// Who.
    pub value: String,
    /// His address as the log wrote it, if the scope is one of addresses.
    pub ip: String,
    /// His range, if it is known.
    pub range: String,
    /// Number of his autonomous system.
    pub as_number: String,
    /// Its name.
    pub as_name: String,
    /// Code of his country.
    pub country: String,
    /// Degrees.
    pub latitude: f32,
    /// Degrees.
    pub longitude: f32,
}

/// Nobody.
pub(crate) static NOBODY: Source = Source {
    scope: String::new(),
    value: String::new(),
    ip: String::new(),
    range: String::new(),
    as_number: String::new(),
    as_name: String::new(),
    country: String::new(),
    latitude: 0.0,
    longitude: 0.0,
};

// === impl Overflow ===

impl Overflow {
    /// The source that the first alert names.
    pub fn source(&self) -> &Source {
        self.alerted.first().unwrap_or(&NOBODY)
    }
}
