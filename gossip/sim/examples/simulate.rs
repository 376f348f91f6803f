//! One run by JSON, for measuring without the rest of the program: `simulate '{"nodes": 1000}'` takes the defaults for
//! what is not named.

use std::io::Write as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut setup = serde_json::to_value(vigie_mesh_sim::Setup::default())?;
    if let Some(text) = std::env::args().nth(1) {
        let named: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text)?;
        for (name, value) in named {
            setup[name] = value;
        }
    }
    let setup: vigie_mesh_sim::Setup = serde_json::from_value(setup)?;
    let report = vigie_mesh_sim::run(&setup, &mut |_, _| ())?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?;
    Ok(())
}
