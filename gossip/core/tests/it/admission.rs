//! Who is admitted.

use proptest::prelude::*;
use proptest::sample::Index;
use vigie_gossip_core::wire::{Labels, NetworkId, SecretKey, SeedAction, SeedChange, Statement, Timestamp};
use vigie_gossip_core::{Directory, Insertion, Standing, StatementRefused, Why};

use crate::world::*;

fn directory(seeds: u8, members: u8, statements: impl FnOnce(NetworkId) -> Vec<Statement>) -> Directory {
    let mut directory = Directory::new(genesis(seeds, members));
    for statement in statements(directory.network()) {
        directory.insert(statement).unwrap();
    }
    directory
}

fn admitted(directory: &Directory, org: u8, at: Timestamp) -> bool {
    directory
        .organisation(public(org).org_id())
        .is_some_and(|org| org.admitted.contains(at))
}

#[test]
fn seeds_and_members_of_the_genesis_file_are_admitted_and_nodes_need_certificates() {
    let directory = directory(1, 1, |network| {
        vec![certify(network, 1, t0()), certify(network, 101, t0())]
    });
    assert_eq!(directory.standing(publisher(1), t0()), Standing::Seed);
    assert_eq!(directory.standing(publisher(101), t0()), Standing::Member);
    assert_eq!(
        directory.standing(publisher(102), t0()),
        Standing::Outsider(Why::Unknown)
    );
    let before = t0() - MINUTE;
    assert_eq!(
        directory.standing(publisher(1), before),
        Standing::Outsider(Why::Uncertified)
    );
    assert_eq!(
        directory.standing_in(publisher(1), 101, t0()),
        Standing::Outsider(Why::Uncertified)
    );
    assert_eq!(directory.org_of(publisher(101)), Some(public(101)));
    assert_eq!(
        directory.organisation(public(101).org_id()).unwrap().nodes,
        [publisher(101)]
    );
}

#[test]
fn one_seed_or_two_members_admit_and_a_newcomer_becomes_a_member() {
    let directory = directory(1, 2, |network| {
        vec![
            vouch(network, 1, 10, t0()),
            vouch(network, 101, 11, t0()),
            vouch(network, 101, 12, t0()),
            vouch(network, 102, 12, t0()),
            certify(network, 10, t0()),
        ]
    });
    assert!(
        admitted(&directory, 10, t0()) && !admitted(&directory, 11, t0()) && admitted(&directory, 12, t0())
    );
    assert!(!admitted(&directory, 10, t0() - MINUTE) && !admitted(&directory, 10, t0() + 367 * DAY));
    assert_eq!(
        directory.standing(publisher(10), t0() + 9 * DAY),
        Standing::Newcomer
    );
    assert_eq!(
        directory.standing(publisher(10), t0() + 11 * DAY),
        Standing::Member
    );
    assert_eq!(directory.vouches(t0()).count(), 4);
}

#[test]
fn a_ring_of_vouches_admits_nobody() {
    let directory = directory(1, 0, |network| {
        let ring = [20, 21, 22];
        let pairs = ring
            .iter()
            .flat_map(|from| ring.iter().map(move |to| (*from, *to)));
        pairs
            .filter(|(from, to)| from != to)
            .map(|(from, to)| vouch(network, from, to, t0() - 100 * DAY))
            .collect()
    });
    assert!([20, 21, 22].iter().all(|org| !admitted(&directory, *org, t0())));
    assert_eq!(directory.statements().count(), 0);
}

#[test]
fn newcomers_cannot_grow_a_tree_within_a_minute() {
    let directory = directory(1, 0, |network| {
        vec![
            vouch(network, 1, 10, t0()),
            vouch(network, 1, 11, t0()),
            vouch(network, 10, 12, t0()),
            vouch(network, 11, 12, t0()),
        ]
    });
    assert!(!admitted(&directory, 12, t0() + DAY));
    // What they signed as newcomers stays void; what they sign after their probation counts.
    assert!(!admitted(&directory, 12, t0() + 11 * DAY));
    let mut directory = directory;
    let network = directory.network();
    for from in [10, 11] {
        directory
            .insert(vouch(network, from, 12, t0() + 11 * DAY))
            .unwrap();
    }
    assert!(admitted(&directory, 12, t0() + 11 * DAY));
}

#[test]
fn what_is_dated_before_the_network_began_is_of_its_beginning() {
    let began = genesis(1, 2).created;
    let directory = directory(1, 2, |network| {
        let mut statements: Vec<_> = (0..8)
            .flat_map(|nth: u8| {
                // One a quarter, back to long before there was a network, as far as vouches last.
                let issued = began - u32::from(nth) * 40 * DAY;
                [
                    vouch(network, 101, 30 + nth, issued),
                    vouch(network, 102, 30 + nth, issued),
                ]
            })
            .collect();
        statements.push(vouch(network, 1, 50, began - 300 * DAY));
        statements.push(certify(network, 50, t0() - 60 * DAY));
        statements.push(vouch(network, 1, 51, t0()));
        statements.push(withdraw(network, 1, 51, began - 300 * DAY));
        statements
    });
    let given = |from: u8, at| {
        let edges = directory.vouches(at);
        edges.filter(|edge| edge.from == public(from).org_id()).count()
    };
    let before = began - MINUTE;
    assert_eq!((given(101, before), given(102, before)), (0, 0));
    assert_eq!(
        (given(101, began), given(102, began)),
        (5, 5),
        "all of them spend one quarter"
    );
    assert_eq!(
        directory.standing(publisher(50), began + 9 * DAY),
        Standing::Newcomer
    );
    assert_eq!(
        directory.standing(publisher(50), began + 11 * DAY),
        Standing::Member
    );
    assert!(!admitted(&directory, 51, t0()), "taken back before it was given");
}

#[test]
fn nobody_spends_quarters_in_which_he_was_not_entitled() {
    let mut directory = directory(1, 2, |network| vec![vouch(network, 1, 10, t0() - 20 * DAY)]);
    let (network, entitled) = (directory.network(), t0() - 10 * DAY);
    // A member of today antedates; another member is honest, so only the one's date decides.
    for (nth, issued) in [entitled - MINUTE, entitled, t0()].into_iter().enumerate() {
        let subject = 20 + u8::try_from(nth).unwrap();
        directory.insert(vouch(network, 10, subject, issued)).unwrap();
        directory.insert(vouch(network, 101, subject, t0())).unwrap();
    }
    let now: Vec<bool> = (20..23)
        .map(|org| admitted(&directory, org, t0() + MINUTE))
        .collect();
    assert_eq!(now, [false, true, true]);
    assert_eq!(
        directory
            .vouches(t0() + MINUTE)
            .filter(|edge| edge.from == public(10).org_id())
            .count(),
        2,
        "nor is his word an edge of the graph of trust"
    );
}

#[test]
fn withdrawals_and_revocations_hold_from_their_time_on() {
    let directory = directory(1, 0, |network| {
        vec![
            vouch(network, 1, 10, t0()),
            vouch(network, 1, 11, t0()),
            vouch(network, 1, 12, t0()),
            certify(network, 10, t0()),
            certify(network, 11, t0()),
            certify(network, 12, t0()),
            withdraw(network, 1, 10, t0() + DAY),
            revoke(network, 11, Some(11), t0() + DAY),
            revoke(network, 12, None, t0() + DAY),
        ]
    });
    let standing = |org, at| directory.standing(publisher(org), at);
    for org in [10, 11, 12] {
        assert_eq!(standing(org, t0() + 23 * HOUR), Standing::Newcomer);
    }
    assert_eq!(standing(10, t0() + DAY), Standing::Outsider(Why::NotAdmitted));
    assert_eq!(standing(11, t0() + DAY), Standing::Outsider(Why::Revoked));
    assert_eq!(standing(12, t0() + DAY), Standing::Outsider(Why::NotAdmitted));
    assert!(admitted(&directory, 11, t0() + DAY), "only the node is revoked");
}

#[test]
fn a_revocation_kept_since_the_keys_were_made_holds_in_every_network() {
    let directory = directory(1, 1, |network| {
        let everywhere = revoke(NetworkId([0; 16]), 101, None, t0() + DAY);
        vec![certify(network, 101, t0()), everywhere]
    });
    assert_eq!(directory.standing(publisher(101), t0()), Standing::Member);
    assert_eq!(
        directory.standing(publisher(101), t0() + DAY),
        Standing::Outsider(Why::NotAdmitted)
    );
}

#[test]
fn nobody_revokes_or_withdraws_for_another() {
    let directory = directory(1, 1, |network| {
        vec![
            vouch(network, 1, 10, t0()),
            certify(network, 10, t0()),
            withdraw(network, 101, 10, t0()),
            revoke(network, 101, Some(10), t0()),
        ]
    });
    assert_eq!(directory.standing(publisher(10), t0()), Standing::Newcomer);
}

#[test]
fn budgets_follow_signed_times_and_withdrawn_vouches_stay_spent() {
    let minutes = |count: u8| t0() + u32::from(count) * MINUTE;
    let directory = directory(1, 2, |network| {
        let mut statements = Vec::new();
        // The latest first: arrival does not matter.
        for nth in (0..7).rev() {
            statements.push(vouch(network, 101, 30 + nth, minutes(nth)));
            statements.push(vouch(network, 102, 30 + nth, minutes(nth)));
        }
        statements.push(withdraw(network, 101, 30, minutes(10)));
        for nth in 0..9 {
            statements.push(vouch(network, 1, 50 + nth, minutes(nth)));
        }
        statements
    });
    let later = minutes(30);
    let members: Vec<bool> = (30..37).map(|org| admitted(&directory, org, later)).collect();
    assert_eq!(members, [false, true, true, true, true, false, false]);
    assert!(
        (50..59).all(|org| admitted(&directory, org, later)),
        "a seed has more to give"
    );
}

#[test]
fn a_member_has_at_most_twenty_live_vouches() {
    // 21 over five quarters: 91 days each, vouches of 366 days.
    let directory = directory(1, 2, |network| {
        (0..21_u8)
            .flat_map(|nth| {
                let issued = t0() + u32::from(nth / 5) * 91 * DAY + u32::from(nth) * MINUTE;
                [
                    vouch(network, 101, 30 + nth, issued),
                    vouch(network, 102, 30 + nth, issued),
                ]
            })
            .collect()
    });
    let at = t0() + 365 * DAY;
    assert_eq!((30..51).filter(|org| admitted(&directory, *org, at)).count(), 20);
    assert!(!admitted(&directory, 50, at) && admitted(&directory, 50, t0() + 367 * DAY));
}

fn change(network: NetworkId, sequence: u64, action: SeedAction, signers: &[(u8, SecretKey)]) -> Statement {
    let at = t0() + u32::try_from(sequence).unwrap() * DAY;
    change_at(network, (sequence, at), action, signers)
}

fn change_at(
    network: NetworkId,
    (sequence, at): (u64, Timestamp),
    action: SeedAction,
    signers: &[(u8, SecretKey)],
) -> Statement {
    let mut change = SeedChange {
        network,
        sequence,
        at,
        action,
        signatures: Vec::new(),
    };
    for (place, key) in signers {
        let signature = change.sign(key);
        change.add_signature(*place, signature);
    }
    change.into()
}

fn add(number: u8) -> SeedAction {
    SeedAction::Add {
        key: public(number),
        name: format!("seed {number}").into(),
        labels: Labels::default(),
    }
}

#[test]
fn k_of_n_seeds_change_the_seeds_in_sequence() {
    let mut directory = Directory::new(genesis(3, 0));
    let network = directory.network();
    let two = [(0, key(1)), (2, key(3))];
    let alone = change(network, 1, add(9), &[(0, key(1))]);
    assert!(matches!(
        directory.insert(alone),
        Err(StatementRefused::Signature(_))
    ));
    // The second change, signed by the seed that the first adds, comes first.
    let second = change(
        network,
        2,
        SeedAction::Remove { key: public(2) },
        &[(0, key(1)), (3, key(9))],
    );
    assert_eq!(directory.insert(second), Ok(Insertion::Waiting));
    assert_eq!(
        directory.insert(change(network, 1, add(9), &two)),
        Ok(Insertion::New)
    );
    assert_eq!(directory.take_settled().len(), 1);
    let seed = |org: u8| {
        directory
            .organisation(public(org).org_id())
            .is_some_and(|org| org.seed)
    };
    assert_eq!([1, 2, 3, 9].map(seed), [true, false, true, true]);
    assert!(admitted(&directory, 2, t0()) && !admitted(&directory, 2, t0() + 2 * DAY));
    assert!(!admitted(&directory, 9, t0()) && admitted(&directory, 9, t0() + DAY));
}

#[test]
fn what_a_seed_admitted_stays_when_it_is_a_seed_no_more() {
    let mut directory = directory(2, 1, |network| {
        vec![
            vouch(network, 2, 30, t0()),
            vouch(network, 2, 31, t0() + 3 * DAY),
            certify(network, 30, t0()),
        ]
    });
    let network = directory.network();
    let remove = |sequence, days: u32, org| {
        let action = SeedAction::Remove { key: public(org) };
        change_at(network, (sequence, t0() + days * DAY), action, &[(0, key(1))])
    };
    directory
        .insert(change_at(network, (1, t0()), add(9), &[(0, key(1))]))
        .unwrap();
    directory.insert(remove(2, 2, 2)).unwrap();
    let during = |org: u8| [1, 4].map(|days| admitted(&directory, org, t0() + days * DAY));
    assert_eq!(during(2), [true, false]);
    assert_eq!(
        during(30),
        [true, false],
        "who wants to stay needs another voucher"
    );
    assert_eq!(during(31), [false, false]);
    let standing = |org: u8, days: u32| directory.standing(publisher(org), t0() + days * DAY);
    assert_eq!(standing(30, 1), Standing::Newcomer);
    // Times do not run backwards.
    let mut other = directory.clone();
    other.insert(remove(3, 1, 9)).unwrap();
    assert!(admitted(&other, 9, t0() + 9 * DAY));
    directory.insert(remove(3, 5, 9)).unwrap();
    assert!(!admitted(&directory, 9, t0() + 9 * DAY));
}

/// Seed 1 signs two changes of one sequence, and a second one that follows from one of them only.
#[test]
fn of_two_histories_of_the_seeds_all_count_the_same() {
    let network = genesis(1, 0).network();
    let alone = [(0, key(1))];
    let mut first = [9, 10].map(|org| change(network, 1, add(org), &alone));
    first.sort_by_key(Statement::id);
    let [lower, higher] = first;
    let Statement::SeedChange(SeedChange {
        action: SeedAction::Add { key: added, .. },
        ..
    }) = &higher
    else {
        unreachable!()
    };
    let by_the_loser = [9, 10]
        .map(key)
        .into_iter()
        .find(|key| key.public() == *added)
        .unwrap();
    let third = change(network, 2, add(11), &[(1, by_the_loser)]);
    let told = |order: [&Statement; 3]| {
        let mut directory = Directory::new(genesis(1, 0));
        for statement in order {
            drop(directory.insert(statement.clone()));
        }
        directory.take_settled();
        (directory.digest(), directory.statements().count())
    };
    let expected = told([&lower, &higher, &third]);
    assert_eq!(expected.1, 2);
    assert_eq!(told([&higher, &third, &lower]), expected);
    assert_eq!(told([&third, &higher, &lower]), expected);
}

/// Answers are not computed for each of many statements, and nothing is lost by that.
#[test]
fn a_member_and_strangers_who_talk_in_turn_are_all_heard() {
    let mut directory = Directory::new(genesis(1, 1));
    let network = directory.network();
    let mut fresh = 0;
    for nth in 0..60_u8 {
        let known = vouch(network, 1, 130 + nth, t0() + u32::from(nth) * MINUTE);
        let newcomer = certify(network, 130 + nth, t0());
        for statement in [newcomer, known] {
            fresh += usize::from(directory.insert(statement) == Ok(Insertion::New));
        }
    }
    assert_eq!(fresh + directory.take_settled().len(), 120);
    assert_eq!(directory.statements().count(), 120);
    assert!(admitted(&directory, 189, t0() + DAY));
}

#[test]
fn foreign_forged_and_repeated_statements() {
    let mut directory = Directory::new(genesis(1, 0));
    let network = directory.network();
    let foreign = vouch(NetworkId([1; 16]), 1, 10, t0());
    assert!(matches!(
        directory.insert(foreign),
        Err(StatementRefused::OtherNetwork(_))
    ));
    let mut bytes = vouch(network, 1, 10, t0()).encode();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = Statement::decode(&bytes).unwrap();
    assert!(matches!(
        directory.insert(forged),
        Err(StatementRefused::Signature(_))
    ));
    assert_eq!(directory.insert(vouch(network, 1, 10, t0())), Ok(Insertion::New));
    assert_eq!(
        directory.insert(vouch(network, 1, 10, t0())),
        Ok(Insertion::Known)
    );
}

#[test]
fn strangers_wait_and_are_bounded() {
    let mut directory = Directory::new(genesis(1, 0));
    let network = directory.network();
    assert_eq!(
        directory.insert(certify(network, 10, t0())),
        Ok(Insertion::Waiting)
    );
    assert_eq!(directory.statements().count(), 0);
    assert_eq!(directory.insert(vouch(network, 1, 10, t0())), Ok(Insertion::New));
    assert_eq!(directory.take_settled(), [certify(network, 10, t0())]);
    assert_eq!(directory.statements().count(), 2);
    let mut crowded = 0;
    for nth in 0..40 {
        crowded += usize::from(
            directory
                .insert(certify(network, 20, t0() + nth * MINUTE))
                .is_err(),
        );
    }
    assert_eq!(crowded, 24, "sixteen of one stranger are kept");
}

/// A pool with everything that can interact: chains of vouches, budgets, withdrawals, revocations, renewals.
fn pool(network: NetworkId) -> Vec<Statement> {
    let mut pool = Vec::new();
    for nth in 0..8_u8 {
        let org = 10 + nth;
        let issued = t0() - u32::from(nth) * DAY;
        pool.push(vouch(network, 101, org, issued));
        pool.push(vouch(network, 102, org, issued + HOUR));
        pool.push(certify(network, org, issued));
        pool.push(vouch(network, org, 40 + nth / 2, issued + 12 * DAY));
        pool.push(certify(network, 40 + nth / 2, t0()));
    }
    pool.push(vouch(network, 1, 17, t0()));
    pool.push(withdraw(network, 101, 11, t0() + 2 * DAY));
    pool.push(withdraw(network, 1, 17, t0() + 20 * DAY));
    pool.push(revoke(network, 12, Some(12), t0() + DAY));
    pool.push(revoke(network, 13, None, t0() + 15 * DAY));
    pool.push(change(network, 1, add(102), &[(0, key(1))]));
    pool.push(change(network, 2, add(18), &[(0, key(1))]));
    pool
}

fn answers(directory: &Directory) -> (Vec<Standing>, [u8; 32], Vec<vigie_gossip_core::Organisation>) {
    let orgs = [1, 101, 102].into_iter().chain(10..18).chain(40..44);
    let times = (0..40).map(|day| t0() + day * DAY);
    let standings = orgs.flat_map(|org| times.clone().map(move |at| (org, at)));
    (
        standings
            .map(|(org, at)| directory.standing(publisher(org), at))
            .collect(),
        directory.digest(),
        directory.organisations().collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn answers_depend_on_the_set_and_not_on_the_order(
        swaps in proptest::collection::vec(any::<Index>(), 46),
        drop in proptest::collection::vec(any::<bool>(), 46),
        ask in proptest::collection::vec(any::<bool>(), 46),
    ) {
        let genesis = genesis(1, 2);
        let mut pool = pool(genesis.network());
        let mut kept = drop.iter();
        pool.retain(|_| *kept.next().unwrap_or(&true));
        let mut shuffled = pool.clone();
        for (at, other) in swaps.iter().enumerate().take(shuffled.len()) {
            let other = other.index(shuffled.len());
            shuffled.swap(at, other);
        }
        let mut in_order = Directory::new(genesis.clone());
        for statement in pool {
            in_order.insert(statement).unwrap();
        }
        let mut in_disorder = Directory::new(genesis);
        for (nth, statement) in shuffled.into_iter().enumerate() {
            in_disorder.insert(statement).unwrap();
            if ask[nth % ask.len()] {
                // Asking in between must change nothing either.
                in_disorder.standing(publisher(10), t0());
            }
        }
        prop_assert_eq!(answers(&in_order), answers(&in_disorder));
    }
}
