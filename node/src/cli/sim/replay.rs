//! The data sets of `--replay`, from files to recordings.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use clap::ValueEnum;
use flate2::read::GzDecoder;
use vigie_sim::{Recording, Setup, generator};

/// What a text may hold at most, unpacked.
const MAX_BYTES: u64 = 256 << 20;
/// Addresses a day drawn from lists.
const LISTED_PER_DAY: u32 = 400;

/// Which data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Set {
    /// Nine honeypots over 189 days, each an organisation
    Honeypots,
    /// Who stands on which of fourteen blocklists, each an organisation
    Lists,
}

// === impl Set ===

impl Set {
    /// Loads it, and fits the setup to it.
    pub(super) fn load(self, directory: &Path, setup: &mut Setup, seed: u64) -> anyhow::Result<Recording> {
        let path = directory.join(match self {
            Self::Honeypots => "honeypots.csv.gz",
            Self::Lists => "reporter-overlap.csv",
        });
        let file = File::open(&path).with_context(|| {
            format!(
                "cannot read {}: --data-set names the directory of the data sets",
                path.display()
            )
        })?;
        let mut text = String::new();
        let read = match self {
            Self::Honeypots => GzDecoder::new(file).take(MAX_BYTES).read_to_string(&mut text),
            Self::Lists => file.take(MAX_BYTES).read_to_string(&mut text),
        };
        read.with_context(|| format!("cannot read {}", path.display()))?;
        let recording = match self {
            Self::Honeypots => Recording::honeypots(&text, setup.anchors),
            Self::Lists => Recording::lists(&text, setup, LISTED_PER_DAY, &mut generator(seed)),
        };
        let recording = recording.with_context(|| path.display().to_string())?;
        recording.fit(setup);
        Ok(recording)
    }
}
