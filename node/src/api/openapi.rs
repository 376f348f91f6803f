//! `GET /openapi.json`: what is served, as an OpenAPI 3.1 document that programs read.
//!
//! Those for bouncers describe themselves in their own files, `machines` describes the others; here is what they share. Without a key, because it says nothing that
//! docs/lapi.md does not say to everybody.

use axum::Json;
use serde_json::{Value, json};

mod machines;

use super::{decisions, events, metrics, spared, stream, web};

pub(super) async fn serve() -> Json<Value> {
    Json(document())
}

fn document() -> Value {
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Vigie's Local API",
            "description": "CrowdSec's Local API v1 for bouncers and agents, and decisions by push.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": env!("CARGO_PKG_LICENSE")},
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/v1/decisions": decisions_paper(),
            "/v1/decisions/stream": stream::paper(),
            "/v1/decisions/events": events::paper(),
            "/v1/decisions/spared": spared::paper(),
            "/health": {"get": health()},
            "/network": {"get": network()},
            "/openapi.json": {"get": open("This document", &json!({"type": "object"}))},
            "/metrics": metrics::paper(),
            "/": web::paper(),
        },
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "vigie bouncers add"},
                "token": {"type": "http", "scheme": "bearer", "description": "POST /v1/watchers/login"},
            },
            "schemas": {"decision": decision(), "error": error(), "change": change()},
        },
    });
    for (path, operations) in machines::paths() {
        document["paths"][path] = operations;
    }
    for (name, schema) in machines::schemas() {
        document["components"]["schemas"][name] = schema;
    }
    document
}

/// Bouncers read there by key; machines end decisions there by token.
fn decisions_paper() -> Value {
    let mut operations = decisions::paper();
    operations["delete"] = machines::decisions();
    operations
}

fn health() -> Value {
    let up = json!({
        "type": "object", "required": ["status"], "properties": {"status": {"const": "up"}}
    });
    open("Whether the node runs", &up)
}

fn network() -> Value {
    let mut operation = open(
        "What a newcomer needs to join: of a seed, or asked from this machine",
        &json!({"type": "object"}),
    );
    operation["responses"]["404"] = failure("None that it tells of");
    operation
}

/// An operation without a key that always succeeds.
fn open(summary: &str, schema: &Value) -> Value {
    json!({"summary": summary, "security": [], "responses": {"200": answer("As asked", schema)}})
}

// === what endpoints share ===

/// `GET` with a key, and `HEAD`, which only checks the key. `schema` is that of the 200.
pub(super) fn keyed(summary: &str, parameters: &[(&str, &str)], schema: &Value) -> Value {
    let parameters: Vec<Value> = parameters
        .iter()
        .map(|(name, about)| {
            json!({"name": name, "in": "query", "description": about, "schema": {"type": "string"}})
        })
        .collect();
    let security = json!([{"key": []}]);
    let mut probed = refusals();
    probed["200"] = json!({"description": "The key is right"});
    let mut read = refusals();
    read["200"] = answer("As asked", schema);
    json!({
        "get": {"summary": summary, "security": security, "parameters": parameters, "responses": read},
        "head": {"summary": "Checks the key", "security": security, "responses": probed},
    })
}

/// What any operation with a key may answer.
fn refusals() -> Value {
    json!({
        "400": failure("A parameter cannot be read"),
        "403": failure("No key, or a wrong one"),
        "429": failure("Too many wrong keys from this address"),
        "500": failure("The database cannot be read"),
    })
}

/// The parameters that choose decisions.
pub(super) const CHOICE: [(&str, &str); 5] = [
    ("scopes", "Only these, with commas"),
    ("origins", "Only these, with commas"),
    ("scenarios_containing", "Parts of scenario names, with commas"),
    ("scenarios_not_containing", "Parts of scenario names, with commas"),
    ("simulated", "Also simulated ones, unless it says false"),
];

pub(super) fn failure(about: &str) -> Value {
    answer(about, &json!({"$ref": "#/components/schemas/error"}))
}

fn answer(about: &str, schema: &Value) -> Value {
    json!({"description": about, "content": {"application/json": {"schema": schema}}})
}

// === shapes ===

fn error() -> Value {
    json!({"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}})
}

fn decision() -> Value {
    json!({
        "type": "object",
        "required": ["id", "uuid", "origin", "type", "scope", "value", "duration", "scenario"],
        "additionalProperties": false,
        "properties": {
            "id": {"type": "integer"},
            "uuid": {"type": "string"},
            "origin": {"type": "string"},
            "type": {"enum": ["ban", "throttle", "challenge"]},
            "scope": {"type": "string"},
            "value": {"type": "string"},
            "duration": {"type": "string", "pattern": "^-?[0-9]+h[0-9]+m[0-9]+s$"},
            "scenario": {"type": "string"},
            "simulated": {"type": "boolean"},
        },
    })
}

fn change() -> Value {
    let rows = json!({"type": "array", "items": {"$ref": "#/components/schemas/decision"}});
    json!({
        "type": "object",
        "required": ["new", "deleted"],
        "additionalProperties": false,
        "properties": {"new": rows, "deleted": rows},
    })
}
