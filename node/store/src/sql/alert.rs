//! Alerts, with the decisions they led to, and what waits to be shared.

use async_trait::async_trait;
use vigie_wire::{Behaviour, RuleHash};

use super::query::{Column, Query};
use super::row::{Columns, Row};
use super::{Database, Transaction, corrupt, decision};
use crate::{Alert, AlertFilter, AlertId, Alerts, Decision, NewAlert, NewDecision, StoreError, columns};

const INSERT: &str = "INSERT INTO alert (detection, machine, scenario, scenario_version, rule, behaviour, scope, value,
        message, events_count, capacity, leakspeed, first_at, last_at, created_at, simulated, remediation, labels,
        events, share, shared_as)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21
    WHERE NOT EXISTS (SELECT 1 FROM detection WHERE id = $1)
    ON CONFLICT (detection) DO NOTHING RETURNING id";
// Without the events, which are most of an alert.
const BARE: &str =
    "SELECT id, detection, machine, scenario, scenario_version, rule, behaviour, scope, value, message,
        events_count, capacity, leakspeed, first_at, last_at, created_at, simulated, remediation, labels,
        'null' AS events, share, shared_as
    FROM alert WHERE TRUE";

/// Alerts that are deleted with one statement.
const CHUNK: usize = 500;

#[async_trait]
impl<D: Database> Alerts for D {
    async fn insert_alert(
        &self,
        alert: &NewAlert,
        decisions: &[NewDecision],
    ) -> Result<Option<(AlertId, Vec<Decision>)>, StoreError> {
        let json = |error: serde_json::Error| corrupt("alert to write", error);
        let labels = serde_json::to_string(&alert.labels).map_err(json)?;
        let events = serde_json::to_string(&alert.events).map_err(json)?;
        let (share, shared_as) = columns::share_columns(&alert.share);
        let insert = Query::new(INSERT)
            .bind(&alert.detection)
            .bind(&alert.machine)
            .bind(&alert.scenario)
            .bind(&alert.scenario_version)
            .bind(&alert.rule.0)
            .bind(alert.behaviour.map(|behaviour| i64::from(behaviour.0)))
            .bind(&alert.scope)
            .bind(&alert.value)
            .bind(&alert.message)
            .bind(alert.events_count)
            .bind(alert.capacity)
            .bind(&alert.leakspeed)
            .bind(alert.first)
            .bind(alert.last)
            .bind(alert.created_at)
            .bind(alert.simulated)
            .bind(alert.remediation)
            .bind(labels)
            .bind(events)
            .bind(share)
            .bind(shared_as);
        let mut tx = self.begin().await?;
        let Some(row) = tx.fetch(insert).await?.pop() else {
            return Ok(None);
        };
        let id = Columns::new(row, "alert").number("id")?;
        let written = decision::insert(tx.as_mut(), self.binds_arrays(), Some(id), decisions).await?;
        tx.commit().await?;
        Ok(Some((id, written)))
    }

    async fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        let query = Query::new("SELECT * FROM alert WHERE id = $1").bind(id);
        self.fetch(query).await?.pop().map(alert).transpose()
    }

    async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, StoreError> {
        let mut query = Query::new(BARE);
        if let Some(detection) = &filter.detection {
            query.push(" AND detection = ").push_bind(detection);
        }
        if let Some(before) = filter.before {
            query.push(" AND id < ").push_bind(before);
        }
        if let Some(value) = &filter.value {
            query.push(" AND value = ").push_bind(value);
        }
        if let Some(scenario) = &filter.scenario {
            query.push(" AND scenario = ").push_bind(scenario);
        }
        if let Some(since) = filter.since {
            query.push(" AND created_at >= ").push_bind(since);
        }
        if let Some(until) = filter.until {
            query.push(" AND created_at < ").push_bind(until);
        }
        query.push(" ORDER BY id DESC").limit(filter.limit);
        self.fetch(query).await?.into_iter().map(alert).collect()
    }

    async fn pending_shares(&self, after: AlertId, limit: u32) -> Result<Vec<Alert>, StoreError> {
        let mut query = Query::new(BARE);
        query.push(" AND share = 'pending' AND id > ").push_bind(after);
        query.push(" ORDER BY id").limit(limit);
        self.fetch(query).await?.into_iter().map(alert).collect()
    }

    async fn withhold(&self, alerts: &[AlertId]) -> Result<(), StoreError> {
        if alerts.is_empty() {
            return Ok(());
        }
        let ids = Column::Ints(alerts.to_vec());
        let mut query = Query::with(self.binds_arrays(), "kept", vec![("id", ids)]);
        query
            .push("UPDATE alert SET share = 'never' WHERE share = 'pending' AND id IN (SELECT id FROM kept)");
        self.execute(query).await?;
        Ok(())
    }

    async fn delete_alerts(&self, ids: &[AlertId]) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let mut deleted = 0;
        for chunk in ids.chunks(CHUNK) {
            deleted += delete(tx.as_mut(), self.binds_arrays(), chunk.to_vec()).await?;
        }
        tx.commit().await?;
        Ok(deleted)
    }
}

/// Deletes alerts. What stays is that their detections were acted upon.
pub(super) async fn delete(
    tx: &mut dyn Transaction,
    arrays: bool,
    alerts: Vec<AlertId>,
) -> Result<u64, StoreError> {
    if alerts.is_empty() {
        return Ok(0);
    }
    let gone = || Query::with(arrays, "gone", vec![("id", Column::Ints(alerts.clone()))]);
    let mut known = gone();
    known.push(
        "INSERT INTO detection (id, at) SELECT detection, created_at FROM alert WHERE id IN (SELECT id FROM gone)
            ON CONFLICT DO NOTHING",
    );
    tx.execute(known).await?;
    let mut delete = gone();
    delete.push("DELETE FROM alert WHERE id IN (SELECT id FROM gone)");
    tx.execute(delete).await
}

fn alert(row: Row) -> Result<Alert, StoreError> {
    let mut row = Columns::new(row, "alert");
    let shared_as = row.text_or_none("shared_as")?;
    Ok(Alert {
        id: row.number("id")?,
        alert: NewAlert {
            detection: row.array("detection")?,
            machine: row.text("machine")?,
            scenario: row.text("scenario")?,
            scenario_version: row.text("scenario_version")?,
            rule: RuleHash(row.array("rule")?),
            behaviour: row.number_or_none("behaviour")?.map(Behaviour),
            scope: row.text("scope")?,
            value: row.text("value")?,
            message: row.text("message")?,
            events_count: row.number("events_count")?,
            capacity: row.number("capacity")?,
            leakspeed: row.text("leakspeed")?,
            first: row.time("first_at")?,
            last: row.time("last_at")?,
            created_at: row.time("created_at")?,
            simulated: row.flag("simulated")?,
            remediation: row.flag("remediation")?,
            labels: row.read("labels", |text| serde_json::from_str(text))?,
            events: row.read("events", |text| serde_json::from_str(text))?,
            share: row.read("share", |word| columns::share(word, shared_as.as_deref()))?,
        },
    })
}
