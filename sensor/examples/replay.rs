//! A replay under the rules of a hub, without the node: what is measured and profiled while the engine is worked on.
//!
//! `replay FILE TYPE HUB DATA ITEMS [threads [plain|fast [sources]]]`; prints the outcome's counters, and to the file `sources`
//! every address that was found.

use std::num::NonZeroUsize;
use std::path::Path;

use vigie_sensor::replay::Replay;
use vigie_sensor::rules::Loader;
use vigie_wire::Timestamp;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, kind, hub, data, items, options @ ..] = args.as_slice() else {
        return Err("replay FILE TYPE HUB DATA ITEMS [threads [plain]]".into());
    };
    let mut loader = Loader::new();
    loader.data_dir(Path::new(data));
    for item in std::fs::read_to_string(items)?.lines() {
        loader.item(Path::new(hub), item);
    }
    let rules = loader.finish()?;
    // 2026-11-22: after the corpora, which are of October.
    let mut replay = Replay::new(Path::new(file), kind, Timestamp::from_secs(1_795_348_800));
    replay.threads = options
        .first()
        .map_or(Ok(NonZeroUsize::MIN), |threads| threads.parse())?;
    replay.plain = options.get(1).is_some_and(|option| option == "plain");
    let mut out = std::io::stdout().lock();
    let outcome = replay.run(&rules, |_| (), |_| ())?;
    if let Some(path) = options.get(2) {
        std::fs::write(path, outcome.sources().into_iter().collect::<Vec<_>>().join("\n"))?;
    }
    let sources = outcome.sources().len();
    let scenarios = outcome.scenarios.iter();
    for (name, found) in scenarios {
        std::io::Write::write_all(
            &mut out,
            format!("{name} {} {}\n", found.detections, found.sources.len()).as_bytes(),
        )?;
    }
    let line = format!(
        "lines {} parsed {} unparsed {} whitelisted {} detections {} sources {sources} suppressed {} buckets {}\n",
        outcome.lines,
        outcome.parsed,
        outcome.unparsed,
        outcome.whitelisted,
        outcome.detections,
        outcome.suppressed,
        outcome.buckets,
    );
    std::io::Write::write_all(&mut out, line.as_bytes())?;
    Ok(())
}
