//! Two bodies for one place of a chain: by accident, which nobody is blamed for, and by a lie, which everybody can prove.
//!
//! Judged by the nodes alone: who liked to know more asks `vigie verify`. The rules themselves are tested in `gossip/core`.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::storm::first_difference;
use super::town::{Member, Town, attacker};
use super::{air, town};
use crate::kill::copy_directory;
use crate::support::until;

/// Whose disk is set back, and who lies.
const RESTORED: usize = 2;
const LIAR: usize = 3;

fn proofs(member: &Member) -> Vec<Value> {
    member.home.rows(&["peers", "proofs"])
}

fn hears(member: &Member, ip: &str) -> bool {
    let rows = member.ask(&format!("/sightings?value={ip}"));
    rows.is_some_and(|rows| rows.as_array().is_some_and(|rows| !rows.is_empty()))
}

/// Waits until all nodes hold the same number of sightings, this many at least.
fn until_equal(town: &Town, least: u64) {
    until("all nodes hold the same", || {
        let held: Vec<_> = town.members.iter().map(Member::sightings).collect();
        held[0] >= Some(least) && held.iter().all(|one| *one == held[0])
    });
}

#[test]
fn nobody_calls_a_node_with_an_older_disk_a_liar() {
    let Some(mut town) = town("nobody_calls_a_node_with_an_older_disk_a_liar", 4, &[], air()) else {
        return;
    };
    let patience = Duration::from_secs(60);
    town.see(RESTORED, 3);
    town.until_whole(patience).unwrap();
    town.members[RESTORED].stop();
    let (data, old) = {
        let home = &town.members[RESTORED].home;
        (home.data(), home.beside("old"))
    };
    copy_directory(&data, &old);
    town.members[RESTORED].start();
    town.see(RESTORED, 4);
    town.until_whole(patience).unwrap();
    town.members[RESTORED].kill();

    // The disk of before, and the log goes on: its lines are read again from where that disk had come.
    std::fs::remove_dir_all(&data).unwrap();
    copy_directory(&old, &data);
    town.see(RESTORED, 2);
    town.see(1, 1);
    town.members[RESTORED].start();
    let last = attacker(town.seen - 2);
    for member in &town.members {
        until("what it says after its return is heard", || hears(member, &last));
    }
    until_equal(&town, u64::from(town.seen));
    for member in &town.members {
        assert_eq!(proofs(member), Vec::<Value>::new(), "a false accusation");
    }
    let stores = town.stores();
    assert_eq!(first_difference(&stores), None);
    let mut epochs: Vec<u32> = stores[0].keys().map(|held| held.epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs, [0, 1], "a new epoch, and one only");
}

/// One key, two nodes, two sides of a cut, and a story for each.
#[test]
fn every_honest_node_holds_the_proof_against_a_liar() {
    let Some(mut town) = town("every_honest_node_holds_the_proof_against_a_liar", 4, &[], air()) else {
        return;
    };
    let honest = [0, 1, 2];
    town.members[LIAR].stop();
    let twin = town.twin(LIAR);
    town.wire.cut(&[true, true, false, true, false], false);
    town.members[LIAR].start();
    town.members[twin].start();
    town.see(LIAR, 1);
    town.see(twin, 1);
    for (listener, nth) in [(0, 0), (1, 0), (2, 1)] {
        until("each side has a story", || {
            hears(&town.members[listener], &attacker(nth))
        });
    }
    assert!(honest.iter().all(|one| proofs(&town.members[*one]).is_empty()));

    let mended = Instant::now();
    town.wire.mend();
    // A word of one side that the other hears: then they are one component again.
    town.see(0, 1);
    let probe = attacker(town.seen - 1);
    let mut joined = None;
    let mut proven = [None; 3];
    until("every honest node has the proof", || {
        if joined.is_none() && hears(&town.members[2], &probe) {
            joined = Some(mended.elapsed());
        }
        for (one, proven) in std::iter::zip(honest, &mut proven) {
            let listed = town.members[one]
                .ask("/proofs")
                .and_then(|rows| rows.as_array().map(Vec::len));
            if proven.is_none() && listed > Some(0) {
                *proven = Some(mended.elapsed());
            }
        }
        proven.iter().all(Option::is_some)
    });
    until("both sides hear each other", || hears(&town.members[2], &probe));
    let joined = joined.unwrap_or_else(|| mended.elapsed());
    let last = proven.iter().flatten().max().unwrap().to_owned();
    let first = proven.iter().flatten().min().unwrap().to_owned();
    println!(
        "mended; the first word across after {joined:.1?}, the first proof after {first:.1?}, at all three after {last:.1?}"
    );

    // Whoever has a file can judge it, and every honest node exports the same proof.
    let rows = honest.map(|one| proofs(&town.members[one]));
    for row in &rows {
        assert_eq!(
            (&row[0]["publisher"], &row[0]["epoch"], &row[0]["seq"]),
            (&rows[0][0]["publisher"], &0.into(), &0.into())
        );
    }
    let file = town.members[1].home.beside("proof.json");
    std::fs::write(&file, town.members[1].home.say(&["peers", "proofs", "--json"])).unwrap();
    let said = town.members[2].home.say(&["verify", file.to_str().unwrap()]);
    println!("{said}");

    // Neither story stands anywhere, and the honest hold the same.
    for one in honest {
        until("the void is void", || {
            !hears(&town.members[one], &attacker(0)) && !hears(&town.members[one], &attacker(1))
        });
    }
    let stores = town.stores();
    let honest: Vec<_> = honest.into_iter().map(|one| stores[one].clone()).collect();
    assert_eq!(first_difference(&honest), None);
}
