//! The seeds change by as many signatures as have to agree, which a file collects from seed to seed.

use serde_json::Value;

use crate::network::{identity, join, up_as_seed};
use crate::support::{Home, eventually};

fn standing(home: &Home) -> String {
    home.json(&["status"])["standing"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn becomes(home: &Home, expected: &str) {
    eventually(expected, || (standing(home) == expected).then_some(()));
}

#[test]
fn two_of_the_seeds_make_a_third_and_two_of_three_remove_one() {
    // Its address is no public one.
    let homes = [
        Home::with("[mesh]\nprivate = true\n"),
        Home::quiet(),
        Home::quiet(),
    ];
    let [first, second, third] = &homes;
    let [one, two, three] = homes.each_ref().map(identity);
    let invitation = first.beside("invitation");
    let invitation = invitation.to_str().unwrap();
    let founder = |key: &str, name: &str, asn: u32| format!("{key},name={name},operator={name},asn={asn}");
    first.say(&[
        "network",
        "found",
        "--name",
        "test",
        "--seed",
        &founder(&one, "first", 64_501),
        "--seed",
        &founder(&two, "second", 64_502),
        "--member",
        &founder(&three, "third", 64_503),
        invitation,
    ]);
    join(first, invitation, "no");
    let _first = up_as_seed(first, "/ip4/127.0.0.1/tcp/0");
    let seeds = first.beside("seeds");
    let seeds = seeds.to_str().unwrap();
    eventually("the first seed's own record", || {
        first.rows(&["network", "seeds"]).pop()
    });
    first.say(&["network", "seeds", "--file", seeds]);
    join(second, seeds, "no");
    join(third, seeds, "no");
    let (_second, _third) = (second.up(), third.up());
    for home in [second, third] {
        eventually("the mesh", || {
            (home.json(&["status"])["peers"] != 0).then_some(())
        });
    }
    assert_eq!(standing(third), "member");

    // Nothing that could not hold is signed.
    let file = first.beside("change");
    let file = file.to_str().unwrap();
    let refused = |home: &Home, arguments: &[&str], why: &str| {
        let said = home.refuse(&[&["network"], arguments].concat());
        assert!(said.contains(why), "{arguments:?}: {said}");
    };
    refused(first, &["change", "--remove", &two, file], "fewer than that");
    refused(first, &["change", "--remove", &three, file], "is no seed");
    refused(
        first,
        &["change", "--add", &format!("{two},name=x"), file],
        "a seed already",
    );
    refused(first, &["change", "--add", &three, file], "a seed has a name");
    let add = founder(&three, "third", 64_503);
    refused(
        third,
        &["change", "--add", &add, file],
        "this organisation is none",
    );

    let said = first.say(&["network", "change", "--add", &add, file]);
    assert!(said.contains("1 of 2 that have to agree"), "{said}");
    refused(second, &["sign", file], "--yes");
    refused(third, &["sign", file, "--yes"], "this organisation is none");
    // One seed twice is one.
    let said = first.say(&["network", "sign", file, "--yes"]);
    assert!(said.contains("1 of 2 that have to agree"), "{said}");
    assert_eq!(standing(third), "member");

    // A change whose words somebody altered underway carries no signature that holds.
    let mut altered: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let hex = altered["statements"][0]
        .as_str()
        .unwrap()
        .replace(&hex::encode("third"), &hex::encode("thirt"));
    altered["statements"][0] = Value::String(hex);
    let forged = first.beside("forged");
    std::fs::write(&forged, altered.to_string()).unwrap();
    refused(
        second,
        &["sign", forged.to_str().unwrap(), "--yes"],
        "the signature of first",
    );

    let said = second.say(&["network", "sign", file, "--yes"]);
    assert!(
        said.contains("third becomes a seed") && said.contains("signed by  first"),
        "{said}"
    );
    assert!(said.contains("Signed by 2, as many as have to agree"), "{said}");
    becomes(third, "seed");
    refused(first, &["sign", file, "--yes"], "it has to be proposed anew");

    // The third signs now, and the first is none any more without having agreed.
    let removal = third.beside("removal");
    let removal = removal.to_str().unwrap();
    third.say(&["network", "change", "--remove", &one, removal]);
    let said = second.say(&["network", "sign", removal, "--yes"]);
    assert!(said.contains("first is no seed any more"), "{said}");
    eventually("the first to be none", || {
        (standing(first) != "seed").then_some(())
    });
}
