//! The circuit breaker at work: what it counts here, and what its opening leads to.
//!
//! When it opens, verdicts of the mesh are simulated again. Bans of the hour before are ended and made anew as
//! simulated ones; older ones stay until their time is over, so that nobody frees every attacker by one wild strike.
//! Own detections are enforced as ever. Before this stop: `ingest` for bans, `watch` for visits and logins. After it:
//! `Node::enforcing`, and whoever reads alerts. Deliberately absent: the rules, see `vigie_reputation::Breaker`.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vigie_reputation::{Breaker, Open, Trip};
use vigie_store::{Decision, NewAlert, Origin, Remediation, Share};
use vigie_wire::{RuleHash, Timestamp};

use crate::clock::rfc3339;
use crate::config::Remote;
use crate::node::Node;

/// The note that keeps its counts over a restart.
const NOTE: &str = "scorer/breaker";
/// Between two writings of counts; what it decided is written at once.
const BETWEEN: Duration = Duration::from_secs(600);
/// Bans that are as young as this when it opens are part of what opened it.
const STRIKE: Duration = Duration::from_secs(3_600);
/// What alerts of it are called.
const SCENARIO: &str = "vigie/breaker";

/// The breaker and what it still has to do.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    breaker: Breaker,
    /// It opened, and nothing followed yet.
    pending: Option<Trip>,
    /// When it was written last.
    saved: Timestamp,
}

// === impl Guard ===

impl Guard {
    /// While it is open: since when and why.
    pub(crate) fn open(&self) -> Option<Open> {
        self.state().breaker.open()
    }

    /// One sentence about it while it is open.
    pub(crate) fn sentence(&self) -> Option<String> {
        let open = self.open()?;
        Some(format!(
            "The breaker is open since {}: {}. Verdicts of the mesh are simulated until {} at least, and until an hour is \
             as usual again; `vigie policy enforce` closes it now.",
            rfc3339(open.since),
            open.why,
            rfc3339(open.until)
        ))
    }

    /// A new ban on the mesh's word, simulated or not.
    pub(crate) fn banned(&self, node: &Node) {
        let (now, enforced) = (node.now(), node.remote() == Remote::Enforce);
        self.note(|breaker| breaker.banned(now, enforced));
    }

    /// Somebody was served a page.
    pub(crate) fn visited(&self, node: &Node, ip: IpAddr) {
        let (now, enforced) = (node.now(), node.remote() == Remote::Enforce);
        let hit = bans(node, ip, now).next().is_some();
        self.note(|breaker| breaker.visited(hit, now, enforced));
    }

    /// Somebody of ours logged in.
    pub(crate) fn logged_in(&self, node: &Node, ip: IpAddr) {
        let now = node.now();
        if node.remote() == Remote::Enforce && bans(node, ip, now).any(|ban| !ban.decision.simulated) {
            self.note(|breaker| breaker.user_hit(ip, now));
        }
    }

    /// Takes up what was kept.
    pub(crate) async fn recall(&self, node: &Node) -> anyhow::Result<()> {
        if let Some(text) = node.store.note(node.mine(), NOTE).await? {
            match serde_json::from_str(&text) {
                Ok(breaker) => {
                    let mut state = self.state();
                    state.breaker = breaker;
                    // What follows from its opening may not have been done to the end: done twice it changes nothing.
                    state.pending = state.breaker.open().map(|open| open.why);
                }
                Err(error) => tracing::warn!(%error, "the breaker's counts cannot be read: they begin anew"),
            }
        }
        Ok(())
    }

    /// Does what follows if it opened. What the database refuses for now is tried again with the next call.
    pub(crate) async fn settle(&self, node: &Node) -> anyhow::Result<()> {
        let Some((why, open)) = self.pending() else {
            return Ok(());
        };
        tracing::error!(%why, "the breaker opened: verdicts of the mesh are simulated");
        // First of all: a node that is killed here must not come up with it closed.
        self.save(node).await?;
        node.store.insert_alert(&alert(node, &open), &[]).await?;
        let young = |held: &Decision| {
            is_ban(held) && !held.decision.simulated && held.decision.created_at + STRIKE > open.since
        };
        let held = node.table.active(node.now());
        let young: Vec<_> = held
            .iter()
            .filter(|held| young(held))
            .map(|held| held.id)
            .collect();
        node.end(&young).await?;
        self.save(node).await?;
        self.state().pending = None;
        // What was ended is made anew, as simulated.
        node.hurry.notify_one();
        Ok(())
    }

    /// Lets hours pass, closes it by rule, and keeps its counts now and then.
    pub(crate) async fn tick(&self, node: &Node) -> anyhow::Result<()> {
        self.settle(node).await?;
        let now = node.now();
        let closed = self.state().breaker.tick(now);
        if closed {
            tracing::warn!("the breaker closed: an hour was as usual again");
        }
        let saved = self.state().saved;
        if closed || now.since(saved) >= BETWEEN {
            self.save(node).await?;
        }
        Ok(())
    }

    /// A person closes it; whether it was open.
    pub(crate) async fn close(&self, node: &Node) -> anyhow::Result<bool> {
        if self.open().is_none() {
            return Ok(false);
        }
        {
            let mut state = self.state();
            state.breaker.close(node.now());
            state.pending = None;
        }
        tracing::warn!("the breaker was closed by hand");
        self.save(node).await?;
        node.hurry.notify_one();
        Ok(true)
    }

    /// Keeps its counts.
    pub(crate) async fn save(&self, node: &Node) -> anyhow::Result<()> {
        let text = {
            let mut state = self.state();
            state.saved = node.now();
            serde_json::to_string(&state.breaker)?
        };
        node.store.put_note(node.mine(), NOTE, &text).await?;
        Ok(())
    }

    fn note(&self, what: impl FnOnce(&mut Breaker) -> Option<Trip>) {
        let mut state = self.state();
        if let Some(trip) = what(&mut state.breaker) {
            state.pending = Some(trip);
        }
    }

    fn pending(&self) -> Option<(Trip, Open)> {
        let state = self.state();
        Some((state.pending?, state.breaker.open()?))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bans on the mesh's word that stand on an address, simulated ones too.
fn bans(node: &Node, ip: IpAddr, now: Timestamp) -> impl Iterator<Item = std::sync::Arc<Decision>> {
    let held = node.table.of_value(&ip.to_canonical().to_string());
    held.into_iter()
        .filter(move |held| is_ban(held) && held.decision.until > now)
}

fn is_ban(held: &Decision) -> bool {
    held.decision.origin == Origin::Mesh && held.decision.remediation == Remediation::Ban
}

/// What people find among the alerts. Its id is made of the moment, so that one opening is one alert.
fn alert(node: &Node, open: &Open) -> NewAlert {
    let id = blake3::hash(format!("{SCENARIO} {} {}", node.instance, open.since.as_millis()).as_bytes());
    NewAlert {
        detection: *id.as_bytes().first_chunk().unwrap_or(&[0; 16]),
        machine: "breaker".to_owned(),
        scenario: SCENARIO.to_owned(),
        scenario_version: String::new(),
        rule: RuleHash([0; 8]),
        behaviour: None,
        scope: "Node".to_owned(),
        value: node.identity.node.public().publisher_id().to_string(),
        message: format!("the breaker opened: {}", open.why),
        events_count: 1,
        capacity: 0,
        leakspeed: String::new(),
        first: open.since,
        last: open.since,
        created_at: open.since,
        simulated: false,
        remediation: false,
        labels: std::collections::BTreeMap::new(),
        events: serde_json::Value::Array(Vec::new()),
        share: Share::Never,
    }
}
