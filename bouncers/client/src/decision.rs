//! Decisions as the API writes them. Before: the node's API. After: [`crate::change`].
//!
//! Every field that some server leaves out or sets to null is taken as empty: what is unusable is told
//! apart later, row by row, so that one odd row spoils no other.

use serde::{Deserialize, Deserializer, Serialize};

/// One decision of `GET /v1/decisions` or of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The server's number of the row.
    #[serde(default, deserialize_with = "or_default")]
    pub id: i64,
    /// Who decided: `crowdsec`, `cscli`, `CAPI`, `lists`, `vigie` and others.
    #[serde(default, deserialize_with = "or_default")]
    pub origin: String,
    /// The remediation: `ban`, `captcha`, `throttle` and others.
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: String,
    /// `Ip`, `Range`, `Country`, `AS` and others, in any case.
    #[serde(default, deserialize_with = "or_default")]
    pub scope: String,
    /// The address, the range, the country.
    #[serde(default, deserialize_with = "or_default")]
    pub value: String,
    /// What remains, as Go writes durations; negative when it is over.
    #[serde(default, deserialize_with = "or_default")]
    pub duration: String,
    /// The scenario, or the name of the list.
    #[serde(default, deserialize_with = "or_default")]
    pub scenario: String,
    /// An identifier that outlives the row.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub uuid: String,
    /// Shown but not to be enforced.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub simulated: bool,
}

/// The body of `GET /v1/decisions/stream`, and of each `change` event. A list may be null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamResponse {
    /// Decisions that begin.
    #[serde(default, deserialize_with = "or_default")]
    pub new: Vec<Decision>,
    /// Decisions that are over.
    #[serde(default, deserialize_with = "or_default")]
    pub deleted: Vec<Decision>,
}

fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_lists_and_null_fields_are_empty() {
        let body: StreamResponse = serde_json::from_str(r#"{"new":null,"deleted":[{"id":null}]}"#).unwrap();
        assert!(body.new.is_empty());
        assert_eq!(body.deleted, [Decision::default()]);
    }

    #[test]
    fn a_real_row_is_read() {
        let row: Decision = serde_json::from_str(
            r#"{"id":42,"uuid":"u","origin":"crowdsec","type":"ban","scope":"Ip","value":"1.2.3.4",
                "duration":"3h59m12s","scenario":"crowdsecurity/ssh-bf","something":{"new":1}}"#,
        )
        .unwrap();
        assert_eq!(
            (row.id, row.kind.as_str(), row.value.as_str()),
            (42, "ban", "1.2.3.4")
        );
    }
}
