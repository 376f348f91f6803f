//! The publishers: which node keys the organisations have certified, by the short id that headers carry.
//!
//! If two certified keys share an id, both are invalid everywhere: no envelope could say which of them it means.

use std::collections::BTreeMap;

use super::derive::Admission;
use super::shelf::Shelf;
use super::standing::{Certified, Timeline};
use crate::wire::{PublicKey, PublisherId, RevocationTarget, Statement, Timestamp};

/// Publishers by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Publishers {
    timelines: BTreeMap<PublisherId, Timeline>,
}

/// All publishers whose organisation is admitted at some time.
pub(super) fn collect(shelf: &Shelf, orgs: &BTreeMap<PublicKey, Admission>) -> Publishers {
    let revoked = revoked_nodes(shelf);
    let mut publishers = Publishers::default();
    for (_, statement) in shelf.iter() {
        let Statement::NodeCertificate(certificate) = statement else {
            continue;
        };
        let Some(org) = orgs.get(&certificate.org) else {
            continue;
        };
        publishers.enter(
            certificate.node.publisher_id(),
            certificate.node,
            Certified {
                org: certificate.org,
                not_before: certificate.not_before,
                not_after: certificate.not_after,
                epochs: (certificate.epoch_from, certificate.epoch_to),
                revoked_since: revoked.get(&(certificate.org, certificate.node)).copied(),
                seed: org.seed.clone(),
                admitted: org.admitted.clone(),
                proven: org.proven.clone(),
            },
        );
    }
    publishers.settle();
    publishers
}

fn revoked_nodes(shelf: &Shelf) -> BTreeMap<(PublicKey, PublicKey), Timestamp> {
    let mut revoked = BTreeMap::new();
    for (_, statement) in shelf.iter() {
        if let Statement::Revocation(revocation) = statement
            && let RevocationTarget::Node(node) = revocation.target
        {
            let since = revoked
                .entry((revocation.org, node))
                .or_insert(revocation.compromised_since);
            *since = revocation.compromised_since.min(*since);
        }
    }
    revoked
}

// === impl Publishers ===

impl Publishers {
    pub(super) fn get(&self, publisher: PublisherId) -> Option<&Timeline> {
        self.timelines.get(&publisher)
    }

    /// The only publisher whose name begins so.
    pub(super) fn by_short(&self, short: [u8; 4]) -> Option<PublisherId> {
        let mut bounds = [[0; 16], [0xff; 16]];
        for bound in &mut bounds {
            bound.iter_mut().zip(short).for_each(|(to, from)| *to = from);
        }
        let [first, last] = bounds.map(PublisherId);
        let mut found = self.timelines.range(first..=last).map(|(id, _)| *id);
        found.next().filter(|_| found.next().is_none())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PublisherId, &Timeline)> {
        self.timelines.iter().map(|(id, timeline)| (*id, timeline))
    }

    fn enter(&mut self, id: PublisherId, key: PublicKey, certified: Certified) {
        match self.timelines.get_mut(&id) {
            None => {
                let timeline = Timeline {
                    key: Some(key),
                    certificates: vec![certified],
                };
                self.timelines.insert(id, timeline);
            }
            Some(timeline) => {
                if timeline.key != Some(key) {
                    timeline.key = None;
                }
                timeline.certificates.push(certified);
            }
        }
    }

    /// Of two certificates that hold at once the earlier decides, then the lower organisation key.
    fn settle(&mut self) {
        for timeline in self.timelines.values_mut() {
            timeline.certificates.sort_by_key(|certificate| {
                (
                    certificate.not_before,
                    certificate.org,
                    certificate.not_after,
                    certificate.epochs,
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::intervals::Intervals;
    use crate::directory::{Standing, Why};
    use crate::wire::SecretKey;

    fn key(number: u8) -> PublicKey {
        SecretKey::from_seed([number; 32]).public()
    }

    fn certified(org: u8, days: (i64, i64)) -> Certified {
        let day = |days: i64| Timestamp::from_secs(days * 86_400);
        Certified {
            org: key(org),
            not_before: day(days.0),
            not_after: day(days.1),
            epochs: (0, 9),
            revoked_since: None,
            seed: Intervals::never(),
            admitted: Intervals::always(),
            proven: Intervals::always(),
        }
    }

    #[test]
    fn two_keys_under_one_id_are_both_invalid_whichever_came_first() {
        let id = PublisherId([7; 16]);
        for keys in [[1, 2, 1], [2, 1, 1], [1, 1, 2]] {
            let mut publishers = Publishers::default();
            for (nth, number) in keys.into_iter().enumerate() {
                publishers.enter(
                    id,
                    key(number),
                    certified(u8::try_from(nth).unwrap() + 10, (0, 9)),
                );
            }
            publishers.settle();
            let timeline = publishers.get(id).unwrap();
            assert_eq!(timeline.key(), None);
            assert_eq!(
                timeline.standing(Timestamp::from_secs(1)),
                Standing::Outsider(Why::Collision)
            );
        }
    }

    #[test]
    fn of_two_organisations_that_certify_one_key_the_earlier_certificate_decides() {
        let id = key(1).publisher_id();
        let mut publishers = Publishers::default();
        publishers.enter(id, key(1), certified(11, (3, 9)));
        publishers.enter(id, key(1), certified(10, (0, 5)));
        publishers.settle();
        let timeline = publishers.get(id).unwrap();
        let org = |day: i64| timeline.org_in(0, Timestamp::from_secs(day * 86_400));
        assert_eq!([1, 4, 6].map(org), [Some(key(10)), Some(key(10)), Some(key(11))]);
        assert_eq!(timeline.org_in(10, Timestamp::from_secs(1)), None);
    }
}
