//! The routes behind `vigie` commands: JSON over the socket in the data directory, never over the network.
//!
//! Who may open the socket may command the node, so there is no other authentication. One file a noun.

mod alerts;
mod allowlist;
mod bouncers;
mod coverage;
mod decisions;
mod explain;
mod machines;
mod mesh;
mod policy;
mod proofs;
mod say;
mod seeds;
mod share;
mod sightings;
mod status;
mod trust;
mod usage;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::node::Node;

pub(crate) use decisions::taken_back;
pub(crate) use mesh::invitation;
pub(crate) use status::{Status, status};
pub(crate) use words::{Problem, spell};

type Answer = Result<Json<Value>, Problem>;
type Shared = State<Arc<Node>>;

/// All routes, over an opened node.
pub(crate) fn router(node: Arc<Node>) -> Router {
    Router::new()
        .route("/status", get(status::show))
        .route("/alerts", get(alerts::list))
        .route("/alerts/{id}", get(alerts::show).delete(alerts::delete))
        .route(
            "/decisions",
            get(decisions::list).post(decisions::add).delete(decisions::end),
        )
        .route("/coverage", get(coverage::show))
        .route("/sightings", get(sightings::list))
        .route("/bouncers", get(bouncers::list).post(bouncers::add))
        .route("/bouncers/{name}", get(bouncers::show).delete(bouncers::delete))
        .route("/bouncers/{name}/key", post(bouncers::rotate))
        .route("/machines", get(machines::list).post(machines::add))
        .route(
            "/machines/{name}",
            get(machines::show)
                .post(machines::change)
                .delete(machines::delete),
        )
        .route(
            "/allowlist",
            get(allowlist::list)
                .post(allowlist::add)
                .delete(allowlist::delete),
        )
        .route("/explain/{address}", get(explain::show))
        .route("/trust", get(trust::tree))
        .route(
            "/trust/anchors",
            get(trust::list_anchors).post(trust::change_anchors),
        )
        .route("/trust/simulate", post(trust::simulate))
        .route("/trust/{key}", get(trust::show))
        .route("/peers", get(mesh::peers))
        .route("/proofs", get(proofs::list))
        .route("/network", get(mesh::network))
        .route("/seeds", get(seeds::show).post(seeds::take))
        .route("/join", post(mesh::join))
        .route("/statements", post(mesh::accept))
        .route("/retractions", post(say::retract))
        .route("/disputes", post(say::dispute))
        .route("/share", post(share::set))
        .route("/share/preview", get(share::preview))
        .route("/policy", get(policy::show).post(policy::set))
        .route("/policy/test", post(policy::test))
        .route("/backup", post(backup))
        .fallback(|| async {
            Problem::not_found("the node knows no such request; command and node differ in version")
        })
        .layer(middleware::map_response(words::as_problem))
        .with_state(node)
}

#[derive(Deserialize)]
struct Target {
    target: PathBuf,
}

/// Writes a consistent copy of the database.
async fn backup(State(node): Shared, Json(body): Json<Target>) -> Answer {
    node.store.copy_to(&body.target).await?;
    Ok(Json(json!({"written": body.target})))
}
