//! Writes the files of `gossip/core/vectors`. A difference to what is committed is a change of the protocol.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_imports,
    clippy::cast_possible_truncation,
    reason = "the files beside are those of the tests, where this is usual"
)]
#![expect(dead_code, reason = "and they hold more than what is needed here")]

use std::path::Path;

#[path = "../tests/it/agreement/chains.rs"]
mod chains;
#[path = "../../wire/tests/it/agreement/dice.rs"]
mod dice;
#[path = "../tests/it/agreement/files.rs"]
mod files;
#[path = "../tests/it/agreement/messages.rs"]
mod messages;
#[path = "../tests/it/world.rs"]
mod world;

fn main() -> std::io::Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    for (name, cases) in files::all() {
        std::fs::write(
            directory.join(name),
            format!("{:#}\n", serde_json::Value::from(cases)),
        )?;
    }
    Ok(())
}
