//! The sensor as an agent of somebody else's Local API: a real CrowdSec where the machine has one, and servers of our own
//! making that no honest program would be.

mod crowdsec;
mod fake;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::skip::skip;
use crate::support::{Home, append, eventually, guesses, sentence, until};
use crowdsec::CrowdSec;
use fake::{Answer, Fake};

const PASSWORD: &str = "c0rrect-horse";

/// A running `vigie sensor run` on the log of a home.
struct Agent {
    child: Child,
}

// === impl Agent ===

impl Agent {
    /// Waits until it watches, so that what is written from here on is new.
    #[track_caller]
    fn start(home: &Home, lapi: &str, more: &[&str]) -> Self {
        let errors = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(home.beside("stderr"))
            .unwrap();
        let seen = home.told().matches("read to its end").count();
        let child = home
            .command(&[&arguments(home, lapi), more].concat())
            .env("VIGIE_LAPI_PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(home.beside("stdout")).unwrap())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut agent = Self { child };
        until("the agent has read the log", || {
            let gone = agent.child.try_wait().unwrap();
            assert!(gone.is_none(), "it ended: {}", home.told());
            home.told().matches("read to its end").count() > seen
        });
        agent
    }

    /// Ends it as systemd does; the status that it printed last.
    fn end(mut self, home: &Home) -> Value {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ended = eventually("the agent ends", || self.child.try_wait().unwrap());
        assert!(ended.success(), "{ended}: {}", home.told());
        let said = std::fs::read_to_string(home.beside("stdout")).unwrap();
        serde_json::from_str(said.lines().last().unwrap()).unwrap()
    }

    /// kill -9.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn arguments<'a>(home: &Home, lapi: &'a str) -> Vec<&'a str> {
    let log: &'static str = home.log().display().to_string().leak();
    vec![
        "--log", "info", "sensor", "run", "--json", "--lapi", lapi, "--login", "web-1", "--file", log,
        "--type", "syslog",
    ]
}

fn home() -> Home {
    let home = Home::quiet();
    std::fs::write(home.log(), "").unwrap();
    home
}

/// An address that bans are made of.
fn attacker(number: usize) -> String {
    format!("192.88.99.{number}")
}

/// As many wrong passwords as it takes.
fn attack(home: &Home, who: &str) {
    append(&home.log(), &guesses(who, 6));
}

/// The detection that an alert tells of.
fn detection(alert: &Value) -> String {
    let meta = alert["meta"].as_array().unwrap().iter();
    let mut ours = meta.filter(|meta| meta["key"] == "vigie_detection");
    ours.next().unwrap()["value"].as_str().unwrap().to_owned()
}

#[test]
fn a_real_crowdsec_has_the_alert_and_decides() {
    let Some(crowdsec) = CrowdSec::new() else {
        return skip("a_real_crowdsec_has_the_alert_and_decides", crowdsec::MISSING);
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
    let Some(crowdsec) = CrowdSec::new() else {
        return skip(
            "a_real_crowdsec_hears_of_every_attack_whoever_is_killed",
            crowdsec::MISSING,
        );
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
    let Some(crowdsec) = CrowdSec::new() else {
        return skip(
            "a_real_crowdsec_refuses_with_one_clear_sentence",
            crowdsec::MISSING,
        );
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

/// A server that takes everything, but for alerts on which `verdict` has an answer.
fn taking(verdict: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> Fake {
    Fake::new(move |request| match request.path.as_str() {
        "/v1/watchers/login" => Answer::login(3_600),
        "/v1/heartbeat" => Answer::new(200, ""),
        "/v1/alerts" => verdict(&request.body).unwrap_or_else(|| Answer::new(201, "[\"1\"]")),
        other => panic!("{other}"),
    })
}

/// Whom the taken alerts name, in order.
fn named(fake: &Fake) -> Vec<String> {
    let mut found = Vec::new();
    for request in fake.answered("/v1/alerts", 201) {
        let alerts: Vec<Value> = serde_json::from_str(&request.body).unwrap();
        found.extend(
            alerts
                .iter()
                .map(|alert| alert["source"]["value"].as_str().unwrap().to_owned()),
        );
    }
    found
}

#[test]
fn a_token_that_ends_is_replaced_and_secrets_stay_secret() {
    let fake = Fake::new(|request| match (request.path.as_str(), request.before) {
        ("/v1/watchers/login", 0) => Answer::login(3_600),
        ("/v1/watchers/login", _) => Answer::login(7_200),
        // The server was restarted with another secret in between.
        ("/v1/alerts", 0) => Answer::new(401, r#"{"code":401,"message":"signature is invalid"}"#),
        ("/v1/alerts", _) => Answer::new(201, "[\"1\"]"),
        _ => Answer::new(200, ""),
    });
    let home = home();
    let agent = Agent::start(&home, &fake.url(), &["--log", "trace"]);
    attack(&home, &attacker(7));
    until("the alert is taken", || named(&fake) == [attacker(7)]);
    let status = agent.end(&home);
    assert_eq!(status["sent"], 1, "{status}");
    let logins = fake.answered("/v1/watchers/login", 200);
    assert_eq!(logins.len(), 2);
    let login: Value = serde_json::from_str(&logins[0].body).unwrap();
    assert_eq!(
        (&login["machine_id"], &login["password"]),
        (&json!("web-1"), &json!(PASSWORD))
    );
    assert!(
        login["scenarios"]
            .as_array()
            .unwrap()
            .contains(&json!("vigie/ssh-bf"))
    );
    let told = home.told();
    assert!(told.contains("TRACE"), "{told}");
    for secret in [PASSWORD, &Answer::token(3_600), &Answer::token(7_200)] {
        assert!(!told.contains(secret), "{secret} was told");
    }
}

#[test]
fn an_alert_that_is_never_taken_does_not_keep_the_others() {
    let fake = taking(|body| {
        let invalid = body
            .contains("192.88.99.8\"")
            .then(|| Answer::new(500, r#"{"message":"validation failure list:\nx"}"#));
        let odd = body
            .contains("192.88.99.10\"")
            .then(|| Answer::new(500, r#"{"message":"data too long for column"}"#));
        invalid.or(odd)
    });
    let home = home();
    let agent = Agent::start(&home, &fake.url(), &[]);
    for number in 7..=12 {
        attack(&home, &attacker(number));
    }
    let taken = || named(&fake).into_iter().collect::<BTreeSet<_>>();
    let expected: BTreeSet<_> = [7, 9, 11, 12].map(attacker).into();
    until("the others are taken", || taken() == expected);
    until("both are given up", || {
        home.told().matches("it is given up").count() == 2
    });
    let status = agent.end(&home);
    assert_eq!(
        (&status["sent"], &status["refused"], &status["waiting"]),
        (&json!(4), &json!(2), &json!(0))
    );
    // Others were not told twice for it.
    assert_eq!(named(&fake).len(), 4);
}

#[test]
fn a_server_that_is_none_is_named_and_gets_nothing() {
    let elsewhere = Fake::new(|_| Answer::login(3_600));
    let there = format!("{}/v1/watchers/login", elsewhere.url());
    let long = "x".repeat(3 << 20);
    let cases: Vec<(Answer, &str)> = vec![
        (
            Answer::new(307, "").with("location", &there),
            "redirects elsewhere (HTTP 307)",
        ),
        (
            Answer::new(200, "<html>welcome</html>"),
            "holds no token: that is no Local API",
        ),
        (Answer::new(200, &long), "longer than 1048576 bytes"),
        (
            Answer::new(403, &long),
            "refuses the login of web-1: it answers HTTP 403",
        ),
        (
            Answer::new(401, "{\"message\":\"\\u001b[31mno\"}"),
            "HTTP 401: \"\u{fffd}[31mno\"",
        ),
    ];
    for (answer, expected) in cases {
        let fake = Fake::new(move |_| answer.clone());
        let home = home();
        let url = fake.url();
        let output = home
            .command(&arguments(&home, &url))
            .env("VIGIE_LAPI_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        let said = sentence(&output);
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(said.len() < 600, "{said}");
    }
    assert_eq!(
        elsewhere.answered("/v1/watchers/login", 200).len(),
        0,
        "the password went elsewhere"
    );
}

#[test]
fn alerts_go_over_a_unix_socket_too_as_credentials_say() {
    let home = home();
    let socket = home.beside("lapi.sock");
    let fake = Fake::on_socket(&socket, |request| match request.path.as_str() {
        "/v1/watchers/login" => Answer::login(3_600),
        "/v1/heartbeat" => Answer::new(200, ""),
        _ => Answer::new(201, "[]"),
    });
    let file = home.beside("local_api_credentials.yaml");
    let text = format!(
        "url: {}\nlogin: web-9 # here\npassword: 'p: w'\n",
        socket.display()
    );
    std::fs::write(&file, text).unwrap();
    let log = home.log().display().to_string();
    let errors = std::fs::File::create(home.beside("stderr")).unwrap();
    let file = file.display().to_string();
    let run = [
        "--log",
        "info",
        "sensor",
        "run",
        "--json",
        "--credentials",
        &file,
        "--file",
        &log,
        "--type",
        "syslog",
    ];
    let child = home
        .command(&run)
        .stdout(std::fs::File::create(home.beside("stdout")).unwrap())
        .stderr(errors)
        .spawn()
        .unwrap();
    let agent = Agent { child };
    until("it watches", || home.told().contains("read to its end"));
    assert!(home.told().contains("run chmod 600"), "{}", home.told());
    attack(&home, &attacker(7));
    until("the alert is taken", || named(&fake) == [attacker(7)]);
    agent.end(&home);
    let login: Value = serde_json::from_str(&fake.answered("/v1/watchers/login", 200)[0].body).unwrap();
    assert_eq!(
        (&login["machine_id"], &login["password"]),
        (&json!("web-9"), &json!("p: w"))
    );
}

#[test]
fn what_is_missing_is_said() {
    let home = home();
    let lapi = "http://127.0.0.1:9";
    for (arguments, expected) in [
        (vec![], "there is no log to read"),
        (
            vec!["--file", "a.log", "--type", "syslog"],
            "which Local API?|who are we there?",
        ),
        (
            vec!["--lapi", lapi, "--file", "a.log", "--type", "syslog"],
            "who are we there?",
        ),
        (
            vec![
                "--lapi", lapi, "--login", "m", "--file", "a.log", "--type", "syslog",
            ],
            "the password of \"m\" is missing",
        ),
        (
            vec!["--simulate", "vigie/ssh-fb"],
            "there is no scenario \"vigie/ssh-fb\"",
        ),
    ] {
        let said = home.refuse(&[vec!["sensor", "run"], arguments].concat());
        assert!(
            expected.split('|').any(|part| said.contains(part)),
            "{expected}: {said}"
        );
    }
    // One agent a directory.
    let fake = taking(|_| None);
    let agent = Agent::start(&home, &fake.url(), &[]);
    let url = fake.url();
    let second = home
        .command(&arguments(&home, &url))
        .env("VIGIE_LAPI_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert!(
        sentence(&second).starts_with("another agent runs on "),
        "{second:?}"
    );
    drop(agent);
    let peer: IpAddr = [127, 0, 0, 1].into();
    assert!(
        fake.answered("/v1/watchers/login", 200)
            .iter()
            .all(|login| login.from == Some(peer))
    );
}

/// Where programs from outside are unpacked.
fn peers() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/peers")
}
