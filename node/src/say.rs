//! What a person has us say to the network: that a sighting of ours is taken back, or that somebody else's is disputed.
//!
//! Before this stop: `control/say`. After it: `chain`. Each word is a note until it is on our chain, so that it survives
//! a kill -9 and an hour whose budget is used up; said twice, it means the same. The `outbox` says them, before any
//! sighting and behind the same gate. Deliberately absent: what others say, see `objection`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use vigie_gossip_core::Class;
use vigie_store::AlertId;
use vigie_wire::{Dispute, DisputeReason, Payload, Retracted, SightingId, Timestamp};

use crate::chain;
use crate::node::Node;

/// Rows of one envelope.
const ROWS: usize = 256;
/// Alerts remembered that may stand in the outbox's window though they were taken back.
const TAKEN_BACK: usize = 65_536;

/// What is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Retract,
    Dispute,
}

/// What waits to be said. The notes have it; this only says whether it is worth looking.
#[derive(Debug)]
pub(crate) struct Saying {
    waits: AtomicBool,
    taken_back: Mutex<BTreeSet<AlertId>>,
}

// === impl Word ===

impl Word {
    const fn notes(self) -> &'static str {
        match self {
            Self::Retract => "say/retract/",
            Self::Dispute => "say/dispute/",
        }
    }

    /// The rows that these notes ask for.
    fn payload(self, notes: &[(SightingId, String)]) -> Payload {
        match self {
            Self::Retract => Payload::Retraction(
                notes
                    .iter()
                    .map(|(id, _)| Retracted {
                        epoch: id.epoch,
                        seq: id.seq,
                        row: id.row,
                    })
                    .collect(),
            ),
            Self::Dispute => Payload::Disputes(
                notes
                    .iter()
                    .map(|(id, reason)| Dispute {
                        sighting: *id,
                        reason: DisputeReason::from_number(reason.parse().unwrap_or_default()),
                    })
                    .collect(),
            ),
        }
    }
}

// === impl Saying ===

impl Default for Saying {
    fn default() -> Self {
        Self {
            waits: AtomicBool::new(true),
            taken_back: Mutex::default(),
        }
    }
}

impl Saying {
    /// These alerts must not leave, also if they stand in the outbox already.
    pub(crate) fn keep_back(&self, alerts: &[AlertId]) {
        let mut held = self.taken_back.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend(alerts);
        while held.len() > TAKEN_BACK {
            held.pop_first();
        }
    }

    /// Whether this alert was taken back while it stood in the outbox.
    pub(crate) fn is_kept_back(&self, alert: AlertId) -> bool {
        let held = self.taken_back.lock().unwrap_or_else(PoisonError::into_inner);
        held.contains(&alert)
    }

    fn wake(&self, node: &Node) {
        self.waits.store(true, Ordering::Release);
        node.outbox.notify_one();
    }
}

/// Sightings of our own chain are taken back: here at once, at the others' once it is said. The reason stays here.
pub(crate) async fn retract(node: &Node, sightings: &[SightingId], reason: &str) -> anyhow::Result<()> {
    let now = node.now();
    for id in sightings {
        tracing::info!(sighting.id = %id, reason, "taken back");
        let note = format!("{}{id}", Word::Retract.notes());
        node.store.put_note(node.mine(), &note, reason).await?;
    }
    node.store.retract(sightings, now).await?;
    node.saying.wake(node);
    Ok(())
}

/// Sightings of others are disputed.
pub(crate) async fn dispute(
    node: &Node,
    sightings: &[SightingId],
    reason: DisputeReason,
) -> anyhow::Result<()> {
    for id in sightings {
        tracing::info!(sighting.id = %id, reason = reason.number(), "disputed");
        let note = format!("{}{id}", Word::Dispute.notes());
        node.store
            .put_note(node.mine(), &note, &reason.number().to_string())
            .await?;
    }
    node.saying.wake(node);
    Ok(())
}

/// Says what waits, as far as our budget goes. Whether anything was said.
pub(crate) async fn speak(node: &Node, class: Class, now: Timestamp) -> anyhow::Result<bool> {
    if !node.saying.waits.swap(false, Ordering::AcqRel) {
        return Ok(false);
    }
    let mut said = false;
    for word in [Word::Retract, Word::Dispute] {
        let mut more = true;
        while more {
            match say_some(node, word, class, now).await {
                Ok(Some(0)) => more = false,
                Ok(Some(_)) => said = true,
                Ok(None) => {
                    // The budget of this hour: the next look finds it again.
                    node.saying.waits.store(true, Ordering::Release);
                    return Ok(said);
                }
                Err(error) => {
                    node.saying.waits.store(true, Ordering::Release);
                    return Err(error);
                }
            }
        }
    }
    Ok(said)
}

/// One envelope of them: how many rows, `None` if the network takes none of us now.
async fn say_some(node: &Node, word: Word, class: Class, now: Timestamp) -> anyhow::Result<Option<usize>> {
    let mut waiting = Vec::new();
    for (name, text) in node.store.notes(node.mine(), word.notes()).await? {
        match name.trim_start_matches(word.notes()).parse() {
            Ok(id) => waiting.push((id, text)),
            Err(error) => {
                tracing::warn!(name, %error, "a note of what to say names no sighting");
                node.store.delete_note(node.mine(), &name).await?;
            }
        }
    }
    if waiting.is_empty() {
        return Ok(Some(0));
    }
    let (room, _) = node.chain.lock().await.allowance(class, now);
    waiting.truncate(ROWS.min(usize::try_from(room).unwrap_or(ROWS)));
    if waiting.is_empty() {
        return Ok(None);
    }
    let payload = word.payload(&waiting);
    if chain::publish(node, payload, 0, |_| Vec::new()).await?.is_none() {
        return Ok(None);
    }
    if word == Word::Dispute {
        node.defence.said_by_hand(waiting.iter().map(|(id, _)| *id));
    }
    for (id, _) in &waiting {
        node.store
            .delete_note(node.mine(), &format!("{}{id}", word.notes()))
            .await?;
    }
    Ok(Some(waiting.len()))
}

/// How many words wait.
pub(crate) async fn waiting(node: &Node) -> anyhow::Result<usize> {
    Ok(node.store.notes(node.mine(), "say/").await?.len())
}
