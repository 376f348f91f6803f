//! One organisation as this node sees it: how trust reaches it, what its word weighs and why, whom it vouches for.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use vigie_gossip_core::Organisation;
use vigie_reputation::LearnedReporter;
use vigie_reputation::constants::KAPPA;
use vigie_wire::{OrgId, Timestamp};

use super::super::status::standing_words;
use super::super::words::{Problem, nats};
use super::super::{Answer, Shared};
use super::given::{Given, Vouches, vouches};
use super::named;
use crate::clock::rfc3339;

/// Vouches of each direction that are printed; `--json` has all.
const LISTED: usize = 25;

pub(in super::super) async fn show(State(node): Shared, Path(name): Path<String>) -> Answer {
    let org = named(&node, &name)?;
    node.recalled().await?;
    let now = node.now();
    let about = node.opinion.about(org, now);
    let graph = node.opinion.graph();
    let (known, vouches, nodes) = match node.membership.directory() {
        None => return Err(Problem::conflict("this node joined no network yet")),
        Some(directory) => {
            let known = directory.organisation(org);
            let vouches = known.as_ref().map(|known| vouches(&directory, &known.key, now));
            let publishers = known.iter().flat_map(|known| &known.nodes);
            let nodes: Vec<Value> = publishers
                .map(|id| json!({"publisher": id, "standing": standing_words(directory.standing(*id, now))}))
                .collect();
            (known, vouches.unwrap_or_default(), nodes)
        }
    };
    let place = graph.place(org);
    if known.is_none() && place.is_none() {
        return Err(Problem::not_found(format!(
            "the network knows no organisation {org}"
        )));
    }
    let mut path = vec![org];
    // As deep as trust goes; a parent is nearer than its child, so this ends.
    while let Some(parent) = path.last().and_then(|last| graph.place(*last)?.parent) {
        path.push(parent);
    }
    path.reverse();
    let name_of = |org: OrgId| json!({"organisation": org, "name": node.membership.name_of(org)});
    let reached = place.is_some_and(|place| place.group.is_some());
    let mut answer = json!({
        "organisation": org,
        "name": node.membership.name_of(org),
        "key": known.as_ref().map(|known| known.key.to_string()),
        "nodes": nodes,
        "standing": known.as_ref().map(|known| standing(known, now)),
        "admitted": known.as_ref().map(|known| known.admitted.iter().collect::<Vec<_>>()),
        "ours": org == node.identity.org.org_id(),
        "anchor": place.is_some_and(|place| place.anchor),
        "path": if reached { path.into_iter().map(name_of).collect() } else { Vec::new() },
        "group": place.and_then(|place| place.group).map(name_of),
        "depth": place.map(|place| place.depth),
        "labels": place.map(|place| place.labels),
        "history": place.map(|place| place.history),
        "weight": about.weight,
        "most_weight": KAPPA,
        "struck": about.struck,
        "record": about.record,
        "exposure": about.exposure,
        "vouches": vouches,
    });
    let lines = lines(&answer, about.record.as_ref(), &vouches, now, |org| {
        node.membership.name_of(org)
    });
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("lines".to_owned(), json!(lines));
    }
    Ok(Json(answer))
}

fn standing(known: &Organisation, now: Timestamp) -> &'static str {
    match (
        known.admitted.contains(now),
        known.seed,
        known.proven.contains(now),
    ) {
        (false, _, _) => "not admitted (any more)",
        (true, true, _) => "seed",
        (true, false, true) => "member",
        (true, false, false) => "newcomer",
    }
}

fn lines(
    answer: &Value,
    record: Option<&LearnedReporter>,
    vouches: &Vouches,
    now: Timestamp,
    name_of: impl Fn(OrgId) -> String,
) -> Vec<String> {
    let text = |name: &str| answer[name].as_str().unwrap_or("-").to_owned();
    let mut lines = vec![
        format!("{} ({})", text("name"), text("organisation")),
        format!("  key        {}", text("key")),
        format!("  standing   {}", text("standing")),
        format!("  trusted    {}", trusted(answer)),
        format!("  labels     {}", labels(&answer["labels"])),
        format!(
            "  weight     {} nats of {}{}",
            nats(answer["weight"].as_i64().unwrap_or(0)),
            nats(KAPPA),
            if answer["struck"] == true {
                ", in the common pool of the struck"
            } else {
                ""
            }
        ),
        format!(
            "  record     {}",
            record_words(record, answer["history"].as_u64().unwrap_or(0), now)
        ),
        format!(
            "  exposure   {} claims of a day on which others hang, of {} that records cover",
            answer["exposure"]["near"], answer["exposure"]["budget"]
        ),
    ];
    let live = vouches
        .live_budget
        .map_or_else(String::new, |budget| format!(" of {budget}"));
    lines.push(format!(
        "  vouches    for {}{live} now, {} of {} in this quarter",
        vouches.live, vouches.quarter, vouches.quarter_budget
    ));
    lines.extend(listed(&vouches.given, |one| format!("for {}", one.name)));
    if vouches.received.is_empty() {
        lines.push("  vouched for by nobody: it founded the network, or left it".to_owned());
    } else {
        lines.push("  vouched for".to_owned());
        lines.extend(listed(&vouches.received, |one| {
            format!("by {} as {}", name_of(one.organisation), one.name)
        }));
    }
    lines
}

fn listed(vouches: &[Given], words: impl Fn(&Given) -> String) -> Vec<String> {
    let row = |one: &Given| {
        let state = one
            .why_not
            .map_or_else(String::new, |why| format!(", which does not count: {why}"));
        format!("    {} until {}{state}", words(one), rfc3339(one.expires))
    };
    let mut lines: Vec<String> = vouches.iter().take(LISTED).map(row).collect();
    if vouches.len() > LISTED {
        lines.push(format!("    ... and {} more, see --json", vouches.len() - LISTED));
    }
    lines
}

fn trusted(answer: &Value) -> String {
    if answer["ours"] == true {
        return "it is us: our own word needs no trust".to_owned();
    }
    if answer["anchor"] == true {
        return "it is an anchor of ours, and a group of its own".to_owned();
    }
    let path = answer["path"].as_array().map(Vec::as_slice).unwrap_or_default();
    if path.is_empty() {
        return "no anchor of ours reaches it: its word is shown, and never counted".to_owned();
    }
    let names: Vec<&str> = path.iter().filter_map(|one| one["name"].as_str()).collect();
    let group = answer["group"]["name"].as_str().unwrap_or("-");
    format!(
        "by way of {}; it counts in the group of {group}",
        names.join(" > ")
    )
}

fn labels(labels: &Value) -> String {
    let mut words = Vec::new();
    let bytes = |name: &str| -> Vec<u8> {
        let list = labels[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
        list.iter().filter_map(byte).collect()
    };
    let operator = bytes("operator");
    if operator.iter().any(|byte| *byte != 0) {
        words.push(format!("operator {}", hex::encode(operator)));
    }
    let country = bytes("country");
    if country.iter().any(|byte| *byte != 0) {
        words.push(format!("country {}", String::from_utf8_lossy(&country)));
    }
    if let Some(asn @ 1..) = labels["asn"].as_u64() {
        words.push(format!("AS{asn}"));
    }
    if words.is_empty() {
        "none attested: with all others of which none is, it weighs as one".to_owned()
    } else {
        words.join(", ")
    }
}

fn record_words(record: Option<&LearnedReporter>, history: u64, now: Timestamp) -> String {
    let granted = if history > 0 {
        format!("{history} confirmed granted at the founding; ")
    } else {
        String::new()
    };
    let Some(record) = record else {
        return format!("{granted}it has said nothing here yet");
    };
    let void = record
        .void_until
        .filter(|until| *until > now)
        .map_or_else(String::new, |until| {
            format!(
                "; it said two things at one place, so its word is nothing until {}",
                rfc3339(until)
            )
        });
    let struck = record
        .struck_until
        .filter(|until| *until > now)
        .map_or_else(String::new, |until| format!("; struck until {}", rfc3339(until)));
    format!(
        "{granted}here {} confirmed and {} refuted by our own knowledge; active on {} days{struck}{void}",
        nats(record.confirmed),
        nats(record.refuted),
        record.active_days
    )
}
