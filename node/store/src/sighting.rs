//! What everybody saw, row by row: our own and the mesh's.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vigie_wire::{Indicator, OrgId, Sighting, SightingId, Timestamp};

use crate::StoreError;

/// One sighting as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SightingRow {
    /// Its name in the network, as `publisher/epoch/seq/row`.
    pub id: SightingId,
    /// The organisation that says so.
    pub org: OrgId,
    /// What it says.
    #[serde(flatten)]
    pub sighting: Sighting,
    /// When it arrived here.
    pub received_at: Timestamp,
    /// When its publisher took it back.
    pub retracted_at: Option<Timestamp>,
}

/// Which sightings; every field that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SightingFilter {
    /// Exactly this indicator.
    pub indicator: Option<Indicator>,
    /// This organisation's only.
    pub org: Option<OrgId>,
    /// Arrived at or after.
    pub since: Option<Timestamp>,
    /// At most so many, newest arrival first; zero means no limit.
    pub limit: u32,
}

/// Reading sightings, and taking them back.
#[async_trait]
pub trait Sightings {
    /// Sightings by filter, newest arrival first.
    async fn sightings(&self, filter: &SightingFilter) -> Result<Vec<SightingRow>, StoreError>;

    /// Notes that the publisher took them back, also those that have not come yet. The first time stays.
    async fn retract(&self, sightings: &[SightingId], at: Timestamp) -> Result<(), StoreError>;
}
