//! `[store]`: where the node keeps things.

use serde::Deserialize;

use super::{Section, Wrong};

/// Which database.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    /// A PostgreSQL URL; empty for the SQLite file in the data directory.
    pub(crate) url: String,
}

impl Section for Store {
    fn check(&self) -> Vec<Wrong> {
        Vec::new()
    }
}
