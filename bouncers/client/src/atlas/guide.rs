//! The operator's databases, and the atlas that follows from them; made anew when one of them is another on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Atlas;
use super::read::{AtlasError, Kind, read};

/// Where the databases are. Each is any in `MaxMind`'s format that has the field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Databases {
    /// One with `country.iso_code`: `GeoLite2-Country`, `GeoLite2-City`, DB-IP's and others.
    pub countries: Option<PathBuf>,
    /// One with `autonomous_system_number`: `GeoLite2-ASN`, DB-IP's and others.
    pub systems: Option<PathBuf>,
}

/// Knows where places are, as long as the databases say so.
#[derive(Clone, Debug, Default)]
pub struct Guide {
    databases: Databases,
    stamps: [Option<Stamp>; 2],
    /// Read, and not told yet.
    fresh: Option<Arc<Atlas>>,
}

/// What tells one file from another in its place: inode, length, time of the last change.
type Stamp = (u64, u64, i64, i64);

// === impl Databases ===

impl Databases {
    fn read(&self) -> Result<Arc<Atlas>, AtlasError> {
        let mut atlas = Atlas::default();
        for (kind, path) in [(Kind::Countries, &self.countries), (Kind::Systems, &self.systems)] {
            if let Some(path) = path {
                read(&mut atlas, kind, path)?;
            }
        }
        tracing::info!(
            places = atlas.len(),
            ranges = atlas.ranges,
            "the databases of places are read"
        );
        Ok(Arc::new(atlas))
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.countries, &self.systems].map(|path| path.as_deref().and_then(stamp))
    }
}

// === impl Guide ===

impl Guide {
    /// Reads the databases, if there are any.
    pub fn open(databases: Databases) -> Result<Self, AtlasError> {
        if databases == Databases::default() {
            tracing::info!(
                "no database of places is configured: decisions on countries and autonomous systems are not asked for"
            );
            return Ok(Self::default());
        }
        Ok(Self {
            stamps: databases.stamps(),
            fresh: Some(databases.read()?),
            databases,
        })
    }

    /// The scopes of decisions that can be enforced, in CrowdSec's words; `None` for what every node tells unasked.
    pub const fn scopes(&self) -> Option<&'static str> {
        match (&self.databases.countries, &self.databases.systems) {
            (None, None) => None,
            (Some(_), None) => Some("Ip,Range,Country"),
            (None, Some(_)) => Some("Ip,Range,AS"),
            (Some(_), Some(_)) => Some("Ip,Range,Country,AS"),
        }
    }

    /// What was not told yet: the first atlas, and another one if a database on disk is another. One that cannot be used
    /// is told once, and what was known holds on.
    pub(crate) async fn news(&mut self) -> Option<Arc<Atlas>> {
        if let Some(first) = self.fresh.take() {
            return Some(first);
        }
        let stamps = self.databases.stamps();
        if stamps == self.stamps {
            return None;
        }
        self.stamps = stamps;
        let databases = self.databases.clone();
        let read = tokio::task::spawn_blocking(move || databases.read()).await;
        match read {
            Ok(Ok(atlas)) => return Some(atlas),
            Ok(Err(error)) => {
                tracing::error!(%error, "a database of places cannot be used; what it said before holds on");
            }
            Err(error) => tracing::error!(%error, "the databases of places could not be read"),
        }
        None
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::metadata(path).ok()?;
    Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}
