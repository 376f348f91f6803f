//! A node that is killed, again and again, while CrowdSec's own agent pushes: each attacker is decided, and once.

use std::collections::BTreeMap;

use super::cscli::pointed;
use crate::agent::crowdsec::CrowdSec;
use crate::support::{Home, append, until};

/// Attackers between two kills.
const EACH: u8 = 12;
/// Kills.
const KILLS: u8 = 5;

#[test]
fn nothing_is_lost_or_decided_twice_when_the_node_is_killed_under_an_agent() {
    let Some(crowdsec) =
        CrowdSec::new("nothing_is_lost_or_decided_twice_when_the_node_is_killed_under_an_agent")
    else {
        return;
    };
    let home = Home::quiet();
    let mut node = home.up();
    let page = node.page.to_string();
    pointed(&crowdsec, &home, &node.place(), "web");
    let log = home.beside("probe.log");
    std::fs::write(&log, "").unwrap();
    let _agent = crowdsec.watch(&log);
    until("the agent logged in", || {
        home.rows(&["machines", "list"])[0]["agent"]
            .as_str()
            .is_some_and(|agent| agent.starts_with("crowdsec/"))
    });
    let values = |noun: &str| {
        let rows = home.rows(&[noun, "list", "--limit", "1000"]);
        let mut values = BTreeMap::<String, u32>::new();
        for row in rows {
            *values
                .entry(row["value"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        values
    };
    let mut expected = BTreeMap::new();
    for round in 0..=KILLS {
        for nth in 0..EACH {
            let ip = format!("192.88.99.{}", round * EACH + nth);
            let line = format!("{} refused {ip}\n", jiff::Timestamp::now());
            append(&log, &line.repeat(3));
            expected.insert(ip, 1);
        }
        if round == KILLS {
            break;
        }
        // In the middle of a push: some are written, and perhaps not all, nor acknowledged.
        let before = values("alerts").len();
        until("something is written", || values("alerts").len() > before);
        node.kill();
        node = home.up_with(&["--listen", &page]);
    }
    until("each is decided", || {
        values("decisions").len() == usize::from((KILLS + 1) * EACH)
    });
    assert_eq!(values("decisions"), expected, "decided twice");
    assert_eq!(values("alerts"), expected, "written twice");
    drop(node);
}
