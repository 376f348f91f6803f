//! What is taken back and said again: it renews nobody, hides nothing from gold, and ends somewhere.

use std::net::IpAddr;

use vigie_reputation::constants::REFUTED_WITHDRAWN;
use vigie_reputation::wire::{Behaviour, Timestamp};
use vigie_reputation::{Report, Scorer, Tier};

use crate::world::{SSH, after, ip, mesh, org, report};

fn address(last: u8) -> IpAddr {
    IpAddr::from([9, 9, 9, last])
}

/// Saying it once more is no new word, and taking it back in between does not make it one: neither for oneself nor for others,
/// with the same behaviour or with another.
#[test]
fn who_takes_back_and_says_it_again_renews_nobody() {
    let attacker = ip("9.9.9.9");
    let later = |hours: i64| after(hours * 3_600);
    let values = |words: &[(u32, Behaviour, i64)], takes_back: bool| {
        let mut scorer = mesh(3).scorer();
        let mut before: Option<Report> = None;
        for (seq, (reporter, behaviour, hours)) in (1..).zip(words) {
            let at = later(*hours);
            let mut said = report(*reporter, &attacker);
            said.sighting.seq = seq;
            (said.behaviour, said.observed, said.arrived) = (*behaviour, at, at);
            if let Some(before) = before.filter(|before| takes_back && before.reporter == said.reporter) {
                scorer.withdraw(before.sighting, at);
            }
            scorer.observe(&said, at).unwrap();
            before = Some(said);
        }
        let verdict = scorer.verdict(&attacker, later(31));
        [1, 2].map(|number| {
            let of = |one: &&vigie_reputation::Contribution| one.reporter == org(number);
            let values = verdict.contributions.iter().filter(of).map(|one| one.value);
            values.max().unwrap_or(0)
        })
    };
    let once = values(&[(1, SSH, 0), (2, SSH, 10), (1, SSH, 30)], false);
    for again in [SSH, Behaviour(9)] {
        let words = [
            (1, SSH, 0),
            (2, SSH, 10),
            (2, again, 29),
            (2, SSH, 29),
            (1, SSH, 30),
        ];
        let [first, second] = values(&words, true);
        assert_eq!(first, once[0], "the other's word");
        assert!(second <= once[1], "his own: {second}, {once:?}");
    }
    // Who says it for the first time an hour ago does renew it.
    let [first, _] = values(&[(1, SSH, 0), (2, SSH, 29), (1, SSH, 30)], false);
    assert!(first > once[0]);
}

/// A lie that was taken back and told again was told twice, and both stay refutable. Nobody does so without end.
#[test]
fn a_thousand_withdrawals_and_repetitions_keep_four_statements() {
    let mut scorer = mesh(3).scorer();
    for seq in 0..1_000 {
        let mut said = report(1, &ip("9.9.9.9"));
        said.sighting.seq = seq;
        said.arrived = after(i64::try_from(seq).unwrap());
        scorer.observe(&said, said.arrived).unwrap();
        scorer.withdraw(said.sighting, said.arrived);
    }
    assert_eq!(scorer.size().contributions, 4);
}

/// A lie that blocked is refuted although its liars took it back, said as much before while nobody could be blocked, and whisper
/// it afterwards; aloud, or just not aloud.
#[test]
fn no_decoy_hides_a_lie_that_was_taken_back() {
    let victim = ip("9.9.9.9");
    for confidence in [100, 49] {
        let mut scorer = mesh(4).scorer();
        for day in (1..=12).rev() {
            scorer.remember(address(9), Tier::Authenticated, after(-86_400 * day));
        }
        let say = |scorer: &mut Scorer, liar: u32, seq: u64, confidence: u8, at: Timestamp| {
            let mut said = report(liar, &victim);
            said.sighting.seq = seq;
            said.count = vigie_reputation::wire::Count::of(256);
            (said.confidence, said.observed, said.arrived) = (confidence, at, at);
            scorer.observe(&said, at).unwrap();
            said.sighting
        };
        let liars = [1, 2, 3];
        for (place, liar) in (0..).zip(liars) {
            let decoy = say(&mut scorer, liar, 1, 100, after(place * 120));
            scorer.withdraw(decoy, after(place * 120 + 60));
        }
        let lies = liars.map(|liar| say(&mut scorer, liar, 2, confidence, after(3_600)));
        for lie in lies {
            scorer.withdraw(lie, after(5 * 3_600));
        }
        for liar in liars {
            say(&mut scorer, liar, 3, 1, after(6 * 3_600));
        }
        scorer.remember(address(9), Tier::Authenticated, after(7 * 3_600));
        for liar in liars {
            let refuted = scorer.learned_of(org(liar)).unwrap().refuted;
            assert!(refuted >= REFUTED_WITHDRAWN, "{confidence} {liar}: {refuted}");
        }
    }
}
