//! The whole sensor: written lines in, events out, also when it is killed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use vigie_sensor::detect::Fence;
use vigie_sensor::line::Position;
use vigie_sensor::replay::Replay;
use vigie_sensor::rules::Ruleset;
use vigie_sensor::run::{From, Resume, SensorEvent, SourceConfig};
use vigie_wire::Timestamp;

use crate::killed::{self, effects};
use crate::skip::skip;
use crate::support::{self, BEGIN, Running, accepted, append, config, failed, ids, is_caught_up};

#[tokio::test(flavor = "multi_thread")]
async fn guessing_passwords_is_detected_on_the_event_after_capacity() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.log");
    append(&path, &accepted(200, "192.0.2.9"));
    let mut sensor = Running::start(config(&path));
    sensor.until(is_caught_up).await;
    for second in 0..6 {
        append(&path, &failed(100 - second, "198.51.100.7"));
    }
    let events = sensor
        .until(|event| matches!(event, SensorEvent::Detection(_)))
        .await;
    let Some(SensorEvent::Detection(found)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (found.scenario.as_str(), found.value.as_str()),
        ("vigie/ssh-bf", "198.51.100.7")
    );
    assert_eq!(
        (
            found.events_count,
            found.events.len(),
            found.live,
            found.remediation
        ),
        (6, 6, true, true)
    );
    assert_eq!(
        found.behaviour.and_then(vigie_wire::Behaviour::name),
        Some("ssh:bruteforce")
    );
    assert_eq!(
        found.message,
        "Ip 198.51.100.7 performed 'vigie/ssh-bf' (6 events over 5s) at 2026-05-31 23:58:25 +0000 UTC"
    );
    sensor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_order_and_checkpoints_after_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.log");
    let lines: String = (0..6)
        .map(|second| failed(3_000 - second, "198.51.100.7"))
        .collect();
    append(
        &path,
        &(accepted(4_000, "192.0.2.9") + &accepted(4_000, "192.0.2.9") + &lines + "nonsense\n"),
    );
    let config = config(&path);
    let stats = std::sync::Arc::clone(&config.stats);
    let mut sensor = Running::start(config);
    let mut events = sensor.until(is_caught_up).await;
    events.extend(sensor.end().await);
    let kinds: Vec<_> = events
        .iter()
        .map(|event| match event {
            SensorEvent::Detection(_) => "detection",
            SensorEvent::Authenticated { .. } => "authenticated",
            SensorEvent::Visitor { .. } => "visitor",
            SensorEvent::Checkpoint { .. } => "checkpoint",
            SensorEvent::CaughtUp { .. } => "caught up",
        })
        .collect();
    assert_eq!(kinds[..2], ["authenticated", "detection"]);
    assert!(kinds.contains(&"checkpoint"));
    // The slow bucket still lives: reading must begin with its first line.
    let last = events.iter().rev().find_map(|event| match event {
        SensorEvent::Checkpoint { resume, .. } => Some(resume.clone()),
        _ => None,
    });
    let Position::File { offset, .. } = last.unwrap().position else {
        panic!("a file has no cursor")
    };
    assert_eq!(offset, 2 * accepted(4_000, "192.0.2.9").len() as u64);
    let snapshot = stats.snapshot();
    let source = &snapshot.sources[path.to_str().unwrap()];
    assert_eq!(
        (source.lines, source.parsed, source.unparsed, source.detections),
        (9, 8, 1, 1)
    );
    assert!(snapshot.buckets > 0);
    assert!(serde_json::to_string(&snapshot).unwrap().contains("\"lines\":9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_whose_lines_are_gone_holds_nothing_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.log");
    let mut config = config(&path);
    let fence = Some(Fence {
        lines: 1_000,
        ..Fence::default()
    });
    let position = Position::File { file: 77, offset: 10 };
    config
        .resume
        .insert(path.to_str().unwrap().to_owned(), Resume { position, fence });
    append(
        &path,
        &(0..6)
            .map(|second| failed(100 - second, "198.51.100.7"))
            .collect::<String>(),
    );
    let mut sensor = Running::start(config);
    sensor
        .until(|event| matches!(event, SensorEvent::Detection(_)))
        .await;
    sensor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_consumer_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.log");
    let lines: String = (0..3_000)
        .map(|number| accepted(9_000 - number, &format!("10.0.{}.{}", number / 250, number % 250)))
        .collect();
    append(&path, &lines);
    let mut sensor = Running::start(config(&path));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut seen = 0;
    sensor
        .until(|event| {
            seen += usize::from(matches!(event, SensorEvent::Authenticated { .. }));
            is_caught_up(event)
        })
        .await;
    assert_eq!(seen, 3_000);
    sensor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_receiver_ends_the_sensor() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.log");
    append(&path, &accepted(1, "192.0.2.9"));
    let (tx, rx) = tokio::sync::mpsc::channel(1);
    drop(rx);
    let sensor = vigie_sensor::run::run(
        config(&path),
        Ruleset::builtin().unwrap(),
        support::clock(),
        tx,
        tokio_util::sync::CancellationToken::new(),
    );
    tokio::time::timeout(Duration::from_secs(30), sensor)
        .await
        .unwrap()
        .unwrap();
}

// === kill -9 ===

fn log_name(directory: &Path) -> String {
    directory.join("auth.log").to_str().unwrap().to_owned()
}

/// A log under attack by many, ten seconds of it in a millisecond or so, rotated now and then.
fn write_log(directory: &Path, milliseconds: u64) -> (usize, BTreeSet<String>) {
    let path = directory.join("auth.log");
    let mut accepted_from = BTreeSet::new();
    let mut random = 12_345_u64;
    let mut written = 0;
    for step in 0..milliseconds {
        let ago = 80_000 - i64::try_from(step).unwrap() * 5;
        let mut lines = String::new();
        for _ in 0..3 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            lines += &failed(ago, &format!("198.51.100.{}", (random >> 33) % 20));
        }
        let ip = format!("10.1.{}.{}", step / 250, step % 250);
        lines += &accepted(ago, &ip);
        accepted_from.insert(ip);
        written += 4;
        append(&path, &lines);
        if step % 600 == 599 {
            for number in (1..9).rev() {
                let name = |number: u32| directory.join(format!("auth.log.{number}"));
                if name(number).exists() {
                    fs::rename(name(number), name(number + 1)).unwrap();
                }
            }
            fs::rename(&path, directory.join("auth.log.1")).unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    (written, accepted_from)
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_dash_nine_loses_no_line_and_invents_no_detection() {
    const KILLS: u64 = 6;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().to_owned();
    let source = SourceConfig {
        kind: "syslog".to_owned(),
        from: From::File(root.join("auth.log")),
    };
    killed::prepare(&root, &[source]);
    let start = || killed::start(&root);
    // The first file is known before it is rotated away, however busy the machine is.
    append(&root.join("auth.log"), &accepted(81_000, "10.9.9.9"));
    let mut first = Some(start());
    while effects(&root).checkpoints == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let writer = std::thread::spawn({
        let root = root.clone();
        move || write_log(&root, 2_500)
    });
    for round in 0..KILLS {
        let mut child = first.take().unwrap_or_else(start);
        tokio::time::sleep(Duration::from_millis(400 + round * 277 % 700)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        // Rotations happen while nobody reads, too.
        tokio::time::sleep(Duration::from_millis(round * 53 % 200)).await;
    }
    let (written, mut accepted_from) = writer.join().unwrap();
    let written = written + 1;
    accepted_from.insert("10.9.9.9".to_owned());
    let mut last = start();
    let mut waited = 0;
    while effects(&root).authenticated.len() < accepted_from.len() && waited < 300 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        waited += 1;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    last.kill().unwrap();
    last.wait().unwrap();

    let seen = effects(&root);
    let first = seen.first.get(&log_name(&root));
    let Some(Position::File { file, .. }) = first.map(|resume| resume.position.clone()) else {
        panic!("no checkpoint")
    };
    let mut config = config(&root.join("auth.log"));
    config
        .resume
        .insert(log_name(&root), Position::File { file, offset: 0 }.into());
    let stats = std::sync::Arc::clone(&config.stats);
    let mut sensor = Running::start(config);
    let mut events = sensor.until(is_caught_up).await;
    events.extend(sensor.end().await);
    let whole: BTreeSet<_> = ids(&events).into_iter().collect();
    println!(
        "{written} lines, {} detections, {} checkpoints, {KILLS} kills",
        whole.len(),
        seen.checkpoints
    );
    assert_eq!(usize::try_from(stats.snapshot().lines()).unwrap(), written);
    assert_eq!(seen.authenticated, accepted_from);
    assert!(whole.len() > 50, "the attack is detected at all");
    assert_eq!(seen.detections, whole);
}

// === replay ===

#[test]
fn replay_is_not_live_and_reads_archives() {
    let directory = tempfile::tempdir().unwrap();
    let rules = Ruleset::builtin().unwrap();
    let lines: String = (0..20)
        .map(|second| failed(100 - second, "198.51.100.7"))
        .collect();
    let plain = directory.path().join("auth.log");
    fs::write(&plain, &lines).unwrap();
    let archive = directory.path().join("auth.log.1.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(File::create(&archive).unwrap(), flate2::Compression::default());
    encoder.write_all(lines.as_bytes()).unwrap();
    encoder.finish().unwrap();
    let run = |path: &Path| {
        let mut found = Vec::new();
        let history = Replay::new(path, "syslog", Timestamp::from_secs(BEGIN));
        let outcome = history.run(
            &rules,
            |_| {},
            |one| found.push(SensorEvent::Detection(Box::new(one))),
        );
        assert_eq!(outcome.unwrap().lines, 20);
        assert!(
            found
                .iter()
                .all(|event| !matches!(event, SensorEvent::Detection(one) if one.live))
        );
        ids(&found)
    };
    let found = run(&plain);
    assert!(!found.is_empty());
    assert_eq!(run(&archive), found);
    let nowhere = Replay::new(Path::new("/nowhere"), "syslog", Timestamp::ZERO);
    let error = nowhere.run(&rules, |_| {}, |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /nowhere");
}

#[test]
fn real_logs_are_read_and_attackers_found() {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/logs");
    if !logs.is_dir() {
        skip(
            "run::real_logs_are_read_and_attackers_found",
            &format!("{} is not there", logs.display()),
        );
        return;
    }
    let rules = Ruleset::builtin().unwrap();
    for (name, kind) in [
        ("loghub_openssh_2k.log", "syslog"),
        ("elastic_auth.log", "syslog"),
        ("gtk_auth.log", "syslog"),
        ("ocatak_acunetix.log", "apache2"),
    ] {
        let history = Replay::new(&logs.join(name), kind, Timestamp::from_secs(BEGIN));
        let seen = history.run(&rules, |_| {}, |_| {}).unwrap();
        println!(
            "{name}: {} lines, {} parsed, {} detections",
            seen.lines, seen.parsed, seen.detections
        );
        assert!(seen.detections > 0 && seen.parsed > seen.lines / 10, "{name}");
    }
}
