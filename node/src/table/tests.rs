//! The table's answers, and that they are those of a scan of everything.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use vigie_store::{DecisionId, Decisions as _};
use vigie_store_sqlite::SqliteStore;

use super::*;
use crate::clock;
use crate::config::Config;
use crate::identity::Identity;
use crate::node::Node;
use crate::paths::Paths;
use crate::testing::decision;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

#[test]
fn versions_rise_even_if_the_clock_does_not() {
    let table = Table::new(Vec::new(), NOW);
    table.put(&[decision(1, "192.88.99.1", NOW)], NOW);
    let first = table.mark(NOW).1;
    table.put(&[decision(2, "192.88.99.2", NOW)], NOW - Duration::from_secs(60));
    assert!(first > NOW && table.mark(NOW).1 > first);
}

#[test]
fn a_change_by_a_writer_who_read_the_clock_before_a_reader_came_is_still_news_to_him() {
    let table = Table::new(Vec::new(), NOW);
    let (snapshot, mark) = table.mark(NOW + Duration::from_secs(5));
    assert!(snapshot.values().next().is_none() && mark == NOW + Duration::from_secs(5));
    table.put(&[decision(1, "192.88.99.1", NOW)], NOW + Duration::from_secs(4));
    assert!(table.snapshot().get(1).unwrap().version > mark);
}

#[test]
fn a_network_covers_its_addresses_and_a_mapped_address_is_its_own() {
    let ip = |text: &str| text.parse().unwrap();
    assert!(covers("192.88.99.0/24", ip("192.88.99.7")));
    assert!(covers("192.88.99.7", ip("::ffff:192.88.99.7")));
    assert!(!covers("192.88.99.0/24", ip("2001:db8::1")));
    assert!(!covers("FR", ip("192.88.99.7")));
}

#[test]
fn an_address_is_found_in_the_networks_around_it() {
    let values = [
        "192.88.99.7",
        "192.88.99.0/24",
        "192.88.99.7/32",
        "192.88.98.0/24",
        "FR",
    ];
    let all = (1..).zip(values);
    let table = Table::new(all.map(|(id, value)| decision(id, value, NOW)).collect(), NOW);
    let around = |value: &str| -> Vec<_> { table.around(value).iter().map(|held| held.id).collect() };
    assert_eq!(around("192.88.99.7"), [2, 1, 3]);
    assert_eq!(around("192.88.99.8"), [2]);
    assert_eq!(around("::ffff:192.88.99.8"), [2]);
    assert_eq!(around("192.88.99.64/26"), [2]);
    assert_eq!(around("192.88.98.0/23"), Vec::<i64>::new());
    assert_eq!(around("FR"), [5]);
    assert_eq!(around("2001:db8::1"), Vec::<i64>::new());
}

#[test]
fn a_value_is_found_with_its_newest_word_and_the_next_end_is_known() {
    let table = Table::new(vec![decision(1, "192.88.99.1", NOW)], NOW);
    let mut ended = decision(1, "192.88.99.1", NOW);
    ended.decision.until = NOW;
    table.put(&[ended, decision(2, "192.88.99.1", NOW)], NOW);
    let found = table.of_value("192.88.99.1");
    let ends: Vec<_> = found.iter().map(|held| (held.id, held.decision.until)).collect();
    let hour = NOW + Duration::from_secs(3_600);
    assert_eq!(ends, [(1, NOW), (2, hour)]);
    assert!(table.of_value("192.88.99.2").is_empty());
    assert_eq!(table.snapshot().next_end(NOW), Some(hour));
    assert_eq!(table.snapshot().next_end(hour), None);
}

#[test]
fn an_end_that_came_before_its_decision_stands() {
    let table = Table::new(Vec::new(), NOW);
    let mut ended = decision(1, "192.88.99.1", NOW);
    ended.decision.until = NOW;
    table.put(&[ended], NOW);
    table.put(&[decision(1, "192.88.99.1", NOW)], NOW);
    assert!(table.active(NOW).is_empty());
}

#[test]
fn the_strongest_comes_first_and_ended_ones_are_forgotten_after_a_day() {
    let table = Table::new(Vec::new(), NOW);
    let mut soft = decision(1, "192.88.99.7", NOW);
    soft.decision.remediation = vigie_store::Remediation::Throttle;
    soft.decision.until = NOW + Duration::from_secs(90_000);
    table.put(&[soft, decision(2, "192.88.99.0/24", NOW)], NOW);
    let at = |now| {
        table
            .strongest("192.88.99.7".parse().unwrap(), now)
            .map(|held| held.id)
    };
    assert_eq!(at(NOW), Some(2));
    assert_eq!(at(NOW + Duration::from_secs(4_000)), Some(1));
    table.put(
        &[decision(3, "192.88.99.9", NOW)],
        NOW + Duration::from_secs(3_600) + KEPT_AFTER_END,
    );
    assert!(table.snapshot().get(2).is_none());
    assert!(table.of_value("192.88.99.0/24").is_empty());
}

/// Bouncers that were away must hear of it as long as they may hold it, and of natural ends they need not.
#[test]
fn what_was_ended_early_is_remembered_until_it_would_have_ended_or_a_week() {
    let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));
    let lasting = |id, length| {
        let mut held = decision(id, "192.88.99.7", NOW);
        held.decision.until = NOW + length;
        held
    };
    let known = |table: &Table, after: Duration| {
        table.put(&[decision(9, "192.88.99.9", NOW)], NOW + after);
        let snapshot = table.snapshot();
        let mut ids: Vec<_> = snapshot.ended(NOW - hour, NOW + hour).collect();
        ids.sort_unstable();
        ids.retain(|id| *id < 9);
        ids
    };
    let table = Table::new(Vec::new(), NOW);
    table.put(
        &[
            lasting(1, hour),
            lasting(2, hour),
            lasting(3, 3 * day),
            lasting(4, 300 * day),
        ],
        NOW,
    );
    let ended = |id| lasting(id, Duration::ZERO);
    table.put(&[ended(2), ended(3), ended(4)], NOW);
    // Said twice, it stays what it was.
    table.put(&[ended(3)], NOW);
    // The same after a restart, of which only the store knows.
    let again = Table::new(vec![lasting(1, hour), ended(2)], NOW);
    again.recall(vec![(ended(3), NOW + 3 * day), (ended(4), NOW + 300 * day)], NOW);
    for table in [table, again] {
        assert_eq!(known(&table, hour * 23), [1, 2, 3, 4]);
        assert_eq!(known(&table, day), [1, 3, 4]);
        assert_eq!(known(&table, 2 * day), [3, 4]);
        assert_eq!(known(&table, 3 * day), [4]);
        assert_eq!(known(&table, 7 * day), [0; 0]);
    }
}

/// The same through the store: a node that starts knows of an end two days ago that came early.
#[tokio::test]
async fn a_node_that_starts_remembers_what_was_ended_early() {
    let directory = tempfile::tempdir().unwrap();
    let paths = Paths::new(Some(directory.path().join("data")), None);
    paths.create().unwrap();
    Identity::create(&paths, None, NOW).unwrap();
    let (now, day) = (clock::now(), Duration::from_secs(86_400));
    let lasting = |id, from, length| {
        let mut held = decision(id, "192.88.99.7", from);
        held.decision.until = from + length;
        held.decision
    };
    let store = SqliteStore::open(&paths.database()).await.unwrap();
    let mut ids = Vec::new();
    for one in [lasting(1, now - day * 3, day * 7), lasting(2, now - day * 3, day)] {
        ids.push(store.insert_decision(&one).await.unwrap().id);
    }
    assert_eq!(store.end_these(&ids, now - day * 2).await.unwrap().len(), 1);
    store.close().await;
    let node = Node::open(paths, Config::default()).await.unwrap();
    let known: Vec<_> = node.table.snapshot().numbers().collect();
    assert_eq!(
        known,
        [ids[0]],
        "what ended by time two days ago is nobody's business"
    );
}

/// One row that a random history holds, as a scan of everything sees it.
type Scanned = BTreeMap<DecisionId, (Version, Decision)>;

const VALUES: [&str; 14] = [
    "192.88.99.1",
    "192.88.99.1/32",
    "::ffff:192.88.99.1",
    "192.88.99.2",
    "192.88.99.0/24",
    "192.88.99.7/24",
    "192.88.98.0/23",
    "192.88.100.0/24",
    "0.0.0.0/0",
    "2001:db8::1",
    "2001:db8::/32",
    "2001:db8:0:1::/64",
    "::/0",
    "FR",
];

fn ids<'a>(held: impl Iterator<Item = &'a Arc<Decision>>) -> Vec<DecisionId> {
    let mut ids: Vec<_> = held.map(|held| held.id).collect();
    ids.sort_unstable();
    ids
}

/// Every question to the snapshot, answered by it and by looking at every row.
fn compare(table: &Table, all: &Scanned, now: Timestamp, since: Version) {
    let snapshot = table.snapshot();
    let scan = |wanted: &dyn Fn(&Decision, Version) -> bool| -> Vec<DecisionId> {
        let rows = all.values().filter(|(version, held)| wanted(held, *version));
        rows.map(|(_, held)| held.id).collect()
    };
    let sorted = |ids: Vec<DecisionId>| {
        ids.into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    };
    for value in VALUES {
        assert_eq!(
            ids(snapshot.of_value(value)),
            scan(&|held, _| &*held.decision.value == value)
        );
        let several = scan(&|held, _| &*held.decision.value == value);
        for held in snapshot.of_value(value) {
            let beside = ids(snapshot.beside(held));
            assert!(
                beside == several || beside.is_empty() && several.len() == 1,
                "{beside:?} of {several:?}"
            );
        }
        let Some(target) = network(value) else { continue };
        let net = |held: &Decision| network(&held.decision.value);
        let holds = |held: &Decision, _| net(held).is_some_and(|net| net.contains(&target));
        assert_eq!(ids(snapshot.holding(target)), scan(&holds), "holding {target}");
        let lies = |held: &Decision, _| net(held).is_some_and(|net| target.contains(&net));
        assert_eq!(ids(snapshot.inside(target)), scan(&lies), "inside {target}");
    }
    let changed = sorted(snapshot.changed(since).collect());
    assert_eq!(changed, scan(&|_, version| version > since));
    let ended = sorted(snapshot.ended(since, now).collect());
    assert_eq!(
        ended,
        scan(&|held, _| held.decision.until > since && held.decision.until <= now)
    );
    assert_eq!(snapshot.numbers().collect::<Vec<_>>(), scan(&|_, _| true));
    assert_eq!(
        ids(table.active(now).iter()),
        scan(&|held, _| held.decision.until > now)
    );
    let ends = all.values().map(|(_, held)| held.decision.until);
    assert_eq!(snapshot.next_end(now), ends.filter(|until| *until > now).min());
}

proptest! {
    /// Decisions come, are written again with another end, end by hand and by time, and are forgotten.
    #[test]
    fn answers_are_those_of_a_scan(
        history in prop::collection::vec((-5..40_i64, 0..VALUES.len(), 0..200_000_i64, 0..20_000_i64), 1..60),
        since in 0..400_000_i64,
    ) {
        let table = Table::new(Vec::new(), NOW);
        let (mut all, mut early, mut now) = (Scanned::new(), BTreeMap::new(), NOW);
        for (id, value, lasts, pause) in history {
            now = Timestamp::from_secs(now.as_secs() + pause);
            let known = all.get(&id).map(|(_, held)| held.clone());
            let mut held = known.unwrap_or_else(|| decision(id, VALUES[value], now));
            held.decision.until = Timestamp::from_secs(now.as_secs() - 1_000 + lasts);
            table.put(&[held.clone()], now);
            let forgotten = |id: &DecisionId, held: &Decision| {
                let by_time = held.decision.until + KEPT_AFTER_END;
                early.get(id).copied().unwrap_or(by_time)
            };
            all.retain(|id, (_, held)| forgotten(id, held) > now);
            early.retain(|id, _| all.contains_key(id));
            let planned = all.get(&id).map(|(_, known)| known.decision.until);
            let end = held.decision.until;
            if planned.is_none_or(|planned| planned >= end) {
                if let Some(planned) = planned.filter(|planned| *planned > end) {
                    let at = planned.clamp(end + KEPT_AFTER_END, end + KEPT_AFTER_EARLY_END);
                    let at = early.get(&id).map_or(at, |before| at.max(*before));
                    early.insert(id, at);
                }
                all.insert(id, (table.version(), held));
            }
            compare(&table, &all, now, Timestamp::from_secs(NOW.as_secs() + since));
        }
    }
}
