//! What the fuzz targets of the network keep, as ordinary tests: every file of `fuzz/corpus` once.

use std::path::Path;

#[path = "../../../../fuzz/src/mesh.rs"]
#[expect(unreachable_pub, clippy::panic, reason = "there it is a library of tests")]
mod mesh;
#[path = "../../../../fuzz/src/wire.rs"]
#[expect(unreachable_pub, reason = "there it is a library of tests")]
mod wire;

fn each(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
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
fn envelopes() {
    each("envelope", wire::envelope);
}

#[test]
fn bundles() {
    each("bundle", wire::bundle);
}

#[test]
fn parcels() {
    each("parcel", wire::parcel);
}

#[test]
fn statements() {
    each("statement", wire::statement);
}

#[test]
fn proofs() {
    each("proof", wire::proof);
}

#[test]
fn genesis_files() {
    each("genesis", wire::genesis);
}

#[test]
fn messages_of_sync() {
    each("sync", wire::sync);
}

#[test]
fn a_hostile_peer_who_answers() {
    each("session", mesh::session);
}

#[test]
fn a_hostile_peer_who_asks() {
    each("requests", mesh::requests);
}

#[test]
fn admission_in_any_order() {
    each("admission", mesh::admission);
}
