//! A country and an AS, from CrowdSec's `cscli` to the table that nginx looks clients up in, and out of it again: by a node
//! of ours, and by CrowdSec's own Local API.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::Client;
use crate::agent::crowdsec::CrowdSec;
use crate::http::Place;
use crate::machines::cscli::{pointed, said};
use crate::mmdb::{Says, mmdb};
use crate::skip::skip;
use crate::support::{Home, until};

const PROGRAM: &str = "vigie-bouncer-nginx";

/// Our bouncer for nginx, with a country and an AS in its databases.
struct Bouncer {
    program: PathBuf,
    folder: TempDir,
}

impl Bouncer {
    /// `None` if it was not built; that has been told then.
    fn new(test: &str) -> Option<Self> {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_vigie")).with_file_name(PROGRAM);
        if !program.is_file() {
            let why = "no vigie-bouncer-nginx beside vigie; cargo build --workspace makes one";
            skip(test, why);
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        Some(Self { program, folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Follows the Local API at this URL; 192.88.99.7 it lets in whatever is decided. It asks so often.
    fn start(&self, url: &str, key: &str, poll: &str) -> Client {
        let french = [
            ("192.88.99.0/24", Says::Code("country", "FR")),
            ("2606:4700::/32", Says::Code("country", "FR")),
        ];
        let system = [("192.88.98.0/24", Says::System(64_500))];
        std::fs::write(self.path("countries"), mmdb(&french)).unwrap();
        std::fs::write(self.path("systems"), mmdb(&system)).unwrap();
        std::fs::write(self.path("key"), key).unwrap();
        let mut command = Command::new(&self.program);
        command.args(["--url", url, "--allow", "192.88.99.7", "--poll", poll]);
        for (flag, file) in [
            ("--key-file", "key"),
            ("--countries", "countries"),
            ("--systems", "systems"),
            ("--table", "table"),
        ] {
            command.arg(flag).arg(self.path(file));
        }
        let client = Client::start(command, self.path("log"));
        until("the first table", || self.says("192.88.99.7") == "pass");
        assert_eq!(self.says("192.88.99.6"), OUTSIDE);
        client
    }

    /// What nginx would do to a client.
    fn says(&self, address: &str) -> String {
        let mut look = Command::new(&self.program);
        look.args(["look-up", address, "--table"]).arg(self.path("table"));
        let answer = String::from_utf8(look.output().unwrap().stdout).unwrap();
        let word = answer.trim().strip_prefix(address).unwrap_or_default();
        let word = word.split(" by ").next().unwrap_or_default();
        word.trim().to_owned()
    }
}

/// What the table says of who is not in it.
const OUTSIDE: &str = "not in the table";

fn decide_on(crowdsec: &CrowdSec, scope: &str, value: &str) {
    said(
        crowdsec,
        &["decisions", "add", "--scope", scope, "--value", value],
    );
}

#[test]
fn a_place_that_cscli_names_is_out_but_for_whom_we_allow() {
    let test = "a_place_that_cscli_names_is_out_but_for_whom_we_allow";
    let (Some(bouncer), Some(crowdsec)) = (Bouncer::new(test), CrowdSec::new(test)) else {
        return;
    };
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    pointed(&crowdsec, &home, &place, "cscli");
    let Place::Tcp(address) = &place else {
        panic!("a node listens by TCP");
    };
    // Once an hour at most, so that all of this is pushed.
    let _client = bouncer.start(&format!("http://{address}"), &home.key("edge", "ban"), "1h");
    home.say(&["allowlist", "add", "192.88.99.9", "--reason", "ours"]);
    decide_on(&crowdsec, "Country", "fr");
    until("the country is out", || bouncer.says("192.88.99.6") == "ban");
    assert_eq!(bouncer.says("2606:4700::1"), "ban");
    assert_eq!(bouncer.says("192.88.99.7"), "pass");
    assert_eq!(bouncer.says("192.88.98.1"), OUTSIDE);
    // Whom the node spares, too, and from the moment on that it does.
    until("the allowlisted address is in", || {
        bouncer.says("192.88.99.9") == "pass"
    });
    home.say(&["allowlist", "add", "192.88.99.10", "--reason", "ours"]);
    home.say(&["allowlist", "delete", "192.88.99.9"]);
    until("another is in instead", || {
        bouncer.says("192.88.99.10") == "pass" && bouncer.says("192.88.99.9") == "ban"
    });
    decide_on(&crowdsec, "AS", "64500");
    said(&crowdsec, &["decisions", "delete", "--value", "FR"]);
    until("the country is in again, and the AS out", || {
        bouncer.says("192.88.99.6") == OUTSIDE && bouncer.says("192.88.98.1") == "ban"
    });
    said(&crowdsec, &["decisions", "delete", "--value", "AS64500"]);
    until("the AS is in again", || bouncer.says("192.88.98.1") == OUTSIDE);
    // What it holds, by its own word.
    decide_on(&crowdsec, "AS", "64501");
    let edge = || {
        let rows = home.rows(&["bouncers", "list"]);
        let edge = rows.into_iter().find(|row| row["name"] == "edge").unwrap();
        edge["usage"]["counts"].clone()
    };
    until("its report", || !edge().is_null());
    let counts = edge();
    assert!(
        counts
            .as_object()
            .is_some_and(|counts| counts.keys().all(|name| name == "active_decisions ip"))
    );
}

#[test]
fn crowdsecs_own_api_is_asked_for_places_too() {
    let test = "crowdsecs_own_api_is_asked_for_places_too";
    let (Some(bouncer), Some(crowdsec)) = (Bouncer::new(test), CrowdSec::new(test)) else {
        return;
    };
    crowdsec.add_machine("cscli", "a password of its own");
    let _server = crowdsec.start();
    let key = said(&crowdsec, &["bouncers", "add", "edge", "-o", "raw"]);
    let _client = bouncer.start(&crowdsec.url(), key.trim(), "1s");
    decide_on(&crowdsec, "Country", "FR");
    decide_on(&crowdsec, "AS", "64500");
    until("both are out", || {
        bouncer.says("192.88.99.6") == "ban" && bouncer.says("192.88.98.1") == "ban"
    });
    assert_eq!(bouncer.says("192.88.99.7"), "pass");
    said(&crowdsec, &["decisions", "delete", "--value", "FR"]);
    until("the country is in again", || {
        bouncer.says("192.88.99.6") == OUTSIDE
    });
    assert_eq!(bouncer.says("192.88.98.1"), "ban");
}
