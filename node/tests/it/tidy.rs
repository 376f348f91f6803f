//! Keeps the house in order: what no compiler checks, as ordinary tests.
//!
//! `edges`: which crate may use which. `packages`: licences, bans, where packages come from. `tree`: every source file.
//! `pages`: the documents, against code and Makefile. They read the tree and ask cargo; nothing here runs the node,
//! except to ask it for its `--help`.

mod edges;
mod packages;
mod pages;
mod tree;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace.
fn root() -> PathBuf {
    let node = Path::new(env!("CARGO_MANIFEST_DIR"));
    node.parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What cargo prints. Offline: whoever runs this has just built the workspace, and scripts/test.sh fetched the rest.
fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {errors}(cargo fetch may help)"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A crate that is built for Linux, with what it says of its licence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
}

/// What `cargo tree` finds below the given packages, themselves included. Unlike the resolve graph of `cargo metadata`
/// it leaves out optional crates that no feature switches on.
fn packages(selection: &[&str], kinds: &str) -> Vec<Package> {
    let mut arguments = vec![
        "tree",
        "--target=x86_64-unknown-linux-gnu",
        "--prefix=none",
        "--format={p}|{l}",
        "--edges",
        kinds,
    ];
    arguments.extend(selection);
    let mut found: Vec<Package> = cargo(&arguments)
        .lines()
        .filter_map(|line| {
            // "serde v1.0.0 (proc-macro)|MIT OR Apache-2.0 (*)"
            let (package, licence) = line.split_once('|')?;
            let mut words = package.split_whitespace();
            Some(Package {
                name: words.next()?.to_owned(),
                version: words.next()?.trim_start_matches('v').to_owned(),
                licence: licence.trim_end_matches(" (*)").to_owned(),
            })
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Fails with every fault at once.
#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
