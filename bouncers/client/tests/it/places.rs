//! Countries and autonomous systems: from a file to ranges, and what is asked of a node for their sake.

use std::path::{Path, PathBuf};

use vigie_bouncer_client::{Atlas, Databases, Guide, Place, StreamConfig, Update};

use crate::lapi::{KEY, Lapi};
use crate::mmdb::{Says, mmdb};
use crate::{SOON, every, follow_at};

const FRENCH: &[(&str, Says<'_>)] = &[
    ("2.0.0.0/24", Says::Code("country", "FR")),
    ("2.0.1.0/24", Says::Code("country", "FR")),
    ("2.0.2.0/24", Says::Code("registered_country", "FR")),
    ("2.0.3.0/24", Says::Code("country", "DE")),
    ("2a01::/32", Says::Code("country", "fr")),
    ("9.9.9.9/32", Says::Code("city", "FR")),
    ("127.0.0.1/32", Says::Code("country", "FR")),
];

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// In the place of what was there, as an update does it.
    fn put(&self, name: &str, rows: &[(&str, Says<'_>)]) -> PathBuf {
        let new = self.path("new");
        std::fs::write(&new, mmdb(rows)).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
        self.path(name)
    }
}

fn countries(path: &Path) -> Databases {
    Databases {
        countries: Some(path.to_owned()),
        systems: None,
    }
}

fn ranges(atlas: &Atlas, place: Place) -> Vec<String> {
    atlas.ranges(place).iter().map(ToString::to_string).collect()
}

fn fr() -> Place {
    Place::country("FR").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_becomes_the_ranges_of_its_databases() {
    let files = Files::new();
    let databases = Databases {
        countries: Some(files.put("countries", FRENCH)),
        systems: Some(files.put(
            "systems",
            &[
                ("2.0.0.0/16", Says::System(64_500)),
                ("2.0.9.0/24", Says::System(64_501)),
            ],
        )),
    };
    let (lapi, address) = Lapi::on_tcp();
    lapi.add("192.0.2.1", "1h");
    lapi.set(|state| state.spared = Some(r#"["2.0.0.7","2a01:7::/48"]"#));
    let config = StreamConfig {
        guide: Guide::open(databases).unwrap(),
        ..every(SOON)
    };
    let mut following = follow_at(format!("http://{address}"), KEY, config);
    let Some(Update::Atlas(atlas)) = following.updates.recv().await else {
        panic!("where places are comes first");
    };
    assert_eq!(ranges(&atlas, fr()), ["2.0.0.0/23", "2.0.2.0/24", "2a01::/32"]);
    assert_eq!(ranges(&atlas, Place::country("DE").unwrap()), ["2.0.3.0/24"]);
    let system = ranges(&atlas, Place::System(64_500));
    assert_eq!((system.len(), system[0].as_str()), (8, "2.0.0.0/21"));
    assert!(ranges(&atlas, Place::System(64_501)).contains(&"2.0.9.0/24".to_owned()));
    assert!(!system.contains(&"2.0.9.0/24".to_owned()));
    following
        .expect(&["2 spared", "begin", "+192.0.2.1", "end"])
        .await;
    lapi.set(|state| state.spared = Some(r#"["2.0.0.7"]"#));
    following.expect(&["1 spared"]).await;
    lapi.wait(|state| {
        let asked = |line: &String| {
            line.starts_with("GET /v1/decisions/stream?startup=true&scopes=Ip,Range,Country,AS ")
        };
        state.requests.iter().any(asked)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_replaced_is_read_again_and_a_broken_one_is_not_believed() {
    let files = Files::new();
    let path = files.put("countries", FRENCH);
    let (lapi, address) = Lapi::on_tcp();
    let config = StreamConfig {
        guide: Guide::open(countries(&path)).unwrap(),
        ..every(SOON)
    };
    let mut following = follow_at(format!("http://{address}"), KEY, config);
    following.expect(&["atlas of 2", "begin", "end"]).await;
    std::fs::write(&path, "half of someth").unwrap();
    lapi.wait_for_next("stream?scopes=Ip,Range,Country");
    lapi.wait_for_next("stream?scopes=Ip,Range,Country");
    files.put("countries", &[("2.0.0.0/24", Says::Code("country", "ES"))]);
    following.expect(&["atlas of 1"]).await;
}

#[test]
fn what_is_no_such_database_is_told() {
    let files = Files::new();
    let wrong = |databases: Databases| Guide::open(databases).unwrap_err().to_string();
    let missing = wrong(countries(&files.path("missing")));
    assert!(
        missing.ends_with("missing: No such file or directory (os error 2)"),
        "{missing}"
    );
    let systems = files.put("systems", &[("2.0.0.0/16", Says::System(64_500))]);
    let other = wrong(countries(&systems));
    assert!(
        other.ends_with("it names no country: is it another kind of database?"),
        "{other}"
    );
    let whole = mmdb(FRENCH);
    for cut in (0..whole.len()).step_by(7) {
        std::fs::write(&systems, &whole[..cut]).unwrap();
        wrong(countries(&systems));
    }
    // Turned bits may still make a database, and never a panic.
    for at in 0..whole.len() {
        let mut spoiled = whole.clone();
        spoiled[at] ^= 0xff;
        std::fs::write(&systems, &spoiled).unwrap();
        drop(Guide::open(countries(&systems)));
    }
}
