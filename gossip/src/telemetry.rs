//! What was dropped, refused and ignored, as counters that the node exports.
//!
//! One method per thing that happens, so that the callers carry one short line each.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since start. Read with [`Counters::snapshot`].
#[derive(Debug)]
pub struct Counters {
    values: [AtomicU64; Counted::ALL.len()],
}

/// Things that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    GossipAccepted,
    GossipIgnored,
    GossipRejected,
    GossipReportLate,
    StoringFull,
    StoringRefused,
    OutboxDropped,
    PublishUnheard,
    PublishQueuesFull,
    GateDropped,
    SyncAdmitted,
    SyncRefused,
    SyncServed,
    SyncDeclined,
    SyncFailed,
    HelloRefused,
    PeersBanned,
    DialsFailed,
    SlowPeers,
    HandshakesRefused,
    CircuitBytesSent,
    CircuitBytesReceived,
    CircuitsCarried,
    CircuitsRefused,
    ReservationsGiven,
    ReservationsRefused,
    ReservationsLost,
    PunchesRefused,
    RelayFramesSent,
    RelayFramesUnsent,
    RelayBytesSent,
    RelayFramesHeard,
    RelayBytesHeard,
    RelayAdmitted,
    RelayDuplicates,
    RelayDropped,
    RelayRefused,
    RelayStalled,
    RelayAsked,
    RelayForgotten,
    RelayUnrestored,
    ExchangeRefused,
    RecordsTaken,
    RecordsRefused,
    RecordsCrowded,
    HintsDialled,
    HintsRationed,
}

// === impl Counted ===

impl Counted {
    const ALL: [(Self, &'static str); 47] = [
        (Self::GossipAccepted, "gossip_accepted"),
        (Self::GossipIgnored, "gossip_ignored"),
        (Self::GossipRejected, "gossip_rejected"),
        (Self::GossipReportLate, "gossip_report_late"),
        (Self::StoringFull, "storing_full"),
        (Self::StoringRefused, "storing_refused"),
        (Self::OutboxDropped, "outbox_dropped"),
        (Self::PublishUnheard, "publish_unheard"),
        (Self::PublishQueuesFull, "publish_queues_full"),
        (Self::GateDropped, "gate_dropped"),
        (Self::SyncAdmitted, "sync_admitted"),
        (Self::SyncRefused, "sync_refused"),
        (Self::SyncServed, "sync_served"),
        (Self::SyncDeclined, "sync_declined"),
        (Self::SyncFailed, "sync_failed"),
        (Self::HelloRefused, "hello_refused"),
        (Self::PeersBanned, "peers_banned"),
        (Self::DialsFailed, "dials_failed"),
        (Self::SlowPeers, "slow_peers"),
        (Self::HandshakesRefused, "handshakes_refused"),
        (Self::CircuitBytesSent, "circuit_bytes_sent"),
        (Self::CircuitBytesReceived, "circuit_bytes_received"),
        (Self::CircuitsCarried, "circuits_carried"),
        (Self::CircuitsRefused, "circuits_refused"),
        (Self::ReservationsGiven, "reservations_given"),
        (Self::ReservationsRefused, "reservations_refused"),
        (Self::ReservationsLost, "reservations_lost"),
        (Self::PunchesRefused, "punches_refused"),
        (Self::RelayFramesSent, "relay_frames_sent"),
        (Self::RelayFramesUnsent, "relay_frames_unsent"),
        (Self::RelayBytesSent, "relay_bytes_sent"),
        (Self::RelayFramesHeard, "relay_frames_heard"),
        (Self::RelayBytesHeard, "relay_bytes_heard"),
        (Self::RelayAdmitted, "relay_admitted"),
        (Self::RelayDuplicates, "relay_duplicates"),
        (Self::RelayDropped, "relay_dropped"),
        (Self::RelayRefused, "relay_refused"),
        (Self::RelayStalled, "relay_stalled"),
        (Self::RelayAsked, "relay_asked"),
        (Self::RelayForgotten, "relay_forgotten"),
        (Self::RelayUnrestored, "relay_unrestored"),
        (Self::ExchangeRefused, "exchange_refused"),
        (Self::RecordsTaken, "records_taken"),
        (Self::RecordsRefused, "records_refused"),
        (Self::RecordsCrowded, "records_crowded"),
        (Self::HintsDialled, "hints_dialled"),
        (Self::HintsRationed, "hints_rationed"),
    ];
}

// === impl Counters ===

impl Default for Counters {
    fn default() -> Self {
        Self {
            values: [const { AtomicU64::new(0) }; Counted::ALL.len()],
        }
    }
}

impl Counters {
    pub(crate) fn add(&self, what: Counted) {
        self.add_many(what, 1);
    }

    pub(crate) fn add_many(&self, what: Counted, count: u64) {
        if let Some(value) = self.values.get(what as usize) {
            value.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Every counter with its name.
    pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
        let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
        Counted::ALL
            .iter()
            .zip(&self.values)
            .map(|((_, name), value)| (*name, read(value)))
            .collect()
    }

    /// One counter by name, zero if there is none of that name.
    pub fn get(&self, name: &str) -> u64 {
        self.snapshot()
            .into_iter()
            .find_map(|(known, count)| (known == name).then_some(count))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_the_place_of_its_name() {
        for (place, (counted, _)) in Counted::ALL.iter().enumerate() {
            assert_eq!(*counted as usize, place);
        }
    }
}
