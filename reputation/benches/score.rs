//! How many reports and verdicts per second, and how many bytes a subject takes.
//!
//! The mix is the overlap measured on fourteen real lists: 58 % of the subjects named once, 23 % twice, 12 % three
//! times, 5 % four times, 2 % more often. Deliberately absent: signatures, which cost more than all of this.

use std::net::Ipv4Addr;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use vigie_reputation::wire::{
    Behaviour, Count, Indicator, OrgId, PublisherId, RuleHash, SightingId, Timestamp,
};
use vigie_reputation::{Edge, Labels, Member, Report, Scorer, ScorerConfig, TrustGraph};

const ORGS: u32 = 1_000;
const SUBJECTS: u32 = 100_000;
const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

fn main() {
    memory();
    divan::main();
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn memory() {
    let scorer = filled(SUBJECTS);
    let size = scorer.size();
    println!(
        "{} subjects with {} statements take {} bytes: {} bytes per subject",
        size.subjects,
        size.contributions,
        size.bytes,
        size.bytes / size.subjects.max(1),
    );
}

fn org(number: u32) -> OrgId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    OrgId(bytes)
}

fn scorer() -> Scorer {
    let labels = |number: u32| Labels {
        operator: u64::from(number + 1).to_be_bytes(),
        country: [b'A', b'A' + u8::try_from(number % 20).unwrap_or(0)],
        asn: number % 300 + 1,
    };
    let members: Vec<Member> = (0..ORGS)
        .map(|number| Member {
            org: org(number),
            name: "an organisation".into(),
            labels: labels(number),
            history: 200,
            seed: false,
        })
        .collect();
    // Anchors 0..20, each with its share of the others below it.
    let anchors: Vec<OrgId> = (0..20).map(org).collect();
    let expires = Timestamp::from_millis(i64::MAX);
    let vouches: Vec<Edge> = (20..ORGS)
        .map(|to| Edge {
            from: org(to % 20),
            to: org(to),
            expires,
        })
        .collect();
    Scorer::new(
        TrustGraph::build(&anchors, &members, &vouches, NOW),
        ScorerConfig::default(),
    )
}

fn subject(number: u32) -> Indicator {
    Indicator::ip(Ipv4Addr::from(0x0b00_0000 + number).into())
}

fn report(reporter: u32, number: u32) -> Report {
    let OrgId(key) = org(reporter);
    Report {
        sighting: SightingId {
            publisher: PublisherId(key),
            epoch: 1,
            seq: u64::from(number),
            row: 0,
        },
        reporter: org(reporter),
        subject: subject(number),
        behaviour: Behaviour(5),
        rule: RuleHash([7; 8]),
        count: Count::of(u64::from(number % 9)),
        confidence: 90,
        observed: NOW,
        arrived: NOW,
    }
}

fn hear(scorer: &mut Scorer, report: &Report) {
    if let Err(refused) = black_box(scorer.observe(report, NOW)) {
        panic!("{refused}");
    }
}

/// The statements on a number of subjects, by the measured overlap, in a scattered order.
fn statements(subjects: u32) -> Vec<Report> {
    let mut reports = Vec::new();
    for number in 0..subjects {
        let times = match number % 100 {
            0..58 => 1,
            58..81 => 2,
            81..93 => 3,
            93..98 => 4,
            _ => 8,
        };
        for time in 0..times {
            reports.push(report(
                (number.wrapping_mul(2_654_435_761) >> 7).wrapping_add(time * 37) % ORGS,
                number,
            ));
        }
    }
    reports.sort_by_key(|report| report.sighting.seq.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    reports
}

fn filled(subjects: u32) -> Scorer {
    let mut scorer = scorer();
    for report in statements(subjects) {
        hear(&mut scorer, &report);
    }
    scorer
}

/// All statements on all subjects, into an empty scorer.
#[divan::bench(sample_count = 10)]
fn observe(bencher: Bencher<'_, '_>) {
    let reports = statements(SUBJECTS);
    bencher
        .counter(ItemsCount::new(reports.len()))
        .with_inputs(scorer)
        .bench_local_values(|mut scorer| {
            for report in &reports {
                hear(&mut scorer, report);
            }
            scorer
        });
}

/// The same, asking for the rung after each statement, as a node does.
#[divan::bench(sample_count = 10)]
fn observe_and_rung(bencher: Bencher<'_, '_>) {
    let reports = statements(SUBJECTS);
    bencher
        .counter(ItemsCount::new(reports.len()))
        .with_inputs(scorer)
        .bench_local_values(|mut scorer| {
            for report in &reports {
                hear(&mut scorer, report);
                black_box(scorer.rung(&report.subject, NOW));
            }
            scorer
        });
}

/// The verdict with its explanation, on a subject with so many statements.
#[divan::bench(args = [1, 2, 4, 64])]
fn verdict(bencher: Bencher<'_, '_>, statements: u32) {
    let mut scorer = scorer();
    for reporter in 0..statements {
        hear(&mut scorer, &report(reporter * 7 % ORGS, 1));
    }
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| scorer.verdict(black_box(&subject(1)), NOW));
}

/// The rung alone.
#[divan::bench(args = [1, 2, 4, 64])]
fn rung(bencher: Bencher<'_, '_>, statements: u32) {
    let mut scorer = scorer();
    for reporter in 0..statements {
        hear(&mut scorer, &report(reporter * 7 % ORGS, 1));
    }
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| scorer.rung(black_box(&subject(1)), NOW));
}

/// One more statement on a subject that is full already.
#[divan::bench]
fn observe_crowded(bencher: Bencher<'_, '_>) {
    let mut scorer = scorer();
    let mut next = 0;
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        next = (next + 1) % ORGS;
        scorer.observe(&report(next, 1), NOW)
    });
}
