//! What this node thinks of an address: the scorer, fed with everything that was admitted or seen here.
//!
//! Before this stop: `ingest` and `watch`. After it: `decide`. The scorer has one owner, this room; every call is
//! short and pure, so a lock that is never held across an await is enough.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use vigie_reputation::verify::{Difference, Export};
use vigie_reputation::{
    BadSketch, Exposure, Learned, LearnedReporter, Network, PartitionSums, Refuted, Report, Rung, Scorer,
    Tier, TrustGraph, Verdict,
};
use vigie_store::SightingRow;
use vigie_wire::{Behaviour, Indicator, OrgId, SightingId, Timestamp};

use crate::node::Node;

/// The note that keeps what was learned of reporters over a restart.
const LEARNED: &str = "scorer/learned";
/// Sightings remembered as dropped; what is beyond stays out until the scorer forgets it.
const DROPPED: usize = 65_536;

/// The scorer and its owner.
#[derive(Debug)]
pub(crate) struct Opinion {
    scorer: Mutex<Scorer>,
    /// Taken out because the network admits them no more: they may come again.
    dropped: Mutex<BTreeSet<SightingId>>,
    /// What was saved last, as its hash.
    saved: Mutex<Option<blake3::Hash>>,
}

/// What we know of an organisation.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// Milli-nats; zero of one who never spoke.
    pub(crate) weight: i64,
    /// In the common pool of the struck.
    pub(crate) struck: bool,
    pub(crate) exposure: Exposure,
    /// `None` of one who never spoke.
    pub(crate) record: Option<LearnedReporter>,
}

// === impl Opinion ===

impl Opinion {
    pub(crate) fn new(scorer: Scorer) -> Self {
        Self {
            scorer: Mutex::new(scorer),
            dropped: Mutex::default(),
            saved: Mutex::default(),
        }
    }

    fn scorer(&self) -> MutexGuard<'_, Scorer> {
        locked(&self.scorer)
    }

    /// Takes one admitted sighting in and says what follows for its subject.
    pub(crate) fn observe(&self, row: &SightingRow, now: Timestamp) -> Verdict {
        let again = locked(&self.dropped).remove(&row.id);
        let mut scorer = self.scorer();
        if again {
            scorer.readmit(&row.id);
        }
        if let Err(refused) = scorer.observe(&report(row), now) {
            tracing::debug!(sighting.id = %row.id, %refused, "a sighting is kept but does not count");
        }
        scorer.verdict(&row.sighting.indicator, now)
    }

    /// The publisher took it back.
    pub(crate) fn retract(&self, sighting: SightingId, now: Timestamp) {
        locked(&self.dropped).remove(&sighting);
        self.scorer().withdraw(sighting, now);
    }

    /// The network admits it no more. It weighs nothing, until it is admitted again.
    pub(crate) fn drop_out(&self, sighting: SightingId) {
        let mut scorer = self.scorer();
        if scorer.is_retracted(&sighting) {
            return;
        }
        scorer.retract(sighting);
        let mut dropped = locked(&self.dropped);
        dropped.insert(sighting);
        if dropped.len() > DROPPED {
            dropped.pop_first();
        }
    }

    /// An organisation objects to what is said of a subject. Whether that changes anything.
    pub(crate) fn dispute(&self, by: OrgId, subject: &Indicator, at: Timestamp) -> bool {
        self.scorer().dispute(by, subject, at)
    }

    /// Our own sensor caught it.
    pub(crate) fn own_detection(&self, subject: &Indicator, behaviour: Behaviour, at: Timestamp) {
        self.scorer().own_detection(subject, behaviour, at);
    }

    /// We know whoever uses this address. Whether the sketch of visitors changed.
    pub(crate) fn remember(&self, ip: IpAddr, tier: Tier, at: Timestamp) -> bool {
        self.scorer().remember(ip, tier, at)
    }

    /// Somebody was served a page. Whether he was not remembered yet.
    pub(crate) fn visited(&self, ip: IpAddr, at: Timestamp) -> bool {
        self.remember(ip, Tier::Visitor, at)
    }

    /// How many users are remembered, and how many visitors of the present fifteen days.
    pub(crate) fn known(&self) -> (usize, usize) {
        self.scorer().known()
    }

    /// Networks of which so many addresses are blocked that all might be.
    pub(crate) fn networks(&self, blocked: &[IpAddr], held: &[IpNet], now: Timestamp) -> Vec<Network> {
        self.scorer().networks(blocked, held, now)
    }

    /// The sketch of visitors, to be kept.
    pub(crate) fn sketch(&self) -> Vec<u8> {
        self.scorer().sketch()
    }

    /// Takes up the sketch of visitors that was kept.
    pub(crate) fn take_sketch(&self, bytes: &[u8]) -> Result<(), BadSketch> {
        self.scorer().take_sketch(bytes)
    }

    /// Whether somebody logged in here from this address.
    pub(crate) fn knows_user(&self, ip: IpAddr, now: Timestamp) -> bool {
        self.scorer().remembers(ip, now) == Some(Tier::Authenticated)
    }

    /// Accusations that the record of our users is gold against.
    pub(crate) fn refuted(&self, now: Timestamp) -> Vec<Refuted> {
        self.scorer().refuted(now)
    }

    /// The same of one address.
    pub(crate) fn refuted_at(&self, ip: IpAddr, now: Timestamp) -> Vec<SightingId> {
        self.scorer().refuted_at(ip, now)
    }

    /// The graph changed: a vouch, a revocation or an anchor.
    pub(crate) fn set_graph(&self, graph: TrustGraph) {
        self.scorer().set_graph(graph);
    }

    /// A node of this organisation signed two things for one place. False if that was known.
    pub(crate) fn equivocated(&self, org: OrgId, at: Timestamp) -> bool {
        self.scorer().equivocated(org, at)
    }

    /// The graph in force, copied.
    pub(crate) fn graph(&self) -> TrustGraph {
        self.scorer().graph().clone()
    }

    /// All of it, copied: for questions that take their time.
    pub(crate) fn copy(&self) -> Scorer {
        self.scorer().clone()
    }

    /// What the word of each weighs; `None` of one who never spoke.
    pub(crate) fn weights(&self, orgs: &[OrgId], now: Timestamp) -> Vec<Option<i64>> {
        let scorer = self.scorer();
        let weight = |org: &OrgId| scorer.learned_of(*org).map(|_| scorer.weight(*org, now));
        orgs.iter().map(weight).collect()
    }

    /// What we know of an organisation.
    pub(crate) fn about(&self, org: OrgId, now: Timestamp) -> About {
        let scorer = self.scorer();
        About {
            weight: scorer.weight(org, now),
            struck: scorer.is_struck(org, now),
            exposure: scorer.exposure(org, now),
            record: scorer.learned_of(org),
        }
    }

    /// Of these, whose silence would tell us something, and in which group: our anchors, and whom our own gold confirmed.
    pub(crate) fn trusted(&self, orgs: &[OrgId], now: Timestamp) -> BTreeMap<OrgId, OrgId> {
        let scorer = self.scorer();
        (orgs.iter())
            .filter_map(|org| Some((*org, scorer.voice(*org, now)?)))
            .collect()
    }

    /// Up to when we hear those; `None` if nothing is amiss.
    pub(crate) fn set_watermark(&self, until: Option<Timestamp>) {
        self.scorer().set_watermark(until);
    }

    /// How many independent groups our anchors reach.
    pub(crate) fn groups(&self) -> usize {
        self.scorer().graph().groups()
    }

    /// What we think of it now, and why.
    pub(crate) fn verdict(&self, subject: &Indicator, now: Timestamp) -> Verdict {
        self.scorer().verdict(subject, now)
    }

    /// The same with all that it follows from, checked. `held`: it is blocked already.
    pub(crate) fn export(
        &self,
        subject: &Indicator,
        now: Timestamp,
        held: bool,
    ) -> Result<Export, Difference> {
        Export::of(&self.scorer(), subject, now, held)
    }

    /// The same without, for what an export does not carry.
    pub(crate) fn explained(
        &self,
        subject: &Indicator,
        now: Timestamp,
        held: bool,
    ) -> (Verdict, Vec<PartitionSums>) {
        let scorer = self.scorer();
        let verdict = if held {
            scorer.review(subject, now)
        } else {
            scorer.verdict(subject, now)
        };
        (verdict, scorer.partitions(subject, now))
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

    /// Keeps what was learned of reporters, if that changed. The scorer is held only while it is copied.
    pub(crate) async fn save(&self, node: &Node) -> anyhow::Result<()> {
        let learned = self.scorer().learned();
        let text = serde_json::to_string(&learned)?;
        let hash = blake3::hash(text.as_bytes());
        if *locked(&self.saved) == Some(hash) {
            return Ok(());
        }
        node.store.put_note(node.mine(), LEARNED, &text).await?;
        *locked(&self.saved) = Some(hash);
        Ok(())
    }

    /// Takes it back after a restart.
    pub(crate) async fn recall(&self, node: &Node) -> anyhow::Result<()> {
        if let Some(text) = node.store.note(node.mine(), LEARNED).await? {
            // Another version may have written it. Trust is then learned anew, which is slow and safe; not to start is neither.
            match serde_json::from_str::<Learned>(&text) {
                Ok(learned) => self.scorer().restore(&learned),
                Err(error) => {
                    tracing::warn!(%error, "what was learned of reporters cannot be read: it is learned anew");
                }
            }
            *locked(&self.saved) = Some(blake3::hash(text.as_bytes()));
        }
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::alert;
    use vigie_reputation::ScorerConfig;
    use vigie_wire::{PublisherId, Sighting};

    fn row(epoch: u32, now: Timestamp) -> SightingRow {
        SightingRow {
            id: SightingId {
                publisher: PublisherId([7; 16]),
                epoch,
                seq: 0,
                row: 0,
            },
            org: OrgId([8; 16]),
            sighting: Sighting {
                indicator: Indicator::ip([192, 88, 99, 7].into()),
                behaviour: Behaviour(5),
                rule: alert("192.88.99.7").rule,
                at: now,
                count: vigie_wire::Count::ONE,
                confidence: 100,
            },
            received_at: now,
            retracted_at: None,
        }
    }

    #[test]
    fn what_was_dropped_may_come_again_and_what_was_taken_back_may_not() {
        let now = alert("192.88.99.7").last;
        let org = OrgId([8; 16]);
        let member = vigie_reputation::Member {
            org,
            name: "member".into(),
            labels: vigie_reputation::Labels::default(),
            history: 500,
            seed: true,
        };
        let graph = TrustGraph::build(&[org], &[member], &[], now);
        let opinion = Opinion::new(Scorer::new(graph, ScorerConfig::default()));
        let voices = |verdict: Verdict| verdict.contributions.len();
        let (dropped, taken_back) = (row(0, now), row(1, now));
        assert_eq!(voices(opinion.observe(&dropped, now)), 1);
        opinion.drop_out(dropped.id);
        assert_eq!(voices(opinion.verdict(&dropped.sighting.indicator, now)), 0);
        assert_eq!(voices(opinion.observe(&dropped, now)), 1);
        opinion.retract(dropped.id, now);

        opinion.retract(taken_back.id, now);
        opinion.drop_out(taken_back.id);
        assert_eq!(voices(opinion.observe(&taken_back, now)), 0);
    }
}
