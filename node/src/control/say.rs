//! What we take back and what we dispute, for `vigie retract` and `vigie dispute`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use vigie_store::{AlertFilter, DecisionFilter, Origin, Share, SightingFilter, SightingRow};
use vigie_wire::{DisputeReason, Indicator, SightingId};

use super::words::Problem;
use super::{Answer, Shared};
use crate::node::Node;
use crate::{objection, say};

/// Publishers whose word on one address is disputed at once: the rows of one envelope.
const MOST: usize = 256;

/// Alerts on one address that are looked at, the newest first: what waits is of the last day.
const ALERTS: u32 = 4_096;
/// Characters of a reason that are kept.
const REASON: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retraction {
    target: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Objection {
    target: String,
    reason: u8,
}

/// What a command names: one sighting, or all on an address.
enum Target {
    One(SightingId),
    All(IpAddr),
}

pub(super) async fn retract(State(node): Shared, Json(wish): Json<Retraction>) -> Answer {
    joined(&node)?;
    let publisher = node.identity.node.public().publisher_id();
    let (mut ours, mut elsewhere, mut kept) = (Vec::new(), 0, 0);
    match target(&wish.target)? {
        Target::One(id) if id.publisher != publisher => {
            return Err(Problem::wrong(format!(
                "{id} is not a sighting of this node: what others say is disputed, with `vigie dispute`"
            )));
        }
        Target::One(id) if objection::named(&node, id).await?.is_some() => ours.push(id),
        Target::One(id) => return Err(Problem::not_found(format!("this node said no {id}"))),
        Target::All(ip) => {
            let rows = live(&node, ip).await?;
            let (here, others): (Vec<_>, Vec<_>) = rows
                .into_iter()
                .filter(|row| row.org == node.identity.org.org_id())
                .partition(|row| row.id.publisher == publisher);
            elsewhere = others.len();
            ours.extend(here.iter().map(|row| row.id));
            kept = keep_back(&node, ip).await?;
        }
    }
    if ours.is_empty() && kept == 0 {
        let more = match elsewhere {
            0 => String::new(),
            some => format!("; another node of this organisation said {some}: run it there"),
        };
        return Err(Problem::not_found(format!(
            "no word of this node on {} stands{more}",
            wish.target
        )));
    }
    let reason: String = wish.reason.chars().take(REASON).collect();
    say::retract(&node, &ours, &reason).await?;
    Ok(Json(
        json!({"retracted": ours, "kept_back": kept, "elsewhere": elsewhere}),
    ))
}

pub(super) async fn dispute(State(node): Shared, Json(wish): Json<Objection>) -> Answer {
    joined(&node)?;
    let reason = DisputeReason::from_number(wish.reason);
    if matches!(reason, DisputeReason::Unknown(_)) {
        return Err(Problem::wrong(format!("{} is not a reason", wish.reason)));
    }
    let own = node.identity.org.org_id();
    let (theirs, subject) = match target(&wish.target)? {
        Target::One(id) => {
            let said = objection::named(&node, id).await?;
            let said = said.ok_or_else(|| Problem::not_found(format!("this node holds no sighting {id}")))?;
            let org = node
                .membership
                .directory()
                .and_then(|directory| directory.org_of(id.publisher));
            if org.is_some_and(|org| org.org_id() == own) {
                return Err(Problem::wrong(format!(
                    "{id} is our own word: take it back with `vigie retract`"
                )));
            }
            (vec![id], said.indicator)
        }
        Target::All(ip) => {
            // Newest first: of each publisher the last word.
            let mut said = live(&node, ip).await?;
            let mut heard = BTreeSet::new();
            said.retain(|row| row.org != own && heard.insert(row.id.publisher));
            said.truncate(MOST);
            (said.iter().map(|row| row.id).collect(), Indicator::ip(ip))
        }
    };
    if theirs.is_empty() {
        return Err(Problem::not_found(format!(
            "nobody else's word on {} stands",
            wish.target
        )));
    }
    say::dispute(&node, &theirs, reason).await?;
    let ended = overrule(&node, &subject.to_string()).await?;
    Ok(Json(json!({"disputed": theirs, "ended": ended})))
}

/// The mesh's word on this value decides nothing here for a while, and what it decided ends. Gives how many.
pub(super) async fn overrule(node: &Node, value: &str) -> anyhow::Result<usize> {
    node.overruled.add(node.store.as_ref(), value, node.now()).await?;
    let of_the_mesh = DecisionFilter {
        value: Some(value.to_owned()),
        origin: Some(Origin::Mesh),
        ..DecisionFilter::default()
    };
    Ok(node.end_all(&of_the_mesh).await?.len())
}

/// How many sightings of this node, and of others, stand on an address.
pub(super) async fn standing(node: &Node, ip: IpAddr) -> anyhow::Result<(usize, usize)> {
    let rows = live(node, ip).await?;
    let publisher = node.identity.node.public().publisher_id();
    let own = node.identity.org.org_id();
    let ours = rows.iter().filter(|row| row.id.publisher == publisher).count();
    Ok((ours, rows.iter().filter(|row| row.org != own).count()))
}

/// What was said on an address and not taken back, newest first.
async fn live(node: &Node, ip: IpAddr) -> anyhow::Result<Vec<SightingRow>> {
    let filter = SightingFilter {
        indicator: Some(Indicator::ip(ip)),
        ..SightingFilter::default()
    };
    let mut rows = node.store.sightings(&filter).await?;
    rows.retain(|row| row.retracted_at.is_none());
    Ok(rows)
}

/// What waits to be said on an address is not said. Gives how many alerts that are.
async fn keep_back(node: &Node, ip: IpAddr) -> anyhow::Result<usize> {
    let filter = AlertFilter {
        value: Some(Indicator::ip(ip).to_string()),
        limit: ALERTS,
        ..AlertFilter::default()
    };
    let alerts = node.store.alerts(&filter).await?;
    let pending = alerts.iter().filter(|alert| alert.alert.share == Share::Pending);
    let waiting: Vec<_> = pending.map(|alert| alert.id).collect();
    node.saying.keep_back(&waiting);
    node.store.withhold(&waiting).await?;
    Ok(waiting.len())
}

fn target(text: &str) -> Result<Target, Problem> {
    let one = text.parse().map(Target::One);
    let all = || text.parse().map(Target::All);
    one.or_else(|_| all()).map_err(|_| {
        Problem::wrong(format!(
            "{text:?} is neither an address nor a sighting (publisher/epoch/seq/row, as `vigie sightings list` shows it)"
        ))
    })
}

fn joined(node: &Node) -> Result<(), Problem> {
    match node.membership.joined() {
        true => Ok(()),
        false => Err(Problem::conflict(
            "this node joined no network, so nobody heard anything of it",
        )),
    }
}
