//! Who was decided upon before, by our own sensor: how often in the last thirty days, for profiles that are harder on who
//! comes again.
//!
//! A copy of what the store says, bounded: of those that are longest ago half are forgotten when it is full. Deliberately
//! absent: what the mesh said, for which the scorer has a memory of its own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vigie_store::{Decision, DecisionFilter, Origin, Store};
use vigie_wire::Timestamp;

/// Who kept still for so long begins anew.
pub(crate) const FORGET: Duration = Duration::from_secs(30 * 86_400);
/// Addresses remembered: about 10 MB.
const MOST: usize = 131_072;

/// How often each address was decided upon, and when last.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    known: Mutex<HashMap<IpAddr, (u32, Timestamp)>>,
}

// === impl Repeats ===

impl Repeats {
    /// What the store holds of the last thirty days, the newest first if there is more than fits.
    pub(crate) async fn load(store: &dyn Store, now: Timestamp) -> anyhow::Result<Self> {
        let recent = DecisionFilter {
            origin: Some(Origin::Sensor),
            ended_since: Some(now - FORGET),
            limit: u32::try_from(MOST).unwrap_or(u32::MAX),
            ..DecisionFilter::default()
        };
        let mut found = store.decisions(&recent).await?;
        found.reverse();
        let repeats = Self::default();
        repeats.note(&found);
        Ok(repeats)
    }

    /// Decisions that were made. Only our own sensor's count, and none of a scenario on trial.
    pub(crate) fn note(&self, made: &[Decision]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for Decision { decision, .. } in made {
            let counts = decision.origin == Origin::Sensor && !decision.simulated;
            let Some(ip) = decision.value.parse().ok().filter(|_| counts) else {
                continue;
            };
            let at = decision.created_at;
            let (times, last) = known.entry(ip).or_insert((0, at));
            *times = if is_recent(*last, at) {
                times.saturating_add(1)
            } else {
                1
            };
            *last = at.max(*last);
            if known.len() > MOST {
                let mut ages: Vec<Timestamp> = known.values().map(|(_, last)| *last).collect();
                let (_, middle, _) = ages.select_nth_unstable(MOST / 2);
                let middle = *middle;
                known.retain(|_, (_, last)| *last > middle);
            }
        }
    }

    /// How often, as of now.
    pub(crate) fn times(&self, value: &str, now: Timestamp) -> u32 {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = value
            .parse()
            .ok()
            .and_then(|ip: IpAddr| known.get(&ip.to_canonical()));
        found
            .filter(|(_, last)| is_recent(*last, now))
            .map_or(0, |(times, _)| *times)
    }
}

fn is_recent(last: Timestamp, now: Timestamp) -> bool {
    now < last + FORGET
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_store::{NewDecision, Remediation, Word};

    fn decision(value: &str, day: i64, origin: Origin) -> Decision {
        let at = Timestamp::from_secs(1_790_000_000 + 86_400 * day);
        Decision {
            id: day,
            alert: None,
            decision: NewDecision {
                origin,
                remediation: Remediation::Ban,
                scope: "Ip".into(),
                value: value.to_owned(),
                scenario: "vigie/ssh-bf".into(),
                created_at: at,
                until: at + Duration::from_secs(3_600),
                simulated: false,
                reason: Word::default(),
            },
        }
    }

    #[test]
    fn our_own_decisions_are_counted_until_thirty_quiet_days() {
        let repeats = Repeats::default();
        let sensor = |day| decision("192.88.99.7", day, Origin::Sensor);
        repeats.note(&[sensor(0), sensor(20), decision("192.88.99.7", 21, Origin::Mesh)]);
        let at = |day: i64| Timestamp::from_secs(1_790_000_000 + 86_400 * day);
        assert_eq!(repeats.times("::ffff:192.88.99.7", at(49)), 2);
        assert_eq!(repeats.times("192.88.99.7", at(50)), 0);
        repeats.note(&[sensor(60)]);
        assert_eq!(repeats.times("192.88.99.7", at(60)), 1);
        assert_eq!(repeats.times("192.88.99.8", at(60)), 0);
    }

    #[test]
    fn those_longest_ago_are_forgotten_when_it_is_full() {
        let repeats = Repeats::default();
        let many = u32::try_from(MOST).unwrap() + 1;
        let all: Vec<Decision> = (0..many)
            .map(|number| {
                let ip = IpAddr::from(number.to_be_bytes());
                decision(&ip.to_string(), i64::from(number) / 8_192, Origin::Sensor)
            })
            .collect();
        repeats.note(&all);
        assert!(repeats.known.lock().unwrap().len() <= MOST / 2);
        let last = IpAddr::from((many - 1).to_be_bytes()).to_string();
        assert_eq!(repeats.times(&last, all[all.len() - 1].decision.created_at), 1);
    }
}
