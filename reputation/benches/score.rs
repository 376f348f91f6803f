//! How many reports and verdicts per second, how many bytes a subject takes, what a strike costs.
//!
//! The typical mix is the overlap measured on fourteen real lists: 58 % of the subjects named once, 23 % twice, 12 % three
//! times, 5 % four times, 2 % more often, a million subjects in all, in an order that no cache foresees. The others are
//! what an attacker would choose: subjects that are full, a table that is full, the same said again and again.
//! Deliberately absent: signatures, which cost more than all of this. `bench/score.py` keeps the figures.

use std::net::Ipv4Addr;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use vigie_reputation::wire::{
    Behaviour, Count, Indicator, OrgId, PublisherId, RuleHash, SightingId, Timestamp,
};
use vigie_reputation::{Edge, Labels, Member, Report, Scorer, ScorerConfig, Tier, TrustGraph};

const ORGS: u32 = 1_000;
const SUBJECTS: u32 = 1_000_000;
/// Room in a table that is to be full, and subjects that are to be crowded.
const NARROW: u32 = 100_000;
const CROWDED: u32 = 1_000;
/// Reports in one round of an attack.
const ROUND: u32 = 100_000;
const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

fn main() {
    // Asked for one bench by name, divan alone answers.
    if std::env::args().skip(1).all(|argument| argument == "--bench") {
        memory();
    }
    divan::main();
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn memory() {
    let reports = all();
    let before = resident();
    let mut typical = scorer(SUBJECTS);
    let mut fill = || reports.iter().for_each(|report| hear(&mut typical, report));
    let mut per_core = vec![("typical", speed(reports.len(), &mut fill))];
    let size = typical.size();
    let per_subject = |bytes: usize| bytes / size.subjects.max(1);
    println!(
        "{} subjects with {} statements take {} bytes: {} bytes per subject, {} resident",
        size.subjects,
        size.contributions,
        size.bytes,
        per_subject(size.bytes),
        per_subject(resident().saturating_sub(before)),
    );
    drop(typical);
    let mut attack = |name, mut round: Box<dyn FnMut()>| {
        round();
        let speed = speed(10 * ROUND as usize, &mut || (0..10).for_each(|_| round()));
        per_core.push((name, speed));
    };
    attack("crowded", Box::new(crowded()));
    attack("repeated", Box::new(repeated()));
    attack("flood", Box::new(flood()));
    attack("full", Box::new(full()));
    for (name, speed) in per_core {
        println!("{name}: {speed} sightings per second of one core");
    }
}

/// So many a second of processor time, which is what others leave of a busy machine; zero where there is no procfs.
fn speed(count: usize, run: &mut dyn FnMut()) -> u128 {
    let on_core = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let first = text
            .split_whitespace()
            .next()
            .and_then(|nanos| nanos.parse::<u128>().ok());
        first.unwrap_or(0)
    };
    let before = on_core();
    run();
    (count as u128 * 1_000_000_000)
        .checked_div(on_core() - before)
        .unwrap_or(0)
}

/// What the process takes of the machine's memory, zero where there is no procfs.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4_096
}

fn org(number: u32) -> OrgId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    OrgId(bytes)
}

fn scorer(max_subjects: u32) -> Scorer {
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
        ScorerConfig {
            max_subjects: usize::try_from(max_subjects).unwrap_or(usize::MAX),
            ..ScorerConfig::default()
        },
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

/// A number below `count`, scattered: a bijection would be fairer still, and this is close.
fn scatter(number: u32, count: u32) -> u32 {
    let mixed = u64::from(number)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(23);
    u32::try_from((u128::from(mixed) * u128::from(count)) >> 64).unwrap_or(0)
}

/// How many statements there are on so many subjects.
fn statement_count(subjects: u32) -> u32 {
    subjects / 100 * 180
}

/// One of them: rounds over all, and over those that are named again, in a scattered order.
fn statement(number: u32, subjects: u32) -> Report {
    let shares = [100, 42, 19, 7, 3, 3, 3, 3];
    let (mut left, mut round) = (number % 180, 0_u32);
    for share in shares {
        if left < share {
            break;
        }
        left -= share;
        round += 1;
    }
    // The order of subjects is scattered by a multiplication that is prime to their number.
    let subject = u64::from(number / 180 * 100 + left) * 7_368_787 % u64::from(subjects);
    let subject = u32::try_from(subject).unwrap_or(0);
    report(scatter(subject, ORGS).wrapping_add(round * 37) % ORGS, subject)
}

/// All of them on a million subjects.
fn all() -> Vec<Report> {
    (0..statement_count(SUBJECTS))
        .map(|number| statement(number, SUBJECTS))
        .collect()
}

/// All statements on a million subjects, into an empty scorer.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn observe(bencher: Bencher<'_, '_>) {
    let reports = all();
    bencher
        .counter(ItemsCount::new(reports.len()))
        .with_inputs(|| scorer(SUBJECTS))
        .bench_local_values(|mut scorer| {
            for report in &reports {
                hear(&mut scorer, report);
            }
            scorer
        });
}

/// The same, asking for the rung after each statement, as a node does.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn observe_and_rung(bencher: Bencher<'_, '_>) {
    let reports = all();
    bencher
        .counter(ItemsCount::new(reports.len()))
        .with_inputs(|| scorer(SUBJECTS))
        .bench_local_values(|mut scorer| {
            for report in &reports {
                hear(&mut scorer, report);
                black_box(scorer.rung(&report.subject, NOW));
            }
            scorer
        });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn observe_crowded(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(ROUND)).bench_local(crowded());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn observe_repeated(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(ROUND)).bench_local(repeated());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn observe_flood(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(ROUND)).bench_local(flood());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn observe_full(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(ROUND)).bench_local(full());
}

/// A thousand subjects that are full already, and everybody goes on naming them.
fn crowded() -> impl FnMut() {
    let mut scorer = scorer(SUBJECTS);
    for number in 0..CROWDED * 64 {
        let said = report(scatter(number, ORGS), number % CROWDED);
        black_box(scorer.observe(&said, NOW).is_ok());
    }
    let reports: Vec<Report> = (0..ROUND)
        .map(|number| Report {
            confidence: u8::try_from(number % 100).unwrap_or(0) + 1,
            behaviour: Behaviour([5, 9, 1][number as usize % 3]),
            ..report(scatter(number.wrapping_mul(31), ORGS), scatter(number, CROWDED))
        })
        .collect();
    move || {
        for report in &reports {
            black_box(scorer.observe(report, NOW).is_ok());
        }
    }
}

/// The same organisations say the same again, a minute later each time.
fn repeated() -> impl FnMut() {
    let mut scorer = filled(NARROW);
    let mut minutes = 0;
    move || {
        minutes += 1;
        let now = Timestamp::from_secs(NOW.as_secs() + 60 * minutes);
        for number in 0..ROUND {
            let mut said = statement(number, NARROW);
            (said.observed, said.arrived) = (now, now);
            black_box(scorer.observe(&said, now).is_ok());
        }
    }
}

/// One organisation names new subjects while the table is full: it is refused.
fn flood() -> impl FnMut() {
    let mut scorer = filled(NARROW);
    let mut next = SUBJECTS;
    move || {
        for _ in 0..ROUND {
            next += 1;
            black_box(scorer.observe(&report(21, next), NOW).is_ok());
        }
    }
}

/// All organisations name new subjects while the table is full: somebody must go each time.
fn full() -> impl FnMut() {
    let mut scorer = filled(NARROW);
    let mut next = SUBJECTS;
    move || {
        for _ in 0..ROUND {
            next += 1;
            black_box(scorer.observe(&report(scatter(next, ORGS), next), NOW).is_ok());
        }
    }
}

fn filled(subjects: u32) -> Scorer {
    let mut scorer = scorer(subjects);
    for number in 0..statement_count(subjects) {
        hear(&mut scorer, &statement(number, subjects));
    }
    scorer
}

/// A subject with so many statements, each of another organisation.
fn named(statements: u32) -> Scorer {
    let mut scorer = scorer(SUBJECTS);
    for reporter in 0..statements {
        hear(&mut scorer, &report(reporter * 7 % ORGS, 1));
    }
    scorer
}

/// The verdict with its explanation, on a subject with so many statements.
#[divan::bench(args = [1, 2, 4, 64], sample_size = 1_000, sample_count = 20)]
fn verdict(bencher: Bencher<'_, '_>, statements: u32) {
    let scorer = named(statements);
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| scorer.verdict(black_box(&subject(1)), NOW));
}

/// The rung alone.
#[divan::bench(args = [1, 2, 4, 64], sample_size = 1_000, sample_count = 20)]
fn rung(bencher: Bencher<'_, '_>, statements: u32) {
    let scorer = named(statements);
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| scorer.rung(black_box(&subject(1)), NOW));
}

/// A user of ours refutes two who name him, as often as it takes to strike them.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn strike(bencher: Bencher<'_, '_>) {
    let Indicator::Ip(ours) = subject(SUBJECTS + 1) else {
        return;
    };
    let mut known = filled(NARROW);
    for days in [12, 10, 9, 8] {
        let at = Timestamp::from_secs(NOW.as_secs() - days * 86_400);
        known.remember(ours, Tier::Authenticated, at);
    }
    for reporter in [21, 22] {
        hear(&mut known, &report(reporter, SUBJECTS + 1));
    }
    bencher
        .with_inputs(|| known.clone())
        .bench_local_values(|mut scorer| {
            scorer.remember(ours, Tier::Authenticated, NOW);
            scorer
        });
}

/// Everything that one organisation names, among so many subjects: what is to be reviewed when it was struck or revoked.
#[divan::bench(args = [NARROW, SUBJECTS], sample_count = 5, sample_size = 1)]
fn named_by(bencher: Bencher<'_, '_>, subjects: u32) {
    let scorer = filled(subjects);
    bencher
        .counter(ItemsCount::new(scorer.named_by(org(21)).len()))
        .bench_local(|| scorer.named_by(black_box(org(21))));
}
