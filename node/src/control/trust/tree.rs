//! Everybody, as the tree that trust reaches them by from our anchors; then those whom it does not reach.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use vigie_reputation::{Place, TrustGraph};
use vigie_wire::OrgId;

use super::super::words::Problem;
use super::super::{Answer, Shared};
use crate::node::Node;

/// Organisations in one answer.
const MOST: usize = 100_000;

pub(in super::super) async fn tree(State(node): Shared) -> Answer {
    if !node.membership.joined() {
        return Err(Problem::conflict(
            "this node joined no network yet: there is nobody to trust",
        ));
    }
    node.recalled().await?;
    let graph = node.opinion.graph();
    let mut everybody = walk(&graph);
    everybody.truncate(MOST);
    let weights = node.opinion.weights(&everybody, node.now());
    let rows: Vec<Value> = (everybody.into_iter().zip(weights))
        .map(|(org, weight)| row(&node, &graph, org, weight))
        .collect();
    Ok(Json(json!({"groups": graph.groups(), "organisations": rows})))
}

/// Anchors and what hangs below each, deep before wide; those that nobody reaches come last. A parent is always nearer
/// to its anchor than a child, so there are no cycles and the walk ends.
fn walk(graph: &TrustGraph) -> Vec<OrgId> {
    let mut children: BTreeMap<OrgId, Vec<OrgId>> = BTreeMap::new();
    let (mut roots, mut apart) = (Vec::new(), Vec::new());
    for (org, place) in graph.places() {
        match place.parent {
            Some(parent) => children.entry(parent).or_default().push(org),
            None if place.anchor => roots.push(org),
            None => apart.push(org),
        }
    }
    let mut walked = Vec::new();
    let mut waiting: Vec<OrgId> = roots.into_iter().rev().collect();
    while let Some(org) = waiting.pop() {
        walked.push(org);
        waiting.extend(children.remove(&org).into_iter().flatten().rev());
    }
    walked.extend(apart);
    walked
}

fn row(node: &Node, graph: &TrustGraph, org: OrgId, weight: Option<i64>) -> Value {
    let unknown = || (false, None, None, 0);
    let of = |place: &Place| (place.anchor, place.group, place.parent, place.depth);
    let (anchor, group, parent, depth) = graph.place(org).map_or_else(unknown, of);
    json!({
        "organisation": org,
        "name": node.membership.name_of(org),
        "anchor": anchor,
        "group": group,
        "parent": parent,
        "depth": depth,
        "reached": group.is_some(),
        "weight": weight,
        "ours": org == node.identity.org.org_id(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_reputation::{Edge, Labels, Member};
    use vigie_wire::Timestamp;

    #[test]
    fn each_stands_below_its_parent_and_once() {
        let org = |number: u8| OrgId([number; 16]);
        let member = |number| Member {
            org: org(number),
            name: "".into(),
            labels: Labels::default(),
            history: 0,
            seed: false,
        };
        let members: Vec<Member> = (0..7).map(member).collect();
        let pairs = [(0, 2), (2, 4), (4, 2), (1, 3), (3, 5), (6, 6)];
        let edges = pairs.map(|(from, to)| Edge {
            from: org(from),
            to: org(to),
            expires: Timestamp::from_millis(i64::MAX),
        });
        let graph = TrustGraph::build(&[org(0), org(1)], &members, &edges, Timestamp::ZERO);
        assert_eq!(walk(&graph), [0, 2, 4, 1, 3, 5, 6].map(org));
    }
}
