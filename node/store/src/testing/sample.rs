//! Rows to write in tests, plain and all alike but for what the caller says.

use std::collections::BTreeMap;

use vigie_wire::{
    Behaviour, Count, HeaderHash, Indicator, OrgId, PublisherId, RuleHash, Sighting, SightingId, Timestamp,
};

use super::AnyStore;
use crate::{
    Bouncer, Held, Holder, Lease, NewAlert, NewDecision, NewEnvelope, Origin, Remediation, Share, Store,
};

/// A second of the tests' clock.
pub const fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

/// The alert with this number, which it carries in its detection id.
pub fn alert(number: u64) -> NewAlert {
    let mut detection = [0; 16];
    detection[..8].copy_from_slice(&number.to_be_bytes());
    NewAlert {
        detection,
        machine: "sensor".into(),
        scenario: "vigie/ssh-bf".into(),
        scenario_version: "0.1".into(),
        rule: RuleHash([7; 8]),
        behaviour: Behaviour::by_name("ssh:bruteforce"),
        scope: "Ip".into(),
        value: "198.51.100.7".into(),
        message: "198.51.100.7 guessed passwords".into(),
        events_count: 6,
        capacity: 5,
        leakspeed: "10s".into(),
        first: at(0),
        last: at(9),
        created_at: at(10),
        simulated: false,
        remediation: true,
        labels: BTreeMap::from([("service".to_owned(), "ssh".to_owned())]),
        events: serde_json::json!([{ "timestamp": "2023-11-14T22:13:20Z", "meta": [{ "key": "user", "value": "root" }] }]),
        share: Share::Pending,
    }
}

/// A ban of this value that ends at this second.
pub fn decision(value: &str, until_secs: i64) -> NewDecision {
    NewDecision {
        origin: Origin::Sensor,
        remediation: Remediation::Ban,
        scope: "Ip".into(),
        value: value.into(),
        scenario: "vigie/ssh-bf".into(),
        created_at: at(10),
        until: at(until_secs),
        simulated: false,
        reason: "guessed passwords".into(),
    }
}

/// The publisher with this number.
pub const fn publisher(number: u8) -> PublisherId {
    PublisherId([number; 16])
}

/// A place of the first epoch; its hash is made of publisher and seq.
pub fn place(publisher_number: u8, seq: u64) -> Held {
    let mut hash = [publisher_number; 32];
    hash[..8].copy_from_slice(&seq.to_be_bytes());
    Held {
        publisher: publisher(publisher_number),
        epoch: 1,
        seq,
        hash: HeaderHash(hash),
    }
}

/// The name of one row at this place.
pub const fn row(held: &Held, row: u8) -> SightingId {
    SightingId {
        publisher: held.publisher,
        epoch: held.epoch,
        seq: held.seq,
        row,
    }
}

/// An envelope at this place with one sighting per indicator, arrived at this second.
pub fn envelope(held: Held, indicators: &[Indicator], received_secs: i64) -> NewEnvelope {
    let sightings = indicators.iter().zip(0..=u8::MAX).map(|(indicator, number)| {
        let sighting = Sighting {
            indicator: indicator.clone(),
            behaviour: Behaviour(5),
            rule: RuleHash([3; 8]),
            at: at(0).to_minute(),
            count: Count::of(6),
            confidence: 90,
        };
        (row(&held, number), sighting)
    });
    NewEnvelope {
        held,
        org: OrgId(held.publisher.0),
        kind: 0,
        time_base: at(received_secs),
        rows: u16::try_from(indicators.len()).unwrap(),
        urgent: false,
        bytes: held.hash.0.repeat(4),
        sightings: sightings.collect(),
        received_at: at(received_secs),
    }
}

/// The places that a store holds.
pub async fn places(store: &AnyStore) -> Vec<Held> {
    store
        .held()
        .await
        .unwrap()
        .into_iter()
        .map(|envelope| envelope.held)
        .collect()
}

/// The first life of this instance.
pub const fn holder(instance: &str) -> Holder<'_> {
    Holder { instance, life: 1 }
}

/// The right to publish on this chain, for as long as a test lasts.
pub async fn lease(store: &dyn Store, publisher: PublisherId) -> Lease {
    let taken = store
        .take_lease(publisher, holder("test"), at(0), at(1_000_000))
        .await;
    taken.unwrap().unwrap()
}

/// The address `198.51.100.number`.
pub fn ip(number: u8) -> Indicator {
    Indicator::ip(std::net::Ipv4Addr::new(198, 51, 100, number).into())
}

/// A bouncer of this name, whose key hash is made of it.
pub fn bouncer(name: &str) -> Bouncer {
    let mut key_hash = [0; 32];
    for (slot, byte) in key_hash.iter_mut().zip(name.bytes()) {
        *slot = byte;
    }
    Bouncer {
        name: name.into(),
        key_hash,
        remediations: vec![Remediation::Ban, Remediation::Challenge],
        created_at: at(1),
        last_seen: None,
        agent: String::new(),
        address: String::new(),
        scopes: Vec::new(),
        expires: None,
        former: None,
    }
}
