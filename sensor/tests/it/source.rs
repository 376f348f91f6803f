//! Sources from outside: patterns, the journal through a journalctl of our own, what a machine has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vigie_sensor::line::Position;
use vigie_sensor::run::{From, Resume, SensorConfig, SensorEvent, SourceConfig, Start};
use vigie_sensor::stats::GONE;

use crate::support::{Running, accepted, append, config, is_caught_up};

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_finds_files_that_appear_later() {
    let directory = tempfile::tempdir().unwrap();
    append(&directory.path().join("a-auth.log"), &accepted(9, "192.0.2.1"));
    append(&directory.path().join("a-auth.log.1"), &accepted(9, "192.0.2.99"));
    let mut sensor = Running::start(config(&directory.path().join("*auth.log*")));
    sensor.until(is_caught_up).await;
    append(&directory.path().join("b-auth.log"), &accepted(8, "192.0.2.2"));
    let events = sensor.until(is_caught_up).await;
    let named = |wanted: &str| {
        let wanted: std::net::IpAddr = wanted.parse().unwrap();
        events
            .iter()
            .any(|event| matches!(event, SensorEvent::Authenticated { ip, .. } if *ip == wanted))
    };
    assert!(named("192.0.2.2") && !named("192.0.2.99"), "{events:?}");
    sensor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_two_sources_name_is_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.log");
    append(&path, &accepted(9, "192.0.2.1"));
    let mut config = config(&directory.path().join("*.log"));
    let stats = Arc::clone(&config.stats);
    config.sources.push(SourceConfig {
        kind: "syslog".to_owned(),
        from: From::File(path.clone()),
    });
    let mut sensor = Running::start(config);
    sensor.until(is_caught_up).await;
    // Long enough for several searches of either.
    tokio::time::sleep(Duration::from_millis(300)).await;
    append(&path, &accepted(8, "192.0.2.2"));
    sensor
        .until(
            |event| matches!(event, SensorEvent::Authenticated { ip, .. } if ip.to_string() == "192.0.2.2"),
        )
        .await;
    sensor.end().await;
    assert_eq!(stats.snapshot().lines(), 2);
}

/// Where descriptors of this process lead that lead there.
fn open_under(directory: &Path) -> usize {
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.starts_with(directory))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_folder_is_gone_is_read_to_its_end_and_left() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("one");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("a.log");
    append(&path, &accepted(9, "192.0.2.1"));
    let config = config(&directory.path().join("*/*.log"));
    let stats = Arc::clone(&config.stats);
    let mut sensor = Running::start(config);
    sensor.until(is_caught_up).await;
    // Its last line has no end.
    append(
        &path,
        &format!(
            "{}{}",
            accepted(8, "192.0.2.2"),
            accepted(7, "192.0.2.3").trim_end()
        ),
    );
    let kept = std::fs::read(&path).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    sensor
        .until(
            |event| matches!(event, SensorEvent::Authenticated { ip, .. } if ip.to_string() == "192.0.2.3"),
        )
        .await;
    let begun = Instant::now();
    while open_under(directory.path()) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(stats.snapshot().lines(), 3);
    // Should it come back, it goes on where it was left: with the line that had no end.
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(&path, kept).unwrap();
    append(&path, &format!("\n{}", accepted(6, "192.0.2.4")));
    sensor
        .until(
            |event| matches!(event, SensorEvent::Authenticated { ip, .. } if ip.to_string() == "192.0.2.4"),
        )
        .await;
    sensor.end().await;
    assert_eq!(stats.snapshot().lines(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_end_nothing_old_is_read_and_the_position_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.log");
    append(&path, &accepted(9, "192.0.2.1"));
    let mut sensor = Running::start(SensorConfig {
        start: Start::End,
        ..config(&path)
    });
    let events = sensor
        .until(|event| matches!(event, SensorEvent::Checkpoint { .. }))
        .await;
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, SensorEvent::Authenticated { .. })),
        "{events:?}"
    );
    append(&path, &accepted(8, "192.0.2.2"));
    sensor
        .until(|event| matches!(event, SensorEvent::Authenticated { .. }))
        .await;
    sensor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_after_the_ends_were_taken_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let log = |name: &str| directory.path().join(name);
    append(&log("a.log"), &accepted(9, "192.0.2.1"));
    append(&log("b.log"), "");
    append(&log("c.log"), "2026-05-31T23:5");
    let mut config = SensorConfig {
        start: Start::End,
        ..config(&directory.path().join("*.log"))
    };
    config.take_ends(vigie_wire::Timestamp::from_secs(crate::support::BEGIN));
    // Before the sensor runs, but after it was said what it reads.
    for (name, ip) in [
        ("a.log", "192.0.2.2"),
        ("b.log", "192.0.2.3"),
        ("c.log", "192.0.2.4"),
        ("d.log", "192.0.2.5"),
    ] {
        let line = accepted(8, ip);
        let begun = if name == "c.log" {
            "2026-05-31T23:5".len()
        } else {
            0
        };
        append(&log(name), &line[begun..]);
    }
    let mut sensor = Running::start(config);
    let mut seen = std::collections::BTreeSet::new();
    sensor
        .until(|event| {
            if let SensorEvent::Authenticated { ip, .. } = event {
                seen.insert(ip.to_string());
            }
            seen.len() == 4
        })
        .await;
    assert!(!seen.contains("192.0.2.1"), "{seen:?}");
    sensor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pieces_of_docker_are_put_together_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c0ffee-json.log");
    let piece = |log: &str, second: u32| {
        let time = format!("2026-05-31T23:59:{second:02}.000000001Z");
        format!(
            "{}\n",
            serde_json::json!({"log": log, "stream": "stderr", "time": time})
        )
    };
    let sources = vec![SourceConfig {
        kind: "syslog".to_owned(),
        from: From::Docker(path.clone()),
    }];
    let line = accepted(9, "192.0.2.7");
    let (first, second) = line.split_at(40);
    append(&path, &(piece(&accepted(9, "192.0.2.6"), 1) + &piece(first, 2)));
    let begin = SensorConfig {
        sources,
        ..config(&path)
    };
    let mut sensor = Running::start(begin.clone());
    let mut events = sensor.until(is_caught_up).await;
    events.extend(sensor.end().await);
    let resume = events.iter().rev().find_map(|event| match event {
        SensorEvent::Checkpoint { source, resume } => Some((source.clone(), resume.clone())),
        _ => None,
    });
    append(&path, &piece(second, 3));
    let mut again = begin;
    again.stats = std::sync::Arc::default();
    again.resume.extend(resume);
    let stats = std::sync::Arc::clone(&again.stats);
    let mut sensor = Running::start(again);
    let events = sensor
        .until(|event| matches!(event, SensorEvent::Authenticated { .. }))
        .await;
    let wanted: std::net::IpAddr = "192.0.2.7".parse().unwrap();
    assert!(
        matches!(events.last(), Some(SensorEvent::Authenticated { ip, .. }) if *ip == wanted),
        "{events:?}"
    );
    assert_eq!(stats.snapshot().lines(), 1);
    sensor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_after_a_rotation_is_the_end_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.log");
    append(&path, &accepted(9, "192.0.2.1"));
    let mut sensor = Running::start(config(&path));
    let mut events = sensor
        .until(|event| matches!(event, SensorEvent::Checkpoint { .. }))
        .await;
    events.extend(sensor.end().await);
    let resume = events.iter().rev().find_map(|event| match event {
        SensorEvent::Checkpoint { source, resume } => Some((source.clone(), resume.clone())),
        _ => None,
    });
    fs::rename(&path, directory.path().join("auth.log.1")).unwrap();
    append(&path, "");
    let mut config = config(&path);
    config.resume.extend(resume);
    let mut sensor = Running::start(config);
    let events = sensor.until(is_caught_up).await;
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, SensorEvent::Authenticated { .. })),
        "{events:?}"
    );
    append(&path, &accepted(8, "192.0.2.2"));
    sensor
        .until(|event| matches!(event, SensorEvent::Authenticated { .. }))
        .await;
    sensor.end().await;
}

/// A journalctl that notes its arguments, prints an entry after each cursor it is asked for, and dies.
const JOURNALCTL: &str = r#"#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
case "$*" in
    *cursor=unknown*) exit 1 ;;
    *--after-cursor=c2*) exec sleep 60 ;;
    *cursor=c1*) n=2 ;;
    *) n=1 ;;
esac
echo '{"__CURSOR":"c'$n'","__REALTIME_TIMESTAMP":"1780271000000000","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"sshd","_PID":"7","_UID":"0","MESSAGE":"Accepted password for bob from 192.0.2.'$n' port 1 ssh2"}'
"#;

fn journal(directory: &Path) -> SensorConfig {
    let program = directory.join("journalctl");
    fs::write(&program, JOURNALCTL).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let from = From::Journald {
        matches: vec!["SYSLOG_IDENTIFIER=sshd".to_owned()],
        accounts: Vec::new(),
    };
    SensorConfig {
        sources: vec![SourceConfig {
            kind: "syslog".to_owned(),
            from,
        }],
        start: Start::Beginning,
        journalctl: program,
        ..SensorConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journalctl_that_dies_is_started_again_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let mut sensor = Running::start(journal(directory.path()));
    let mut from = Vec::new();
    let mut events = sensor
        .until(|event| {
            if let SensorEvent::Authenticated { ip, .. } = event {
                from.push(ip.to_string());
            }
            from.len() == 2
        })
        .await;
    events.extend(sensor.end().await);
    assert_eq!(from, ["192.0.2.1", "192.0.2.2"]);
    let calls = fs::read_to_string(directory.path().join("calls")).unwrap();
    let calls: Vec<_> = calls.lines().collect();
    assert!(
        calls[0].ends_with("--no-tail SYSLOG_IDENTIFIER=sshd"),
        "{calls:?}"
    );
    assert!(calls[1].contains("--after-cursor=c1"), "{calls:?}");
    let last = events.iter().rev().find_map(|event| match event {
        SensorEvent::Checkpoint { source, resume } => Some((source.clone(), resume.clone())),
        _ => None,
    });
    let (source, resume) = last.unwrap();
    assert_eq!(
        (source.as_str(), &resume.position),
        ("journald SYSLOG_IDENTIFIER=sshd", &Position::Cursor("c2".into()))
    );
    // The last line is read again and left out.
    assert_eq!(resume.fence.unwrap().lines, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_is_taken_up_with_the_line_of_its_position() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = journal(directory.path());
    let name = config.sources[0].from.name();
    config.resume.insert(
        name,
        Resume {
            position: Position::Cursor("c1".into()),
            fence: None,
        },
    );
    let mut sensor = Running::start(config);
    sensor
        .until(|event| matches!(event, SensorEvent::Authenticated { .. }))
        .await;
    sensor.end().await;
    let calls = fs::read_to_string(directory.path().join("calls")).unwrap();
    assert!(calls.lines().next().unwrap().contains(" --cursor=c1"), "{calls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_the_journal_does_not_know_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = journal(directory.path());
    let name: std::sync::Arc<str> = config.sources[0].from.name().into();
    let stats = config.stats.source(&name);
    config
        .resume
        .insert(name.to_string(), Position::Cursor("unknown".into()).into());
    let mut sensor = Running::start(config);
    sensor
        .until(|event| matches!(event, SensorEvent::Authenticated { .. }))
        .await;
    sensor.end().await;
    assert_eq!(stats.gaps.get(), 1);
}

/// `logger -t sshd` of an ordinary account: the journal says who wrote it, and nobody is taken for a visitor or attacker.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_cannot_write_in_the_name_of_sshd() {
    let directory = tempfile::tempdir().unwrap();
    let config = journal(directory.path());
    let script = JOURNALCTL.replace(r#""_UID":"0""#, r#""_UID":"1000""#);
    fs::write(&config.journalctl, script).unwrap();
    let name: std::sync::Arc<str> = config.sources[0].from.name().into();
    let stats = config.stats.source(&name);
    let sensor = Running::start(config);
    while stats.refused.get() < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let events = sensor.end().await;
    assert_eq!((stats.lines.get(), events), (0, Vec::new()));
}

/// Containers come and go: the counters of a log that is gone go to those of all that are, once none of its buckets lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_gone_leaves_no_entry_behind() {
    let directory = tempfile::tempdir().unwrap();
    let place = |number: usize| directory.path().join(format!("c{number}/auth.log"));
    let mut config = config(&directory.path().join("*/auth.log"));
    config.pace.settle = std::time::Duration::from_millis(5);
    let stats = std::sync::Arc::clone(&config.stats);
    let mut sensor = Running::start(config);
    for number in 0..3 {
        fs::create_dir(place(number).parent().unwrap()).unwrap();
        append(&place(number), &accepted(9, &format!("192.0.2.{number}")));
        sensor
            .until(|event| matches!(event, SensorEvent::Authenticated { .. }))
            .await;
        fs::remove_dir_all(place(number).parent().unwrap()).unwrap();
    }
    let begun = std::time::Instant::now();
    let gone = loop {
        let snapshot = stats.snapshot();
        let gone = snapshot.sources.get(GONE).cloned().unwrap_or_default();
        if gone.lines == 3 {
            assert_eq!(snapshot.lines(), 3);
            break (snapshot.sources.len(), gone.parsed);
        }
        assert!(begun.elapsed().as_secs() < 60, "{snapshot:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(gone, (1, 3));
    sensor.end().await;
}
