//! One run, one line of JSON: `cargo run --release -p vigie-mesh-sim --example simulate -- nodes=1000`.
//!
//! Every number of [`Setup`] by its name; the others have their defaults. Deliberately absent: what a person reads, which
//! `vigie sim mesh` prints.

use std::process::ExitCode;

use serde_json::{Map, Value};
use vigie_mesh_sim::{Setup, run};

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program prints what it found"
)]
fn main() -> ExitCode {
    let report = setup(std::env::args().skip(1))
        .and_then(|setup| run(&setup, &mut |_, _| {}).map_err(|refused| refused.to_string()))
        .and_then(|report| serde_json::to_string(&report).map_err(|error| error.to_string()));
    match report {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn setup(arguments: impl Iterator<Item = String>) -> Result<Setup, String> {
    let mut numbers = match serde_json::to_value(Setup::default()) {
        Ok(Value::Object(numbers)) => numbers,
        _ => Map::new(),
    };
    for argument in arguments {
        let (name, value) = argument
            .split_once('=')
            .ok_or_else(|| format!("{argument:?} is not name=value"))?;
        let value = value.parse().map_err(|error| format!("{argument}: {error}"))?;
        numbers.insert(name.to_owned(), value);
    }
    serde_json::from_value(Value::Object(numbers)).map_err(|error| error.to_string())
}
