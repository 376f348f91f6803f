//! A real CrowdSec hears of what our agent sees, whoever is killed, and refuses whom it does not know.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::crowdsec::CrowdSec;
use super::{Agent, PASSWORD, arguments, attack, attacker, home};
use crate::certificates::Authority;
use crate::support::{append, guesses, sentence, until};

/// The detection that an alert tells of.
fn detection(alert: &Value) -> String {
    let meta = alert["meta"].as_array().unwrap().iter();
    let mut ours = meta.filter(|meta| meta["key"] == "vigie_detection");
    ours.next().unwrap()["value"].as_str().unwrap().to_owned()
}

#[test]
fn a_real_crowdsec_has_the_alert_and_decides() {
    let Some(crowdsec) = CrowdSec::new("a_real_crowdsec_has_the_alert_and_decides") else {
        return;
    };
    crowdsec.add_machine("web-1", PASSWORD);
    let server = crowdsec.start();
    let home = home();
    home.configure("[sensor]\nsources = \"none\"\n[policy]\nown = [\"192.88.99.64/26\"]\n");
    let agent = Agent::start(&home, &crowdsec.url(), &[]);
    attack(&home, "10.1.2.3");
    attack(&home, &attacker(7));
    attack(&home, &attacker(70));
    until("all alerts are there", || crowdsec.alerts().len() == 3);
    let status = agent.end(&home);
    assert_eq!(
        (&status["sent"], &status["waiting"]),
        (&json!(3), &json!(0)),
        "{status}"
    );

    let alerts = crowdsec.alerts();
    let find = |who: &str| {
        let mut found = alerts.iter().filter(|alert| alert["source"]["value"] == who);
        found.next().unwrap_or_else(|| panic!("{who}: {alerts:?}"))
    };
    let alert = find("192.88.99.7");
    assert_eq!(alert["machine_id"], "web-1");
    assert_eq!(alert["scenario"], "vigie/ssh-bf");
    assert_eq!(
        (&alert["capacity"], &alert["leakspeed"]),
        (&json!(5), &json!("10s"))
    );
    assert_eq!(
        (&alert["events_count"], &alert["simulated"]),
        (&json!(6), &json!(false))
    );
    assert_eq!(alert["source"]["scope"], "Ip");
    assert_eq!(alert["source"]["ip"], "192.88.99.7");
    // Ours, and no scenario of a hub, which only its own hash and version would say.
    assert_eq!(
        (&alert["scenario_hash"], &alert["scenario_version"]),
        (&json!(""), &json!(""))
    );
    assert!(
        alert["message"]
            .as_str()
            .unwrap()
            .starts_with("Ip 192.88.99.7 performed 'vigie/ssh-bf' (6 events over ")
    );
    let events = alert["events"].as_array().unwrap();
    assert_eq!(events.len(), 6);
    let meta = events[0]["meta"].as_array().unwrap();
    for (key, value) in [
        ("source_ip", "192.88.99.7"),
        ("target_user", "root"),
        ("log_type", "ssh_failed-auth"),
    ] {
        assert!(
            meta.contains(&json!({"key": key, "value": value})),
            "{key}: {meta:?}"
        );
    }
    assert_eq!(detection(alert).len(), 36, "{alert}");
    let decision = &alert["decisions"][0];
    assert_eq!(
        [
            &decision["type"],
            &decision["value"],
            &decision["scope"],
            &decision["origin"],
            &decision["scenario"]
        ],
        ["ban", "192.88.99.7", "Ip", "crowdsec", "vigie/ssh-bf"]
    );
    assert!(
        decision["duration"].as_str().unwrap().starts_with("3h5"),
        "{decision}"
    );
    // Our own addresses are told and spared.
    assert!(
        find("192.88.99.70")["decisions"]
            .as_array()
            .is_none_or(Vec::is_empty)
    );
    let decided = crowdsec.decided();
    assert_eq!(decided, ["192.88.99.7"]);
    assert!(crowdsec.heartbeat_of("web-1"));

    // On trial: told as such, and nobody is banned.
    let agent = Agent::start(&home, &crowdsec.url(), &["--simulate", "vigie/ssh-bf"]);
    attack(&home, &attacker(8));
    until("the fourth alert is there", || crowdsec.alerts().len() == 4);
    agent.end(&home);
    let alerts = crowdsec.alerts();
    let tried = alerts.iter().filter(|alert| alert["simulated"] == true);
    assert_eq!(
        tried
            .map(|alert| alert["source"]["value"].clone())
            .collect::<Vec<_>>(),
        ["192.88.99.8"]
    );
    drop(server);
}

#[test]
fn a_real_crowdsec_hears_of_every_attack_whoever_is_killed() {
    let Some(crowdsec) = CrowdSec::new("a_real_crowdsec_hears_of_every_attack_whoever_is_killed") else {
        return;
    };
    crowdsec.add_machine("web-1", PASSWORD);
    let home = home();
    let mut attackers = 10..;
    let mut strike = |count: usize| -> Vec<String> {
        let struck: Vec<String> = attackers.by_ref().take(count).map(attacker).collect();
        for who in &struck {
            attack(&home, who);
        }
        struck
    };
    let mut all = Vec::new();
    // Nobody answers at first.
    let agent = Agent::start(&home, &crowdsec.url(), &[]);
    all.extend(strike(3));
    until("the alerts wait", || {
        home.told().matches("detection.id").count() >= 3
    });
    let mut server = crowdsec.start();
    until("they are told", || crowdsec.alerts().len() >= 3);
    // The agent is killed with what it was just told, in the middle of an attack.
    all.extend(strike(4));
    append(&home.log(), &guesses("192.88.99.200", 3));
    agent.kill();
    append(&home.log(), &guesses("192.88.99.200", 3));
    all.push("192.88.99.200".to_owned());
    all.extend(strike(4));
    let agent = Agent::start(&home, &crowdsec.url(), &[]);
    all.extend(strike(3));
    // The server is killed while it is told, and both while nobody answers.
    drop(server);
    all.extend(strike(3));
    until("they wait on disk", || {
        home.told().matches("scenario=\"vigie/ssh-bf\"").count() >= 17
    });
    agent.kill();
    all.extend(strike(3));
    let agent = Agent::start(&home, &crowdsec.url(), &[]);
    server = crowdsec.start();
    all.extend(strike(2));
    let heard = || -> BTreeSet<String> {
        let alerts = crowdsec.alerts();
        let of = alerts
            .iter()
            .map(|alert| alert["source"]["value"].as_str().unwrap().to_owned());
        of.collect()
    };
    let all: BTreeSet<String> = all.into_iter().collect();
    assert_eq!(all.len(), 23);
    until("everybody is told", || heard() == all);
    let status = agent.end(&home);
    assert_eq!(
        (&status["waiting"], &status["dropped"], &status["refused"]),
        (&json!(0), &json!(0), &json!(0))
    );
    drop(server);
    let server = crowdsec.start();
    let alerts = crowdsec.alerts();
    let detections: BTreeSet<String> = alerts.iter().map(detection).collect();
    assert_eq!(detections.len(), 23, "one detection each");
    // Told twice is only what was on its way when somebody was killed, twice.
    assert!(alerts.len() <= 23 + 8, "{} alerts", alerts.len());
    drop(server);
}

#[test]
fn a_real_crowdsec_refuses_with_one_clear_sentence() {
    let Some(crowdsec) = CrowdSec::new("a_real_crowdsec_refuses_with_one_clear_sentence") else {
        return;
    };
    crowdsec.add_machine("web-1", "something else");
    let _server = crowdsec.start();
    let home = home();
    let url = crowdsec.url();
    let output = home
        .command(&arguments(&home, &url))
        .env("VIGIE_LAPI_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    let said = sentence(&output);
    assert!(
        said.contains("refuses the login of web-1") && said.contains("incorrect Username or Password"),
        "{said}"
    );
    assert!(!said.contains(PASSWORD), "{said}");

    // A machine of its own, which somebody has to accept.
    let file = home.beside("credentials.yaml");
    let register = [
        "sensor",
        "register",
        "--lapi",
        &url,
        "--machine",
        "web-2",
        "--credentials",
        &file.display().to_string(),
    ];
    let said = home.say(&register);
    assert!(said.contains("cscli machines validate web-2"), "{said}");
    let log = home.log().display().to_string();
    let run = [
        "sensor",
        "run",
        "--credentials",
        &file.display().to_string(),
        "--file",
        &log,
        "--type",
        "syslog",
    ];
    let said = home.refuse(&run);
    assert!(said.contains("web-2 not validated"), "{said}");
    let said = home.refuse(&register);
    assert!(said.contains("is there already"), "{said}");
    std::fs::remove_file(&file).unwrap();
    let said = home.refuse(&register);
    assert!(said.contains("user already exist") && !file.exists(), "{said}");
}

#[test]
fn a_real_crowdsec_knows_us_by_certificate() {
    let Some(crowdsec) = CrowdSec::with_certificates("a_real_crowdsec_knows_us_by_certificate") else {
        return;
    };
    let authority = Authority::new(crowdsec.folder());
    authority.sign("server", "web-3", "agents");
    authority.sign("agent", "web-3", "agents");
    let _server = crowdsec.start();
    let home = home();
    let log = home.log().display().to_string();
    let file = |name: &str| crowdsec.folder().join(name).display().to_string();
    let (ca, certificate, key) = (file("ca.pem"), file("agent.pem"), file("agent.key"));
    let url = crowdsec.url();
    let plain = [
        "sensor", "run", "--lapi", &url, "--file", &log, "--type", "syslog",
    ];
    // The system's authorities do not know this one.
    let stranger = [&plain[..], &["--cert", &certificate, "--key", &key]].concat();
    let agent = Agent::spawn(&home, &[&["--log", "info"], &stranger[..]].concat());
    until("it is not trusted", || {
        home.told().contains("invalid peer certificate")
    });
    agent.kill();
    let trusted = [&stranger[..], &["--ca", &ca]].concat();
    let agent = Agent::watching(&home, &[&["--log", "info"], &trusted[..], &["--json"]].concat());
    attack(&home, &attacker(7));
    until("the alert is there", || crowdsec.alerts().len() == 1);
    agent.end(&home);
    assert!(
        crowdsec.machines().contains(&"web-3@127.0.0.1".to_owned()),
        "{:?}",
        crowdsec.machines()
    );
    assert_eq!(crowdsec.decided(), ["192.88.99.7"]);
}
