//! T5, the burn bound. Whatever gold refutes burns those who said it. Let F groups of liars frame whom they like, each
//! joint lie refuted by gold before the next one. Then they reach the threshold 2F / (q - 1) times at most in the time
//! for which a joint refutation counts, q being the quorum; and once they are struck they are one group together,
//! whomever they name, also those whom nobody here knows.
//!
//! Why: reaching the threshold takes q groups, and all that were struck are one of them, so q - 1 others take part each
//! time. Each of these is charged with a joint refutation, however old he says that his sighting is, whoever speaks later,
//! and whether he takes it back before gold speaks; and the second strikes.
//! How many are framed at once, before the first refutation, the exposure budget bounds (`exposure`).

use std::net::{IpAddr, Ipv4Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::constants::{DAY, GOLD_AGE, GOLD_DAYS, KAPPA, STRUCK_FOR};
use vigie_reputation::wire::{Behaviour, Indicator, RuleHash, SightingId, Timestamp};
use vigie_reputation::{Partition, Report, Scorer, Tier, Verdict};

use super::{adds_up, cases, later, quorum, share};
use crate::world::{EXPLOIT, NOW, SSH, World, labels, org, report};

/// Its half-life is a day's half: what was seen earlier today is old.
const SCAN: Behaviour = Behaviour(1);

/// One frame: which liars take part, after how many minutes gold speaks, how many minutes ago they claim to have seen it,
/// and whether one of them says it once more a day later, when the rest has grown old.
type Frame = (u16, i64, i64, bool);

/// Addresses of regular users of ours, one a frame, and of people whom nobody here knows.
fn user(number: u32) -> IpAddr {
    Ipv4Addr::from(0x0b00_0000 + number).into()
}

fn stranger(number: u32) -> IpAddr {
    user(1 << 16 | number)
}

/// The liars stand below anchors of their own and share nothing: as independent as can be.
fn mesh(liars: u32, history: u32) -> World {
    let mut world = World::default();
    for number in 0..liars {
        let anchor = 500 + number;
        world.anchors.push(org(anchor));
        world.add(anchor, 0, labels(anchor));
        world.add(number, history, labels(number));
        world.vouch(anchor, number);
    }
    world
}

/// Everybody on our side comes for as long as makes him a regular.
fn regulars(scorer: &mut Scorer, count: u32) {
    for number in 0..count {
        for days in (0..=i64::from(GOLD_DAYS)).rev() {
            let at = NOW.as_millis() - GOLD_AGE - days * DAY;
            scorer.remember(user(number), Tier::Authenticated, Timestamp::from_millis(at));
        }
    }
}

/// What a liar says of a target has one name.
fn name_of(liar: u32, target: IpAddr) -> SightingId {
    let IpAddr::V4(target) = target else {
        unreachable!("all targets are of IPv4")
    };
    SightingId {
        seq: u64::from(target.to_bits()),
        ..report(liar, &Indicator::ip(target.into())).sighting
    }
}

/// They say that they saw it `ago` minutes ago.
fn named(
    scorer: &mut Scorer,
    liars: impl Iterator<Item = u32>,
    target: IpAddr,
    (what, ago): (Behaviour, i64),
    now: Timestamp,
) -> Verdict {
    let subject = Indicator::ip(target);
    for liar in liars {
        let said = Report {
            sighting: name_of(liar, target),
            behaviour: what,
            rule: RuleHash(u64::from(liar + 1).to_be_bytes()),
            observed: later(now, -60 * ago),
            arrived: now,
            ..report(liar, &subject)
        };
        scorer.observe(&said, now).unwrap();
    }
    let verdict = scorer.verdict(&subject, now);
    adds_up(&verdict);
    verdict
}

/// What would have blocked somebody whom we do not know.
fn reaches(verdict: &Verdict) -> bool {
    verdict.score >= verdict.threshold.total && verdict.groups >= quorum(verdict.threshold.total)
}

/// Plays a campaign: how often the threshold was reached, the scorer at the end, and when that is.
fn campaign(liars: u32, history: u32, frames: &[Frame], what: Behaviour) -> (usize, Scorer, Timestamp) {
    withdrawing(liars, history, frames, what, 0)
}

/// The same, and before gold speaks those of `coy` take back what they said.
fn withdrawing(
    liars: u32,
    history: u32,
    frames: &[Frame],
    what: Behaviour,
    coy: u16,
) -> (usize, Scorer, Timestamp) {
    let mut scorer = mesh(liars, history).scorer();
    regulars(&mut scorer, u32::try_from(frames.len()).unwrap());
    let (mut reached, mut now) = (0, NOW);
    for (number, (who, minutes, ago, once_more)) in (0..).zip(frames) {
        now = later(now, 60);
        let take_part = (0..liars).filter(|liar| who >> liar & 1 == 1);
        reached += usize::from(reaches(&named(
            &mut scorer,
            take_part,
            user(number),
            (what, *ago),
            now,
        )));
        if *once_more {
            now = later(now, 25 * 3_600);
            named(
                &mut scorer,
                std::iter::once(number % liars),
                user(number),
                (what, 0),
                now,
            );
        }
        for liar in (0..liars).filter(|liar| coy >> liar & 1 == 1) {
            scorer.withdraw(name_of(liar, user(number)), later(now, 1));
        }
        now = later(now, 60 * minutes + 1);
        scorer.remember(user(number), Tier::Authenticated, now);
    }
    (reached, scorer, now)
}

fn bound(liars: u32, what: Behaviour) -> usize {
    let base = if what == EXPLOIT {
        vigie_reputation::constants::H_DEFAULT
    } else {
        vigie_reputation::constants::H_LOW_HARM
    };
    2 * liars as usize / (quorum(base) - 1)
}

/// Liars keep to one way of hiding: none, backdating, one more voice a day later, or now this and now that.
fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let way = |ago: std::ops::Range<i64>, once_more: f64| {
        vec(
            (any::<u16>(), 0_i64..60, ago, prop::bool::weighted(once_more)),
            30..40,
        )
    };
    prop_oneof![
        way(0..1, 0.0),
        way(730..1_000, 0.0),
        way(0..1, 0.99),
        way(0..1_430, 0.1)
    ]
}

fn what() -> impl Strategy<Value = Behaviour> {
    prop_oneof![Just(SCAN), Just(SSH), Just(EXPLOIT)]
}

#[test]
fn the_generated_campaigns_reach_the_threshold_and_end() {
    let drawn = (4_u32..12, frames(), what());
    let reached = |(liars, frames, what): &(u32, Vec<Frame>, Behaviour)| {
        let (reached, ..) = campaign(*liars, 200, frames, *what);
        reached >= 2
    };
    assert!(share(&drawn, reached) >= 60);
    let all_struck = |(liars, frames, what): &(u32, Vec<Frame>, Behaviour)| {
        let (_, scorer, now) = campaign(*liars, 200, frames, *what);
        (0..*liars).all(|liar| scorer.is_struck(org(liar), now))
    };
    assert!(share(&drawn, all_struck) >= 30);
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn liars_whom_gold_refutes_burn_out(
        liars in 2_u32..12,
        history in prop_oneof![Just(1_u32), 1_u32..1_000],
        frames in frames(),
        what in what(),
    ) {
        let (reached, ..) = campaign(liars, history, &frames, what);
        prop_assert!(reached <= bound(liars, what), "{reached} of {}", bound(liars, what));
    }

    /// Who takes back what he said, before those come by whom he framed, burns no less. All of them do, or some.
    #[test]
    fn liars_who_withdraw_in_time_burn_out_too(
        liars in 2_u32..12,
        history in prop_oneof![Just(1_u32), 1_u32..1_000],
        frames in frames(),
        what in what(),
        coy in prop_oneof![Just(u16::MAX), any::<u16>()],
    ) {
        let (reached, ..) = withdrawing(liars, history, &frames, what, coy);
        prop_assert!(reached <= bound(liars, what), "{reached} of {}", bound(liars, what));
    }

    /// The struck together, and one more whom nobody caught yet, are two groups against anybody.
    #[test]
    fn whoever_was_struck_is_one_group_against_everybody(
        liars in 4_u32..12,
        frames in frames(),
        target in 0_u32..1_000,
        wait in 0_i64..40,
    ) {
        let (_, mut scorer, now) = campaign(liars, 200, &frames, SSH);
        prop_assert!(STRUCK_FOR > 43 * DAY);
        let now = later(now, wait * 86_400 / 20);
        let struck: Vec<u32> = (0..liars).filter(|liar| scorer.is_struck(org(*liar), now)).collect();
        let verdict = named(&mut scorer, struck.iter().copied(), stranger(target), (SSH, 0), now);
        prop_assert!(verdict.score <= KAPPA && !verdict.hard_block);
        let cluster = verdict.partitions.iter().find(|one| one.partition == Partition::Cluster).unwrap();
        prop_assert!(cluster.groups <= 1);
    }
}
