//! kill -9 at any moment: no line is lost, no effect comes twice, no place of our chain is signed twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::network::{found, join, up_as_seed};
use crate::support::{Home, append, guesses, until, watch};

/// Addresses that guess, each often enough for one alert.
const ATTACKERS: usize = 40;
/// How often the node is killed.
const KILLS: usize = 8;

fn attacker(number: usize) -> String {
    format!("192.88.{}.{}", 90 + number / 200, 1 + number % 200)
}

/// Lines of all attackers, four at a time mixed, in portions as a writer writes them.
fn portions() -> Vec<Vec<usize>> {
    let numbers: Vec<usize> = (0..ATTACKERS).collect();
    numbers
        .chunks(4)
        .flat_map(|four| (0..6).map(|_| four.to_vec()))
        .collect()
}

/// What alerts say, without what differs between two nodes.
fn essence(alerts: &[Value]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for alert in alerts {
        let key = format!(
            "{} {} {}",
            alert["value"], alert["scenario"], alert["events_count"]
        );
        *found.entry(key).or_default() += 1;
    }
    found
}

fn alerts(home: &Home) -> Vec<Value> {
    home.rows(&["alerts", "list", "--limit", "10000"])
}

fn sightings(home: &Home) -> Vec<Value> {
    home.rows(&["sightings", "list", "--limit", "10000"])
}

/// A cheap source of chance: a xorshift, seeded by the run and printed, so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn a_node_that_is_killed_again_and_again_tells_everything_once() {
    let seed =
        crate::support::number_of("NODE_KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()) + 1);
    println!("NODE_KILL_SEED={seed}");
    let mut chance = Chance(seed);
    let killed = Home::watching();
    // The same log, read by a node that nobody disturbs. It is the seed, which hears what the other says.
    let calm = Home::with(&watch(&killed.log()));
    found(&calm, &[&killed]);
    calm.say(&["share", "off"]);
    let at_calm = up_as_seed(&calm, "/ip4/127.0.0.1/tcp/0");
    join(&killed, &at_calm.page.to_string(), "yes");
    let written = AtomicUsize::new(0);
    let portions = portions();
    // A log that was never seen is read from its end, so the writer waits for both.
    let mut first = Some(killed.up());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for portion in &portions {
                let lines: String = portion
                    .iter()
                    .map(|&number| guesses(&attacker(number), 1))
                    .collect();
                append(&killed.log(), &lines);
                written.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        });
        for kill in 1..=KILLS {
            let node = first.take().unwrap_or_else(|| killed.up());
            // Until the writer has come so far, and then a moment that nobody chose.
            let goal = portions.len() * kill / (KILLS + 1);
            until("the writer goes on", || written.load(Ordering::Relaxed) >= goal);
            std::thread::sleep(std::time::Duration::from_millis(chance.below(250)));
            node.kill();
        }
    });
    let node = killed.up();
    until("the calm node has found all", || alerts(&calm).len() >= ATTACKERS);
    until("the killed node has found all", || {
        alerts(&killed).len() >= ATTACKERS
    });
    until("everything is shared", || {
        alerts(&killed)
            .iter()
            .all(|alert| alert["shared"].as_str().unwrap().contains('/'))
    });
    until("the seed has heard all", || sightings(&calm).len() >= ATTACKERS);
    assert!(node.terminate().0.success(), "{}", killed.told());

    let found = alerts(&killed);
    assert_eq!(essence(&found), essence(&alerts(&calm)));
    assert!(essence(&found).values().all(|&times| times == 1));
    let detections = |alerts: &[Value]| -> BTreeSet<String> {
        alerts
            .iter()
            .map(|alert| alert["detection"].to_string())
            .collect()
    };
    assert_eq!(
        detections(&found),
        detections(&alerts(&calm)),
        "a detection's name is the same whoever reads"
    );

    // Every alert one decision, one sighting; the chain has every place once.
    let decisions = killed.rows(&["decisions", "list", "--limit", "10000"]);
    let decided: BTreeSet<&str> = decisions.iter().filter_map(|row| row["value"].as_str()).collect();
    assert_eq!((decisions.len(), decided.len()), (ATTACKERS, ATTACKERS));
    let sightings = sightings(&killed);
    let subjects: BTreeSet<&str> = sightings
        .iter()
        .filter_map(|row| row["indicator"]["value"].as_str())
        .collect();
    assert_eq!(
        (sightings.len(), subjects.len()),
        (ATTACKERS, ATTACKERS),
        "{sightings:?}"
    );
    let ids_of =
        |rows: &[Value]| -> BTreeSet<String> { rows.iter().map(|row| row["id"].to_string()).collect() };
    assert_eq!(
        ids_of(&sightings),
        ids_of(&self::sightings(&calm)),
        "what was said and what was heard"
    );
    let ids: BTreeSet<&str> = sightings.iter().filter_map(|row| row["id"].as_str()).collect();
    let shared: BTreeSet<&str> = found.iter().filter_map(|row| row["shared"].as_str()).collect();
    assert_eq!(ids, shared);
    let mut places: Vec<u64> = ids
        .iter()
        .map(|id| id.split('/').nth(2).unwrap().parse().unwrap())
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places, (0..places.len() as u64).collect::<Vec<_>>(), "{ids:?}");
    assert!(
        ids.iter().all(|id| id.split('/').nth(1) == Some("0")),
        "an epoch was spent for nothing: {ids:?}"
    );
}

/// Its files, as a snapshot of the disk would have them.
pub(crate) fn copy_directory(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
}

#[test]
fn a_node_whose_disk_is_set_back_signs_nothing_twice() {
    let (seed, home) = (Home::quiet(), Home::watching());
    found(&seed, &[&home]);
    let at_seed = up_as_seed(&seed, "/ip4/127.0.0.1/tcp/0");
    join(&home, &at_seed.page.to_string(), "yes");
    let node = home.up();
    home.append(&guesses("192.88.99.1", 6));
    until("the first is heard", || sightings(&seed).len() == 1);
    assert!(node.terminate().0.success());
    copy_directory(&home.data(), &home.beside("old"));
    let node = home.up();
    home.append(&guesses("192.88.99.2", 6));
    until("the second is heard", || sightings(&seed).len() == 2);
    node.kill();

    // Somebody takes the old disk, with the same node key, which `vigie restore` would never do.
    std::fs::remove_dir_all(home.data()).unwrap();
    copy_directory(&home.beside("old"), &home.data());
    home.append(&guesses("192.88.99.3", 6));
    let node = home.up();
    let heard = |ip: &str| sightings(&seed).iter().any(|row| row["indicator"]["value"] == ip);
    until("the third is heard", || heard("192.88.99.3"));
    let ids: Vec<String> = sightings(&seed).iter().map(|row| row["id"].to_string()).collect();
    assert!(
        ids.iter().any(|id| id.contains("/1/0/")),
        "a new epoch began: {ids:?}"
    );
    assert_eq!(seed.rows(&["peers"])[0]["standing"], "member");
    assert!(
        !seed.told().contains("two envelopes"),
        "a false accusation: {}",
        seed.told()
    );
    until("it has its own history back", || {
        sightings(&home).len() == sightings(&seed).len()
    });
    drop(node);
}
