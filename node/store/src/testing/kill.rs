//! The promise of every writing method, tested by killing: a victim writes and tells, the test kills it and looks.
//!
//! Deliberately absent: starting and killing the process, which needs the implementation's own test binary.

use std::io::Write;

use vigie_wire::Timestamp;

use super::AnyStore;
use super::sample::{alert, decision, envelope, ip, place, publisher, row};
use crate::{AlertFilter, AlertId, Appended, DecisionFilter, Share};

/// Decisions of each of the victim's alerts.
const DECISIONS: usize = 3;

/// What the victim acknowledged: each line is written after the method returned `Ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// An alert of this number.
    Alert(AlertId),
    /// An own envelope at this place, into which that alert went.
    Own(u64, AlertId),
}

/// Writes alerts and own envelopes, from where the store stands, until it is killed.
pub async fn victim(store: AnyStore, mut out: impl Write + Send) {
    let mut seq = store
        .head_of(publisher(1))
        .await
        .unwrap()
        .map_or(0, |head| head.seq + 1);
    let mut number = store.counts(Timestamp::ZERO).await.unwrap().alerts;
    let lease = super::sample::lease(&*store, publisher(1)).await;
    loop {
        let decisions: Vec<_> = (0..DECISIONS).map(|_| decision("192.0.2.1", 1)).collect();
        let (id, _) = store
            .insert_alert(&alert(number), &decisions)
            .await
            .unwrap()
            .unwrap();
        writeln!(out, "alert {id}").unwrap();
        let held = place(1, seq);
        let appended = store
            .append_own(
                &lease,
                &envelope(held, &[ip(1), ip(2)], 1),
                &[(id, row(&held, 1))],
            )
            .await;
        assert_eq!(appended.unwrap(), Appended::New);
        writeln!(out, "own {seq} {id}").unwrap();
        (seq, number) = (seq + 1, number + 1);
    }
}

impl Told {
    /// A line of the victim's; `None` for one that the kill cut, or that another wrote.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        match (words.next()?, words.next()?, words.next()) {
            ("alert", id, None) => Some(Self::Alert(id.parse().ok()?)),
            ("own", seq, Some(id)) => Some(Self::Own(seq.parse().ok()?, id.parse().ok()?)),
            _ => None,
        }
    }
}

/// Panics unless all that was told is there, and nothing is there by half.
pub async fn aftermath(store: AnyStore, told: &[Told]) {
    let alerts = store.alerts(&AlertFilter::default()).await.unwrap();
    let decisions = store.decisions(&DecisionFilter::default()).await.unwrap();
    assert_eq!(decisions.len(), DECISIONS * alerts.len());
    for one in &alerts {
        let own = decisions.iter().filter(|decision| decision.alert == Some(one.id));
        assert_eq!(own.count(), DECISIONS, "alert {} is there by half", one.id);
    }
    let held = super::sample::places(&store).await;
    assert!(
        held.iter().zip(0..).all(|(held, seq)| *held == place(1, seq)),
        "the chain has a gap"
    );
    assert_eq!(
        store.counts(Timestamp::ZERO).await.unwrap().sightings,
        2 * held.len() as u64
    );
    let shared = alerts
        .iter()
        .filter(|one| matches!(one.alert.share, Share::Shared(_)));
    assert_eq!(shared.count(), held.len(), "one alert left in each envelope");
    for one in told {
        match *one {
            Told::Alert(id) => assert!(alerts.iter().any(|alert| alert.id == id), "{one:?} is lost"),
            Told::Own(seq, id) => {
                let left = Share::Shared(row(&place(1, seq), 1));
                assert!(held.contains(&place(1, seq)), "{one:?} is lost");
                assert!(
                    alerts
                        .iter()
                        .any(|alert| alert.id == id && alert.alert.share == left)
                );
            }
        }
    }
}
