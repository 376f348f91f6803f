//! `POST /v1/watchers`, `DELETE /v1/watchers/self`, `GET /v1/heartbeat`: a machine comes, lives and goes.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use vigie_store::{Client, Machine, StoreError};

use super::auth::{address, who};
use super::login::{LONGEST_PASSWORD, agent};
use super::machine::{Caller, Doorway, LARGEST_UNKNOWN, body, wrong};
use super::{certified, failed, later, password};
use crate::node::Node;
use crate::watch::SENSOR;

/// Machines that wait to be accepted; further ones are refused until somebody looked at those.
const MOST_PENDING: usize = 64;
/// The same from one address, as `Limits` counts addresses: nobody takes all places.
const MOST_PENDING_EACH: usize = 4;
/// How long a machine waits to be accepted; then it may come again.
const PENDING: Duration = Duration::from_secs(86_400);

#[derive(Deserialize)]
struct New {
    machine_id: String,
    password: String,
    #[serde(default)]
    registration_token: Option<String>,
}

/// Whether a name can be a machine's: 1 to 64 letters, digits, dots, dashes, underscores and @, and not our own sensor's.
pub(crate) fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(good) && name != SENSOR
}

pub(super) async fn register(State(door): Doorway, request: Request) -> Response {
    let address = address(&request);
    let agent = agent(request.headers()).unwrap_or_default();
    let bytes = match body(request, LARGEST_UNKNOWN).await {
        Ok(bytes) => bytes,
        Err(refused) => return refused,
    };
    let new = match serde_json::from_slice::<New>(&bytes) {
        Ok(new) => new,
        Err(error) => return failed(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let sound = (8..=LONGEST_PASSWORD).contains(&new.password.len());
    let reserved = new.machine_id.ends_with(certified::END);
    if !is_name(&new.machine_id) || reserved || !sound {
        return failed(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation failure: a name of letters, digits, dots, dashes, underscores and @, a password of 8 bytes or more",
        );
    }
    let accepted = match &new.registration_token {
        None => false,
        Some(token) => match door.node.config.api.accepts(token, address) {
            true => true,
            false => return wrong(&door.limits, address, "the registration token is not accepted"),
        },
    };
    if door.limits.is_crowding(address) {
        return later(Duration::from_secs(60), "too many registrations");
    }
    let from = address.map(|ip| ip.to_string()).unwrap_or_default();
    match add(&door.node, new, (agent, from), accepted).await {
        Ok(status) => status.into_response(),
        Err(refused) => refused,
    }
}

/// With the program that asks, and from where, so that whoever accepts it knows.
async fn add(
    node: &Node,
    new: New,
    (agent, address): (String, String),
    accepted: bool,
) -> Result<StatusCode, Response> {
    let broken = |error: &dyn std::error::Error| {
        tracing::error!(%error, "a machine could not be registered");
        failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the machine could not be written",
        )
    };
    let taken = |name: &str| {
        failed(
            StatusCode::FORBIDDEN,
            &format!("user '{name}': user already exist"),
        )
    };
    lapse(node).await.map_err(|error| broken(&error))?;
    let known = node.store.machines().await.map_err(|error| broken(&error))?;
    if known.iter().any(|machine| machine.name == new.machine_id) {
        return Err(taken(&new.machine_id));
    }
    let group = |address: &str| who(address.parse().ok());
    let (mut waiting, mut from_there) = (0, 0);
    for machine in known.iter().filter(|machine| !machine.validated) {
        waiting += 1;
        from_there += usize::from(group(&machine.address) == group(&address));
    }
    if !accepted && (waiting >= MOST_PENDING || from_there >= MOST_PENDING_EACH) {
        return Err(failed(
            StatusCode::FORBIDDEN,
            "too many machines wait to be accepted",
        ));
    }
    let mut machine = made(new.machine_id, new.password, node)
        .await
        .map_err(|error| broken(&error))?;
    machine.validated = accepted;
    (machine.agent, machine.address) = (agent, address);
    match node.store.add_machine(&machine).await {
        Ok(true) if accepted => Ok(StatusCode::ACCEPTED),
        Ok(true) => Ok(StatusCode::CREATED),
        Ok(false) => Err(taken(&machine.name)),
        Err(error) => Err(broken(&error)),
    }
}

/// Forgets machines that waited a day in vain.
pub(crate) async fn lapse(node: &Node) -> Result<(), StoreError> {
    let gone = node.store.lapse_machines(node.now() - PENDING).await?;
    if gone > 0 {
        tracing::info!(gone, "machines that nobody accepted for a day are forgotten");
    }
    Ok(())
}

/// A new machine that nobody accepted yet.
pub(crate) async fn made(name: String, password: String, node: &Node) -> Result<Machine, password::Unhashed> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|_| password::Unhashed)?;
    Ok(Machine {
        name,
        password: password::hash(password).await?,
        secret,
        validated: false,
        publish: false,
        created_at: node.now(),
        last_seen: None,
        agent: String::new(),
        address: String::new(),
    })
}

pub(super) async fn leave(State(door): Doorway, Extension(caller): Extension<Caller>) -> Response {
    match door
        .node
        .store
        .delete_client(Client::Machine(&caller.machine.name))
        .await
    {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            tracing::error!(%error, "a machine could not be deleted");
            failed(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the machine could not be deleted",
            )
        }
    }
}

pub(super) async fn heartbeat(State(door): Doorway, Extension(caller): Extension<Caller>) -> Response {
    let machine = &caller.machine;
    let now = door.node.now();
    let noted = door
        .node
        .store
        .touch_client(
            Client::Machine(&machine.name),
            &machine.agent,
            &machine.address,
            now,
        )
        .await;
    match noted {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::warn!(%error, "a heartbeat could not be noted");
            failed(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the heartbeat could not be noted",
            )
        }
    }
}
