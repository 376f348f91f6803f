//! What machines ask, in the OpenAPI document. A 500 stands only where CrowdSec answers so for what it cannot read.

use serde_json::{Value, json};

use super::{answer, failure};

/// Paths and what is asked there.
pub(super) fn paths() -> Vec<(&'static str, Value)> {
    let registered = json!({"type": "object", "required": ["machine_id", "password"], "properties": {
        "machine_id": text(), "password": text(), "registration_token": text(),
    }});
    let login = json!({"type": "object", "required": ["machine_id", "password"], "properties": {
        "machine_id": text(), "password": text(), "scenarios": list(&text()),
    }});
    let targets = json!({"type": "object", "required": ["targets"], "properties": {
        "targets": {"type": "array", "items": text(), "minItems": 1, "maxItems": 10_000},
    }});
    let alerts = || list(&named("alert"));
    let lists = list(&named("allowlist"));
    vec![
        (
            "/v1/watchers",
            json!({"post": body(open("A machine registers itself", &[
                (201, "It waits to be accepted", None), (202, "It is accepted", None), BAD, (401, "The token is not accepted", None),
                (403, "The name is taken, or too many wait", None), LARGE, CODED, (422, "No name, or no password", None), MANY,
            ]), &registered)}),
        ),
        (
            "/v1/watchers/login",
            json!({"post": body(open("A password for a token", &[
                (200, "A token", Some(named("token"))), (401, "Wrong, or not accepted yet", None), BAD, LARGE, CODED, MANY,
            ]), &login)}),
        ),
        (
            "/v1/watchers/self",
            json!({"delete": tokened("The machine goes", &[(204, "It is gone", None)])}),
        ),
        (
            "/v1/refresh_token",
            json!({"get": tokened("A token for a token", &[(200, "A token", Some(named("token")))])}),
        ),
        (
            "/v1/heartbeat",
            json!({"get": tokened("The machine lives", &[(200, "Noted", None)])}),
        ),
        (
            "/v1/alerts",
            json!({
                "get": with(tokened("Alerts, newest first", &[
                    (200, "As asked; null if there are none", Some(json!({"oneOf": [alerts(), {"type": "null"}]}))), UNREAD,
                ]), &[
                    "scope", "value", "scenario", "ip", "range", "contains", "since", "until", "created_before", "simulated",
                    "has_active_decision", "decision_type", "origin", "kind", "alert_source", "limit", "sort",
                ]),
                "post": body(tokened("What a machine saw or decided", &[
                    (201, "Their numbers; those on allowlisted addresses have none", Some(list(&text()))),
                    BAD, (408, "The body took too long", None), LARGE, CODED, MANY, UNREAD,
                ]), &list(&named("pushed"))),
                "delete": with(ending("Ends the alerts that match, and their decisions", &[UNREAD]), &[
                    "scope", "value", "scenario", "ip", "range", "since", "until", "simulated", "has_active_decision",
                    "decision_type", "origin", "alert_source",
                ]),
            }),
        ),
        (
            "/v1/alerts/{id}",
            json!({
                "parameters": [place("id")],
                "get": tokened("One alert", &[(200, "The alert", Some(named("alert"))), BAD, NONE]),
                "delete": ending("Ends one alert and its decisions", &[BAD, NONE]),
            }),
        ),
        (
            "/v1/decisions/{id}",
            json!({"parameters": [place("id")], "delete": ending("Ends one decision", &[BAD, NONE])}),
        ),
        (
            "/v1/allowlists",
            json!({"get": with(tokened("Whom nothing is decided against", &[(200, "One list", Some(lists))]), &["with_content"])}),
        ),
        (
            "/v1/allowlists/{name}",
            json!({
                "parameters": [place("name")],
                "get": with(tokened("One list", &[(200, "The list", Some(named("allowlist"))), NONE]), &["with_content"]),
            }),
        ),
        (
            "/v1/allowlists/check/{target}",
            json!({
                "parameters": [place("target")],
                "get": tokened("Whether an address or network is on it", &[(200, "Whether, and why", Some(checked())), BAD, NONE]),
                "head": tokened("The same by status", &[(200, "It is", None), (204, "It is not", None), BAD, NONE]),
            }),
        ),
        (
            "/v1/allowlists/check",
            json!({"post": body(tokened("Which of many are on it", &[(200, "Those that are", Some(results())), BAD, LARGE, CODED]), &targets)}),
        ),
        ("/v1/usage-metrics", json!({"post": reported()})),
    ]
}

/// The deletion of many decisions, which shares a path with what bouncers read.
pub(super) fn decisions() -> Value {
    with(
        ending("Ends the decisions that match", &[UNREAD]),
        &[
            "ip", "range", "contains", "scopes", "value", "type", "origin", "scenario", "uuid",
        ],
    )
}

/// What it answers besides.
type Answers<'a> = &'a [(u16, &'a str, Option<Value>)];

const BAD: (u16, &str, Option<Value>) = (400, "It cannot be read", None);
const NONE: (u16, &str, Option<Value>) = (404, "There is no such thing", None);
const CODED: (u16, &str, Option<Value>) = (415, "Packed otherwise than by gzip", None);
const LARGE: (u16, &str, Option<Value>) = (413, "Too large, also after unpacking", None);
const MANY: (u16, &str, Option<Value>) = (429, "Too many for now", None);
const UNREAD: (u16, &str, Option<Value>) = (500, "A filter or field is not known or cannot be read", None);

fn open(summary: &str, answers: Answers<'_>) -> Value {
    let mut responses = json!({});
    for (status, about, schema) in answers {
        responses[status.to_string()] = match schema {
            Some(schema) => answer(about, schema),
            None if *status >= 400 => failure(about),
            None => json!({"description": about}),
        };
    }
    json!({"summary": summary, "security": [], "responses": responses})
}

fn tokened(summary: &str, answers: Answers<'_>) -> Value {
    let mut operation = open(summary, answers);
    operation["security"] = json!([{"token": []}]);
    operation["responses"]["401"] = failure("No token, or one that is void or over");
    operation
}

/// Asked from this machine only.
fn ending(summary: &str, answers: Answers<'_>) -> Value {
    let deleted = json!({"type": "object", "required": ["nbDeleted"], "properties": {"nbDeleted": text()}});
    let all = [
        &[
            (200, "How many, as a text", Some(deleted)),
            (403, "Asked from elsewhere", None),
        ],
        answers,
    ];
    tokened(summary, &all.concat())
}

fn reported() -> Value {
    let mut operation = tokened(
        "What a bouncer or a machine says of what it does",
        &[
            (201, "Kept in the place of the last one", None),
            BAD,
            (403, "No key, or a wrong one", None),
            (408, "The body took too long", None),
            LARGE,
            CODED,
            (422, "It lacks what it must have", None),
            MANY,
        ],
    );
    operation["security"] = json!([{"key": []}, {"token": []}]);
    let one = list(&named("usage"));
    body(
        operation,
        &json!({"type": "object", "properties": {"remediation_components": one, "log_processors": one}}),
    )
}

fn body(mut operation: Value, schema: &Value) -> Value {
    operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
    operation
}

fn with(mut operation: Value, parameters: &[&str]) -> Value {
    let parameters = parameters
        .iter()
        .map(|name| json!({"name": name, "in": "query", "schema": text()}));
    operation["parameters"] = parameters.collect();
    operation
}

fn place(name: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn list(item: &Value) -> Value {
    json!({"type": "array", "items": item})
}

fn named(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

// === shapes ===

/// Those that have a name.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let number = json!({"type": "integer"});
    let flag = json!({"type": "boolean"});
    let source = json!({"type": "object", "required": ["scope", "value"], "properties": {"scope": text(), "value": text()}});
    let event = json!({"type": "object", "properties": {
        "timestamp": text(), "meta": {"oneOf": [{"type": "null"}, list(&json!({"type": "object", "properties": {
            "key": text(), "value": text(),
        }}))]},
    }});
    let pushed = json!({
        "scenario": text(), "scenario_hash": text(), "scenario_version": text(), "message": text(), "events_count": number,
        "start_at": {"type": "string", "format": "date-time"}, "stop_at": {"type": "string", "format": "date-time"},
        "capacity": number, "leakspeed": text(), "simulated": flag, "events": list(&event), "source": source,
    });
    let needed: Vec<&String> = pushed
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys())
        .collect();
    let mut held = pushed.clone();
    for (name, schema) in [
        ("id", number.clone()),
        ("uuid", text()),
        ("machine_id", text()),
        ("created_at", text()),
    ] {
        held[name] = schema;
    }
    held["decisions"] = list(&named("decision"));
    let item = json!({"type": "object", "required": ["value", "description", "created_at"]});
    let count = json!({"type": "object", "required": ["name", "unit", "value"], "properties": {
        "name": text(), "unit": text(), "value": {"type": "number"},
    }});
    let span = json!({"type": "object", "required": ["window_size_seconds", "utc_now_timestamp"], "properties": {
        "window_size_seconds": number, "utc_now_timestamp": number,
    }});
    let window = json!({"type": "object", "required": ["meta", "items"], "properties": {"meta": span, "items": list(&count)}});
    vec![
        (
            "pushed",
            json!({"type": "object", "required": needed, "properties": pushed}),
        ),
        (
            "alert",
            json!({"type": "object", "required": needed, "properties": held}),
        ),
        (
            "token",
            json!({"type": "object", "required": ["code", "expire", "token"]}),
        ),
        (
            "allowlist",
            json!({"type": "object", "required": ["name", "allowlist_id", "items"], "properties": {"items": list(&item)}}),
        ),
        (
            "usage",
            json!({"type": "object", "required": ["version", "utc_startup_timestamp"], "properties": {
                "version": text(), "utc_startup_timestamp": number, "metrics": list(&window),
            }}),
        ),
    ]
}

fn checked() -> Value {
    json!({"type": "object", "required": ["allowlisted", "reason"], "properties": {
        "allowlisted": {"type": "boolean"}, "reason": text(),
    }})
}

fn results() -> Value {
    let one = json!({"type": "object", "required": ["target", "allowlists"], "properties": {
        "target": text(), "allowlists": list(&text()),
    }});
    json!({"type": "object", "required": ["results"], "properties": {"results": list(&one)}})
}
