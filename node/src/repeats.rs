//! Who was decided upon before, by our own sensor: how often in the last thirty days, for profiles that are harder on who
//! comes again.
//!
//! A copy of what the store says, bounded: of those that are longest ago half are forgotten when it is full. An IPv6 host is
//! known by its /64, and what a person took back never was. Deliberately absent: what the mesh said, for which the scorer
//! has a memory of its own.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vigie_reputation::host_of;
use vigie_store::{Decision, DecisionFilter, DecisionId, Origin, Owner, Store};
use vigie_wire::Timestamp;

/// Who kept still for so long begins anew.
pub(crate) const FORGET: Duration = Duration::from_secs(30 * 86_400);
/// Addresses remembered: about 10 MB.
const MOST: usize = 131_072;
/// Numbers of decisions that were taken back, some in each note; its name begins with when.
const NOTES: &str = "repeats/taken_back/";
/// So many in one.
const NOTED: usize = 4_096;

/// How often each host was decided upon, and when last.
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
        let taken_back = taken_back(store).await?;
        let mut found = store.decisions(&recent).await?;
        found.retain(|one| !taken_back.contains(&one.id));
        found.reverse();
        let repeats = Self::default();
        repeats.note(&found);
        Ok(repeats)
    }

    /// Decisions that were made.
    pub(crate) fn note(&self, made: &[Decision]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for Decision { decision, .. } in made.iter().filter(|one| counts(one)) {
            let Some(host) = host(&decision.value) else {
                continue;
            };
            let at = decision.created_at;
            let (times, last) = known.entry(host).or_insert((0, at));
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

    /// A person ended these: nobody comes again for what he did not do. Noted first, for the next start.
    pub(crate) async fn take_back(
        &self,
        store: &dyn Store,
        ended: &[Decision],
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let counted: Vec<&Decision> = ended.iter().filter(|one| counts(one)).collect();
        for some in counted.chunks(NOTED) {
            let numbers: Vec<String> = some.iter().map(|one| one.id.to_string()).collect();
            let first = numbers.first().map_or("", String::as_str);
            let name = format!("{NOTES}{}/{first}", now.as_millis());
            store
                .put_note(Owner::Everybody, &name, &numbers.join(" "))
                .await?;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for host in counted.iter().filter_map(|one| host(&one.decision.value)) {
            if let Some((times, _)) = known.get_mut(&host) {
                *times = times.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// Forgets what was taken back so long ago that it would count no more.
    pub(crate) async fn sweep(store: &dyn Store, now: Timestamp) -> anyhow::Result<()> {
        for (name, _) in store.notes(Owner::Everybody, NOTES).await? {
            let at = name.trim_start_matches(NOTES).split('/').next();
            let at = at
                .and_then(|millis| millis.parse().ok())
                .map(Timestamp::from_millis);
            if at.is_none_or(|at| !is_recent(at, now)) {
                store.delete_note(Owner::Everybody, &name).await?;
            }
        }
        Ok(())
    }

    /// How often, as of now.
    pub(crate) fn times(&self, value: &str, now: Timestamp) -> u32 {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = host(value).and_then(|host| known.get(&host));
        found
            .filter(|(_, last)| is_recent(*last, now))
            .map_or(0, |(times, _)| *times)
    }
}

/// Whom a decision is held against; `None` if it names no single address.
pub(crate) fn host(value: &str) -> Option<IpAddr> {
    Some(host_of(value.parse().ok()?))
}

/// Only our own sensor's do, and none of a scenario on trial.
fn counts(held: &Decision) -> bool {
    held.decision.origin == Origin::Sensor && !held.decision.simulated
}

async fn taken_back(store: &dyn Store) -> anyhow::Result<HashSet<DecisionId>> {
    let notes = store.notes(Owner::Everybody, NOTES).await?;
    let numbers = notes.iter().flat_map(|(_, numbers)| numbers.split(' '));
    Ok(numbers.filter_map(|number| number.parse().ok()).collect())
}

fn is_recent(last: Timestamp, now: Timestamp) -> bool {
    now < last + FORGET
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_store::{Decisions as _, NewDecision, Remediation, Word};
    use vigie_store_sqlite::SqliteStore;

    fn decision(value: &str, day: i64, origin: Origin) -> Decision {
        let at = Timestamp::from_secs(1_790_000_000 + 86_400 * day);
        Decision {
            id: day,
            alert: None,
            decision: NewDecision {
                origin,
                remediation: Remediation::Ban,
                scope: "Ip".into(),
                value: value.into(),
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
    fn an_ipv6_host_comes_again_by_its_network() {
        let repeats = Repeats::default();
        let sensor = |value: &str| decision(value, 0, Origin::Sensor);
        repeats.note(&[
            sensor("2002:db8::1"),
            sensor("2002:db8::2"),
            sensor("2002:db8:0:1::1"),
        ]);
        let now = Timestamp::from_secs(1_790_000_000);
        assert_eq!(repeats.times("2002:db8::ffff:3", now), 2);
        assert_eq!(repeats.times("2002:db8:0:1::2", now), 1);
        assert_eq!(repeats.times("2002:db8:0:2::1", now), 0);
    }

    #[tokio::test]
    async fn what_a_person_took_back_never_was_also_over_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&place.path().join("vigie.sqlite"))
            .await
            .unwrap();
        let now = Timestamp::from_secs(1_790_000_000);
        let repeats = Repeats::default();
        let mut made = Vec::new();
        for (value, origin) in [
            ("192.88.99.7", Origin::Sensor),
            ("192.88.99.7", Origin::Sensor),
            ("192.88.99.7", Origin::Manual),
            ("2002:db8::1", Origin::Sensor),
        ] {
            let new = decision(value, 0, origin).decision;
            made.push(store.insert_decision(&new).await.unwrap());
        }
        repeats.note(&made);
        let both = |repeats: &Repeats| ["192.88.99.7", "2002:db8::2"].map(|ip| repeats.times(ip, now));
        assert_eq!(both(&repeats), [2, 1]);
        repeats.take_back(&store, &made[1..], now).await.unwrap();
        assert_eq!(both(&repeats), [1, 0]);
        Repeats::sweep(&store, now + FORGET - Duration::from_secs(1))
            .await
            .unwrap();
        assert_eq!(both(&Repeats::load(&store, now).await.unwrap()), [1, 0]);
        Repeats::sweep(&store, now + FORGET).await.unwrap();
        assert!(taken_back(&store).await.unwrap().is_empty());
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
