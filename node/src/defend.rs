//! We stand up for our users: who accuses an address that a regular user of ours comes from is told that we dispute it.
//!
//! Before this stop: `opinion`, whose scorer says what is gold against what. After it: `chain`. Found by a look each
//! minute, so that no login has a dispute follow it; what waits, and what was said, are notes, and of a kill between the
//! chain and its note the chain tells. Only while sharing is on and `[share] disputes` is. Deliberately absent: what a
//! person disputes, see `say`; visitors and the allowlist, which are no gold.

mod plan;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use vigie_gossip_core::Class;
use vigie_store::Owner;
use vigie_wire::envelope::Kind;
use vigie_wire::{Dispute, DisputeReason, Envelope, Payload, SightingId, Timestamp};

use crate::chain;
use crate::node::Node;
use plan::{DAY, Plan, Word};

/// What waits: a name, and below it `due address`.
const WAITING: &str = "say/user/";
/// What was said: the same with when.
const SAID: &str = "said/user/";
/// More than any envelope.
const ONE_ENVELOPE: usize = 1 << 16;

/// What we dispute for our users.
#[derive(Debug, Default)]
pub(crate) struct Defence {
    plan: Mutex<Plan>,
    recalled: tokio::sync::OnceCell<()>,
}

/// How much of it there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Disputes {
    /// Since yesterday.
    pub(crate) told: usize,
    /// For their moment.
    pub(crate) waiting: usize,
}

// === impl Defence ===

impl Defence {
    /// A person disputed these, so nothing else has to.
    pub(crate) fn said_by_hand(&self, ids: impl Iterator<Item = SightingId>) {
        self.plan().said_by_hand(ids);
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the organisation wants it.
pub(crate) fn permitted(node: &Node) -> bool {
    node.config.share.disputes && node.sharing().enabled
}

/// How much waits and was told; `None` while the organisation does not want it.
pub(crate) async fn disputes(node: &Node, now: Timestamp) -> anyhow::Result<Option<Disputes>> {
    if !permitted(node) {
        return Ok(None);
    }
    let told = words(node, SAID).await?;
    Ok(Some(Disputes {
        told: told.values().filter(|word| now.since(word.at) < DAY).count(),
        waiting: words(node, WAITING).await?.len(),
    }))
}

/// Looks for accusations to dispute, and drops what is refuted no more.
pub(crate) async fn look(node: &Node) -> anyhow::Result<()> {
    node.defence.recalled.get_or_try_init(|| recall(node)).await?;
    let now = node.now();
    let refuted = match permitted(node) {
        true => node.opinion.refuted(now),
        false => Vec::new(),
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system gives no random bytes")?;
    let longest = node.config.share.delay();
    let (dropped, new, old) = {
        let mut plan = node.defence.plan();
        (
            plan.drop_unless(&refuted),
            plan.admit(&refuted, now, |ip| delay(&seed, ip, longest)),
            plan.sweep(now),
        )
    };
    for id in dropped {
        tracing::info!(sighting.id = %id, "no longer to be disputed for our users");
        node.store
            .delete_note(Owner::Process(&of_chain(node)), &format!("{WAITING}{id}"))
            .await?;
    }
    for (id, word) in new {
        tracing::debug!(sighting.id = %id, "to be disputed for our users");
        put(node, WAITING, id, word).await?;
    }
    for id in old {
        node.store
            .delete_note(Owner::Process(&of_chain(node)), &format!("{SAID}{id}"))
            .await?;
    }
    Ok(())
}

/// Says what is due, as far as our budget goes. Whether anything was said.
pub(crate) async fn speak(node: &Node, class: Class, now: Timestamp) -> anyhow::Result<bool> {
    let mut due = node.defence.plan().due(now);
    if due.is_empty() || !permitted(node) {
        return Ok(false);
    }
    let (room, _) = node.chain.lock().await.allowance(class, now);
    due.truncate(usize::try_from(room).unwrap_or(0));
    // Our own sensor may have caught it since, or who said so may have taken it back.
    due.retain(|(id, word)| node.opinion.refuted_at(word.ip, now).contains(id));
    forget_what_was_said_elsewhere(node, &mut due).await?;
    if due.is_empty() {
        return Ok(false);
    }
    let dispute = |(id, _): &(SightingId, Word)| Dispute {
        sighting: *id,
        reason: DisputeReason::User,
    };
    let payload = Payload::Disputes(due.iter().map(dispute).collect());
    if chain::publish(node, payload, 0, |_| Vec::new()).await?.is_none() {
        return Ok(false);
    }
    for (_, word) in &mut due {
        word.at = now;
    }
    node.defence.plan().said(&due);
    for (id, word) in due {
        tracing::info!(sighting.id = %id, indicator = %word.ip, "disputed for a user of ours");
        put(node, SAID, id, word).await?;
        node.store
            .delete_note(Owner::Process(&of_chain(node)), &format!("{WAITING}{id}"))
            .await?;
    }
    Ok(true)
}

/// Another process that published on our chain before may have said some.
async fn forget_what_was_said_elsewhere(
    node: &Node,
    due: &mut Vec<(SightingId, Word)>,
) -> anyhow::Result<()> {
    let mut said = Vec::new();
    for (id, _) in due.iter() {
        let note = format!("{SAID}{id}");
        let owner = of_chain(node);
        if node.store.note(Owner::Process(&owner), &note).await?.is_some() {
            said.push(*id);
        }
    }
    due.retain(|(id, _)| !said.contains(id));
    node.defence.said_by_hand(said.into_iter());
    Ok(())
}

/// What was planned and said before the restart.
async fn recall(node: &Node) -> anyhow::Result<()> {
    let (waiting, said) = (words(node, WAITING).await?, words(node, SAID).await?);
    let planned = waiting.clone();
    let on_chain = on_our_chain(node).await?;
    let plan = Plan::recalled(waiting, said, &on_chain);
    // Killed between the chain and its note.
    for (id, word) in planned {
        if let Some(at) = on_chain.get(&id) {
            put(node, SAID, id, Word { at: *at, ..word }).await?;
            node.store
                .delete_note(Owner::Process(&of_chain(node)), &format!("{WAITING}{id}"))
                .await?;
        }
    }
    *node.defence.plan() = plan;
    Ok(())
}

/// What our chain disputes, as far back as bodies are kept, and when.
async fn on_our_chain(node: &Node) -> anyhow::Result<BTreeMap<SightingId, Timestamp>> {
    let publisher = node.identity.node.public().publisher_id();
    let mut disputed = BTreeMap::new();
    for envelope in node.store.held().await? {
        let place = envelope.held;
        if place.publisher != publisher || envelope.kind != Kind::Dispute.number() {
            continue;
        }
        let read = node
            .store
            .range(publisher, place.epoch, place.seq, place.seq, ONE_ENVELOPE);
        let bytes = read.await?;
        let payload = bytes
            .first()
            .and_then(|bytes| Envelope::decode(bytes).ok()?.payload().ok());
        if let Some(Payload::Disputes(rows)) = payload {
            disputed.extend(rows.iter().map(|row| (row.sighting, envelope.time_base)));
        }
    }
    Ok(disputed)
}

/// Another process may publish on our chain after this one: what was said is the chain's.
fn of_chain(node: &Node) -> String {
    node.identity.node.public().publisher_id().to_string()
}

/// A random time, the same for all that is new of one address: an eighth of the longest at least.
fn delay(seed: &[u8; 32], ip: IpAddr, longest: Duration) -> Duration {
    let hash = blake3::keyed_hash(seed, ip.to_string().as_bytes());
    let chance = u32::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default());
    let least = longest / 8;
    least
        + longest
            .saturating_sub(least)
            .mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

async fn put(node: &Node, kind: &str, id: SightingId, word: Word) -> anyhow::Result<()> {
    let text = format!("{} {}", word.at.as_millis(), word.ip);
    node.store
        .put_note(Owner::Process(&of_chain(node)), &format!("{kind}{id}"), &text)
        .await?;
    Ok(())
}

async fn words(node: &Node, kind: &str) -> anyhow::Result<BTreeMap<SightingId, Word>> {
    let mut words = BTreeMap::new();
    for (name, text) in node.store.notes(Owner::Process(&of_chain(node)), kind).await? {
        let read = || {
            let (at, ip) = text.split_once(' ')?;
            let word = Word {
                ip: ip.parse().ok()?,
                at: Timestamp::from_millis(at.parse().ok()?),
            };
            Some((name.trim_start_matches(kind).parse().ok()?, word))
        };
        if let Some((id, word)) = read() {
            words.insert(id, word);
        } else {
            tracing::warn!(name, "a note of a dispute cannot be read");
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_somewhere_between_an_eighth_and_the_whole_and_no_two_are_alike() {
        let longest = Duration::from_secs(900);
        let delays: Vec<_> = (0..=255_u8)
            .map(|number| delay(&[7; 32], [192, 88, 99, number].into(), longest))
            .collect();
        let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
        assert!(*least >= longest / 8 && *least < longest / 4, "{least:?}");
        assert!(*most <= longest && *most > longest * 7 / 8, "{most:?}");
        assert_ne!(delay(&[8; 32], [192, 88, 99, 0].into(), longest), delays[0]);
    }
}
