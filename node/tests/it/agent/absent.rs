//! Positions of logs that are gone: they stay for a month, in a file that does not grow without an end.

use serde_json::{Value, json};

use super::fake::Fake;
use super::{Agent, home};
use crate::support::until;

#[test]
fn positions_of_logs_that_are_gone_for_a_month_go() {
    let fake = Fake::taking(|_| None);
    let home = home();
    let state = home.data().join("agent");
    let positions = || -> Value {
        serde_json::from_slice(&std::fs::read(state.join("positions.json")).unwrap()).unwrap()
    };
    Agent::start(&home, &fake.url(), &[]).end(&home);
    let mut known = positions();
    let old = home.beside("a-2026-01-01.log").display().to_string();
    let late = home.beside("a-2026-01-02.log").display().to_string();
    // As the agent writes it.
    let like = known[home.log().to_str().unwrap()].clone();
    for log in [&old, &late] {
        known[log] = like.clone();
    }
    std::fs::write(state.join("positions.json"), known.to_string()).unwrap();
    let month = 31 * 86_400_000_i64;
    let now = jiff::Timestamp::now().as_millisecond();
    let absent = json!({ &*old: now - month, &*late: now - month / 2 });
    std::fs::write(state.join("absent.json"), absent.to_string()).unwrap();
    let agent = Agent::start(&home, &fake.url(), &[]);
    until("the old one is gone", || positions().get(&old).is_none());
    agent.end(&home);
    let left = positions();
    assert!(
        left.get(&late).is_some() && left.get(home.log().to_str().unwrap()).is_some(),
        "{left}"
    );
}
