//! Two decoders, one page: `python/` was written from docs/protocol.md alone and shares no code with this crate. Both
//! must say the same of every vector, and of some thousand byte strings from a seeded generator, most of them wrong.

mod dice;
mod made;
mod shown;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::sample::key;
use crate::skip::skip;

const SEED: u64 = 0x7669_6769_6531;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A program of `python/`; none, and a skip, where the machine has no python3.
fn python(test: &str, program: &str) -> Option<Command> {
    let usable = Command::new("python3")
        .args(["-c", "import sys; assert sys.version_info >= (3, 9)"])
        .output();
    if !usable.is_ok_and(|output| output.status.success()) {
        skip(test, "no python3 of at least 3.9");
        return None;
    }
    let mut command = Command::new("python3");
    // -B: nothing is left in the tree.
    command.arg("-B").arg(folder("python").join(program));
    Some(command)
}

#[test]
fn the_other_decoder_passes_every_vector() {
    let Some(mut command) = python("the_other_decoder_passes_every_vector", "check.py") else {
        return;
    };
    let output = command.arg(folder("vectors")).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(printed.contains("\n0 disagreements"), "{printed}");
}

#[test]
fn both_decoders_say_the_same_of_what_a_generator_makes() {
    let Some(mut command) = python("both_decoders_say_the_same_of_what_a_generator_makes", "agree.py") else {
        return;
    };
    let public = key(1).public();
    let cases = made::cases(&mut dice::Dice::new(SEED));
    let mut lines = String::new();
    let mut refused = 0;
    for (what, bytes) in &cases {
        let said = shown::said(what, bytes, &public);
        refused += usize::from(said.get("refused").is_some());
        let case = json!({"as": what, "bytes": hex::encode(bytes), "public": public, "says": said});
        lines.push_str(&format!("{case}\n"));
    }
    // Neither side may be a matter of course.
    assert!(
        cases.len() / 5 < refused && refused < cases.len() * 4 / 5,
        "{refused} of {}",
        cases.len()
    );
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    assert!(
        printed.ends_with(&format!("{} cases, 0 disagreements\n", cases.len())),
        "{printed}"
    );
}
