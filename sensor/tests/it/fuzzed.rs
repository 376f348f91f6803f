//! What the fuzz targets keep, as ordinary tests: every file of `fuzz/corpus` once.

use std::path::Path;

#[path = "../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "there it is a library")]
mod bodies;

fn each(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{}", corpus.display());
    for file in files {
        body(&std::fs::read(file).unwrap());
    }
}

#[test]
fn expressions() {
    each("expr", bodies::expr);
}

#[test]
fn patterns() {
    each("grok", bodies::grok);
}

#[test]
fn both_engines() {
    each("engines", bodies::engines);
}

#[test]
fn syslog_messages() {
    each("syslog", bodies::syslog);
}

#[test]
fn rule_files() {
    each("yaml", bodies::yaml);
}
