//! Whom this node trusts first. It affects weights only, here only, and at once.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_wire::OrgId;

use super::super::words::Problem;
use super::super::{Answer, Shared};
use super::named;
use crate::ingest;
use crate::node::Node;

/// Anchors of one node.
const MOST: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Wish {
    /// Whom to add.
    #[serde(default)]
    add: Option<String>,
    /// Whom to remove.
    #[serde(default)]
    remove: Option<String>,
}

pub(in super::super) async fn list(State(node): Shared) -> Answer {
    Ok(Json(rows(&node)))
}

fn rows(node: &Node) -> Value {
    let anchors = node.settings.get().anchors.clone();
    let graph = node.opinion.graph();
    let row = |org: &OrgId| {
        let behind = graph
            .places()
            .filter(|(_, place)| place.parent == Some(*org))
            .count();
        let known = node
            .membership
            .directory()
            .and_then(|directory| directory.organisation(*org));
        json!({
            "organisation": org,
            "name": node.membership.name_of(*org),
            "key": known.as_ref().map(|known| known.key.to_string()),
            "known": known.is_some(),
            "seed": known.is_some_and(|known| known.seed),
            "vouches_for": behind,
        })
    };
    anchors.iter().map(row).collect()
}

pub(in super::super) async fn change(State(node): Shared, Json(wish): Json<Wish>) -> Answer {
    let add = wish.add.map(|text| named(&node, &text)).transpose()?;
    let remove = wish.remove.map(|text| named(&node, &text)).transpose()?;
    if !node.membership.joined() {
        return Err(Problem::conflict(
            "this node joined no network yet: there is nobody to trust",
        ));
    }
    let held = node.settings.get().anchors.clone();
    if let Some(org) = remove.filter(|org| !held.contains(org)) {
        return Err(Problem::not_found(format!("{org} is no anchor of ours")));
    }
    if add.is_some_and(|org| !held.contains(&org)) && held.len() >= MOST {
        return Err(Problem::wrong(format!("{MOST} anchors are enough")));
    }
    if add == Some(node.identity.org.org_id()) {
        return Err(Problem::wrong(
            "our own word counts here anyway: we are no anchor of ours",
        ));
    }
    node.settings
        .update(|values| {
            values.anchors.retain(|org| Some(*org) != remove);
            if let Some(org) = add.filter(|org| !values.anchors.contains(org)) {
                values.anchors.push(org);
            }
        })
        .await?;
    node.regraph();
    node.recalled().await?;
    // What was decided on trust that is gone ends now; what the new trust says is decided now.
    ingest::review(&node).await?;
    ingest::release(&node).await?;
    let known = |org: OrgId| {
        let directory = node.membership.directory();
        directory.is_some_and(|directory| directory.organisation(org).is_some())
    };
    let unknown = add.is_some_and(|org| !known(org));
    Ok(Json(json!({
        "anchors": rows(&node),
        "groups": node.opinion.groups(),
        "unknown": unknown,
        "organisation": add.or(remove),
    })))
}
