//! Rows that fit one envelope.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::wire::envelope::ERASURE_ROOM_BYTES;
use crate::wire::{Behaviour, Indicator, MAX_ENVELOPE_BYTES, MAX_ROWS, RuleHash, Sighting};

/// Header, signature, salt and counts of an envelope, generously.
const FRAME_BYTES: usize = 512;
/// What a row takes beside its indicator: index, minutes, count, confidence, and the room that erasing it needs.
const ROW_BYTES: usize = 8 + ERASURE_ROOM_BYTES;
/// An entry in the table of behaviours and rules.
const PAIR_BYTES: usize = 11;

/// Rows for one envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The rows, at most 256, and within 16 KiB when sealed.
    pub rows: Vec<Sighting>,
    /// Whether the envelope is to ask for urgency.
    pub urgent: bool,
}

/// How full an envelope is.
#[derive(Debug, Default)]
pub(super) struct Filling {
    rows: usize,
    bytes: usize,
    pairs: BTreeSet<(Behaviour, RuleHash)>,
}

// === impl Filling ===

impl Filling {
    /// Whether one more row has room.
    pub(super) fn fits(&self, sighting: &Sighting) -> bool {
        let pairs = (self.pairs.len() + 1) * PAIR_BYTES;
        self.rows < MAX_ROWS && FRAME_BYTES + self.bytes + pairs + bytes_of(sighting) <= MAX_ENVELOPE_BYTES
    }

    fn add(&mut self, sighting: &Sighting) {
        self.rows += 1;
        self.bytes += bytes_of(sighting);
        self.pairs.insert((sighting.behaviour, sighting.rule));
    }

    /// Splits rows, each of which fits alone, into batches.
    pub(super) fn split(rows: Vec<Sighting>, urgent: bool) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut filling = Self::default();
        for row in rows {
            let room = filling.fits(&row);
            match batches.last_mut() {
                Some(batch) if room => {
                    filling.add(&row);
                    batch.rows.push(row);
                }
                _ => {
                    filling = Self::default();
                    filling.add(&row);
                    batches.push(Batch {
                        rows: vec![row],
                        urgent,
                    });
                }
            }
        }
        batches
    }
}

fn bytes_of(sighting: &Sighting) -> usize {
    let indicator = match &sighting.indicator {
        Indicator::Ip(IpAddr::V4(_)) => 4,
        Indicator::Ip(IpAddr::V6(_)) => 16,
        Indicator::Range(_) => 20,
        Indicator::Asn(_) => 8,
        Indicator::Sha256(_) => 34,
        Indicator::Domain(text) | Indicator::Url(text) => text.len() + 4,
        Indicator::Unknown { bytes, .. } => bytes.len() + 4,
    };
    indicator + ROW_BYTES
}
