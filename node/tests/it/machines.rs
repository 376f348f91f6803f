//! The writing half of the Local API: machines, their alerts and what `cscli` asks; by our own bytes, and by the real
//! programs where the machine has them.

mod allowlists;
mod bytes;
pub(crate) mod cscli;
mod hostile;
mod killed;
mod listing;
mod places;
mod sharing;
mod usage;
mod waiting;

use serde_json::{Value, json};
use vigie_store_sqlite::SqliteStore;

use crate::http::{Answer, Place};
use crate::support::Home;

const PASSWORD: &str = "a password of its own";

/// One request of a machine.
fn ask(place: &Place, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
    let text = body.map(Value::to_string).unwrap_or_default();
    let bearer = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    place.raw(
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: crowdsec/v1.4.6\r\nConnection: close\r\n{bearer}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        )
        .as_bytes(),
    )
}

/// Writes into the database of a node that does not run.
fn write(home: &Home, write: impl AsyncFnOnce(&SqliteStore)) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&home.data().join("vigie.sqlite"))
            .await
            .unwrap();
        write(&store).await;
        store.close().await;
    });
}

/// A machine that is accepted, and its token.
fn token(home: &Home, place: &Place, name: &str) -> String {
    let body = json!({"machine_id": name, "password": PASSWORD});
    assert_eq!(ask(place, "POST", "/v1/watchers", "", Some(&body)).status, 201);
    let waits = ask(place, "POST", "/v1/watchers/login", "", Some(&body));
    assert_eq!(waits.status, 401, "{waits:?}");
    home.say(&["machines", "validate", name]);
    login(place, name)
}

fn login(place: &Place, name: &str) -> String {
    let body = json!({"machine_id": name, "password": PASSWORD, "scenarios": []});
    let answer = ask(place, "POST", "/v1/watchers/login", "", Some(&body));
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer["code"], 200);
    answer["token"].as_str().unwrap().to_owned()
}

/// What an agent says of somebody who guessed passwords.
fn alert(value: &str) -> Value {
    let at = jiff::Timestamp::now().to_string();
    json!({
        "scenario": "crowdsecurity/ssh-bf", "scenario_hash": "ab12", "scenario_version": "0.3",
        "message": format!("Ip {value} performed 'crowdsecurity/ssh-bf'"), "events_count": 6, "start_at": at, "stop_at": at,
        "capacity": 5, "leakspeed": "10s", "simulated": false, "remediation": true,
        "source": {"scope": "ip", "value": value, "ip": value, "cn": "FR"},
        "events": [{"timestamp": at, "meta": [{"key": "log_type", "value": "ssh_failed-auth"}]}],
    })
}
