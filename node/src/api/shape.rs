//! The shape of a decision in answers, exactly as bouncers parse it.

use std::sync::LazyLock;

use serde::{Serialize, Serializer};
use vigie_store::Decision;
use vigie_wire::Timestamp;

/// CrowdSec's decision.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shape<'a> {
    id: i64,
    uuid: Uuid,
    origin: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    scope: &'a str,
    value: &'a str,
    duration: Left,
    scenario: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    simulated: bool,
}

impl<'a> Shape<'a> {
    pub(super) fn of(held: &'a Decision, now: Timestamp) -> Self {
        let decision = &held.decision;
        Self {
            id: held.id,
            uuid: Uuid::of(held),
            origin: decision.origin.word(),
            kind: decision.remediation.word(),
            scope: &decision.scope,
            value: &decision.value,
            duration: Left(left(decision.until, now)),
            scenario: &decision.scenario,
            simulated: decision.simulated,
        }
    }
}

/// Seconds that are left. What holds has at least one: to nftables none means for ever.
fn left(until: Timestamp, now: Timestamp) -> i64 {
    let secs = until.as_secs().saturating_sub(now.as_secs());
    if until > now { secs.max(1) } else { secs }
}

/// Seconds as a Go duration. The Lua bouncer's pattern takes neither days nor decimals.
#[derive(Clone, Copy, Debug)]
struct Left(i64);

impl Left {
    // A startup stream has one in each row: the machinery of `format!` took a tenth of its time.
    fn text(self) -> String {
        let secs = self.0.unsigned_abs();
        let mut text = String::with_capacity(24);
        text.push_str(if self.0 < 0 { "-" } else { "" });
        for (number, unit) in [(secs / 3_600, 'h'), (secs % 3_600 / 60, 'm'), (secs % 60, 's')] {
            text.push_str(itoa::Buffer::new().format(number));
            text.push(unit);
        }
        text
    }
}

impl Serialize for Left {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

/// A name that stays the same over restarts: RFC 9562 version 8, from the decision's number and birth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uuid([u8; 16]);

/// Begun once: the context costs more than the name.
static NAMES: LazyLock<blake3::Hasher> =
    LazyLock::new(|| blake3::Hasher::new_derive_key("vigie/decision-uuid/v1"));

impl Uuid {
    pub(super) fn of(held: &Decision) -> Self {
        let mut hasher = NAMES.clone();
        hasher
            .update(&held.id.to_le_bytes())
            .update(&held.decision.created_at.as_millis().to_le_bytes());
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
        *version = *version & 0x0f | 0x80;
        *variant = *variant & 0x3f | 0x80;
        Self(bytes)
    }

    pub(super) fn text(self) -> String {
        let digits = hex::encode(self.0);
        let mut text = String::with_capacity(36);
        for (nth, part) in [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().enumerate() {
            text.push_str(if nth > 0 { "-" } else { "" });
            text.push_str(digits.get(part).unwrap_or_default());
        }
        text
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::decision;

    #[test]
    fn durations_are_what_every_bouncer_parses() {
        assert_eq!(Left(14_399).text(), "3h59m59s");
        assert_eq!(Left(0).text(), "0h0m0s");
        assert_eq!(Left(-50_245).text(), "-13h57m25s");
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
        let held = decision(7, "192.88.99.7", now);
        let mut json = serde_json::to_value(Shape::of(&held, now)).unwrap();
        let uuid = json["uuid"].take();
        assert_eq!(uuid.as_str().unwrap().len(), 36);
        assert_eq!(&uuid.as_str().unwrap()[14..15], "8");
        assert_eq!(uuid.as_str().unwrap().matches('-').count(), 4);
        let expected = serde_json::json!({
            "id": 7, "uuid": null, "origin": "sensor", "type": "ban", "scope": "Ip", "value": "192.88.99.7",
            "duration": "1h0m0s", "scenario": "vigie/ssh-bf"
        });
        assert_eq!(json, expected);
    }
}
