//! What bouncers and machines report of what they do, for `vigie bouncers` and `vigie machines`.
//!
//! Their own word: shown, and believed by nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vigie_store::Client;

use crate::clock::rfc3339;
use crate::node::Node;

/// The last report as it was kept, and when it came; null if none did.
pub(super) async fn whole(node: &Node, client: Client<'_>) -> anyhow::Result<Value> {
    let Some(report) = node.store.report(client).await? else {
        return Ok(Value::Null);
    };
    let mut whole: Value = serde_json::from_str(&report.body)?;
    whole["at"] = json!(rfc3339(report.at));
    Ok(whole)
}

/// When it came, of which program, and the sums of its counts.
pub(super) async fn summary(node: &Node, client: Client<'_>) -> anyhow::Result<Value> {
    let whole = whole(node, client).await?;
    if whole.is_null() {
        return Ok(whole);
    }
    Ok(json!({"at": whole["at"], "version": whole["version"], "counts": sums(&whole)}))
}

/// By name and unit, such as `dropped packet`.
fn sums(whole: &Value) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    let windows = whole["metrics"].as_array().into_iter().flatten();
    for count in windows.flat_map(|window| window["items"].as_array().into_iter().flatten()) {
        let word = |field: &str| count[field].as_str().unwrap_or_default();
        let name = format!("{} {}", word("name"), word("unit"));
        *sums.entry(name).or_default() += count["value"].as_f64().unwrap_or_default();
    }
    sums
}
