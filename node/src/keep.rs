//! Admitted envelopes go to disk: those that come together in one transaction, with one sync of the disk.
//!
//! Before this stop: `ingest`. After it: `ingest::act`. The mesh hears of each whether it is held, and forwards it only
//! then. What a kill cuts off between disk and effects is made up for by `ingest::review`, and retractions are applied
//! first, so that a repeated one finds nothing to do. Deliberately absent: our own envelopes, see `chain`.

use tokio::sync::oneshot;
use vigie_gossip_core::Admitted;
use vigie_store::{Appended, NewEnvelope};
use vigie_wire::{Payload, SightingId, Timestamp};

use crate::node::Node;
use crate::{ingest, objection};

/// Events taken from the mesh at once, and so envelopes of one transaction.
pub(crate) const TOGETHER: usize = 64;

/// An envelope, and who waits to hear whether it is held.
type Waiting = (Admitted, oneshot::Sender<bool>);

/// Keeps them, tells who waits, and acts on those that are new.
pub(crate) async fn all(node: &Node, waiting: Vec<Waiting>) {
    if waiting.is_empty() {
        return;
    }
    let now = node.now();
    let mut ready = Vec::with_capacity(waiting.len());
    for (admitted, stored) in waiting {
        match prepare(node, &admitted, now).await {
            Ok(envelope) => ready.push((admitted, stored, envelope)),
            Err(error) => refuse(&error, stored),
        }
    }
    let envelopes: Vec<NewEnvelope> = ready.iter().map(|(.., envelope)| envelope.clone()).collect();
    let appended = match node.store.keep_envelopes(&envelopes).await {
        Ok(appended) => appended.into_iter().map(Ok).collect(),
        // One that cannot be kept must not keep the others out.
        Err(error) if envelopes.len() > 1 => {
            tracing::debug!(%error, "kept one by one");
            let mut each = Vec::with_capacity(envelopes.len());
            for envelope in &envelopes {
                each.push(node.store.keep_envelope(envelope).await);
            }
            each
        }
        Err(error) => vec![Err(error)],
    };
    for ((admitted, stored, envelope), appended) in ready.into_iter().zip(appended) {
        let appended = match appended {
            Ok(appended) => appended,
            Err(error) => {
                refuse(&error.into(), stored);
                continue;
            }
        };
        // The mesh may have ended meanwhile; then nobody waits for the answer.
        let _gone = stored.send(!matches!(appended, Appended::Conflict(_)));
        if appended != Appended::New {
            continue;
        }
        node.traffic().hear(admitted.envelope().header().time_base, now);
        if let Err(error) = act(node, &admitted, &envelope, now).await {
            tracing::error!(
                error = format!("{error:#}"),
                "what an envelope leads to waits for the next review"
            );
        }
    }
}

fn refuse(error: &anyhow::Error, stored: oneshot::Sender<bool>) {
    tracing::error!(
        error = format!("{error:#}"),
        "an envelope is not kept: sync brings it again"
    );
    let _gone = stored.send(false);
}

/// What has to be on disk before the envelope is.
async fn prepare(node: &Node, admitted: &Admitted, now: Timestamp) -> anyhow::Result<NewEnvelope> {
    let envelope = ingest::new_envelope(admitted, now);
    take_back(node, admitted, now).await?;
    if admitted.completes() {
        // A copy of it without these rows. Killed in between, sync brings it again.
        node.store.drop_envelopes(&[envelope.held]).await?;
    }
    Ok(envelope)
}

async fn act(node: &Node, admitted: &Admitted, envelope: &NewEnvelope, now: Timestamp) -> anyhow::Result<()> {
    ingest::act(node, envelope, now).await?;
    objection::heard(node, admitted).await
}

async fn take_back(node: &Node, admitted: &Admitted, now: Timestamp) -> anyhow::Result<()> {
    let Ok(Payload::Retraction(rows)) = admitted.envelope().payload() else {
        return Ok(());
    };
    let publisher = admitted.envelope().header().publisher;
    let named = rows.iter().map(|row| SightingId {
        publisher,
        epoch: row.epoch,
        seq: row.seq,
        row: row.row,
    });
    let taken_back: Vec<SightingId> = named.collect();
    node.store.retract(&taken_back, now).await?;
    for sighting in &taken_back {
        node.opinion.retract(*sighting, now);
    }
    for sighting in taken_back {
        if let Some(named) = objection::named(node, sighting).await? {
            ingest::reconsider(node, &named.indicator).await?;
        }
    }
    Ok(())
}
