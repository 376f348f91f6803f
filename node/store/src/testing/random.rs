//! Round trips of rows with texts that people and attackers think of: quotes, NUL, controls, right-to-left, long ones.
//!
//! Deliberately absent: fractions in an alert's events. JSON readers may round their last digit.

use std::net::IpAddr;
use std::pin::Pin;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use vigie_wire::{Behaviour, Count, Indicator, RuleHash, Sighting, Timestamp};

use super::AnyStore;
use super::alerts::without_events;
use super::sample::{decision, envelope, place};
use crate::{
    Alert, AlertFilter, DecisionFilter, NewAlert, NewDecision, Origin, Owner, Remediation, Share,
    SightingFilter,
};

/// Cases of each round trip: every one is several transactions with their syncs.
const CASES: u32 = 48;

type Check<'a> = Pin<Box<dyn Future<Output = Result<(), TestCaseError>> + Send + 'a>>;

/// Runs the round trips. `block_on` runs a future to its end on a runtime; call this outside of one.
pub fn round_trips(store: &AnyStore, block_on: impl Fn(Check<'_>) -> Result<(), TestCaseError>) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let rows = (any_alert(), prop::collection::vec(any_decision(), 0..4));
    let outcome = runner.run(&rows, |(new, decisions)| {
        block_on(Box::pin(alert_comes_back(store, new, decisions)))
    });
    outcome.unwrap();
    let seq = std::sync::atomic::AtomicU64::new(0);
    let outcome = runner.run(&prop::collection::vec(any_sighting(), 0..9), |sightings| {
        let seq = seq.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        block_on(Box::pin(sightings_come_back(store, seq, sightings)))
    });
    outcome.unwrap();
    let outcome = runner.run(&(text(), text()), |(name, value)| {
        block_on(Box::pin(note_comes_back(store, name, value)))
    });
    outcome.unwrap();
}

async fn alert_comes_back(
    store: &AnyStore,
    new: NewAlert,
    decisions: Vec<NewDecision>,
) -> Result<(), TestCaseError> {
    let (id, written) = store.insert_alert(&new, &decisions).await.unwrap().unwrap();
    prop_assert!(written.iter().map(|one| &one.decision).eq(&decisions));
    let filter = AlertFilter {
        detection: Some(new.detection),
        value: Some(new.value.clone()),
        scenario: Some(new.scenario.clone()),
        ..AlertFilter::default()
    };
    let whole = Alert { id, alert: new };
    let read = store.alert(id).await.unwrap();
    prop_assert_eq!(read.as_ref(), Some(&whole));
    prop_assert_eq!(store.alerts(&filter).await.unwrap(), [without_events(whole)]);
    for one in &written {
        let filter = DecisionFilter {
            id: Some(one.id),
            value: Some(one.decision.value.to_string()),
            scope: Some(one.decision.scope.to_string()),
            ..DecisionFilter::default()
        };
        prop_assert_eq!(store.decisions(&filter).await.unwrap(), std::slice::from_ref(one));
    }
    store.delete_alerts(&[id]).await.unwrap();
    Ok(())
}

async fn sightings_come_back(
    store: &AnyStore,
    seq: u64,
    sightings: Vec<Sighting>,
) -> Result<(), TestCaseError> {
    let indicators: Vec<_> = sightings.iter().map(|one| one.indicator.clone()).collect();
    let mut one = envelope(place(1, seq), &indicators, 1);
    for ((_, slot), sighting) in one.sightings.iter_mut().zip(&sightings) {
        *slot = sighting.clone();
    }
    store.keep_envelope(&one).await.unwrap();
    for (id, sighting) in &one.sightings {
        let filter = SightingFilter {
            indicator: Some(sighting.indicator.clone()),
            ..SightingFilter::default()
        };
        let found = store.sightings(&filter).await.unwrap();
        let found = found.iter().find(|row| row.id == *id);
        prop_assert_eq!(found.map(|row| &row.sighting), Some(sighting));
    }
    Ok(())
}

async fn note_comes_back(store: &AnyStore, name: String, value: String) -> Result<(), TestCaseError> {
    store.put_note(Owner::Everybody, &name, &value).await.unwrap();
    let found = store.note(Owner::Everybody, &name).await.unwrap();
    prop_assert_eq!(found.as_ref(), Some(&value));
    let half: String = name.chars().take(name.chars().count() / 2).collect();
    let found = store.notes(Owner::Everybody, &half).await.unwrap();
    prop_assert!(found.contains(&(name.clone(), value)));
    prop_assert!(found.iter().all(|(name, _)| name.starts_with(&half)));
    prop_assert!(store.delete_note(Owner::Everybody, &name).await.unwrap());
    Ok(())
}

/// Any text, often one that some layer reads as more than text.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => any::<String>(),
        1 => "[\\PC\u{0}\u{1b}\u{10FFFD}\u{202e}'\"\\\\%_;-]{0,40}",
        1 => Just("'); DROP TABLE alert; --".to_owned()),
        1 => Just("\u{0}".to_owned()),
        1 => (1..200_usize).prop_map(|length| "long ".repeat(length)),
    ]
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<i64>(), 0..4_000_000_000_000_i64].prop_map(Timestamp::from_millis)
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(text(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn any_alert() -> impl Strategy<Value = NewAlert> {
    let texts = [(); 7].map(|()| text());
    let numbers = (
        any::<u32>(),
        any::<i32>(),
        any::<bool>(),
        any::<bool>(),
        prop::option::of(any::<u16>()),
    );
    let times = (time(), time(), time());
    let labels = prop::collection::btree_map(text(), text(), 0..4);
    (
        any::<[u8; 16]>(),
        texts,
        numbers,
        times,
        labels,
        any_json(),
        any::<bool>(),
    )
        .prop_map(
            |(
                detection,
                texts,
                (events_count, capacity, simulated, remediation, behaviour),
                times,
                labels,
                events,
                share,
            )| {
                let [
                    machine,
                    scenario,
                    scenario_version,
                    scope,
                    value,
                    message,
                    leakspeed,
                ] = texts;
                NewAlert {
                    detection,
                    machine,
                    scenario,
                    scenario_version,
                    rule: RuleHash([detection[0]; 8]),
                    behaviour: behaviour.map(Behaviour),
                    scope,
                    value,
                    message,
                    events_count,
                    capacity,
                    leakspeed,
                    first: times.0,
                    last: times.1,
                    created_at: times.2,
                    simulated,
                    remediation,
                    labels,
                    events,
                    share: if share { Share::Pending } else { Share::Never },
                }
            },
        )
}

fn any_decision() -> impl Strategy<Value = NewDecision> {
    let words = (
        prop::sample::select(vec![Origin::Sensor, Origin::Mesh, Origin::Manual, Origin::Import]),
        prop::sample::select(vec![
            Remediation::Challenge,
            Remediation::Throttle,
            Remediation::Ban,
        ]),
    );
    ([(); 4].map(|()| text()), words, time(), time(), any::<bool>()).prop_map(
        |([scope, value, scenario, reason], (origin, remediation), created_at, until, simulated)| {
            NewDecision {
                origin,
                remediation,
                scope: scope.into(),
                scenario: scenario.into(),
                created_at,
                until,
                simulated,
                reason: reason.into(),
                ..decision(&value, 0)
            }
        },
    )
}

fn any_sighting() -> impl Strategy<Value = Sighting> {
    let indicator = prop_oneof![
        any::<IpAddr>().prop_map(Indicator::Ip),
        (any::<IpAddr>(), 0..=32_u8)
            .prop_map(|(ip, bits)| Indicator::Range(ipnet::IpNet::new_assert(ip, bits))),
        text().prop_map(|text| Indicator::Domain(text.into())),
        text().prop_map(|text| Indicator::Url(text.into())),
        any::<Box<[u8; 32]>>().prop_map(Indicator::Sha256),
        any::<u32>().prop_map(Indicator::Asn),
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(tag, bytes)| {
            Indicator::Unknown {
                tag,
                bytes: bytes.into(),
            }
        }),
    ];
    (
        indicator,
        any::<u16>(),
        any::<[u8; 8]>(),
        time(),
        0..=63_u8,
        any::<u8>(),
    )
        .prop_map(|(indicator, behaviour, rule, at, log2, confidence)| Sighting {
            indicator,
            behaviour: Behaviour(behaviour),
            rule: RuleHash(rule),
            at,
            count: Count::from_log2(log2).unwrap(),
            confidence,
        })
}
