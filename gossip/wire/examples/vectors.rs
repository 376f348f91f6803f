//! Writes the files of `gossip/wire/vectors`. A difference to what is committed is a change of the protocol.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_imports,
    clippy::cast_possible_truncation,
    reason = "the files beside are those of the tests, where this is usual"
)]

use std::path::Path;

#[path = "../tests/it/vectors/cases.rs"]
mod cases;
#[path = "../tests/it/vectors/invalid.rs"]
mod invalid;
#[path = "../tests/it/vectors/parcels.rs"]
mod parcels;
#[path = "../tests/it/sample.rs"]
mod sample;

fn main() -> std::io::Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    for (name, content) in cases::files() {
        std::fs::write(directory.join(name), content)?;
    }
    Ok(())
}
