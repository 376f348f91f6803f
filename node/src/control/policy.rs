//! What verdicts of the mesh lead to, for `vigie policy`.

mod trial;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use vigie_store::{DecisionFilter, Origin};

use super::words::{Problem, spell};
use super::{Answer, Shared};
use crate::config::Remote;
use crate::node::Node;

pub(super) use trial::test;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    remote: Remote,
    now: bool,
}

pub(super) async fn show(State(node): Shared) -> Answer {
    Ok(Json(
        json!({"remote": format!("{:?}", remote(&node)).to_lowercase(), "sentence": sentence(&node)}),
    ))
}

pub(super) async fn set(State(node): Shared, Json(wish): Json<Wish>) -> Answer {
    // Whatever the file says of the mesh's word, the breaker is not meant.
    if wish.remote == Remote::Enforce && remote(&node) == Remote::Enforce && node.breaker.close(&node).await?
    {
        return show(State(node)).await;
    }
    if node.config.policy.remote.is_some() {
        return Err(Problem::conflict(
            "the configuration file says `remote` in [policy], and the file holds: change it there",
        ));
    }
    let settings = node.settings.get();
    let now = node.now();
    if wish.remote == Remote::Enforce {
        if settings.joined_at.is_none() {
            return Err(Problem::conflict(
                "no network was joined yet: nothing could be simulated, so nothing is enforced",
            ));
        }
        if !wish.now
            && let Some(left) = settings.simulation_left(now)
        {
            let detail = format!(
                "the 72 h of simulation still last {}; `--now` does not wait for them",
                spell(left)
            );
            return Err(Problem::conflict(detail));
        }
    }
    let enforced_at = (wish.remote == Remote::Enforce).then_some(now);
    node.settings
        .update(|values| values.enforced_at = enforced_at)
        .await?;
    if wish.remote != Remote::Enforce {
        // What was decided on the mesh's word alone does not outlive our trust in it.
        let on_its_word = DecisionFilter {
            origin: Some(Origin::Mesh),
            active_at: Some(now),
            ..DecisionFilter::default()
        };
        node.end_all(&on_its_word).await?;
    }
    show(State(node)).await
}

fn remote(node: &Node) -> Remote {
    node.remote()
}

/// One sentence about it.
pub(super) fn sentence(node: &Node) -> String {
    let settings = node.settings.get();
    if let Some(open) = node
        .breaker
        .sentence()
        .filter(|_| remote(node) == Remote::Enforce)
    {
        return open;
    }
    match remote(node) {
        Remote::Off => "What the mesh says is shown and leads to nothing.".to_owned(),
        Remote::Enforce => "Verdicts of the mesh are enforced.".to_owned(),
        Remote::Simulate => match settings.simulation_left(node.now()) {
            Some(left) => format!("Verdicts of the mesh are simulated for another {}.", spell(left)),
            None => "Verdicts of the mesh are simulated until `vigie policy enforce`.".to_owned(),
        },
    }
}
