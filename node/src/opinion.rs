//! What this node thinks of an address: the scorer, fed with everything that was admitted or seen here.
//!
//! Before this stop: `ingest` and `watch`. After it: `decide`. The scorer has one owner, this room; every call is
//! short and pure, so a lock that is never held across an await is enough.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use vigie_reputation::{Learned, Report, Rung, Scorer, Tier, TrustGraph, Verdict};
use vigie_store::SightingRow;
use vigie_wire::{Behaviour, Indicator, OrgId, SightingId, Timestamp};

use crate::node::Node;

/// The note that keeps what was learned of reporters over a restart.
const LEARNED: &str = "scorer/learned";

/// The scorer and its owner.
#[derive(Debug)]
pub(crate) struct Opinion {
    scorer: Mutex<Scorer>,
}

// === impl Opinion ===

impl Opinion {
    pub(crate) fn new(scorer: Scorer) -> Self {
        Self {
            scorer: Mutex::new(scorer),
        }
    }

    fn scorer(&self) -> MutexGuard<'_, Scorer> {
        self.scorer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one admitted sighting in and says what follows for its subject.
    pub(crate) fn observe(&self, row: &SightingRow, now: Timestamp) -> Verdict {
        let mut scorer = self.scorer();
        if let Err(refused) = scorer.observe(&report(row), now) {
            tracing::debug!(sighting.id = %row.id, %refused, "a sighting is kept but does not count");
        }
        scorer.verdict(&row.sighting.indicator, now)
    }

    /// The publisher took it back.
    pub(crate) fn retract(&self, sighting: SightingId) {
        self.scorer().retract(sighting);
    }

    /// An organisation objects to what is said of a subject. Whether that changes anything.
    pub(crate) fn dispute(&self, by: OrgId, subject: &Indicator, at: Timestamp) -> bool {
        self.scorer().dispute(by, subject, at)
    }

    /// Our own sensor caught it.
    pub(crate) fn own_detection(&self, subject: &Indicator, behaviour: Behaviour, at: Timestamp) {
        self.scorer().own_detection(subject, behaviour, at);
    }

    /// We know whoever uses this address.
    pub(crate) fn remember(&self, ip: IpAddr, tier: Tier, at: Timestamp) {
        self.scorer().remember(ip, tier, at);
    }

    /// Whether somebody logged in here from this address.
    pub(crate) fn knows_user(&self, ip: IpAddr, now: Timestamp) -> bool {
        self.scorer().remembers(ip, now) == Some(Tier::Authenticated)
    }

    /// The graph changed: a vouch, a revocation or an anchor.
    pub(crate) fn set_graph(&self, graph: TrustGraph) {
        self.scorer().set_graph(graph);
    }

    /// How many independent groups our anchors reach.
    pub(crate) fn groups(&self) -> usize {
        self.scorer().graph().groups()
    }

    /// What we think of it now, and why.
    pub(crate) fn verdict(&self, subject: &Indicator, now: Timestamp) -> Verdict {
        self.scorer().verdict(subject, now)
    }

    /// What we think of every subject that stands out: at challenge or above.
    pub(crate) fn standing_out(&self, now: Timestamp) -> Vec<Verdict> {
        let scorer = self.scorer();
        let verdicts = scorer.subjects().map(|subject| scorer.verdict(subject, now));
        verdicts.filter(|verdict| verdict.rung > Rung::Observe).collect()
    }

    /// The same for a subject that is blocked: it is released later than it is blocked.
    pub(crate) fn review(&self, subject: &Indicator, now: Timestamp) -> Verdict {
        self.scorer().review(subject, now)
    }

    /// Keeps what was learned of reporters.
    pub(crate) async fn save(&self, node: &Node) -> anyhow::Result<()> {
        let learned = serde_json::to_string(&self.scorer().learned())?;
        Ok(node.store.put_note(LEARNED, &learned).await?)
    }

    /// Takes it back after a restart.
    pub(crate) async fn recall(&self, node: &Node) -> anyhow::Result<()> {
        if let Some(text) = node.store.note(LEARNED).await? {
            let learned: Learned = serde_json::from_str(&text)
                .context("the database holds a damaged note of what was learned")?;
            self.scorer().restore(&learned);
        }
        Ok(())
    }
}

fn report(row: &SightingRow) -> Report {
    Report {
        sighting: row.id,
        reporter: row.org,
        subject: row.sighting.indicator.clone(),
        behaviour: row.sighting.behaviour,
        rule: row.sighting.rule,
        count: row.sighting.count,
        confidence: row.sighting.confidence,
        observed: row.sighting.at,
        arrived: row.received_at,
    }
}
