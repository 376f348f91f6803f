//! Servers that no honest program would be, and what a user may get wrong.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use super::fake::{Answer, Fake};
use super::{Agent, PASSWORD, arguments, attack, attacker, home};
use crate::full_disk::fill;
use crate::skip::skip;
use crate::support::{eventually, sentence, until};

#[test]
fn a_kill_while_it_is_told_costs_nothing() {
    let target = Arc::new(Mutex::new(None::<Pid>));
    let aim = Arc::clone(&target);
    // Whoever tells alerts is killed before it hears the answer.
    let fake = Fake::taking(move |_| {
        let aimed = aim.lock().unwrap().take()?;
        rustix::process::kill_process(aimed, Signal::KILL).unwrap();
        None
    });
    let home = home();
    for round in 0..4 {
        let mut agent = Agent::start(&home, &fake.url(), &[]);
        let told = fake.named().len();
        *target.lock().unwrap() = Some(Pid::from_child(&agent.child));
        attack(&home, &attacker(round));
        // From the second on, what the last one did not hear of is what kills.
        until("it is killed", || agent.child.try_wait().unwrap().is_some());
        assert!(fake.named().len() > told);
    }
    let agent = Agent::start(&home, &fake.url(), &[]);
    attack(&home, &attacker(4));
    let all: BTreeSet<String> = (0..5).map(attacker).collect();
    until("all are told", || {
        fake.named().into_iter().collect::<BTreeSet<_>>() == all
    });
    let status = agent.end(&home);
    assert_eq!((&status["waiting"], &status["dropped"]), (&json!(0), &json!(0)));
    // One alert was on its way at each kill, and the last agent told all that was left once.
    let mut told: Vec<String> = fake.named();
    told.sort();
    let of = |who: usize| told.iter().filter(|told| **told == attacker(who)).count();
    assert!((0..4).all(|who| of(who) <= 5) && of(4) == 1, "{told:?}");
    // Nothing of it is left to be told again.
    let before = fake.named().len();
    let agent = Agent::start(&home, &fake.url(), &[]);
    agent.end(&home);
    assert_eq!(fake.named().len(), before);
}

#[test]
fn a_server_that_says_nothing_keeps_nobody() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let home = home();
    let begun = Instant::now();
    // It reads its logs although the login hangs, and ends although that hangs too.
    let agent = Agent::start(&home, &url, &[]);
    attack(&home, &attacker(7));
    until("it detects", || home.told().contains("detection.id"));
    let status = agent.end(&home);
    assert_eq!(
        (&status["lapi"], &status["waiting"]),
        (&json!("down"), &json!(1)),
        "{status}"
    );
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    let fake = Fake::taking(|_| None);
    let agent = Agent::start(&home, &fake.url(), &[]);
    until("it is told later", || fake.named() == [attacker(7)]);
    agent.end(&home);
}

/// Whether the first has happened; `None` while neither has.
fn watching_or(
    mut first: impl FnMut() -> bool,
    mut other: impl FnMut() -> bool,
) -> impl FnMut() -> Option<bool> {
    move || match first() {
        true => Some(true),
        false => other().then_some(false),
    }
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
    until("the alert is taken", || fake.named() == [attacker(7)]);
    let status = agent.end(&home);
    assert_eq!(status["sent"], 1, "{status}");
    assert!(!fake.answered("/v1/heartbeat", 200).is_empty());
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
    let fake = Fake::taking(|body| {
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
    let taken = || fake.named().into_iter().collect::<BTreeSet<_>>();
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
    assert_eq!(fake.named().len(), 4);
}

#[test]
fn alerts_that_something_on_the_way_forbids_do_not_keep_the_others() {
    let fake = Fake::taking(|body| {
        // Two in a row, as an attack makes them.
        let forbidden = ["192.88.99.7\"", "192.88.99.8\""]
            .iter()
            .any(|who| body.contains(who));
        forbidden.then(|| Answer::new(403, "<html>request blocked</html>"))
    });
    let home = home();
    let agent = Agent::start(&home, &fake.url(), &[]);
    for number in 7..=9 {
        attack(&home, &attacker(number));
    }
    until("both are given up", || {
        home.told().matches("it is given up").count() == 2
    });
    until("the other is taken", || fake.named().contains(&attacker(9)));
    let status = agent.end(&home);
    assert_eq!(
        (&status["refused"], &status["waiting"], &status["lapi"]),
        (&json!(2), &json!(0), &json!("up")),
        "{status}"
    );
}

#[test]
fn an_alert_is_not_given_up_for_a_failure_that_says_nothing_of_it() {
    // The server goes away just after it took the second: whatever it said before of the first, that is no refusal.
    let seen = Mutex::new((false, false));
    let fake = Fake::taking(move |body| {
        let (first, second) = (body.contains("192.88.99.7\""), body.contains("192.88.99.8\""));
        let (taken, was_away) = &mut *seen.lock().unwrap();
        match (first, second) {
            (true, _) if !*taken => Some(Answer::new(500, "{\"message\":\"database is locked\"}")),
            (true, _) if !std::mem::replace(was_away, true) => Some(Answer::new(503, "")),
            (false, true) => {
                *taken = true;
                None
            }
            _ => None,
        }
    });
    let home = home();
    let agent = Agent::start(&home, &fake.url(), &[]);
    attack(&home, &attacker(7));
    attack(&home, &attacker(8));
    until("both are taken", || {
        let named = fake.named();
        named.contains(&attacker(7)) && named.last() == Some(&attacker(8)) && named.len() >= 2
    });
    let status = agent.end(&home);
    assert_eq!(
        (&status["refused"], &status["waiting"]),
        (&json!(0), &json!(0)),
        "{status}"
    );
    assert_eq!(fake.answered("/v1/alerts", 503).len(), 1);
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
        (Answer::new(404, ""), "has no login for agents (HTTP 404)"),
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
fn a_full_disk_keeps_no_alert_back() {
    let fake = Fake::taking(|_| None);
    let home = home();
    let state = home.beside("state");
    std::fs::create_dir(&state).unwrap();
    let script = "mount -t tmpfs -o size=1m,mode=700 none \"$1\" && shift && exec \"$@\"";
    let (url, place) = (fake.url(), state.display().to_string());
    let run = home.command(&[&arguments(&home, &url)[..], &["--state", &place]].concat());
    let confined = ["-m", "-rm"].into_iter().find_map(|unshare| {
        let mut command = Command::new("unshare");
        command.args([unshare, "sh", "-c", script, "sh", &place]);
        command.arg(run.get_program()).args(run.get_args());
        command.env("VIGIE_LAPI_PASSWORD", PASSWORD);
        command
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(home.beside("stderr")).unwrap());
        let mut agent = Agent {
            child: command.spawn().ok()?,
        };
        let gone = || agent.child.try_wait().unwrap().is_some();
        let watches = || home.told().contains("read to its end");
        eventually("it watches or is gone", watching_or(watches, gone)).then_some(agent)
    });
    let Some(agent) = confined else {
        return skip(
            "a_full_disk_keeps_no_alert_back",
            "no mount namespace can be made here",
        );
    };
    // The disk as this process sees it.
    let disk = PathBuf::from(format!("/proc/{}/root{place}", agent.child.id()));
    let positions = || std::fs::read_to_string(disk.join("positions.json")).unwrap();
    attack(&home, &attacker(7));
    until("the alert is taken", || fake.named() == [attacker(7)]);
    let filler = disk.join("filler");
    fill(&filler);
    let before = positions();
    attack(&home, &attacker(8));
    until("the next is taken all the same", || {
        fake.named().contains(&attacker(8))
    });
    assert!(
        home.told().contains("cannot be written to disk"),
        "{}",
        home.told()
    );
    std::fs::remove_file(&filler).unwrap();
    until("positions follow", || positions() != before);
    attack(&home, &attacker(9));
    until("the last is taken", || fake.named().contains(&attacker(9)));
    assert_eq!(fake.named().len(), 3, "each once");
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
    let agent = Agent::watching(&home, &run);
    assert!(home.told().contains("run chmod 600"), "{}", home.told());
    attack(&home, &attacker(7));
    until("the alert is taken", || fake.named() == [attacker(7)]);
    agent.end(&home);
    let login: Value = serde_json::from_str(&fake.answered("/v1/watchers/login", 200)[0].body).unwrap();
    assert_eq!(
        (&login["machine_id"], &login["password"]),
        (&json!("web-9"), &json!("p: w"))
    );
}

#[test]
fn a_token_of_registration_is_shown_and_a_log_may_be_read_from_its_start() {
    let fake = Fake::new(|request| match request.path.as_str() {
        "/v1/watchers" => Answer::new(202, ""),
        "/v1/watchers/login" => Answer::login(3_600),
        "/v1/heartbeat" => Answer::new(200, ""),
        _ => Answer::new(201, "[\"1\"]"),
    });
    let home = home();
    let (token, file) = (home.beside("token"), home.beside("credentials.yaml"));
    std::fs::write(&token, "let me in\n").unwrap();
    let (token, file) = (token.display().to_string(), file.display().to_string());
    let url = fake.url();
    let register = ["sensor", "register", "--lapi", &url, "--machine", "web-2"];
    let said = home.say(&[&register[..], &["--token-file", &token, "--credentials", &file]].concat());
    assert!(said.contains("It is accepted already."), "{said}");
    let asked: Value = serde_json::from_str(&fake.answered("/v1/watchers", 202)[0].body).unwrap();
    assert_eq!(
        (&asked["machine_id"], &asked["registration_token"]),
        (&json!("web-2"), &json!("let me in"))
    );
    let password = asked["password"].as_str().unwrap();
    assert!(password.len() >= 40 && !said.contains(password), "{said}");

    attack(&home, &attacker(7));
    let log = home.log().display().to_string();
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
    let agent = Agent::watching(&home, &[&run[..], &["--from-start"]].concat());
    until("the past is told", || fake.named() == [attacker(7)]);
    agent.end(&home);
    let login: Value = serde_json::from_str(&fake.answered("/v1/watchers/login", 200)[0].body).unwrap();
    assert_eq!(
        (&login["machine_id"], &login["password"]),
        (&json!("web-2"), &json!(password))
    );
    // Only what was never read: the second time it is taken up where it was left.
    let agent = Agent::watching(&home, &[&run[..], &["--from-start"]].concat());
    let status = agent.end(&home);
    assert_eq!(
        (&status["detections"], fake.named().len()),
        (&json!(0), 1),
        "{status}"
    );
}

#[test]
fn a_password_is_kept_unless_its_machine_was_refused() {
    for (status, kept) in [(403, false), (307, false), (500, true), (504, true)] {
        let fake = Fake::new(move |_| Answer::new(status, ""));
        let home = home();
        let (url, file) = (fake.url(), home.beside("credentials.yaml"));
        let said = home.refuse(&[
            "sensor",
            "register",
            "--lapi",
            &url,
            "--machine",
            "web-2",
            "--credentials",
            &file.display().to_string(),
        ]);
        assert_eq!(
            (file.exists(), said.contains("is kept")),
            (kept, kept),
            "{status}: {said}"
        );
    }
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
    let fake = Fake::taking(|_| None);
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
