//! A network for tests: founded by one home, joined by others through its invitation.

use crate::support::{Home, Node, eventually};

/// This home founds a network as its only seed, with these homes as members, and joins it. It shares.
pub(crate) fn found(seed: &Home, members: &[&Home]) {
    found_with(seed, members, &[]);
}

/// The same, with more members of whom only the organisation's key is known.
pub(crate) fn found_with(seed: &Home, members: &[&Home], guests: &[String]) {
    let file = seed.beside("invitation");
    // Each is operated by itself and stands in a network of its own.
    let founder = |home: &Home, name: &str, asn: usize| {
        format!(
            "{},name={name},operator={name},asn={asn},history=500",
            identity(home)
        )
    };
    let mut arguments = vec![
        "network".to_owned(),
        "found".to_owned(),
        "--name".to_owned(),
        "test".to_owned(),
    ];
    arguments.extend(["--seed".to_owned(), founder(seed, "seed", 64_496)]);
    for (number, member) in members.iter().enumerate() {
        arguments.extend([
            "--member".to_owned(),
            founder(member, &format!("member{number}"), 64_497 + number),
        ]);
    }
    for (number, key) in guests.iter().enumerate() {
        let asn = 65_000 + number;
        arguments.extend([
            "--member".to_owned(),
            format!("{key},name=guest{number},operator=guest{number},asn={asn},history=500"),
        ]);
    }
    arguments.push(file.to_str().unwrap().to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    seed.say(&arguments);
    join(seed, file.to_str().unwrap(), "no");
}

/// The organisation's key; the identity is made if there is none.
pub(crate) fn identity(home: &Home) -> String {
    if !home.data().join("node.key").exists() {
        home.say(&["init"]);
    }
    home.json(&["id"])["organisation_key"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Joins what this address or file invites to.
pub(crate) fn join(home: &Home, invitation: &str, anchor: &str) {
    identity(home);
    let said = home.say(&["join", invitation, "--yes", "--share", "yes", "--anchor", anchor]);
    assert!(said.contains("This node calls others"), "{said}");
}

/// Starts a seed that is reached here, and waits until its invitation says so.
pub(crate) fn up_as_seed(home: &Home, listen: &str) -> Node {
    let node = home.up_with(&["--listen", listen]);
    eventually("the invitation names an address", || {
        let answer = node.place().ask("GET", "/network", None);
        let invitation: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
        invitation["peers"]
            .as_array()
            .filter(|peers| !peers.is_empty())
            .map(|_| ())
    });
    node
}
