//! Alerts, with the decisions they led to, and what waits to be shared.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::postgres::PgRow;
use vigie_store::wire::{Behaviour, RuleHash};
use vigie_store::{
    Alert, AlertFilter, AlertId, Alerts, Decision, NewAlert, NewDecision, StoreError, columns,
};

use crate::PostgresStore;
use crate::decision;
use crate::error::{corrupt, failed};
use crate::row::Columns;
use crate::text::escaped;

const INSERT: &str = "INSERT INTO alert (detection, machine, scenario, scenario_version, rule, behaviour, scope, value,
        message, events_count, capacity, leakspeed, first_at, last_at, created_at, simulated, remediation, labels,
        events, share, shared_as)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
    ON CONFLICT (detection) DO NOTHING RETURNING id";
const WITHHOLD: &str = "UPDATE alert SET share = 'never'
    WHERE share = 'pending' AND id = ANY ($1)";

#[async_trait]
impl Alerts for PostgresStore {
    async fn insert_alert(
        &self,
        alert: &NewAlert,
        decisions: &[NewDecision],
    ) -> Result<Option<(AlertId, Vec<Decision>)>, StoreError> {
        let json = |error: serde_json::Error| corrupt("alert to write", error);
        let labels = serde_json::to_string(&alert.labels).map_err(json)?;
        let events = serde_json::to_string(&alert.events).map_err(json)?;
        let (share, shared_as) = columns::share_columns(&alert.share);
        let mut tx = self.write().await?;
        let id: Option<AlertId> = sqlx::query_scalar(INSERT)
            .bind(alert.detection.as_slice())
            .bind(escaped(&alert.machine))
            .bind(escaped(&alert.scenario))
            .bind(escaped(&alert.scenario_version))
            .bind(alert.rule.0.as_slice())
            .bind(alert.behaviour.map(|behaviour| i64::from(behaviour.0)))
            .bind(escaped(&alert.scope))
            .bind(escaped(&alert.value))
            .bind(escaped(&alert.message))
            .bind(i64::from(alert.events_count))
            .bind(i64::from(alert.capacity))
            .bind(escaped(&alert.leakspeed))
            .bind(alert.first.as_millis())
            .bind(alert.last.as_millis())
            .bind(alert.created_at.as_millis())
            .bind(alert.simulated)
            .bind(alert.remediation)
            .bind(escaped(&labels))
            .bind(escaped(&events))
            .bind(share)
            .bind(shared_as)
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed)?;
        let Some(id) = id else {
            return Ok(None);
        };
        let written = decision::insert(&mut tx, Some(id), decisions).await?;
        tx.commit().await.map_err(failed)?;
        Ok(Some((id, written)))
    }

    async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, StoreError> {
        let mut query = QueryBuilder::new("SELECT * FROM alert WHERE TRUE");
        if let Some(id) = filter.id {
            query.push(" AND id = ").push_bind(id);
        }
        if let Some(value) = &filter.value {
            query.push(" AND value = ").push_bind(escaped(value).into_owned());
        }
        if let Some(scenario) = &filter.scenario {
            query
                .push(" AND scenario = ")
                .push_bind(escaped(scenario).into_owned());
        }
        if let Some(since) = filter.since {
            query.push(" AND created_at >= ").push_bind(since.as_millis());
        }
        if let Some(until) = filter.until {
            query.push(" AND created_at < ").push_bind(until.as_millis());
        }
        query.push(" ORDER BY id DESC");
        if filter.limit > 0 {
            query.push(" LIMIT ").push_bind(i64::from(filter.limit));
        }
        let rows = query.build().fetch_all(&self.pool).await.map_err(failed)?;
        rows.iter().map(alert).collect()
    }

    async fn pending_shares(&self, limit: u32) -> Result<Vec<Alert>, StoreError> {
        let mut query = QueryBuilder::new("SELECT * FROM alert WHERE share = 'pending' ORDER BY id");
        if limit > 0 {
            query.push(" LIMIT ").push_bind(i64::from(limit));
        }
        let rows = query.build().fetch_all(&self.pool).await.map_err(failed)?;
        rows.iter().map(alert).collect()
    }

    async fn withhold(&self, alerts: &[AlertId]) -> Result<(), StoreError> {
        sqlx::query(WITHHOLD)
            .bind(alerts)
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn delete_alert(&self, id: AlertId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM alert WHERE id = $1")
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }
}

fn alert(row: &PgRow) -> Result<Alert, StoreError> {
    let row = Columns::new(row, "alert");
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
