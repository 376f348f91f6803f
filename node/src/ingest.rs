//! What the mesh brings: admitted envelopes are kept, scored, and decided upon.
//!
//! Before this stop: `vigie_gossip::validate` at this node, which lets only `Admitted` through. After it: `opinion`,
//! then `decide`. Our own envelopes take the same path, from `outbox`: same type states, same scoring input.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use vigie_gossip::{MeshEvent, Peer};
use vigie_gossip_core::Admitted;
use vigie_reputation::Verdict;
use vigie_store::{Decision, Held, HeldEnvelope, NewDecision, NewEnvelope, Origin, Remediation, SightingRow};
use vigie_wire::envelope::policy;
use vigie_wire::{Indicator, Sighting, SightingId, Timestamp};

use crate::config::Remote;
use crate::node::Node;
use crate::{chain, decide, keep, networks, proofs};

/// A clock that differs by more from the median of its peers' publishes nothing (DESIGN 11).
const MOST_SKEW_MILLIS: u64 = 30_000;

/// Handles the mesh's events until the mesh ends. What the store refuses for now comes again by sync: a full disk or
/// a database that restarts ends neither detection nor enforcement.
pub(crate) async fn run(node: Arc<Node>, mut events: mpsc::Receiver<MeshEvent>) -> anyhow::Result<()> {
    let mut stale_graph = false;
    let mut waiting = Vec::new();
    while events.recv_many(&mut waiting, keep::TOGETHER).await > 0 {
        let mut admitted = Vec::new();
        for event in waiting.drain(..) {
            stale_graph |= matches!(event, MeshEvent::Statement(_));
            match event {
                // Those that come together are written together.
                MeshEvent::Admitted {
                    admitted: one,
                    stored,
                } => admitted.push((one, stored)),
                other => {
                    keep::all(&node, std::mem::take(&mut admitted)).await;
                    if let Err(error) = on_event(&node, other).await {
                        tracing::error!(
                            error = format!("{error:#}"),
                            "an event of the mesh could not be handled"
                        );
                    }
                }
            }
        }
        keep::all(&node, admitted).await;
        // Statements come in thousands at the first sync: the graph is drawn once they pause.
        if stale_graph && events.is_empty() {
            node.regraph();
            stale_graph = false;
            // Who lost our trust by that blocks nobody any more.
            if let Err(error) = release(&node).await {
                tracing::error!(error = format!("{error:#}"), "decisions could not be reviewed");
            }
        }
    }
    Ok(())
}

async fn on_event(node: &Node, event: MeshEvent) -> anyhow::Result<()> {
    match event {
        MeshEvent::Admitted { admitted, stored } => keep::all(node, vec![(admitted, stored)]).await,
        MeshEvent::Statement(statement) => {
            if let Err(refused) = node
                .membership
                .accept(statement, node.store.as_ref(), node.now())
                .await
            {
                tracing::debug!(%refused, "statement from the mesh");
            }
        }
        MeshEvent::RangeWanted {
            publisher,
            epoch,
            from,
            to,
            max_bytes,
            reply,
        } => {
            let range = node.store.range(publisher, epoch, from, to, max_bytes).await;
            let _gone = reply.send(range?);
        }
        MeshEvent::Fork(proof) => {
            let header = proof.first().header();
            let (publisher, epoch, seq) = (header.publisher, header.epoch, header.seq);
            tracing::warn!(%publisher, epoch, seq, "a publisher signed two envelopes for one place");
            proofs::keep(node, &proof).await?;
            proofs::judge(node).await?;
            // If it is ours, it was an accident: a higher epoch within a day says so (DESIGN 5).
            chain::give_up(node, publisher, epoch).await?;
        }
        MeshEvent::OwnHead { epoch, seq, hash } => chain::on_own_head(node, epoch, seq, hash).await?,
        MeshEvent::ClockSkew { millis } => on_skew(node, millis),
        MeshEvent::Dropped(places) => drop_all(node, &places).await?,
        MeshEvent::Listening(address) => tracing::info!(address, "the mesh is reached here"),
        MeshEvent::Connected { peer, new } => on_connected(node, &peer, new),
        MeshEvent::Disconnected { peer } => tracing::info!(peer = peer.id, "disconnected"),
    }
    Ok(())
}

fn on_connected(node: &Node, peer: &Peer, new: bool) {
    if new {
        tracing::info!(
            peer = peer.id,
            publisher = peer.publisher.map(tracing::field::display),
            "connected"
        );
    } else {
        tracing::debug!(peer = peer.id, subscribed = peer.subscribed, "known better");
    }
    if peer.publisher.is_some() && node.heard.set(node.now()).is_ok() {
        node.outbox.notify_one();
    }
}

/// Told on every crossing of the limit, in both directions.
fn on_skew(node: &Node, millis: i64) {
    let skewed = millis.unsigned_abs() > MOST_SKEW_MILLIS;
    node.skewed.store(skewed, Ordering::Relaxed);
    if skewed {
        tracing::warn!(
            millis,
            "this machine's clock differs from its peers': nothing is published until it is right"
        );
    } else {
        tracing::info!(millis, "this machine's clock is right again");
        node.outbox.notify_one();
    }
}

/// What the rules of the network no longer admit is neither kept nor counted.
async fn drop_all(node: &Node, dropped: &[vigie_gossip_core::Held]) -> anyhow::Result<()> {
    let place = |one: &vigie_gossip_core::Held| Held {
        publisher: one.publisher,
        epoch: one.epoch,
        seq: one.seq,
        hash: one.hash,
    };
    chain::let_go(node, dropped).await?;
    node.store
        .drop_envelopes(&dropped.iter().map(place).collect::<Vec<_>>())
        .await?;
    for one in dropped {
        for row in (0..one.rows).filter_map(|row| u8::try_from(row).ok()) {
            node.opinion.drop_out(SightingId {
                publisher: one.publisher,
                epoch: one.epoch,
                seq: one.seq,
                row,
            });
        }
    }
    // A revocation, say: what rested on it ends now.
    release(node).await
}

/// What an envelope that is new and kept leads to.
pub(crate) async fn act(node: &Node, envelope: &NewEnvelope, now: Timestamp) -> anyhow::Result<()> {
    if envelope.org == node.identity.org.org_id() {
        // Another node of ours, or our own chain come back by sync: our word is not the mesh's.
        return Ok(());
    }
    // All rows first: an error while one is decided upon must not keep the others from the scorer.
    let mut verdicts = Vec::with_capacity(envelope.sightings.len());
    for (id, sighting) in &envelope.sightings {
        let row = SightingRow {
            id: *id,
            org: envelope.org,
            sighting: sighting.clone(),
            received_at: now,
            retracted_at: None,
        };
        let mut verdict = node.opinion.observe(&row, now);
        for (by, at) in node.early.take(id) {
            node.opinion.dispute(by, &sighting.indicator, at);
            verdict = node.opinion.verdict(&sighting.indicator, now);
        }
        tracing::info!(sighting.id = %id, indicator = %sighting.indicator, score = verdict.score, "sighting");
        verdicts.push(verdict);
    }
    for verdict in verdicts {
        let verdict = held(node, verdict, now);
        if let Some(decision) = decide::on_verdict(&verdict, &node.enforcing(), now) {
            enforce(node, decision, now).await?;
        }
    }
    Ok(())
}

/// Decides anew on everything that the mesh names: after a start, and whenever policy, the allowlist or the trust graph
/// may have changed. Decisions that hold already are not made twice.
pub(crate) async fn review(node: &Node) -> anyhow::Result<()> {
    let now = node.now();
    let mut blocked = Vec::new();
    for verdict in node.opinion.standing_out(now) {
        let verdict = held(node, verdict, now);
        blocked.extend(verdict.subject.as_ip().filter(|_| verdict.hard_block));
        // Policy may change between two writes.
        if let Some(decision) = decide::on_verdict(&verdict, &node.enforcing(), now) {
            enforce(node, decision, now).await?;
        }
    }
    networks::review(node, &blocked).await
}

/// The verdict, or where a ban stands already the one that holds it: it takes more to ban than to keep banned, so that a
/// score that swings around the threshold opens and shuts nothing.
fn held(node: &Node, verdict: Verdict, now: Timestamp) -> Verdict {
    let simulated = node.enforcing().remote != Remote::Enforce;
    let stands = |held: &Arc<Decision>| {
        is_mesh_ban(held) && held.decision.until > now && held.decision.simulated == simulated
    };
    if verdict.hard_block
        || !node
            .table
            .of_value(&verdict.subject.to_string())
            .iter()
            .any(stands)
    {
        verdict
    } else {
        node.opinion.review(&verdict.subject, now)
    }
}

/// Writes a decision of the mesh and puts it into the table at once, so that whoever ends it next finds it there; unless
/// a person overruled the mesh there or an equal or stronger one holds for most of its time already.
pub(crate) async fn enforce(node: &Node, mut decision: NewDecision, now: Timestamp) -> anyhow::Result<()> {
    let same = |held: &Arc<Decision>| {
        let held = &held.decision;
        let half = decision.until.since(now) / 2;
        held.origin == Origin::Mesh
            && held.value == decision.value
            && held.simulated == decision.simulated
            && held.remediation >= decision.remediation
            && held.until > now + half
    };
    if node.overruled.holds(&decision.value, now) || node.table.of_value(&decision.value).iter().any(same) {
        return Ok(());
    }
    if decision.remediation == Remediation::Ban {
        // The table remembers for a day what ended: a ban that is renewed is none that is new.
        if !node
            .table
            .of_value(&decision.value)
            .iter()
            .any(|held| is_mesh_ban(held))
        {
            node.breaker.banned(node);
            node.breaker.settle(node).await?;
        }
        decision.simulated |= node.breaker.open().is_some();
    }
    let made = node.store.insert_decision(&decision).await?;
    tracing::info!(indicator = made.decision.value, remediation = %made.decision.remediation, "decided on the mesh's word");
    node.table.put(std::slice::from_ref(&made), now);
    Ok(())
}

/// Ends decisions of the mesh whose evidence is gone: taken back, decayed or refuted.
pub(crate) async fn release(node: &Node) -> anyhow::Result<()> {
    let now = node.now();
    release_of(node, node.table.active(now), now).await
}

/// The same for one subject, at once: its evidence was taken back or disputed.
pub(crate) async fn reconsider(node: &Node, subject: &Indicator) -> anyhow::Result<()> {
    release_of(node, node.table.of_value(&subject.to_string()), node.now()).await
}

async fn release_of(node: &Node, held: Vec<Arc<Decision>>, now: Timestamp) -> anyhow::Result<()> {
    let mut gone = Vec::new();
    let bans = held.iter().filter(|held| is_mesh_ban(held));
    for held in bans.filter(|held| held.decision.until > now) {
        let Ok(ip) = held.decision.value.parse() else {
            continue;
        };
        if !node.opinion.review(&Indicator::ip(ip), now).hard_block {
            gone.push(held.id);
        }
    }
    node.end(&gone).await?;
    Ok(())
}

fn is_mesh_ban(held: &Decision) -> bool {
    held.decision.origin == Origin::Mesh && held.decision.remediation == Remediation::Ban
}

/// What its publisher asks not to be enforced is kept and shown, and weighs nothing.
fn weighed(sighting: Sighting, policy: u8) -> Sighting {
    if policy & policy::NOT_ENFORCED == 0 {
        sighting
    } else {
        Sighting {
            confidence: 0,
            ..sighting
        }
    }
}

/// What the store knows of an envelope, in the core's words.
pub(crate) fn core_held(envelope: &HeldEnvelope) -> vigie_gossip_core::Held {
    let place = envelope.held;
    vigie_gossip_core::Held {
        publisher: place.publisher,
        epoch: place.epoch,
        seq: place.seq,
        hash: place.hash,
        time: envelope.time_base,
        rows: envelope.rows,
        urgent: envelope.urgent,
    }
}

/// An admitted envelope in the store's words.
pub(crate) fn new_envelope(admitted: &Admitted, now: Timestamp) -> NewEnvelope {
    let envelope = admitted.envelope();
    let header = envelope.header();
    NewEnvelope {
        held: Held {
            publisher: header.publisher,
            epoch: header.epoch,
            seq: header.seq,
            hash: envelope.header_hash(),
        },
        org: admitted.org().org_id(),
        kind: header.kind.number(),
        time_base: header.time_base,
        rows: header.rows,
        urgent: vigie_gossip_core::validate::asks_urgency(header),
        bytes: admitted.bytes().to_vec(),
        sightings: envelope
            .sightings()
            .map(|(id, sighting)| (id, weighed(sighting, header.policy)))
            .collect(),
        received_at: now,
    }
}
