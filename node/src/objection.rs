//! What others dispute: their objections find the sighting they name, and the scorer.
//!
//! Before this stop: `ingest`. After it: `opinion`. The envelopes in the store are the record, read again at a start; an
//! objection that comes before its sighting, as sync brings the newest first, waits in memory. Deliberately absent: what
//! an objection weighs, which is the scorer's, and our own, see `say`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vigie_gossip_core::Admitted;
use vigie_wire::envelope::Kind;
use vigie_wire::{Dispute, Envelope, Indicator, OrgId, Payload, Sighting, SightingId, Timestamp};

use crate::ingest;
use crate::node::Node;

/// Sightings that may be disputed before they come.
const EARLY: usize = 4_096;
/// Organisations heard on one of them.
const EARLY_OF_ONE: usize = 16;
/// Older objections weigh an eighth and less, so a start reads no more.
const REPLAYED: Duration = Duration::from_secs(3 * 86_400);
/// More than any envelope.
const ONE_ENVELOPE: usize = 1 << 16;

/// Objections whose sighting has not come.
#[derive(Debug, Default)]
pub(crate) struct Early {
    waiting: Mutex<BTreeMap<SightingId, Vec<(OrgId, Timestamp)>>>,
}

// === impl Early ===

impl Early {
    fn note(&self, sighting: SightingId, by: OrgId, at: Timestamp) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.contains_key(&sighting) && waiting.len() >= EARLY {
            return;
        }
        let heard = waiting.entry(sighting).or_default();
        if heard.len() < EARLY_OF_ONE && heard.iter().all(|(org, _)| *org != by) {
            heard.push((by, at));
        }
    }

    /// The sighting has come.
    pub(crate) fn take(&self, sighting: &SightingId) -> Vec<(OrgId, Timestamp)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(sighting).unwrap_or_default()
    }
}

/// An admitted envelope of objections counts from here on.
pub(crate) async fn heard(node: &Node, admitted: &Admitted) -> anyhow::Result<()> {
    let Ok(Payload::Disputes(disputes)) = admitted.envelope().payload() else {
        return Ok(());
    };
    // When it was heard: what its signer claims could lie before what it was too late for.
    let at = node.now();
    for subject in take(node, &disputes, admitted.org().org_id(), at).await? {
        ingest::reconsider(node, &subject).await?;
    }
    Ok(())
}

/// Gives the scorer back the objections of the last days, after the sightings.
pub(crate) async fn recall(node: &Node, now: Timestamp) -> anyhow::Result<()> {
    for envelope in node.store.held().await? {
        if envelope.kind != Kind::Dispute.number() || envelope.time_base < now - REPLAYED {
            continue;
        }
        let place = envelope.held;
        let by = node
            .membership
            .directory()
            .and_then(|directory| directory.org_of(place.publisher));
        let read = node
            .store
            .range(place.publisher, place.epoch, place.seq, place.seq, ONE_ENVELOPE);
        let bytes = read.await?;
        let payload = bytes
            .first()
            .and_then(|bytes| Envelope::decode(bytes).ok()?.payload().ok());
        if let (Some(by), Some(Payload::Disputes(disputes))) = (by, payload) {
            take(node, &disputes, by.org_id(), envelope.time_base).await?;
        }
    }
    Ok(())
}

/// Notes who disputes what; gives the subjects whose score that changed.
async fn take(node: &Node, disputes: &[Dispute], by: OrgId, at: Timestamp) -> anyhow::Result<Vec<Indicator>> {
    let mut changed = Vec::new();
    if by == node.identity.org.org_id() {
        // Our own word is not the mesh's: what we think of an address, we decide ourselves.
        return Ok(changed);
    }
    for dispute in disputes {
        match named(node, dispute.sighting).await? {
            Some(sighting) if node.opinion.dispute(by, &sighting.indicator, at) => {
                tracing::info!(sighting.id = %dispute.sighting, reason = dispute.reason.number(), "disputed by others");
                changed.push(sighting.indicator);
            }
            Some(_) => {}
            None => node.early.note(dispute.sighting, by, at),
        }
    }
    Ok(changed)
}

/// The sighting of this name, if we hold it.
pub(crate) async fn named(node: &Node, id: SightingId) -> anyhow::Result<Option<Sighting>> {
    let read = node
        .store
        .range(id.publisher, id.epoch, id.seq, id.seq, ONE_ENVELOPE);
    let found = read.await?;
    let envelope = found.first().and_then(|bytes| Envelope::decode(bytes).ok());
    let row = envelope.and_then(|envelope| envelope.sightings().find(|(name, _)| *name == id));
    Ok(row.map(|(_, sighting)| sighting))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_wire::PublisherId;

    #[test]
    fn what_is_disputed_before_it_comes_waits_bounded_and_once_for_each() {
        let early = Early::default();
        let at = Timestamp::from_secs(1_790_000_000);
        let sighting = |seq| SightingId {
            publisher: PublisherId([7; 16]),
            epoch: 0,
            seq,
            row: 0,
        };
        for org in 0..2 * u8::try_from(EARLY_OF_ONE).unwrap() {
            early.note(sighting(0), OrgId([org; 16]), at);
            early.note(sighting(0), OrgId([org; 16]), at);
        }
        for seq in 1..=u64::try_from(EARLY).unwrap() {
            early.note(sighting(seq), OrgId([1; 16]), at);
        }
        assert_eq!(early.take(&sighting(0)).len(), EARLY_OF_ONE);
        assert!(early.take(&sighting(0)).is_empty());
        assert!(early.take(&sighting(u64::try_from(EARLY).unwrap())).is_empty());
    }
}
