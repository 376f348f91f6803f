//! Where the seeds are, from one machine to another in a file; and what a node says of being called.

use serde_json::Value;

use crate::network::{found, identity, join, up_as_seed};
use crate::support::{Home, eventually};

const PRIVATE: &str = "[mesh]\nprivate = true\n";

#[test]
fn a_file_of_seeds_is_signed_by_them_and_brings_a_node_to_them() {
    let (seed, member, third) = (Home::with(PRIVATE), Home::quiet(), Home::quiet());
    identity(&member);
    identity(&third);
    found(&seed, &[&member, &third]);
    let _up = up_as_seed(&seed, "/ip4/127.0.0.1/tcp/0");
    eventually("the seed's own record", || seed.rows(&["network", "seeds"]).pop());
    let missing = seed.json(&["status"])["reach"]["missing"].to_string();
    assert!(
        missing.contains("port 443") && missing.contains("QUIC"),
        "{missing}"
    );
    let file = seed.beside("seeds.json");
    let path = file.to_str().unwrap();
    let said = seed.say(&["network", "seeds", "--file", path]);
    assert!(said.contains("where 1 nodes of seeds are called"), "{said}");

    // It invites like any invitation.
    join(&member, path, "yes");
    let _member = member.up();
    eventually("the seed", || {
        (member.json(&["status"])["peers"] == 1).then_some(())
    });
    let missing = || member.json(&["status"])["reach"]["missing"].to_string();
    eventually("nothing to be missing", || (missing() == "[]").then_some(()));

    // Who joined by an invitation that names nobody learns it from the file; what is forged in it is refused.
    let text = std::fs::read_to_string(&file).unwrap();
    let mut bare: Value = serde_json::from_str(&text).unwrap();
    bare["peers"] = Value::Array(Vec::new());
    let invitation = third.beside("bare.json");
    std::fs::write(&invitation, bare.to_string()).unwrap();
    join(&third, invitation.to_str().unwrap(), "yes");
    let _third = third.up();
    let missing = third.json(&["status"])["reach"]["missing"].to_string();
    assert!(missing.contains("one open port"), "{missing}");
    let record = bare["records"][0].as_str().unwrap().to_owned();
    let digit = if record.ends_with('0') { "1" } else { "0" };
    bare["records"][0] = Value::String(format!("{}{digit}", &record[..record.len() - 1]));
    let forged = third.beside("forged.json");
    std::fs::write(&forged, bare.to_string()).unwrap();
    let said = third.say(&["network", "import", forged.to_str().unwrap()]);
    assert!(
        said.contains("0 nodes of seeds") && said.contains("refused: a record"),
        "{said}"
    );
    let said = third.say(&["network", "import", path]);
    assert!(said.contains("1 nodes of seeds to call"), "{said}");
    eventually("the seed", || {
        (third.json(&["status"])["peers"] != 0).then_some(())
    });
}

#[test]
fn who_starts_again_while_no_seed_answers_finds_the_members_it_knew() {
    let listening = format!("{PRIVATE}listen = [\"/ip4/127.0.0.1/tcp/0\"]\n");
    let [seed, stays, leaves] = [(); 3].map(|()| Home::with(PRIVATE));
    found(&seed, &[&stays, &leaves]);
    let at_seed = up_as_seed(&seed, "/ip4/127.0.0.1/tcp/0");
    for member in [&stays, &leaves] {
        join(member, &at_seed.page.to_string(), "yes");
        member.configure(&listening);
    }
    let (_stays, node) = (stays.up(), leaves.up());
    let peers = |home: &Home| home.json(&["status"])["peers"].as_u64();
    eventually("both others", || (peers(&leaves) == Some(2)).then_some(()));
    assert!(node.terminate().0.success());
    drop(at_seed);
    eventually("nobody", || (peers(&stays) == Some(0)).then_some(()));
    let _node = leaves.up();
    eventually("the other member", || (peers(&leaves) == Some(1)).then_some(()));
}
