//! Lines over the network: syslog over UDP, TCP and TLS, JSON over HTTP, and what hostile senders get.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto, pki_types};
use vigie_sensor::line::Position;
use vigie_sensor::run::{From, SensorConfig, SensorEvent, SourceConfig};
use vigie_sensor::source::{Http, Listen, Syslog, TlsFiles, Transport};
use vigie_sensor::stats::SourceSnapshot;

use crate::killed;
use crate::support::{Running, accepted, config, failed, ids, is_caught_up};

const TOKEN: &str = "a token that nobody guesses";

fn free_port() -> SocketAddr {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    probe.local_addr().unwrap()
}

fn listen(address: SocketAddr) -> Listen {
    Listen {
        address,
        allow: Vec::new(),
        tls: None,
    }
}

fn sensor(directory: &Path, kind: &str, from: From) -> SensorConfig {
    SensorConfig {
        sources: vec![SourceConfig {
            kind: kind.to_owned(),
            from,
        }],
        spool: directory.join("spool"),
        ..config(directory)
    }
}

fn syslog(listen: Listen, transport: Transport) -> From {
    From::Syslog(Syslog { listen, transport })
}

fn http(directory: &Path, address: SocketAddr) -> From {
    let token = directory.join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    From::Http(Http {
        listen: listen(address),
        token,
        field: Some("message".to_owned()),
    })
}

/// A whole request; the status of its answer.
fn request(address: SocketAddr, head: &str, body: &[u8]) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    // It may close before it has read all.
    let read = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    match text.get(9..12).and_then(|status| status.parse().ok()) {
        Some(status) => Ok(status),
        None => Err(read
            .err()
            .unwrap_or_else(|| std::io::ErrorKind::UnexpectedEof.into())),
    }
}

fn post(address: SocketAddr, token: &str, body: &[u8]) -> std::io::Result<u16> {
    let head = format!(
        "POST /lines HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    request(address, &head, body)
}

fn json(lines: &[String]) -> String {
    let objects = lines
        .iter()
        .map(|line| format!("{}\n", serde_json::json!({"message": line, "host": "web"})));
    objects.collect()
}

async fn login(sensor: &mut Running, ip: &str) {
    let wanted: std::net::IpAddr = ip.parse().unwrap();
    sensor
        .until(|event| matches!(event, SensorEvent::Authenticated { ip, .. } if *ip == wanted))
        .await;
}

/// Waits until the counters of the only source say so.
async fn counted(config: &Arc<vigie_sensor::stats::Stats>, wanted: impl Fn(&SourceSnapshot) -> bool) {
    let begun = Instant::now();
    loop {
        let snapshot = config.snapshot();
        if snapshot.sources.values().any(&wanted) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{snapshot:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_over_udp_and_tcp_is_detected() {
    let directory = tempfile::tempdir().unwrap();
    for transport in [Transport::Udp, Transport::Tcp] {
        let address = free_port();
        let config = sensor(directory.path(), "syslog", syslog(listen(address), transport));
        let mut sensor = Running::start(config);
        sensor.until(is_caught_up).await;
        let message = |second: i64| {
            let line = failed(100 - second, "198.51.100.7");
            match transport {
                Transport::Udp => format!("<38>{}", line.trim_end()),
                Transport::Tcp if second % 2 == 0 => format!("<38>{line}"),
                Transport::Tcp => {
                    let (time, rest) = line.trim_end().split_once(' ').unwrap();
                    let said = rest.split_once(": ").unwrap().1;
                    let message = format!("<38>1 {time} host sshd 42 - - {said}");
                    format!("{} {message}", message.len())
                }
            }
        };
        match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                for second in 0..6 {
                    socket.send_to(message(second).as_bytes(), address).unwrap();
                }
            }
            Transport::Tcp => {
                let stream: String = (0..6).map(message).collect();
                TcpStream::connect(address)
                    .unwrap()
                    .write_all(stream.as_bytes())
                    .unwrap();
            }
        }
        let events = sensor
            .until(|event| matches!(event, SensorEvent::Detection(_)))
            .await;
        let Some(SensorEvent::Detection(found)) = events.last() else {
            panic!("{events:?}")
        };
        assert_eq!((found.value.as_str(), found.events_count), ("198.51.100.7", 6));
        sensor.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_over_tls_wants_a_certificate_where_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let sender = rcgen::generate_simple_self_signed(vec!["sender".to_owned()]).unwrap();
    std::fs::write(path("own.pem"), own.cert.pem()).unwrap();
    std::fs::write(path("own.key"), own.key_pair.serialize_pem()).unwrap();
    std::fs::write(path("senders.pem"), sender.cert.pem()).unwrap();
    let address = free_port();
    let listen = Listen {
        tls: Some(TlsFiles {
            certificate: path("own.pem"),
            key: path("own.key"),
            clients: Some(path("senders.pem")),
        }),
        ..listen(address)
    };
    let config = sensor(directory.path(), "syslog", syslog(listen, Transport::Tcp));
    let stats = Arc::clone(&config.stats);
    let mut sensor = Running::start(config);
    sensor.until(is_caught_up).await;

    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let client = || {
        ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
    };
    let key = pki_types::PrivateKeyDer::try_from(sender.key_pair.serialize_der()).unwrap();
    let known = client()
        .with_client_auth_cert(vec![sender.cert.der().clone()], key)
        .unwrap();
    let stranger = client().with_no_client_auth();
    for (client, ip) in [(stranger, "192.0.2.2"), (known, "192.0.2.3")] {
        use tokio::io::AsyncWriteExt;
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let name = pki_types::ServerName::try_from("localhost").unwrap();
        // In TLS 1.3 a client believes itself connected before its certificate was looked at.
        let Ok(mut stream) = TlsConnector::from(Arc::new(client)).connect(name, stream).await else {
            continue;
        };
        let message = format!("<38>{}", accepted(9, ip));
        if stream.write_all(message.as_bytes()).await.is_ok() {
            drop(stream.shutdown().await);
        }
    }
    login(&mut sensor, "192.0.2.3").await;
    counted(&stats, |source| source.refused == 1 && source.lines == 1).await;
    sensor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_on_the_list_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for transport in [Transport::Udp, Transport::Tcp] {
        let address = free_port();
        let listen = Listen {
            allow: vec!["192.0.2.0/24".parse().unwrap()],
            ..listen(address)
        };
        let config = sensor(directory.path(), "syslog", syslog(listen, transport));
        let stats = Arc::clone(&config.stats);
        let mut sensor = Running::start(config);
        sensor.until(is_caught_up).await;
        let message = format!("<38>{}", accepted(9, "192.0.2.3"));
        if transport == Transport::Udp {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.send_to(message.as_bytes(), address).unwrap();
        } else {
            drop(TcpStream::connect(address).unwrap().write_all(message.as_bytes()));
        }
        counted(&stats, |source| source.refused == 1 && source.lines == 0).await;
        sensor.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sender_does_not_take_all_places_and_long_messages_are_cut() {
    let directory = tempfile::tempdir().unwrap();
    let address = free_port();
    let config = sensor(
        directory.path(),
        "syslog",
        syslog(listen(address), Transport::Tcp),
    );
    let stats = Arc::clone(&config.stats);
    let mut sensor = Running::start(config);
    sensor.until(is_caught_up).await;
    let mut streams: Vec<_> = (0..80).map(|_| TcpStream::connect(address).unwrap()).collect();
    counted(&stats, |source| source.refused == 16).await;
    let long = format!("<38>{}\n<38>{}", "x".repeat(2 << 20), accepted(9, "192.0.2.3"));
    streams[0].write_all(long.as_bytes()).unwrap();
    login(&mut sensor, "192.0.2.3").await;
    streams[1].write_all(b"99999999 <13>").unwrap();
    counted(&stats, |source| source.cut == 1 && source.malformed == 1).await;
    drop(streams);
    sensor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_that_come_too_fast_are_counted_and_streams_wait() {
    const SENT: u64 = 30_000;
    let directory = tempfile::tempdir().unwrap();
    let message = format!("<38>{}", accepted(9, "192.0.2.3"));
    for transport in [Transport::Udp, Transport::Tcp] {
        let address = free_port();
        let config = sensor(directory.path(), "syslog", syslog(listen(address), transport));
        let stats = Arc::clone(&config.stats);
        let mut sensor = Running::start(config);
        sensor.until(is_caught_up).await;
        if transport == Transport::Udp {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            for _ in 0..SENT {
                socket.send_to(message.as_bytes(), address).unwrap();
            }
        } else {
            let mut stream = TcpStream::connect(address).unwrap();
            for _ in 0..SENT {
                stream.write_all(message.as_bytes()).unwrap();
            }
        }
        counted(&stats, |source| source.lines + source.dropped == SENT).await;
        if transport == Transport::Tcp {
            counted(&stats, |source| source.lines == SENT && source.dropped == 0).await;
        }
        sensor.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_takes_lines_for_a_token_and_says_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let address = free_port();
    let config = sensor(directory.path(), "syslog", http(directory.path(), address));
    let stats = Arc::clone(&config.stats);
    let mut sensor = Running::start(config);
    sensor.until(is_caught_up).await;
    let good = json(&[accepted(9, "192.0.2.3")]);
    let check = |status: u16, answer: std::io::Result<u16>| assert_eq!(answer.unwrap(), status);
    check(401, post(address, "another token than ours", good.as_bytes()));
    check(401, request(address, "GET / HTTP/1.0\r\n\r\n", b""));
    check(400, post(address, TOKEN, b"nonsense\n"));
    check(
        400,
        post(address, TOKEN, format!("{good}{{\"other\":1}}").as_bytes()),
    );
    check(200, post(address, TOKEN, b""));
    let headed = |method: &str, path: &str, more: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n{more}\r\n"
        )
    };
    check(404, request(address, &headed("POST", "/", ""), b""));
    check(405, request(address, &headed("GET", "/lines", ""), b""));
    let encoding = |name: &str, length: usize| {
        headed(
            "POST",
            "/lines",
            &format!("Content-Encoding: {name}\r\nContent-Length: {length}\r\n"),
        )
    };
    check(415, request(address, &encoding("br", 0), b""));
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let bomb = gzip(&vec![b' '; 40 << 20]);
    check(413, request(address, &encoding("gzip", bomb.len()), &bomb));
    let many = gzip(&b"{\"message\":\"x\"}\n".repeat(70_000));
    check(413, request(address, &encoding("gzip", many.len()), &many));
    let many = json(&["x".to_owned()]).repeat(65_537);
    check(413, post(address, TOKEN, many.as_bytes()));
    check(400, request(address, &encoding("gzip", 3), b"abc"));
    assert_eq!(stats.snapshot().lines(), 0, "nothing of what was refused is read");
    let packed = gzip(good.as_bytes());
    check(200, request(address, &encoding("gzip", packed.len()), &packed));
    login(&mut sensor, "192.0.2.3").await;
    counted(&stats, |source| {
        source.lines == 1 && source.refused == 2 && source.malformed == 9
    })
    .await;
    sensor.end().await;
}

/// A client that gave up waiting and sends the same body again under the same key: its lines count once, also when we were
/// started again in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_sent_again_under_its_key_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    let address = free_port();
    let keyed = |key: &str, body: &str| {
        let head = format!(
            "POST /lines HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n{key}Content-Length: {}\r\n\r\n",
            body.len()
        );
        request(address, &head, body.as_bytes()).unwrap()
    };
    let body = json(&[failed(9, "192.0.2.7"), failed(8, "192.0.2.7")]);
    let other = json(&[failed(7, "192.0.2.8")]);
    let mut config = sensor(directory.path(), "syslog", http(directory.path(), address));
    let mut running = Running::start(config.clone());
    running.until(is_caught_up).await;
    for _ in 0..3 {
        assert_eq!(keyed("Idempotency-Key: one\r\n", &body), 200);
    }
    assert_eq!(keyed("Idempotency-Key: two\r\n", &body), 200);
    // A key that is used for another body by mistake loses nothing.
    assert_eq!(keyed("Idempotency-Key: one\r\n", &other), 200);
    assert_eq!(keyed("", &other), 200);
    for wrong in [
        "Idempotency-Key: \r\n".to_owned(),
        format!("Idempotency-Key: {}\r\n", "k".repeat(257)),
        "Idempotency-Key: a\r\nIdempotency-Key: b\r\n".to_owned(),
    ] {
        assert_eq!(keyed(&wrong, &body), 400);
    }
    counted(&config.stats, |source| source.lines == 6).await;
    running.end().await;
    // The spool remembers what it holds.
    config.stats = Arc::default();
    let mut running = Running::start(config.clone());
    running.until(is_caught_up).await;
    assert_eq!(keyed("Idempotency-Key: one\r\n", &body), 200);
    assert_eq!(keyed("Idempotency-Key: three\r\n", &other), 200);
    counted(&config.stats, |source| source.lines == 7).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_opened_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let tls = |name: &str| Listen {
        tls: Some(TlsFiles {
            certificate: directory.path().join(name),
            key: directory.path().join("none.key"),
            clients: None,
        }),
        ..listen(free_port())
    };
    let short = directory.path().join("short");
    std::fs::write(&short, "guess me").unwrap();
    let short = From::Http(Http {
        listen: listen(free_port()),
        token: short,
        field: None,
    });
    for (from, expected) in [
        (syslog(listen(address), Transport::Tcp), "in use"),
        (syslog(tls("none.pem"), Transport::Tcp), "none.key"),
        (short, "at least 16 characters"),
    ] {
        let (tx, _rx) = tokio::sync::mpsc::channel(1);
        let ended = vigie_sensor::run::run(
            sensor(directory.path(), "syslog", from),
            vigie_sensor::rules::Ruleset::builtin().unwrap(),
            crate::support::clock(),
            tx,
            tokio_util::sync::CancellationToken::new(),
        )
        .await;
        let error = ended.unwrap_err();
        let reason = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            error.to_string().starts_with("cannot open the source "),
            "{error}"
        );
        assert!(reason.contains(expected), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_dash_nine_loses_no_line_that_was_acknowledged() {
    const KILLS: u64 = 6;
    const REQUESTS: usize = 600;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().to_owned();
    let address = free_port();
    let source = SourceConfig {
        kind: "syslog".to_owned(),
        from: http(&root, address),
    };
    let name = source.from.name();
    killed::prepare(&root, &[source]);
    let sender = std::thread::spawn(move || {
        let mut accepted_from = BTreeSet::new();
        let mut random = 12_345_u64;
        for step in 0..REQUESTS {
            let ago = 80_000 - i64::try_from(step).unwrap() * 5;
            let mut lines = Vec::new();
            for _ in 0..12 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                lines.push(failed(ago, &format!("198.51.100.{}", (random >> 33) % 20)));
            }
            let ip = format!("10.1.{}.{}", step / 250, step % 250);
            lines.push(accepted(ago, &ip));
            accepted_from.insert(ip);
            let body = json(&lines);
            // As a shipper does: what was not answered is sent again.
            while !matches!(post(address, TOKEN, body.as_bytes()), Ok(200)) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        accepted_from
    });
    for round in 0..KILLS {
        let mut child = killed::start(&root);
        tokio::time::sleep(Duration::from_millis(600 + round * 277 % 700)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut last = killed::start(&root);
    let accepted_from = tokio::task::spawn_blocking(|| sender.join().unwrap())
        .await
        .unwrap();
    let begun = Instant::now();
    while killed::effects(&root).authenticated.len() < accepted_from.len()
        && begun.elapsed() < Duration::from_secs(30)
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    last.kill().unwrap();
    last.wait().unwrap();

    let seen = killed::effects(&root);
    let mut config = killed::sensor_of(&root);
    config
        .resume
        .insert(name, Position::Cursor("0".to_owned()).into());
    let stats = Arc::clone(&config.stats);
    let mut sensor = Running::start(config);
    let mut events = sensor.until(is_caught_up).await;
    events.extend(sensor.end().await);
    let whole: BTreeSet<_> = ids(&events).into_iter().collect();
    println!(
        "{} lines, {} detections, {} checkpoints, {KILLS} kills",
        stats.snapshot().lines(),
        whole.len(),
        seen.checkpoints
    );
    assert_eq!(seen.authenticated, accepted_from);
    assert!(whole.len() > 50, "the attack is detected at all");
    assert_eq!(seen.detections, whole);
}
