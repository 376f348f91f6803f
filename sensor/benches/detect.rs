//! Pouring: what an event costs in the buckets of our own rules, and what a hundred thousand buckets weigh.
#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot start has nothing to say"
)]

use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use vigie_sensor::detect::Detector;
use vigie_sensor::line::{Line, Position};
use vigie_sensor::parse::Event;
use vigie_sensor::parse::names::Space;
use vigie_sensor::rules::Ruleset;
use vigie_wire::Timestamp;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Failed logins, one a second, from so many addresses in turn.
fn failures(rules: &Ruleset, events: u32, addresses: u32) -> Vec<Event> {
    let events = (0..events).map(|number| {
        let mut event = Event::blank(Arc::clone(rules.names()));
        event.begin(&Line {
            source: "auth.log".into(),
            position: Position::File {
                file: 1,
                offset: u64::from(number) * 100,
            },
            kind: "syslog".into(),
            text: String::new(),
            read_at: Timestamp::ZERO,
        });
        let address = std::net::Ipv4Addr::from(0x0b00_0000 + number % addresses);
        for (name, value) in [
            ("log_type", "ssh_failed-auth"),
            ("service", "ssh"),
            ("source_ip", &*address.to_string()),
            ("target_user", "root"),
            ("machine", "host"),
            ("datasource_path", "/var/log/auth.log"),
            ("timestamp", "2026-01-01T00:00:00Z"),
        ] {
            event.set(Space::Meta, name, value);
        }
        event.set_time(Timestamp::from_millis(1_780_000_000_000 + i64::from(number)));
        event
    });
    events.collect()
}

fn pour_all(rules: &Ruleset, events: &[Event]) -> Detector {
    let mut detector = Detector::new(rules);
    let mut out = Vec::new();
    for event in events {
        detector.pour(event, event.time(), &mut out);
        detector.line_done(event.source());
        out.clear();
    }
    detector
}

#[divan::bench(args = [10, 1_000, 10_000], sample_count = 10)]
fn ten_thousand_failures_from_addresses(bencher: Bencher<'_, '_>, addresses: u32) {
    let rules = Ruleset::builtin().expect("our own rules compile");
    let events = failures(&rules, 10_000, addresses);
    bencher
        .counter(ItemsCount::new(events.len()))
        .bench_local(|| pour_all(&rules, &events));
}

/// Two buckets an address: the table's `max alloc` is what they weigh together.
#[divan::bench(sample_count = 1)]
fn hundred_thousand_buckets(bencher: Bencher<'_, '_>) {
    let rules = Ruleset::builtin().expect("our own rules compile");
    let events = failures(&rules, 50_000, 50_000);
    bencher.counter(ItemsCount::new(events.len())).bench_local(|| {
        let detector = pour_all(&rules, &events);
        assert!(detector.live() >= 100_000, "{} live", detector.live());
        detector
    });
}
