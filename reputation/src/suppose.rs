//! What would change if: two scorers, one with another graph of trust, asked about everything that either has heard of.
//!
//! Pure, and on a copy: the live scorer goes on meanwhile. Deliberately absent: which graph, which the node draws.

use serde::{Deserialize, Serialize};
use vigie_wire::{Indicator, Timestamp};

use crate::graph::TrustGraph;
use crate::score::Scorer;
use crate::verdict::Rung;

/// One subject on which the two differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub subject: Indicator,
    /// The rung as it is.
    pub before: Rung,
    /// The rung as it would be.
    pub after: Rung,
    /// The score as it is, milli-nats.
    pub score_before: i64,
    /// The score as it would be.
    pub score_after: i64,
    /// The score from which on a block stands, as it is.
    pub bar_before: i64,
    /// As it would be.
    pub bar_after: i64,
}

/// What would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Subjects that were asked about.
    pub subjects: usize,
    /// Subjects that would get a harder rung.
    pub risen: usize,
    /// Subjects that would get a softer one.
    pub fallen: usize,
    /// Of these, hard blocks that would begin.
    pub blocked: usize,
    /// Hard blocks that would end.
    pub released: usize,
    /// Some of them: those that begin or end a hard block first, then by subject.
    pub listed: Vec<Change>,
}

// === impl Scorer ===

impl Scorer {
    /// A copy that looks at the same words from another graph of trust. Costs a copy of everything held.
    pub fn with_graph(&self, graph: TrustGraph) -> Self {
        let mut other = self.clone();
        other.set_graph(graph);
        other
    }

    /// What would change if `other` were asked instead. `held`: what is blocked already. At most `most` changes are
    /// listed, all are counted. Costs two rungs for each subject.
    pub fn compared(
        &self,
        other: &Self,
        now: Timestamp,
        held: impl Fn(&Indicator) -> bool,
        most: usize,
    ) -> Changes {
        let mut changes = Changes::default();
        let mut differing: Vec<(bool, &Indicator)> = Vec::new();
        for subject in self.subjects() {
            changes.subjects += 1;
            let (before, after) = if held(subject) {
                (self.review_rung(subject, now), other.review_rung(subject, now))
            } else {
                (self.rung(subject, now), other.rung(subject, now))
            };
            if before == after {
                continue;
            }
            if after > before {
                changes.risen += 1;
            } else {
                changes.fallen += 1;
            }
            changes.blocked += usize::from(after.is_hard() && !before.is_hard());
            changes.released += usize::from(before.is_hard() && !after.is_hard());
            differing.push((before.is_hard() == after.is_hard(), subject));
        }
        differing.sort_unstable();
        let told = differing.into_iter().take(most).map(|(_, subject)| {
            let ask = |scorer: &Self| {
                if held(subject) {
                    scorer.review(subject, now)
                } else {
                    scorer.verdict(subject, now)
                }
            };
            let (before, after) = (ask(self), ask(other));
            Change {
                subject: subject.clone(),
                before: before.rung,
                after: after.rung,
                score_before: before.score,
                score_after: after.score,
                bar_before: before.bar,
                bar_after: after.bar,
            }
        });
        changes.listed = told.collect();
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Edge, Labels, Member, Report, ScorerConfig};
    use vigie_wire::{Behaviour, Count, OrgId, PublisherId, RuleHash, SightingId};

    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

    fn org(number: u8) -> OrgId {
        OrgId([number; 16])
    }

    fn graph(anchors: &[OrgId]) -> TrustGraph {
        let members: Vec<Member> = (0..4)
            .map(|number| Member {
                org: org(number),
                name: "".into(),
                labels: Labels {
                    operator: [number + 1; 8],
                    country: [b'A', b'A' + number],
                    asn: u32::from(number) + 1,
                },
                history: 200,
                seed: false,
            })
            .collect();
        let edges = (1..4).map(|number| Edge {
            from: org(0),
            to: org(number),
            expires: Timestamp::from_millis(i64::MAX),
        });
        TrustGraph::build(anchors, &members, &edges.collect::<Vec<_>>(), NOW)
    }

    #[test]
    fn who_is_distrusted_releases_what_hung_on_him_and_nothing_else() {
        let config = ScorerConfig {
            hearing: 0,
            ..ScorerConfig::default()
        };
        let mut scorer = Scorer::new(graph(&[org(0)]), config);
        let hears = [
            ("9.9.9.1", 1),
            ("9.9.9.1", 2),
            ("9.9.9.2", 1),
            ("9.9.9.2", 2),
            ("9.9.9.2", 3),
            ("9.9.9.3", 3),
        ];
        for (subject, number) in hears {
            let report = Report {
                sighting: SightingId {
                    publisher: PublisherId([number; 16]),
                    epoch: 0,
                    seq: 1,
                    row: 0,
                },
                reporter: org(number),
                subject: Indicator::ip(subject.parse().unwrap()),
                behaviour: Behaviour(5),
                rule: RuleHash([number; 8]),
                count: Count::ONE,
                confidence: 100,
                observed: NOW,
                arrived: NOW,
            };
            scorer.observe(&report, NOW).unwrap();
        }
        let nobody = scorer.with_graph(TrustGraph::default());
        let released = scorer.compared(&nobody, NOW, |_| false, 1);
        assert_eq!((released.subjects, released.fallen, released.released), (3, 2, 2));
        assert_eq!((released.risen, released.listed.len()), (0, 1));
        let risen = nobody.compared(&scorer, NOW, |_| false, 9);
        assert_eq!((risen.risen, risen.blocked, risen.fallen), (2, 2, 0));
        assert_eq!(risen.listed[0].subject, Indicator::ip("9.9.9.1".parse().unwrap()));
        assert!(risen.listed[0].score_after >= risen.listed[0].bar_after);
        assert_eq!(scorer.compared(&scorer, NOW, |_| true, 9).listed, []);
    }
}
