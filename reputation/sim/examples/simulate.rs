//! One run, one line of JSON: `cargo run --release -p vigie-sim --example simulate -- --attack A03 --liars 0.3`.
//!
//! Every other number of the model has its default. Deliberately absent: tables and figures.

use std::process::ExitCode;
use std::str::FromStr;

use vigie_sim::{Record, Setup, generator, simulate};

const USAGE: &str = "simulate [--scorer NAME] [--attack none|A01..A23|adaptive] [--liars SHARE] \
                     [--orgs N] [--days N] [--strike-day N] [--observers N] [--seed N] [--set PATH=VALUE]...";

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program prints what it found"
)]
fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<String, String> {
    let (mut setup, mut seed) = (Setup::default(), 1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--scorer" => setup.scorer = parse(&name, &value)?,
            "--attack" => setup.attack = parse(&name, &value)?,
            "--liars" => setup.liars = parse(&name, &value)?,
            "--orgs" => setup.orgs = parse(&name, &value)?,
            "--days" => setup.days = parse(&name, &value)?,
            "--strike-day" => setup.strike_day = Some(parse(&name, &value)?),
            "--observers" => setup.observers = parse(&name, &value)?,
            "--set" => setup.assign(&value).map_err(|refused| refused.to_string())?,
            "--seed" => seed = parse(&name, &value)?,
            _ => return Err(format!("{name} is not an option")),
        }
    }
    let outcome = simulate(&setup, &mut generator(seed)).map_err(|refused| refused.to_string())?;
    serde_json::to_string(&Record { seed, outcome }).map_err(|error| error.to_string())
}

fn parse<T: FromStr<Err: ToString>>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|error: T::Err| format!("{name} {value}: {}", error.to_string()))
}
