//! What a person takes back and what he disputes, as other organisations see it.

use serde_json::Value;

use crate::http::Place;
use crate::network::{found, join, up_as_seed};
use crate::support::{Home, guesses, until, watch};

const WRONG: &str = "192.88.99.60";
const DOUBTED: &str = "192.88.99.61";
const OVERRULED: &str = "192.88.99.62";

fn verdict(home: &Home, ip: &str) -> Value {
    home.json(&["explain", ip])["verdict"].clone()
}

fn voices(home: &Home, ip: &str) -> usize {
    verdict(home, ip)["contributions"].as_array().unwrap().len()
}

fn blocks(home: &Home, ip: &str) -> Vec<Value> {
    home.rows(&["decisions", "list", "--value", ip])
}

#[test]
fn what_is_taken_back_weighs_nothing_elsewhere_and_what_is_disputed_needs_more() {
    let (seed, one, two, judge) = (Home::quiet(), Home::watching(), Home::watching(), Home::quiet());
    let witness = Home::watching();
    judge.configure(&(watch(&judge.log()) + "[policy]\nremote = \"enforce\"\nhearing = \"0s\"\n"));
    std::fs::write(judge.log(), "").unwrap();
    let members = [&one, &two, &judge, &witness];
    found(&seed, &members);
    let at_seed = up_as_seed(&seed, "/ip4/127.0.0.1/tcp/0");
    let nodes = members.map(|home| {
        join(home, &at_seed.page.to_string(), "yes");
        home.up()
    });
    for home in members {
        until("everybody is connected", || !home.rows(&["peers"]).is_empty());
    }
    let key = judge.key("firewall", "ban");
    let mut pushed = Place::Tcp(nodes[2].page).follow("/v1/decisions/events", &key);
    assert!(
        one.refuse(&["retract", WRONG]).contains("no word of this node"),
        "nothing was said yet"
    );

    for home in [&one, &two] {
        home.append(&(guesses(WRONG, 6) + &guesses(DOUBTED, 6) + &guesses(OVERRULED, 6)));
    }
    for ip in [WRONG, DOUBTED, OVERRULED] {
        until("the judge blocks it", || !blocks(&judge, ip).is_empty());
        until("the witness heard both", || voices(&witness, ip) == 2);
    }

    // One of the two was wrong: where it counted it counts no more, and the ban ends at once.
    let ended = one.say(&["decisions", "delete", "--value", WRONG]);
    assert!(ended.contains(&format!("vigie retract {WRONG}")), "{ended}");
    let id = one
        .rows(&["sightings", "list", "--value", WRONG])
        .into_iter()
        .find(|row| row["own"] == true)
        .unwrap()["id"]
        .clone();
    let id = id.as_str().unwrap();
    assert!(two.refuse(&["retract", id]).contains("vigie dispute"));
    let said = one.say(&["retract", WRONG, "--reason", "a scanner of our own"]);
    assert!(
        said.starts_with("Sightings taken back: 1. Everybody is told."),
        "{said}"
    );
    pushed.until("deleted", WRONG);
    for home in [&judge, &witness] {
        until("only the other's word is left", || voices(home, WRONG) == 1);
        let named = home.rows(&["sightings", "list", "--value", WRONG]);
        let taken_back = named.iter().find(|row| row["id"] == id).unwrap();
        assert_eq!(taken_back["retracted"], true, "{taken_back}");
    }
    assert!(
        one.refuse(&["retract", WRONG]).contains("no word of this node"),
        "once is enough"
    );

    // The witness knows better about the other one.
    assert_eq!(verdict(&judge, DOUBTED)["threshold"]["dispute"], 0);
    let said = witness.say(&["dispute", DOUBTED, "--reason", "shared"]);
    assert!(
        said.starts_with("Sightings disputed: 2. Everybody is told."),
        "{said}"
    );
    until("the dispute counts", || {
        verdict(&judge, DOUBTED)["threshold"]["dispute"].as_i64() > Some(0)
    });
    pushed.until("deleted", DOUBTED);
    let raised = verdict(&judge, DOUBTED)["threshold"]["dispute"].clone();
    assert!(judge.say(&["explain", DOUBTED]).contains("disputed"));
    assert!(
        witness
            .refuse(&["dispute", "192.88.99.63", "--reason", "shared"])
            .contains("nobody else's word")
    );

    // Whom a person released, the mesh's word does not catch again, whoever joins in.
    let ended = judge.say(&["decisions", "delete", "--value", OVERRULED]);
    assert!(ended.contains("decides nothing here for 24 h"), "{ended}");
    pushed.until("deleted", OVERRULED);
    witness.append(&guesses(OVERRULED, 6));
    until("a third organisation names it", || voices(&judge, OVERRULED) == 3);
    assert!(blocks(&judge, OVERRULED).is_empty() && !blocks(&witness, OVERRULED).is_empty());
    assert!(judge.say(&["explain", OVERRULED]).contains("overruled by hand"));

    // All of it lasts over a restart.
    let [_one, _two, at_judge, _witness] = nodes;
    at_judge.kill();
    let _again = judge.up();
    assert_eq!(voices(&judge, WRONG), 1);
    let after = verdict(&judge, DOUBTED)["threshold"]["dispute"].clone();
    assert!(
        (raised.as_i64().unwrap() - after.as_i64().unwrap()).abs() < 50,
        "{raised} before, {after} after"
    );
    for home in members {
        assert!(!home.told().contains("ERROR"), "{}", home.told());
    }
}

#[test]
fn what_names_nothing_is_refused() {
    let home = Home::quiet();
    found(&home, &[]);
    assert!(
        home.refuse(&["dispute", "nobody", "--reason", "owner"])
            .contains("neither an address nor a sighting")
    );
    assert!(
        home.refuse(&["retract", &format!("{}/0/0/0", "0".repeat(32))])
            .contains("vigie dispute")
    );
}
