//! Rows for tests of the node's policies.

use std::collections::BTreeMap;

use vigie_store::{Bouncer, Decision, NewAlert, NewDecision, Origin, Remediation, Share, Word};
use vigie_wire::{Behaviour, RuleHash, Timestamp};

/// An alert of six failed logins by this address, ready to be shared.
pub(crate) fn alert(ip: &str) -> NewAlert {
    let last = Timestamp::from_secs(1_790_000_030);
    NewAlert {
        detection: [1; 16],
        machine: "sensor".into(),
        scenario: "vigie/ssh-bf".into(),
        scenario_version: String::new(),
        rule: RuleHash([2; 8]),
        behaviour: Some(Behaviour(5)),
        scope: "Ip".into(),
        value: ip.into(),
        message: format!("Ip {ip} performed 'vigie/ssh-bf' (6 events over 20s)"),
        events_count: 6,
        capacity: 5,
        leakspeed: "10s".into(),
        first: Timestamp::from_secs(1_790_000_010),
        last,
        created_at: last,
        simulated: false,
        remediation: true,
        labels: BTreeMap::new(),
        events: serde_json::Value::Array(Vec::new()),
        share: Share::Pending,
    }
}

/// A ban of one hour.
pub(crate) fn decision(id: i64, value: &str, now: Timestamp) -> Decision {
    let decision = NewDecision {
        origin: Origin::Sensor,
        remediation: Remediation::Ban,
        scope: if value.contains('/') { "Range" } else { "Ip" }.into(),
        value: value.into(),
        scenario: "vigie/ssh-bf".into(),
        created_at: now,
        until: now + std::time::Duration::from_secs(3_600),
        simulated: false,
        reason: Word::default(),
    };
    Decision {
        id,
        alert: None,
        decision,
    }
}

/// A bouncer that is served bans, without a key that anybody has.
pub(crate) fn bouncer() -> Bouncer {
    Bouncer {
        name: "b".into(),
        key_hash: [0; 32],
        remediations: vec![Remediation::Ban],
        scopes: Vec::new(),
        expires: None,
        former: None,
        created_at: Timestamp::from_secs(1_790_000_000),
        last_seen: None,
        agent: String::new(),
        address: String::new(),
    }
}
