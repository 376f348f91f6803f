//! Other people's crates: under which licences, which never, and from where. Advisories are not checked here: their
//! database is not a crate, so that stays a step of a release (CONTRIBUTING.md).

use super::{Package, assert_none, packages, read};

/// What goes with GPL-3.0-or-later and asks for no more than attribution.
const LICENCES: &[&str] = &[
    "MIT",
    "MIT-0",
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "Unlicense",
    "BSL-1.0",
];

/// Each with why not.
const BANNED: &[(&str, &str)] = &[
    ("openssl", "one TLS library in the process, and it is rustls"),
    ("openssl-sys", "links the system's OpenSSL"),
    ("native-tls", "one TLS library in the process, and it is rustls"),
    (
        "systemd",
        "LGPL, and links libsystemd: the journal is read through journalctl",
    ),
    (
        "libsystemd-sys",
        "LGPL, and links libsystemd: the journal is read through journalctl",
    ),
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Everything that is built for Linux, for the programs with all they can be built with, their builds and their tests, and
/// for the module inside nginx; without ourselves.
fn foreign() -> Vec<Package> {
    let features = "vigie-bouncer-nginx/module,vigie/nats,vigie/kafka";
    let all = ["--workspace", "--features", features];
    let mut found = packages(&all, "normal,build,dev");
    found.retain(|package| package.name != "vigie" && !package.name.starts_with("vigie-"));
    assert!(found.len() > 100, "cargo tree shows only {}", found.len());
    found
}

/// Whether an SPDX expression can be satisfied with the licences above. AND binds closer than OR; a slash is an old OR.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let allowed = any_of(&mut rest);
    allowed && rest.is_empty()
}

fn any_of(words: &mut &[&str]) -> bool {
    let mut allowed = all_of(words);
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        allowed |= all_of(words);
    }
    allowed
}

fn all_of(words: &mut &[&str]) -> bool {
    let mut allowed = one(words);
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut &[&str]) -> bool {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let allowed = any_of(words);
            let closed = words.first() == Some(&")");
            *words = words.get(1..).unwrap_or_default();
            allowed && closed
        }
        [licence, "WITH", exception, rest @ ..] => {
            *words = rest;
            LICENCES.contains(&format!("{licence} WITH {exception}").as_str())
        }
        [licence, rest @ ..] => {
            *words = rest;
            LICENCES.contains(licence)
        }
        [] => false,
    }
}

#[test]
fn expressions_of_licences() {
    let check = |expression, expected| assert_eq!(is_allowed(expression), expected, "{expression}");
    check("MIT", true);
    check("MPL-2.0", false);
    check("", false);
    check("MIT/Apache-2.0", true);
    check("GPL-2.0 OR MIT", true);
    check("GPL-2.0 AND MIT", false);
    check("MIT AND GPL-2.0 OR ISC", true);
    check("MIT AND (GPL-2.0 OR ISC)", true);
    check("(MIT OR Apache-2.0) AND Unicode-3.0", true);
    check("(MIT OR Apache-2.0) AND LGPL-2.1", false);
    check("Apache-2.0 WITH LLVM-exception", true);
    check("GPL-2.0 WITH Classpath-exception-2.0", false);
    check("(MIT", false);
    check("MIT)", false);
}

#[test]
fn licences_are_on_the_list() {
    let faults: Vec<String> = foreign()
        .iter()
        .filter(|package| !is_allowed(&package.licence))
        .map(|package| {
            format!(
                "{} {} is under {:?}",
                package.name, package.version, package.licence
            )
        })
        .collect();
    assert_none(&faults);
}

#[test]
fn no_banned_crate_is_built() {
    let found = foreign();
    let faults: Vec<String> = BANNED
        .iter()
        .filter(|(banned, _)| found.iter().any(|package| package.name == *banned))
        .map(|(banned, why)| format!("{banned}: {why}"))
        .collect();
    assert_none(&faults);
}

#[test]
fn packages_come_from_crates_io() {
    let lock = read("Cargo.lock");
    let sources: Vec<&str> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .collect();
    assert!(!sources.is_empty());
    let faults: Vec<String> = sources
        .iter()
        .map(|source| source.trim_matches('"'))
        .filter(|source| *source != CRATES_IO)
        .map(|source| format!("Cargo.lock has a package from {source}"))
        .collect();
    assert_none(&faults);
}
