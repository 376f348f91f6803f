//! The first page a person sees: how the node is. Rendered on the server, no script, no outside resource.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use vigie_store::{AlertFilter, DecisionFilter};

use super::asker::Asker;
use crate::clock::rfc3339;
use crate::control::{self, Status};
use crate::node::Node;

/// Rows of each list on the page.
const ROWS: u32 = 20;

#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    status: Status,
    decisions: Vec<Row>,
    alerts: Vec<Row>,
}

/// Cells of one row.
struct Row {
    value: String,
    what: String,
    origin: String,
    when: String,
}

/// For people on this machine only: there is no key to this page.
pub(super) async fn page(State(node): State<Arc<Node>>, asker: Asker) -> Response {
    if asker != Asker::Here {
        return StatusCode::NOT_FOUND.into_response();
    }
    match render(&node).await {
        Ok(page) => {
            let policy =
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
            (
                [
                    ("content-security-policy", policy),
                    ("referrer-policy", "no-referrer"),
                ],
                Html(page),
            )
                .into_response()
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the page could not be made");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "The page could not be made; the node's log says why.",
            )
                .into_response()
        }
    }
}

/// Its part of the OpenAPI document.
pub(super) fn paper() -> Value {
    json!({"get": {
        "summary": "The page for people, on this machine only",
        "security": [],
        "responses": {
            "200": {"description": "How the node is", "content": {"text/html": {"schema": {"type": "string"}}}},
            "404": {"description": "Asked from elsewhere, or by another name"},
            "500": {"description": "It could not be made", "content": {"text/plain": {"schema": {"type": "string"}}}},
        },
    }})
}

async fn render(node: &Node) -> anyhow::Result<String> {
    let filter = DecisionFilter {
        active_at: Some(node.now()),
        limit: ROWS,
        ..DecisionFilter::default()
    };
    let decisions = node.store.decisions(&filter).await?.into_iter().map(|held| Row {
        value: held.decision.value.into(),
        what: format!(
            "{}{}",
            held.decision.remediation,
            if held.decision.simulated {
                " (simulated)"
            } else {
                ""
            }
        ),
        origin: format!("{}: {}", held.decision.origin, held.decision.scenario),
        when: rfc3339(held.decision.until),
    });
    let alerts = node
        .store
        .alerts(&AlertFilter {
            limit: ROWS,
            ..AlertFilter::default()
        })
        .await?;
    let alerts = alerts.into_iter().map(|alert| Row {
        value: alert.alert.value,
        what: alert.alert.scenario,
        origin: format!("{} events", alert.alert.events_count),
        when: rfc3339(alert.alert.last),
    });
    let page = Page {
        status: control::status(node).await?,
        decisions: decisions.collect(),
        alerts: alerts.collect(),
    };
    Ok(page.render()?)
}
