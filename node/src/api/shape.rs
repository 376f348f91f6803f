//! The shape of a decision in answers, exactly as bouncers parse it.

use serde::Serialize;
use vigie_store::Decision;
use vigie_wire::Timestamp;

/// CrowdSec's decision.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shape {
    id: i64,
    uuid: String,
    origin: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    scope: String,
    value: String,
    duration: String,
    scenario: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    simulated: bool,
}

impl Shape {
    pub(super) fn of(held: &Decision, now: Timestamp) -> Self {
        let decision = &held.decision;
        Self {
            id: held.id,
            uuid: uuid(held),
            origin: decision.origin.word(),
            kind: decision.remediation.word(),
            scope: decision.scope.clone(),
            value: decision.value.clone(),
            duration: duration(left(decision.until, now)),
            scenario: decision.scenario.clone(),
            simulated: decision.simulated,
        }
    }
}

/// Seconds that are left. What holds has at least one: to nftables none means for ever.
fn left(until: Timestamp, now: Timestamp) -> i64 {
    let secs = until.as_secs().saturating_sub(now.as_secs());
    if until > now { secs.max(1) } else { secs }
}

/// A Go duration in whole seconds. The Lua bouncer's pattern takes neither days nor decimals.
fn duration(secs: i64) -> String {
    let sign = if secs < 0 { "-" } else { "" };
    let secs = secs.unsigned_abs();
    format!("{sign}{}h{}m{}s", secs / 3_600, secs % 3_600 / 60, secs % 60)
}

/// A name that stays the same over restarts: RFC 9562 version 8, from the decision's number and birth.
pub(super) fn uuid(held: &Decision) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("vigie/decision-uuid/v1");
    hasher
        .update(&held.id.to_le_bytes())
        .update(&held.decision.created_at.as_millis().to_le_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xf << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62);
    let digits = format!("{number:032x}");
    [0..8, 8..12, 12..16, 16..20, 20..32]
        .map(|part| digits.get(part).unwrap_or_default().to_owned())
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::decision;

    #[test]
    fn durations_are_what_every_bouncer_parses() {
        assert_eq!(duration(14_399), "3h59m59s");
        assert_eq!(duration(0), "0h0m0s");
        assert_eq!(duration(-50_245), "-13h57m25s");
    }

    #[test]
    fn what_holds_has_at_least_a_second_left() {
        let at = Timestamp::from_millis;
        assert_eq!(left(at(10_900), at(10_200)), 1);
        assert_eq!(left(at(12_900), at(10_200)), 2);
        assert_eq!(left(at(10_200), at(10_200)), 0);
        assert_eq!(left(at(9_900), at(10_200)), -1);
    }

    #[test]
    fn the_shape_is_crowdsecs() {
        let now = Timestamp::from_secs(1_790_000_000);
        let mut json = serde_json::to_value(Shape::of(&decision(7, "192.88.99.7", now), now)).unwrap();
        let uuid = json["uuid"].take();
        assert_eq!(uuid.as_str().unwrap().len(), 36);
        assert_eq!(&uuid.as_str().unwrap()[14..15], "8");
        let expected = serde_json::json!({
            "id": 7, "uuid": null, "origin": "sensor", "type": "ban", "scope": "Ip", "value": "192.88.99.7",
            "duration": "1h0m0s", "scenario": "vigie/ssh-bf"
        });
        assert_eq!(json, expected);
    }
}
