//! The sensor's tools for people, on logs and rules without a node.

use serde_json::Value;

use crate::support::Home;

const LINE: &str = "Nov 22 05:40:01 host sshd[42]: Failed password for root from 192.88.99.7 port 4022 ssh2";

/// A history: one attacker, one user, and what nobody has a rule for.
fn history(home: &Home) -> String {
    let mut text = String::new();
    for second in 10..20 {
        text.push_str(&LINE.replace("05:40:01", &format!("05:40:{second}")));
        text.push_str(&format!(
            "\nNov 22 05:40:{second} host door[7]: knock {second} at \"gate\"\n"
        ));
    }
    text.push_str("Nov 22 05:40:20 host window[8]: opened\n");
    let path = home.beside("history.log");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_line_is_explained_by_stage_rule_and_bucket() {
    let home = Home::quiet();
    let said = home.say(&["sensor", "explain", "--type", "syslog", LINE]);
    for part in [
        "s01-parse",
        "Meta.source_ip = 192.88.99.7",
        "vigie/ssh-bf  for 192.88.99.7: holds 5",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let told = home.json(&["sensor", "explain", "--type", "syslog", "no such \u{1b}[31m line"]);
    assert!(told["outcome"]["unparsed"]["stage"].is_string(), "{told}");
    let said = home.say(&[
        "sensor",
        "explain",
        "--type",
        "syslog",
        "--all",
        "no such \u{1b}[31m line",
    ]);
    assert!(
        said.contains("it ends there") && !said.contains('\u{1b}'),
        "{said:?}"
    );
}

#[test]
fn a_history_is_replayed_and_what_no_rule_takes_is_grouped() {
    let home = Home::quiet();
    let file = history(&home);
    let lines = home.say(&["sensor", "replay", &file, "--type", "syslog", "--json"]);
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["lines"], &last["sources"]),
        (&21.into(), &1.into()),
        "{last}"
    );
    assert!(last["detections"].as_u64().unwrap() >= 1, "{last}");
    for key in ["parsed", "unparsed", "wall_s", "cpu_s", "peak_mib"] {
        assert!(last[key].is_number(), "{key}: {last}");
    }
    let rows = home.rows(&["sensor", "unparsed", &file, "--type", "syslog"]);
    let shapes: Vec<_> = rows
        .iter()
        .map(|row| (row["lines"].as_u64().unwrap(), row["shape"].as_str().unwrap()))
        .collect();
    assert_eq!(
        shapes,
        [
            (10, "Nov <n> <n> host door[<n>]: knock <n> at \"<s>\""),
            (1, "Nov <n> <n> host window[<n>]: opened"),
        ]
    );
    let missing = home.refuse(&["sensor", "replay", "/nowhere/x.log", "--type", "syslog"]);
    assert!(missing.contains("/nowhere/x.log"), "{missing}");
}
