//! What stands in the files of `vectors/`.

use serde_json::{Value, json};

use super::{chains, messages};

/// The files of `vectors/` and their content.
pub(crate) fn all() -> [(&'static str, Vec<Value>); 2] {
    [
        ("sync.json", messages()),
        (
            "chains.json",
            chains::by_hand().iter().map(chains::value).collect(),
        ),
    ]
}

fn messages() -> Vec<Value> {
    let valid = messages::valid()
        .into_iter()
        .map(|(note, message)| (note, message.encode()));
    let case = |(note, bytes): (&str, Vec<u8>)| message(note, &bytes);
    valid.chain(messages::invalid()).map(case).collect()
}

/// A message with what it says.
pub(crate) fn message(note: &str, bytes: &[u8]) -> Value {
    json!({
        "as": "sync", "note": note, "bytes": hex::encode(bytes), "public": hex::encode([0; 32]),
        "says": messages::said(bytes),
    })
}
