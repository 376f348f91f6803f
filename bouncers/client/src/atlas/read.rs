//! Reads one database: walks its tree once, and asks each record only the first time that it is met.
//!
//! Nothing of the file is believed: its length, the number of networks and of ranges are bounded, and a record of another
//! form says nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader, WithinOptions};

use super::{Atlas, MOST_RANGES};
use crate::place::Place;

/// How long a database may be; the largest of today has 70 MiB.
const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Most networks of a database, empty ones too; the largest of today has some ten million.
const MOST_NETWORKS: u32 = 100_000_000;

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct AtlasError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    File(#[from] std::io::Error),
    #[error("it is longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("{0}")]
    Form(#[from] MaxMindDbError),
    #[error("it has more than {MOST_NETWORKS} networks")]
    TooManyNetworks,
    #[error("its places have more than {MOST_RANGES} ranges")]
    TooManyRanges,
    #[error("it names no {0}: is it another kind of database?")]
    Empty(&'static str),
}

/// What a database is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Countries,
    Systems,
}

type Record<'r> = LookupResult<'r, Vec<u8>>;

/// Adds what the database at `path` says of places.
pub(super) fn read(atlas: &mut Atlas, kind: Kind, path: &Path) -> Result<(), AtlasError> {
    walk(atlas, kind, path).map_err(|problem| AtlasError {
        path: path.to_owned(),
        problem,
    })
}

fn walk(atlas: &mut Atlas, kind: Kind, path: &Path) -> Result<(), Problem> {
    if std::fs::metadata(path)?.len() > MAX_BYTES {
        return Err(Problem::TooLong);
    }
    let reader = Reader::from_source(std::fs::read(path)?)?;
    let before = atlas.len();
    let mut networks: u32 = 0;
    // Where in the file a record stands, and what it says: a hundred thousand networks share one.
    let mut known: HashMap<usize, Option<Place>> = HashMap::new();
    // Empty ones count too, so that a tree that leads in circles comes to an end.
    for found in reader.networks(WithinOptions::default().include_networks_without_data())? {
        networks = networks.saturating_add(1);
        if networks > MOST_NETWORKS {
            return Err(Problem::TooManyNetworks);
        }
        let found = found?;
        let Some(record) = found.offset() else { continue };
        let place = match known.get(&record) {
            Some(place) => *place,
            None => *known.entry(record).or_insert(kind.place(&found)),
        };
        let Some(place) = place else { continue };
        let network = found.network()?;
        if let Ok(net) = IpNet::new(network.network(), network.prefix()) {
            atlas.put(place, net);
        }
        if atlas.ranges > MOST_RANGES {
            return Err(Problem::TooManyRanges);
        }
    }
    if atlas.len() == before {
        return Err(Problem::Empty(kind.name()));
    }
    Ok(())
}

// === impl Kind ===

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Countries => "country",
            Self::Systems => "autonomous system",
        }
    }

    fn place(self, record: &Record<'_>) -> Option<Place> {
        match self {
            // In this order the sensor, and CrowdSec, name the country of an alert.
            Self::Countries => ["country", "registered_country", "represented_country"]
                .iter()
                .find_map(|whose| country(record, whose)),
            Self::Systems => {
                let path = [PathElement::Key("autonomous_system_number")];
                Place::system(record.decode_path(&path).ok()??)
            }
        }
    }
}

fn country(record: &Record<'_>, whose: &str) -> Option<Place> {
    let path = [PathElement::Key(whose), PathElement::Key("iso_code")];
    Place::country(record.decode_path::<&str>(&path).ok()??)
}
