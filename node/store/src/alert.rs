//! Detections that were acted upon: what people search and what waits to be shared.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vigie_wire::{Behaviour, RuleHash, SightingId, Timestamp};

use crate::{Decision, NewDecision, StoreError};

/// An alert's number, rising, never reused.
pub type AlertId = i64;

/// Whether an alert leaves this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// Policy keeps it here.
    Never,
    /// It waits to be sealed into an envelope; a restart finds it again.
    Pending,
    /// It left as this sighting.
    Shared(SightingId),
}

/// What is written when a detection arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAlert {
    /// The detection's id: a second alert with the same one changes nothing.
    pub detection: [u8; 16],
    /// Who saw it: `sensor`, or the name of the machine that pushed it.
    pub machine: String,
    /// The scenario's name, such as `vigie/ssh-bf`.
    pub scenario: String,
    /// The scenario's version, empty if it has none.
    pub scenario_version: String,
    /// The scenario's content hash.
    pub rule: RuleHash,
    /// What was done, if the scenario is labelled.
    pub behaviour: Option<Behaviour>,
    /// CrowdSec's scope: `Ip`, `Range`, ...
    pub scope: String,
    /// What the scope names.
    pub value: String,
    /// One sentence for people.
    pub message: String,
    /// How many events.
    pub events_count: u32,
    /// The bucket's capacity.
    pub capacity: i32,
    /// The bucket's leak speed, as in the scenario.
    pub leakspeed: String,
    /// Time of the first event.
    pub first: Timestamp,
    /// Time of the last event.
    pub last: Timestamp,
    /// When this node wrote it.
    pub created_at: Timestamp,
    /// In simulation: shown, never enforced or shared.
    pub simulated: bool,
    /// The scenario asks for a remediation.
    pub remediation: bool,
    /// The scenario's labels.
    pub labels: BTreeMap<String, String>,
    /// The events, as JSON in the shape of CrowdSec's `events`. Stays here, never leaves.
    pub events: serde_json::Value,
    /// Whether it is to be shared: `Never` or `Pending`.
    pub share: Share,
}

/// An alert as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its number.
    pub id: AlertId,
    /// What was written, with the present state of `share`.
    #[serde(flatten)]
    pub alert: NewAlert,
}

/// Which alerts; every field that is set must match. Newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// The alert of this detection only.
    pub detection: Option<[u8; 16]>,
    /// Numbers below this only: how one reads page by page.
    pub before: Option<AlertId>,
    /// Exact value.
    pub value: Option<String>,
    /// Exact scenario.
    pub scenario: Option<String>,
    /// Created at or after.
    pub since: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
    /// At most so many; zero means no limit.
    pub limit: u32,
}

/// Reading and writing alerts.
#[async_trait]
pub trait Alerts {
    /// Writes the alert and the decisions it led to in one transaction.
    /// `None` if an alert with this detection id exists, or existed and was deleted or forgotten: then nothing changed.
    async fn insert_alert(
        &self,
        alert: &NewAlert,
        decisions: &[NewDecision],
    ) -> Result<Option<(AlertId, Vec<Decision>)>, StoreError>;

    /// One alert, whole.
    async fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError>;

    /// Alerts by filter, newest first, without their events (`null`): those are most of an alert.
    async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, StoreError>;

    /// Alerts above this number that wait to be shared, oldest first, without their events (`null`): those never leave.
    async fn pending_shares(&self, after: AlertId, limit: u32) -> Result<Vec<Alert>, StoreError>;

    /// Takes the wish to share back, for example after policy changed. Alerts already shared stay so.
    async fn withhold(&self, alerts: &[AlertId]) -> Result<(), StoreError>;

    /// Deletes alerts, however many, in one transaction; their decisions stay, and that their detections were acted upon.
    /// Gives how many there were.
    async fn delete_alerts(&self, ids: &[AlertId]) -> Result<u64, StoreError>;
}
