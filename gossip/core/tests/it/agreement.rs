//! The second decoder (`gossip/wire/python`, written from docs/protocol.md alone) and this crate say the same: of the
//! messages of sync, of what a node holds of a chain in the end, and of who is admitted when. Also keeps `vectors/`.
//!
//! `cargo run -p vigie-gossip-core --example vectors` writes the files anew; a difference changes the protocol.

mod admitted;
mod chains;
mod files;
mod messages;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::skip::skip;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn file(name: &str) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(folder("vectors").join(name)).unwrap()).unwrap()
}

#[test]
fn the_files_are_those_of_the_code() {
    for (name, made) in files::all() {
        assert!(
            file(name) == made,
            "{name} differs: run the example `vectors` and read the difference"
        );
    }
    for (note, bytes) in messages::invalid() {
        assert_eq!(messages::said(&bytes), json!({"refused": "malformed"}), "{note}");
    }
}

/// Hands cases to the other side, which must find nothing to object.
fn agree(test: &str, cases: &[Value]) {
    let usable = Command::new("python3")
        .args(["-c", "import sys; assert sys.version_info >= (3, 9)"])
        .output();
    if !usable.is_ok_and(|output| output.status.success()) {
        skip(test, "no python3 of at least 3.9");
        return;
    }
    // -B: nothing is left in the tree.
    let mut child = Command::new("python3")
        .arg("-B")
        .arg(folder("../wire/python/agree.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.join("\n").as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let expected = format!("{} cases, 0 disagreements\n", cases.len());
    assert!(
        output.status.success() && printed.ends_with(&expected),
        "{printed}"
    );
}

#[test]
fn the_other_decoder_passes_the_vectors_of_sync_and_chains() {
    let cases = [file("sync.json"), file("chains.json")].concat();
    agree("the_other_decoder_passes_the_vectors_of_sync_and_chains", &cases);
}

#[test]
fn both_say_the_same_of_messages_that_a_generator_makes() {
    let mut dice = Dice::new(0x7379_6e63);
    let cases: Vec<Value> = (0..600)
        .map(|_| files::message("generated", &messages::by_dice(&mut dice)))
        .collect();
    let refused = cases
        .iter()
        .filter(|case| case["says"].get("refused").is_some())
        .count();
    assert!((150..500).contains(&refused), "{refused} of {}", cases.len());
    agree("both_say_the_same_of_messages_that_a_generator_makes", &cases);
}

#[test]
fn both_hold_the_same_of_chains_that_a_generator_makes() {
    let mut dice = Dice::new(0x6368_6169_6e73);
    let cases: Vec<Value> = (0..90)
        .map(|nth| chains::value(&chains::by_dice(&mut dice, nth)))
        .collect();
    for word in ["clean", "suspended", "accident", "equivocation"] {
        assert!(
            cases.iter().any(|case| case["says"]["conduct"] == word),
            "no case is {word}"
        );
    }
    agree("both_hold_the_same_of_chains_that_a_generator_makes", &cases);
}

#[test]
fn both_admit_the_same_in_networks_that_a_generator_makes() {
    let mut dice = Dice::new(0x6164_6d69);
    let cases: Vec<Value> = (0..24).map(|nth| admitted::value(&mut dice, nth)).collect();
    agree("both_admit_the_same_in_networks_that_a_generator_makes", &cases);
}
