//! Names of addresses, asked of a real server on the loopback: confirmed, bounded, and what the hub's postoverflows make of
//! them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, PTR};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use vigie_sensor::detect::Detector;
use vigie_sensor::line::{Line, Position};
use vigie_sensor::outside::Resolver;
use vigie_sensor::outside::dns::Dns;
use vigie_sensor::parse::Event;
use vigie_sensor::parse::names::Space;
use vigie_sensor::rules::Loader;
use vigie_wire::Timestamp;

use crate::support::{Running, append, config, failed, is_caught_up};

/// A server that knows a few records, says of all others that there is none, and does not answer for 192.0.2.99, for
/// 198.51.100.0/24 nor for 10.0.0.0/8. Told to be silent, it answers nobody.
struct Server {
    config: ResolverConfig,
    asked: Arc<AtomicUsize>,
    silent: Arc<AtomicBool>,
}

impl Server {
    fn start(slow: Duration) -> Self {
        let pointer = |ip: &str, names: &[&str]| {
            let name = Name::from(ip.parse::<IpAddr>().unwrap());
            let names = names
                .iter()
                .map(|name| RData::PTR(PTR(Name::from_ascii(name).unwrap())));
            ((name, RecordType::PTR), names.collect::<Vec<_>>())
        };
        let address = |name: &str, ip: Ipv4Addr| {
            (
                (Name::from_ascii(name).unwrap(), RecordType::A),
                vec![RData::A(A(ip))],
            )
        };
        let records: HashMap<_, _> = [
            pointer("192.0.2.1", &["other.example.", "Crawl-1.GoogleBot.com."]),
            address("crawl-1.googlebot.com.", Ipv4Addr::new(192, 0, 2, 1)),
            // He calls himself so, and the name's owner knows nothing of him.
            pointer("192.0.2.2", &["crawl-1.googlebot.com."]),
        ]
        .into();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let asked = Arc::<AtomicUsize>::default();
        let silent = Arc::<AtomicBool>::default();
        let (count, quiet) = (Arc::clone(&asked), Arc::clone(&silent));
        std::thread::spawn(move || {
            let silent = Name::from("192.0.2.99".parse::<IpAddr>().unwrap());
            let networks = ["100.51.198.in-addr.arpa.", "10.in-addr.arpa."];
            let networks = networks.map(|name| Name::from_ascii(name).unwrap());
            let mut buffer = [0; 1_500];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                let mut message = Message::from_vec(&buffer[..length]).unwrap().into_response();
                let query = message.queries[0].clone();
                count.fetch_add(1, Ordering::Relaxed);
                let nobodys = networks.iter().any(|network| network.zone_of(query.name()));
                if query.name() == &silent || nobodys || quiet.load(Ordering::Relaxed) {
                    continue;
                }
                std::thread::sleep(slow);
                match records.get(&(query.name().to_lowercase(), query.query_type())) {
                    Some(found) => {
                        let answers = found.iter().cloned();
                        let answers = answers.map(|data| Record::from_rdata(query.name().clone(), 60, data));
                        message.add_answers(answers);
                    }
                    None => message.metadata.response_code = ResponseCode::NXDomain,
                }
                message.edns = None;
                socket.send_to(&message.to_vec().unwrap(), peer).unwrap();
            }
        });
        let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
        server.connections[0].port = port;
        Self {
            config: ResolverConfig::from_name_servers(vec![server]),
            asked,
            silent,
        }
    }

    fn dns(&self) -> Dns {
        Dns::with_servers(self.config.clone()).unwrap()
    }
}

#[test]
fn a_name_counts_if_it_leads_back_to_the_address() {
    let server = Server::start(Duration::ZERO);
    let dns = server.dns();
    // The first of its names does not lead back, the second does.
    assert_eq!(dns.name("192.0.2.1").as_deref(), Some("crawl-1.googlebot.com."));
    assert_eq!(
        dns.name("::ffff:192.0.2.1").as_deref(),
        Some("crawl-1.googlebot.com.")
    );
    assert_eq!(dns.name("192.0.2.2"), None);
    assert_eq!(dns.name("192.0.2.3"), None);
    assert_eq!(dns.name("nobody"), None);
    assert_eq!(dns.addresses("CRAWL-1.googlebot.com"), ["192.0.2.1"]);
    assert_eq!(dns.addresses("nowhere.example"), Vec::<String>::new());
    // What was said, and what was said not to be there, is not asked again.
    let asked = server.asked.load(Ordering::Relaxed);
    for _ in 0..100 {
        assert!(dns.name("192.0.2.1").is_some() && dns.name("192.0.2.3").is_none());
    }
    assert_eq!(
        (server.asked.load(Ordering::Relaxed), dns.unanswered()),
        (asked, 0)
    );
}

#[test]
fn a_server_that_says_nothing_costs_no_more_than_a_moment() {
    let server = Server::start(Duration::ZERO);
    let dns = server.dns();
    let begun = Instant::now();
    for _ in 0..50 {
        assert_eq!(dns.name("192.0.2.99"), None);
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(dns.unanswered(), 50);
}

#[test]
fn a_network_that_says_nothing_uses_up_no_time_of_others() {
    let server = Server::start(Duration::ZERO);
    let dns = server.dns();
    assert_eq!(dns.name("198.51.100.1"), None);
    // There is some time to wait again, which its other addresses do not get.
    std::thread::sleep(Duration::from_secs(2));
    for host in 2..12 {
        assert_eq!(dns.name(&format!("198.51.100.{host}")), None);
    }
    assert_eq!(dns.name("192.0.2.1").as_deref(), Some("crawl-1.googlebot.com."));
    assert_eq!(dns.unanswered(), 11);
}

#[test]
fn all_waiting_together_is_bounded_and_late_answers_are_there_the_next_time() {
    let server = Server::start(Duration::from_millis(300));
    let dns = server.dns();
    let begun = Instant::now();
    // Each takes 300 ms and longer: whoever sends such addresses does not hold up the log.
    for host in 100..120 {
        assert_eq!(dns.name(&format!("192.0.2.{host}")), None);
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(dns.unanswered() >= 10, "{}", dns.unanswered());
    let server = Server::start(Duration::from_millis(600));
    let dns = server.dns();
    assert_eq!(dns.name("192.0.2.1"), None);
    while dns.name("192.0.2.1").as_deref() != Some("crawl-1.googlebot.com.") {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Fresh questions get their turn however many others are never answered: those gave theirs back.
#[test]
fn questions_that_nobody_answers_hold_no_turn_for_long() {
    let server = Server::start(Duration::ZERO);
    let dns = server.dns();
    let begun = Instant::now();
    for network in 0..160 {
        assert_eq!(dns.name(&format!("10.0.{network}.1")), None);
    }
    // Thirty-two at once, for as long as each is pursued, would be twenty-five seconds.
    while dns.name("192.0.2.1").is_none() {
        assert!(begun.elapsed() < Duration::from_secs(15));
        std::thread::sleep(Duration::from_millis(20));
    }
    // The servers are known to be there: it is others who say nothing.
    let waited = (0..20).map(|host| {
        std::thread::sleep(Duration::from_millis(100));
        let asked = Instant::now();
        assert_eq!(dns.name(&format!("10.1.{host}.1")), None);
        asked.elapsed()
    });
    assert!(waited.sum::<Duration>() > Duration::from_millis(50));
}

/// Servers that say nothing at all cost lines no time; when they speak again, that is noticed.
#[test]
fn while_no_server_speaks_nobody_waits() {
    let server = Server::start(Duration::ZERO);
    server.silent.store(true, Ordering::Relaxed);
    let dns = server.dns();
    let mut number = 0_u32;
    // Each from a network of its own, of whom nothing is known.
    let mut ask = || {
        number += 1;
        let asked = Instant::now();
        assert_eq!(
            dns.name(&format!("172.{}.{}.1", number / 250, number % 250)),
            None
        );
        asked.elapsed()
    };
    // Until it is noticed, a tenth of the time at most goes to waiting.
    let begun = Instant::now();
    let mut calm = 0;
    while calm < 20 {
        assert!(
            begun.elapsed() < Duration::from_secs(40),
            "they are still waited for"
        );
        std::thread::sleep(Duration::from_millis(100));
        // What was saved up in so much time is some ten milliseconds.
        calm = if ask() < Duration::from_millis(5) {
            calm + 1
        } else {
            0
        };
    }
    let (begun, sent) = (Instant::now(), server.asked.load(Ordering::Relaxed));
    for _ in 0..10_000 {
        ask();
    }
    assert!(
        begun.elapsed() < Duration::from_millis(500),
        "{:?}",
        begun.elapsed()
    );
    let sent = server.asked.load(Ordering::Relaxed) - sent;
    assert!(sent < 20, "{sent} questions to nobody");
    assert!(dns.unanswered() > 10_000);
    server.silent.store(false, Ordering::Relaxed);
    let begun = Instant::now();
    while dns.name("192.0.2.1").as_deref() != Some("crawl-1.googlebot.com.") {
        assert!(begun.elapsed() < Duration::from_secs(40), "it is not noticed");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What rules asked in vain is counted where the sensor counts.
#[tokio::test(flavor = "multi_thread")]
async fn questions_without_an_answer_are_counted() {
    let server = Server::start(Duration::ZERO);
    server.silent.store(true, Ordering::Relaxed);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.log");
    append(&path, &(failed(3, "192.0.2.1") + &failed(2, "192.0.2.2")));
    let mut loader = Loader::builtin();
    loader.scenario(
        "asks.yaml",
        "type: trigger\nname: t/asks\nfilter: evt.Meta.source_ip in LookupHost('host-' + evt.Meta.source_ip + '.example')\n",
    );
    loader.resolver(Box::new(server.dns()));
    let config = config(&path);
    let stats = Arc::clone(&config.stats);
    let mut sensor = Running::with(config, loader.finish().unwrap());
    sensor.until(is_caught_up).await;
    sensor.end().await;
    assert_eq!(stats.snapshot().names_unanswered, 2);
}

/// The walk of the hub's `rdns` and its lists of crawlers: the real one is spared, the one who says he is it is not.
#[test]
fn a_crawler_is_spared_by_its_confirmed_name() {
    let server = Server::start(Duration::ZERO);
    let mut loader = Loader::new();
    loader.scenario(
        "probe.yaml",
        "type: trigger\nname: t/probe\nfilter: evt.Meta.kind == 'probe'\nlabels:\n  remediation: true\n",
    );
    let rdns = "\
onsuccess: next_stage
filter: evt.Overflow.Alert.GetScope() == 'Ip'
name: t/rdns
statics:
  - method: reverse_dns
    expression: evt.Overflow.Alert.Source.IP
  - meta: reverse_dns
    expression: evt.Enriched.reverse_dns
";
    let bots = "\
name: t/bots
whitelist:
  reason: crawlers
  expression:
    - evt.Enriched.reverse_dns endsWith '.googlebot.com.'
";
    loader.postoverflow("s00-enrich", "rdns.yaml", rdns);
    loader.postoverflow("s01-whitelist", "bots.yaml", bots);
    loader.resolver(Box::new(server.dns()));
    let rules = loader.finish().unwrap();
    assert!(rules.warnings.is_empty(), "{:?}", rules.warnings);
    let mut detector = Detector::new(&rules);
    let mut found = Vec::new();
    for (number, ip) in ["192.0.2.1", "192.0.2.2", "192.0.2.3"].iter().enumerate() {
        let mut event = Event::blank(Arc::clone(rules.names()));
        event.begin(&Line {
            source: "a.log".into(),
            position: Position::File {
                file: 7,
                offset: number as u64,
            },
            kind: "syslog".into(),
            text: String::new(),
            read_at: Timestamp::ZERO,
        });
        event.set(Space::Meta, "kind", "probe");
        event.set(Space::Meta, "source_ip", ip);
        event.set_time(Timestamp::from_secs(1_700_000_000));
        detector.pour(&event, Timestamp::from_secs(1_700_000_001), &mut found);
    }
    let told: Vec<_> = found.iter().map(|detection| detection.value.as_str()).collect();
    assert_eq!(told, ["192.0.2.2", "192.0.2.3"]);
    assert_eq!(detector.counts().whitelisted, 1);
}
