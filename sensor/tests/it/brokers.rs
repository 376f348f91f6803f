//! NATS and Kafka, killed at any moment: a real nats-server, and the cluster that librdkafka plays inside kcat, which
//! speaks Kafka's protocol from its own side of it. A real Kafka is a Java program of 100 MiB that Debian has not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vigie_sensor::line::Position;
use vigie_sensor::replay::Replay;
use vigie_sensor::rules::Ruleset;
use vigie_sensor::run::SensorEvent;
use vigie_wire::Timestamp;

use crate::killed;
use crate::skip::skip;
use crate::support::{BEGIN, Running, accepted, failed, ids};

const KILLS: u64 = 5;
const MESSAGES: usize = 1_500;

/// Ends with the test, whatever happens.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A program on PATH or unpacked under `target/peers`; its absence is a skip.
fn program(name: &str, test: &str) -> Option<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/peers/bin/{name}"));
    let found = [PathBuf::from(name), unpacked].into_iter().find(|path| {
        let version = Command::new(path).arg("-h").stdin(Stdio::null()).output();
        version.is_ok_and(|output| !output.stdout.is_empty() || !output.stderr.is_empty())
    });
    if found.is_none() {
        skip(
            test,
            &format!("{name} is neither on PATH nor unpacked under target/peers"),
        );
    }
    found
}

/// Four lines of one message: three failures of one of twenty, and a login of somebody new.
fn message(step: usize) -> (u8, String, String) {
    let number = i64::try_from(step).unwrap();
    let ago = 80_000 - number * 5;
    let attacker = u8::try_from((number * 7 + number / 20) % 20).unwrap();
    let ip = format!("10.1.{}.{}", step / 250, step % 250);
    let lines = failed(ago, &format!("198.51.100.{attacker}")).repeat(3) + &accepted(ago, &ip);
    (attacker, lines, ip)
}

fn logins() -> BTreeSet<String> {
    (0..MESSAGES).map(|step| message(step).2).collect()
}

/// Kills the sensor again and again, then waits until it has seen every login.
async fn kill_it_again_and_again(root: &Path) {
    for round in 0..KILLS {
        let mut child = killed::start(root);
        tokio::time::sleep(Duration::from_millis(900 + round * 277 % 700)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut last = killed::start(root);
    let begun = Instant::now();
    while killed::effects(root).authenticated.len() < MESSAGES && begun.elapsed() < Duration::from_mins(2) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    last.kill().unwrap();
    last.wait().unwrap();
}

/// How many detections there are in a file with all lines in their order.
fn expected(root: &Path) -> usize {
    let path = root.join("plain.log");
    let lines: String = (0..MESSAGES).map(|step| message(step).1).collect();
    std::fs::write(&path, lines).unwrap();
    let (rules, now) = (Ruleset::builtin().unwrap(), Timestamp::from_secs(BEGIN));
    let mut found = 0;
    let history = Replay::new(&path, "syslog", now);
    history.run(&rules, |_| {}, |_| found += 1).unwrap();
    assert!(found > 50, "the attack is detected at all");
    found
}

/// What an unkilled sensor finds from position 0 of each source on, until it has read so many lines.
async fn whole(root: &Path, sources: &[String]) -> (u64, BTreeSet<String>) {
    let mut config = killed::sensor_of(root);
    for source in sources {
        config
            .resume
            .insert(source.clone(), Position::Cursor("0".to_owned()).into());
    }
    let stats = Arc::clone(&config.stats);
    let mut sensor = Running::start(config);
    let mut logins = BTreeSet::new();
    let mut events = sensor
        .until(|event| {
            if let SensorEvent::Authenticated { ip, .. } = event {
                logins.insert(*ip);
            }
            logins.len() == MESSAGES
        })
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    events.extend(sensor.end().await);
    (stats.snapshot().lines(), ids(&events).into_iter().collect())
}

#[cfg(feature = "nats")]
#[tokio::test(flavor = "multi_thread")]
async fn nats_loses_and_doubles_nothing_when_the_sensor_and_the_server_are_killed() {
    use async_nats::HeaderMap;
    use async_nats::jetstream::{self, stream};
    use vigie_sensor::run::{From, SourceConfig};
    use vigie_sensor::source::Nats;

    let test = "brokers::nats_loses_and_doubles_nothing_when_the_sensor_and_the_server_are_killed";
    let Some(program) = program("nats-server", test) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let port = {
        let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        probe.local_addr().unwrap().port().to_string()
    };
    let serve = || {
        let server = Command::new(&program)
            .args(["-js", "-a", "127.0.0.1", "-p", &port, "-sd"])
            .arg(root.join("nats"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Server(server.unwrap())
    };
    let mut server = serve();
    let address = format!("nats://127.0.0.1:{port}");
    let source = SourceConfig {
        kind: "syslog".to_owned(),
        from: From::Nats(Nats {
            servers: vec![address.clone()],
            stream: "LOGS".to_owned(),
            consumer: "vigie".to_owned(),
            subject: Some("logs.>".to_owned()),
            credentials: None,
            ca: None,
            field: None,
        }),
    };
    let name = source.from.name();
    killed::prepare(root, &[source]);
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    let client = options.connect(&address).await.unwrap();
    let jetstream = jetstream::new(client);
    let stream = stream::Config {
        name: "LOGS".to_owned(),
        subjects: vec!["logs.>".to_owned()],
        ..stream::Config::default()
    };
    let begun = Instant::now();
    while jetstream.get_or_create_stream(stream.clone()).await.is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "nats-server does not start"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let publish = async {
        for step in 0..MESSAGES {
            let (attacker, lines, _) = message(step);
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", step.to_string().as_str());
            if step == MESSAGES / 2 {
                server.0.kill().unwrap();
                server.0.wait().unwrap();
                server = serve();
            }
            loop {
                let sent = jetstream
                    .publish_with_headers(format!("logs.{attacker}"), headers.clone(), lines.clone().into())
                    .await;
                if let Ok(sent) = sent
                    && sent.await.is_ok()
                {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::join!(publish, kill_it_again_and_again(root));

    let seen = killed::effects(root);
    assert_eq!(seen.authenticated, logins());
    let consumer = jetstream.get_stream("LOGS").await.unwrap();
    let info = consumer.consumer_info("vigie").await.unwrap();
    assert_eq!(
        (info.num_pending, info.num_ack_pending),
        (0, 0),
        "all is acknowledged"
    );
    let (lines, detections) = whole(root, &[name]).await;
    println!(
        "{lines} lines, {} detections, {} checkpoints, {KILLS} kills",
        detections.len(),
        seen.checkpoints
    );
    assert_eq!(lines, 4 * MESSAGES as u64);
    assert_eq!(detections.len(), expected(root), "the order is kept, too");
    assert_eq!(seen.detections, detections);
}

/// A stream that is deleted and made again counts from 1: its messages are others than those that bore the same numbers.
#[cfg(feature = "nats")]
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_made_again_is_read_from_its_beginning() {
    use async_nats::jetstream::{self, stream};
    use vigie_sensor::run::{From, SensorConfig, SourceConfig, Start};
    use vigie_sensor::source::Nats;

    let test = "brokers::a_stream_that_is_made_again_is_read_from_its_beginning";
    let Some(program) = program("nats-server", test) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let port = {
        let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        probe.local_addr().unwrap().port().to_string()
    };
    let server = Command::new(&program)
        .args(["-js", "-a", "127.0.0.1", "-p", &port, "-sd"])
        .arg(directory.path().join("nats"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _server = Server(server.unwrap());
    let address = format!("nats://127.0.0.1:{port}");
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    let jetstream = jetstream::new(options.connect(&address).await.unwrap());
    let stream = stream::Config {
        name: "LOGS".to_owned(),
        subjects: vec!["logs.>".to_owned()],
        ..stream::Config::default()
    };
    let begun = Instant::now();
    while jetstream.get_or_create_stream(stream.clone()).await.is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "nats-server does not start"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let config = SensorConfig {
        sources: vec![SourceConfig {
            kind: "syslog".to_owned(),
            from: From::Nats(Nats {
                servers: vec![address],
                stream: "LOGS".to_owned(),
                consumer: "vigie".to_owned(),
                subject: None,
                credentials: None,
                ca: None,
                field: None,
            }),
        }],
        start: Start::End,
        spool: directory.path().join("spool"),
        ..SensorConfig::default()
    };
    let stats = Arc::clone(&config.stats);
    let mut sensor = Running::start(config);
    while jetstream
        .get_stream("LOGS")
        .await
        .unwrap()
        .consumer_info("vigie")
        .await
        .is_err()
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut round = 0;
    let mut seen = BTreeSet::new();
    while round < 3 {
        if round > 0 {
            jetstream.delete_stream("LOGS").await.unwrap();
            jetstream.create_stream(stream.clone()).await.unwrap();
        }
        for host in 1..=5 {
            let line = crate::support::accepted(9, &format!("192.0.{round}.{host}"));
            let sent = jetstream.publish("logs.a", line.into()).await.unwrap();
            sent.await.unwrap();
        }
        round += 1;
        sensor
            .until(|event| {
                if let SensorEvent::Authenticated { ip, .. } = event {
                    seen.insert(*ip);
                }
                seen.len() == 5 * round
            })
            .await;
    }
    sensor.end().await;
    assert_eq!(stats.snapshot().lines(), 15, "nothing twice");
}

#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread")]
async fn kafka_loses_and_doubles_nothing_when_the_sensor_is_killed() {
    use std::io::{BufRead, BufReader};

    use rskafka::client::ClientBuilder;
    use rskafka::client::partition::{Compression, UnknownTopicHandling};
    use rskafka::record::Record;
    use vigie_sensor::run::{From, SourceConfig};
    use vigie_sensor::source::Kafka;

    let test = "brokers::kafka_loses_and_doubles_nothing_when_the_sensor_is_killed";
    let Some(program) = program("kcat", test) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    // A producer that is given nothing to send lives as long as its standard input.
    let mut server = Command::new(program)
        .args(["-P", "-b", "none:1", "-t", "unused", "-d", "mock"])
        .args(["-X", "test.mock.num.brokers=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = server.stderr.take().unwrap();
    let _server = Server(server);
    let mut said = BufReader::new(said).lines().map_while(Result::ok);
    let address = said
        .find_map(|line| Some(line.split_once("bootstrap.servers=")?.1.to_owned()))
        .unwrap();
    // Its pipe must not fill up.
    let _drain = std::thread::spawn(move || said.count());
    let source = SourceConfig {
        kind: "syslog".to_owned(),
        from: From::Kafka(Kafka {
            brokers: vec![address.clone()],
            topic: "logs".to_owned(),
            partitions: vec![0, 1, 2],
            ca: None,
            field: None,
        }),
    };
    killed::prepare(root, &[source]);
    let client = ClientBuilder::new(vec![address]).build().await.unwrap();
    let mut partitions = Vec::new();
    for number in 0..3 {
        let partition = client.partition_client("logs", number, UnknownTopicHandling::Retry);
        partitions.push(partition.await.unwrap());
    }
    let publish = async {
        for step in 0..MESSAGES {
            let (attacker, lines, _) = message(step);
            let record = Record {
                key: None,
                value: Some(lines.into_bytes()),
                headers: std::collections::BTreeMap::new(),
                timestamp: rskafka::chrono::DateTime::UNIX_EPOCH,
            };
            // All of one attacker in one partition, so that their order is known.
            let partition = &partitions[usize::from(attacker) % partitions.len()];
            partition.produce(vec![record], Compression::Gzip).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::join!(publish, kill_it_again_and_again(root));

    let seen = killed::effects(root);
    assert_eq!(seen.authenticated, logins());
    let names: Vec<_> = (0..3).map(|number| format!("kafka logs/{number}")).collect();
    let (lines, detections) = whole(root, &names).await;
    println!(
        "{lines} lines, {} detections, {} checkpoints, {KILLS} kills",
        detections.len(),
        seen.checkpoints
    );
    assert_eq!(lines, 4 * MESSAGES as u64);
    assert_eq!(detections.len(), expected(root), "the order is kept, too");
    assert_eq!(seen.detections, detections);
}
