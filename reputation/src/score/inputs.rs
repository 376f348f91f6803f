//! Everything that one verdict depends on: taken out of a scorer, and put into an empty one that then answers alike.
//!
//! So a verdict can be asked for again elsewhere, by the very functions that gave it. Deliberately absent: the form in
//! which inputs travel and what is compared, see `verify`.

use std::sync::Arc;

use hashbrown::HashMap;
use vigie_wire::{Indicator, OrgId, Timestamp};

use super::{LearnedReporter, Scorer, ScorerConfig, judge, weigh, withdraw};
use crate::graph::TrustGraph;
use crate::memory::MemoryConfig;
use crate::partition::Partition;
use crate::reporter::ReporterIndex;
use crate::subject::{Entry, Marks, Objection, Standing, Subject};
use crate::verdict::{GroupSum, OwnWord, PartitionSums};
use crate::verify::{DisputeInput, Inputs, InputsRefused, ReporterInput, StatementInput};

// === impl Scorer ===

impl Scorer {
    /// What the verdict on a subject depends on, at this moment. `held`: it is blocked already.
    pub fn inputs(&self, subject: &Indicator, now: Timestamp, held: bool) -> Inputs {
        let subject = judge::canonical(subject);
        let known = self.subjects.get(&subject);
        let mut inputs = Inputs {
            at: now,
            held,
            class: (self.config.class)(&subject),
            known: subject.as_ip().and_then(|ip| self.memory.tier(ip, now)),
            own: self.own_word(&subject, now).map(|caught| OwnWord {
                behaviour: caught.behaviour,
                at: caught.last,
            }),
            contradicted: self.is_contradicted(&subject, self.own_word(&subject, now), now),
            groups: self.graph.groups(),
            hearing: self.config.hearing,
            lag: self.lag(now),
            reporters: Vec::new(),
            statements: Vec::new(),
            disputes: Vec::new(),
            suspected: Vec::new(),
            subject,
        };
        let mut heard: Vec<ReporterIndex> = Vec::new();
        for entry in known.into_iter().flat_map(Subject::entries) {
            let Some(reporter) = self.reporters.get(entry.reporter) else {
                continue;
            };
            let sighting = weigh::sighting(entry, reporter);
            // What is void was never said.
            if withdraw::standing(&self.retracted, &self.reporters, entry, now) == Standing::Void {
                continue;
            }
            heard.push(entry.reporter);
            if self.suspected.contains(&entry.rule) && !inputs.suspected.contains(&entry.rule) {
                inputs.suspected.push(entry.rule);
            }
            inputs.statements.push(StatementInput {
                reporter: reporter.org,
                sighting,
                behaviour: entry.behaviour,
                rule: entry.rule,
                count: entry.count,
                confidence: entry.confidence,
                observed_minutes: entry.observed,
                arrived_secs: entry.arrived,
                withdrawn: self.is_out(&sighting, now),
                exposed: entry.is_exposed(),
            });
        }
        // Nor is there anything to object to where nothing was said.
        let objections = known.filter(|_| !inputs.statements.is_empty());
        for objection in objections.into_iter().flat_map(Subject::objections) {
            if let Some(reporter) = self.reporters.get(objection.reporter) {
                heard.push(objection.reporter);
                inputs.disputes.push(DisputeInput {
                    reporter: reporter.org,
                    at_secs: objection.at,
                });
            }
        }
        heard.sort_unstable();
        heard.dedup();
        let reporters = heard.into_iter().filter_map(|index| self.reporters.get(index));
        inputs.reporters = reporters
            .map(|reporter| ReporterInput {
                place: self.graph.place(reporter.org).cloned(),
                record: reporter.record.export(reporter.org),
                cluster: reporter.learned_cluster(),
            })
            .collect();
        inputs.sort();
        inputs
    }

    /// What was learned of one organisation; `None` if it never spoke.
    pub fn learned_of(&self, org: OrgId) -> Option<LearnedReporter> {
        let reporter = self.reporters.get(self.reporters.find(org)?)?;
        Some(reporter.record.export(org))
    }

    /// A scorer that knows these inputs and nothing else. Costs what one subject costs; nothing is taken from a clock.
    pub fn of_inputs(inputs: &Inputs) -> Result<Self, InputsRefused> {
        inputs.check()?;
        let class = inputs.class;
        let config = ScorerConfig {
            max_subjects: 1,
            hearing: inputs.hearing,
            memory: MemoryConfig {
                max_visitors: 1,
                ..MemoryConfig::default()
            },
            class: Arc::new(move |_| class),
            ..ScorerConfig::default()
        };
        let places = inputs.reporters.iter().filter_map(|reporter| {
            let place = reporter.place.clone()?;
            Some((reporter.record.org, place))
        });
        let mut scorer = Self::new(TrustGraph::of_places(places, inputs.groups), config);
        scorer.watermark = (inputs.lag > 0)
            .then(|| Timestamp::from_millis(inputs.at.as_millis().saturating_sub(inputs.lag)));
        let mut indices = HashMap::new();
        for input in &inputs.reporters {
            let index = scorer.enrolled(input.record.org).ok_or(InputsRefused::TooMany)?;
            indices.insert(input.record.org, index);
            if let Some(reporter) = scorer.reporters.get_mut(index) {
                reporter.record.import(&input.record);
            }
            scorer.reporters.set_cluster(index, input.cluster);
        }
        scorer.suspected.extend(&inputs.suspected);
        if let (Some(tier), Some(ip)) = (inputs.known, inputs.subject.as_ip()) {
            scorer.memory.remember(ip, tier, inputs.at);
        }
        if let Some(own) = inputs.own {
            scorer.own.catch(&inputs.subject, own.behaviour, own.at);
            if let Some(ip) = inputs.subject.as_ip().filter(|_| inputs.contradicted) {
                scorer.memory.make_regular(ip, own.at);
            }
        }
        if let Some(subject) = scorer.subject_of(inputs, &indices)? {
            scorer.subjects.insert(subject);
        }
        Ok(scorer)
    }

    fn subject_of(
        &mut self,
        inputs: &Inputs,
        indices: &HashMap<OrgId, ReporterIndex>,
    ) -> Result<Option<Subject>, InputsRefused> {
        let index = |org: OrgId| indices.get(&org).copied().ok_or(InputsRefused::Reporter(org));
        let mut entries = Vec::with_capacity(inputs.statements.len());
        for one in &inputs.statements {
            let reporter = index(one.reporter)?;
            let key = self
                .reporters
                .get_mut(reporter)
                .and_then(|known| known.key_number(one.sighting.publisher).ok())
                .ok_or(InputsRefused::TooMany)?;
            if one.withdrawn {
                self.withdraw(one.sighting, Timestamp::from_secs(1));
            }
            entries.push(Entry {
                seq: one.sighting.seq,
                rule: one.rule,
                reporter,
                epoch: one.sighting.epoch,
                observed: one.observed_minutes,
                arrived: one.arrived_secs,
                fraction: 0,
                behaviour: one.behaviour,
                key,
                row: one.sighting.row,
                count: one.count,
                confidence: one.confidence,
                marks: Marks::of(Marks::EXPOSED, one.exposed),
            });
        }
        let mut objections = Vec::with_capacity(inputs.disputes.len());
        for one in &inputs.disputes {
            objections.push(Objection::new(index(one.reporter)?, one.at_secs, false));
        }
        Ok(Subject::assembled(inputs.subject.clone(), entries, objections))
    }

    /// What each partition counts of a subject, group by group. Costs six times what a verdict costs.
    pub fn partitions(&self, subject: &Indicator, now: Timestamp) -> Vec<PartitionSums> {
        let subject = judge::canonical(subject);
        let known = self.subjects.get(&subject);
        let weighed = known.map_or_else(Vec::new, |known| self.weigh(known, now));
        let sums = |partition: Partition| {
            let mut groups: Vec<GroupSum> = Vec::new();
            let shares = self.shares(&weighed, partition, now);
            for (one, (counted, cut)) in weighed.iter().zip(shares) {
                // Not counted and not cut: a weaker word of somebody who counts already, or of nobody we trust.
                if counted == 0 && cut.is_none() {
                    continue;
                }
                let group = self.group_of(partition, one, now);
                let place = groups
                    .iter()
                    .position(|known| known.group == group)
                    .unwrap_or_else(|| {
                        groups.push(GroupSum {
                            group,
                            voices: 0,
                            said: 0,
                            counted: 0,
                            cap: weigh::cap_of(partition, one, &self.suspected),
                        });
                        groups.len() - 1
                    });
                if let Some(sum) = groups.get_mut(place) {
                    sum.voices += 1;
                    sum.said += one.uncapped;
                    sum.counted += counted;
                }
            }
            groups.sort_unstable_by_key(|sum| sum.group);
            let score = groups.iter().map(|sum| sum.counted).sum();
            PartitionSums {
                partition,
                groups,
                score,
            }
        };
        Partition::ALL.into_iter().map(sums).collect()
    }
}
