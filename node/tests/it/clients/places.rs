//! A country and an AS, from CrowdSec's `cscli` by a node to the table that nginx looks clients up in, and out of it again.

use std::process::Command;

use super::Client;
use crate::agent::crowdsec::CrowdSec;
use crate::http::Place;
use crate::machines::cscli::{pointed, said};
use crate::mmdb::{Says, mmdb};
use crate::skip::skip;
use crate::support::{Home, until};

const PROGRAM: &str = "vigie-bouncer-nginx";

#[test]
fn a_place_that_cscli_names_is_out_but_for_whom_we_allow() {
    let test = "a_place_that_cscli_names_is_out_but_for_whom_we_allow";
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_vigie")).with_file_name(PROGRAM);
    if !program.is_file() {
        skip(
            test,
            "no vigie-bouncer-nginx beside vigie; cargo build --workspace makes one",
        );
        return;
    }
    let Some(crowdsec) = CrowdSec::new(test) else {
        return;
    };
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    pointed(&crowdsec, &home, &place, "cscli");
    let Place::Tcp(address) = &place else {
        panic!("a node listens by TCP");
    };
    let [key, countries, systems, table] =
        ["key", "countries", "systems", "table"].map(|name| home.beside(name));
    std::fs::write(&key, home.key("edge", "ban")).unwrap();
    let french = [
        ("192.88.99.0/24", Says::Code("country", "FR")),
        ("2606:4700::/32", Says::Code("country", "FR")),
    ];
    std::fs::write(&countries, mmdb(&french)).unwrap();
    std::fs::write(&systems, mmdb(&[("192.88.98.0/24", Says::System(64_500))])).unwrap();
    let mut bouncer = Command::new(&program);
    bouncer.args(["--url", &format!("http://{address}"), "--allow", "192.88.99.7"]);
    bouncer.args(["--poll", "1s"]);
    let files = [
        ("--key-file", key),
        ("--countries", countries),
        ("--systems", systems),
    ];
    for (name, file) in files {
        bouncer.arg(name).arg(file);
    }
    bouncer.arg("--table").arg(&table);
    let _client = Client::start(bouncer, home.beside("bouncer.log"));
    let says = |address: &str| {
        let mut look = Command::new(&program);
        let answer = look
            .args(["look-up", address, "--table"])
            .arg(&table)
            .output()
            .unwrap();
        String::from_utf8(answer.stdout).unwrap().trim().to_owned()
    };
    until("the first table", || says("192.88.99.7") == "192.88.99.7 pass");
    assert_eq!(says("192.88.99.6"), "192.88.99.6 not in the table");

    home.say(&["allowlist", "add", "192.88.99.9", "--reason", "ours"]);
    let add = ["decisions", "add", "--scope", "Country", "--value", "fr"];
    said(&crowdsec, &add);
    until("the country is out", || says("192.88.99.6") == "192.88.99.6 ban");
    assert_eq!(says("2606:4700::1"), "2606:4700::1 ban");
    assert_eq!(says("192.88.99.7"), "192.88.99.7 pass");
    // Whom the node spares, too, as soon as it is asked again.
    until("the allowlisted address is in", || {
        says("192.88.99.9") == "192.88.99.9 pass"
    });
    assert_eq!(says("192.88.98.1"), "192.88.98.1 not in the table");
    let add = ["decisions", "add", "--scope", "AS", "--value", "64500"];
    said(&crowdsec, &add);
    said(&crowdsec, &["decisions", "delete", "--value", "FR"]);
    until("the country is in again, and the AS out", || {
        says("192.88.99.6") == "192.88.99.6 not in the table" && says("192.88.98.1") == "192.88.98.1 ban"
    });
    said(&crowdsec, &["decisions", "delete", "--value", "AS64500"]);
    until("the AS is in again", || {
        says("192.88.98.1") == "192.88.98.1 not in the table"
    });
}
