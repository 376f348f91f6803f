//! Decisions: written with an alert or alone, looked up by value, ended early.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use vigie_store::wire::Timestamp;
use vigie_store::{AlertId, Decision, DecisionFilter, Decisions, NewDecision, StoreError};

use crate::SqliteStore;
use crate::error::failed;
use crate::row::Columns;

/// Rows per statement: eleven values each, far below SQLite's limit of 32766.
const CHUNK: usize = 256;

#[async_trait]
impl Decisions for SqliteStore {
    async fn insert_decision(&self, decision: &NewDecision) -> Result<Decision, StoreError> {
        let mut tx = self.write().await?;
        let mut written = insert(&mut tx, None, std::slice::from_ref(decision)).await?;
        tx.commit().await.map_err(failed)?;
        written.pop().ok_or_else(|| failed(sqlx::Error::RowNotFound))
    }

    async fn decisions(&self, filter: &DecisionFilter) -> Result<Vec<Decision>, StoreError> {
        let mut query = QueryBuilder::new("SELECT * FROM decision");
        narrow(&mut query, filter, None);
        let rows = query.build().fetch_all(&self.readers).await.map_err(failed)?;
        rows.iter().map(decision).collect()
    }

    async fn end_decisions(
        &self,
        filter: &DecisionFilter,
        at: Timestamp,
    ) -> Result<Vec<Decision>, StoreError> {
        let mut query = QueryBuilder::new("UPDATE decision SET until = ");
        query.push_bind(at.as_millis());
        query.push(" WHERE until > ").push_bind(at.as_millis());
        query.push(" AND id IN (SELECT id FROM decision");
        narrow(&mut query, filter, Some(at));
        query.push(") RETURNING *");
        let mut tx = self.write().await?;
        let rows = query.build().fetch_all(&mut *tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        let ended: Result<Vec<_>, _> = rows.iter().map(decision).collect();
        let mut ended = ended?;
        ended.sort_by_key(|one| std::cmp::Reverse(one.id));
        Ok(ended)
    }
}

/// Writes decisions in the order given, so that their numbers rise with it.
pub(crate) async fn insert(
    tx: &mut SqliteConnection,
    alert: Option<AlertId>,
    decisions: &[NewDecision],
) -> Result<Vec<Decision>, StoreError> {
    let mut written = Vec::with_capacity(decisions.len());
    for chunk in decisions.chunks(CHUNK) {
        let mut query = QueryBuilder::new(
            "INSERT INTO decision (alert, origin, remediation, scope, value, scenario, created_at, until, simulated, reason) ",
        );
        query.push_values(chunk, |mut row, new| {
            row.push_bind(alert)
                .push_bind(new.origin.word())
                .push_bind(new.remediation.word())
                .push_bind(&new.scope)
                .push_bind(&new.value)
                .push_bind(&new.scenario)
                .push_bind(new.created_at.as_millis())
                .push_bind(new.until.as_millis())
                .push_bind(new.simulated)
                .push_bind(&new.reason);
        });
        query.push(" RETURNING *");
        let rows = query
            .build()
            .persistent(chunk.len() == 1)
            .fetch_all(&mut *tx)
            .await
            .map_err(failed)?;
        for row in &rows {
            written.push(decision(row)?);
        }
    }
    written.sort_by_key(|one| one.id);
    Ok(written)
}

/// The conditions of a filter, and that it is still active at `ends`, if that is asked.
fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &DecisionFilter, ends: Option<Timestamp>) {
    query.push(" WHERE TRUE");
    if let Some(id) = filter.id {
        query.push(" AND id = ").push_bind(id);
    }
    if let Some(value) = &filter.value {
        query.push(" AND value = ").push_bind(value.clone());
    }
    if let Some(scope) = &filter.scope {
        query.push(" AND scope = ").push_bind(scope.clone());
    }
    if let Some(origin) = filter.origin {
        query.push(" AND origin = ").push_bind(origin.word());
    }
    if let Some(at) = filter.active_at {
        query.push(" AND until > ").push_bind(at.as_millis());
    }
    if let Some(since) = filter.ended_since {
        query.push(" AND until >= ").push_bind(since.as_millis());
    }
    if let Some(at) = ends {
        query.push(" AND until > ").push_bind(at.as_millis());
    }
    query.push(" ORDER BY id DESC");
    if filter.limit > 0 {
        query.push(" LIMIT ").push_bind(i64::from(filter.limit));
    }
}

fn decision(row: &SqliteRow) -> Result<Decision, StoreError> {
    let row = Columns::new(row, "decision");
    Ok(Decision {
        id: row.number("id")?,
        alert: row.number_or_none("alert")?,
        decision: NewDecision {
            origin: row.read("origin", str::parse)?,
            remediation: row.read("remediation", str::parse)?,
            scope: row.text("scope")?,
            value: row.text("value")?,
            scenario: row.text("scenario")?,
            created_at: row.time("created_at")?,
            until: row.time("until")?,
            simulated: row.flag("simulated")?,
            reason: row.text("reason")?,
        },
    })
}
