//! `POST /v1/watchers/login` and `GET /v1/refresh_token`: a password, or a token that holds, for a new token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use vigie_store::{Client, Machine};
use vigie_wire::Timestamp;

use super::auth::{AFTER_TRIES, address};
use super::machine::{Caller, Door, Doorway, LARGEST_UNKNOWN, body, too_many, unauthorized, wrong};
use super::{certified, failed, password, token};
use crate::clock::rfc3339;

/// Longest password that is looked at, in bytes.
pub(super) const LONGEST_PASSWORD: usize = 1 << 10;

#[derive(Deserialize)]
struct Login {
    machine_id: Option<String>,
    password: Option<String>,
}

pub(super) async fn login(State(door): Doorway, request: Request) -> Response {
    let address = address(&request);
    let Some(agent) = agent(request.headers()) else {
        return unauthorized("bad user agent: it is name/version");
    };
    let shown = request.extensions().clone();
    let bytes = match body(request, LARGEST_UNKNOWN).await {
        Ok(bytes) => bytes,
        Err(refused) => return refused,
    };
    let Ok(login) = serde_json::from_slice::<Login>(&bytes) else {
        return unauthorized("missing: invalid body: machine_id and password");
    };
    let from = address.map(|ip| ip.to_string()).unwrap_or_default();
    let (name, given) = (
        login.machine_id.unwrap_or_default(),
        login.password.unwrap_or_default(),
    );
    if name.is_empty() && given.is_empty() {
        return match certified::machine(&door.node, &shown).await {
            Ok(Some(machine)) => welcome(&door, &machine, &agent, &from).await,
            Ok(None) => wrong(
                &door.limits,
                address,
                "no password, and no certificate of an agent",
            ),
            Err(error) => broken(&error),
        };
    }
    if given.len() > LONGEST_PASSWORD {
        return wrong(&door.limits, address, "incorrect Username or Password");
    }
    if door.limits.is_trying(address) {
        return too_many(AFTER_TRIES, "too many passwords");
    }
    let machine = match door.node.store.machine(&name).await {
        Ok(machine) => machine,
        Err(error) => return broken(&error),
    };
    let known = machine.as_ref().map(|machine| machine.password.clone());
    let right = match password::is_right(given, known).await {
        Ok(right) => right,
        Err(error) => return broken(&error),
    };
    let Some(machine) = machine.filter(|_| right) else {
        return wrong(&door.limits, address, "incorrect Username or Password");
    };
    if !machine.validated {
        return unauthorized(&format!("machine {} not validated", machine.name));
    }
    welcome(&door, &machine, &agent, &from).await
}

pub(super) async fn refresh(
    State(door): Doorway,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    // Who came by a certificate stays no longer than it holds.
    if caller.machine.name.ends_with(certified::END) {
        match certified::machine(&door.node, request.extensions()).await {
            Ok(Some(machine)) if machine.name == caller.machine.name => {}
            Ok(_) => return unauthorized("the certificate of this machine is not shown, or holds no more"),
            Err(error) => return broken(&error),
        }
    }
    given(&caller.machine, door.node.now())
}

async fn welcome(door: &Arc<Door>, machine: &Machine, agent: &str, address: &str) -> Response {
    let now = door.node.now();
    let noted = door
        .node
        .store
        .touch_client(Client::Machine(&machine.name), agent, address, now)
        .await;
    if let Err(error) = noted {
        tracing::warn!(%error, "a machine's login could not be noted");
    }
    given(machine, now)
}

fn given(machine: &Machine, now: Timestamp) -> Response {
    let expire = Timestamp::from_secs(now.as_secs() + token::LIFE_SECS);
    let token = token::sign(&machine.name, &machine.secret, now);
    Json(json!({"code": 200, "expire": rfc3339(expire), "token": token})).into_response()
}

/// `name/version` with exactly one slash, as CrowdSec wants it.
pub(super) fn agent(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let (name, version) = agent.split_once('/')?;
    let good = !name.is_empty() && !version.is_empty() && !version.contains('/') && agent.len() <= 128;
    good.then(|| agent.to_owned())
}

fn broken(error: &(dyn std::error::Error + Send + Sync)) -> Response {
    tracing::error!(%error, "a machine could not be checked");
    failed(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the node cannot check a machine now",
    )
}
