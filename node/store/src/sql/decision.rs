//! Decisions: written with an alert or alone, looked up by value, ended early.

use async_trait::async_trait;
use vigie_wire::Timestamp;

use super::query::{Column, Query};
use super::row::{Columns, Row};
use super::{Database, Transaction, not_returned};
use crate::{AlertId, Decision, DecisionFilter, DecisionId, Decisions, NewDecision, StoreError};

/// Rows per statement: nine values each, far below the 32766 that SQLite allows.
const CHUNK: usize = 256;

/// Ends decisions, and notes when they would have ended without it.
const END: &str = "UPDATE decision SET planned = COALESCE(planned, until), until = ";

#[async_trait]
impl<D: Database> Decisions for D {
    async fn insert_decision(&self, decision: &NewDecision) -> Result<Decision, StoreError> {
        let mut tx = self.begin().await?;
        let one = std::slice::from_ref(decision);
        let mut written = insert(tx.as_mut(), self.binds_arrays(), None, one).await?;
        tx.commit().await?;
        written.pop().ok_or_else(|| not_returned("decision"))
    }

    async fn decisions(&self, filter: &DecisionFilter) -> Result<Vec<Decision>, StoreError> {
        let mut query = Query::new("SELECT * FROM decision");
        narrow(&mut query, filter, None);
        self.fetch(query).await?.into_iter().map(decision).collect()
    }

    async fn end_decisions(
        &self,
        filter: &DecisionFilter,
        at: Timestamp,
    ) -> Result<Vec<Decision>, StoreError> {
        let mut query = Query::new(END);
        query.push_bind(at).push(" WHERE until > ").push_bind(at);
        query.push(" AND id IN (SELECT id FROM decision");
        narrow(&mut query, filter, Some(at));
        query.push(") RETURNING *");
        let mut tx = self.begin().await?;
        let rows = tx.fetch(query).await?;
        tx.commit().await?;
        let mut ended: Vec<_> = rows.into_iter().map(decision).collect::<Result<_, _>>()?;
        ended.sort_by_key(|one| std::cmp::Reverse(one.id));
        Ok(ended)
    }

    async fn end_these(&self, ids: &[DecisionId], at: Timestamp) -> Result<Vec<Decision>, StoreError> {
        let mut ended = Vec::new();
        if ids.is_empty() {
            return Ok(ended);
        }
        let mut tx = self.begin().await?;
        for chunk in ids.chunks(CHUNK) {
            let these = vec![("id", Column::Ints(chunk.to_vec()))];
            let mut query = Query::with(self.binds_arrays(), "these", these);
            query.push(END).push_bind(at);
            query.push(" WHERE until > ").push_bind(at);
            query.push(" AND id IN (SELECT id FROM these) RETURNING *");
            for row in tx.fetch(query).await? {
                ended.push(decision(row)?);
            }
        }
        tx.commit().await?;
        Ok(ended)
    }

    async fn ended_early(
        &self,
        since: Timestamp,
        at: Timestamp,
    ) -> Result<Vec<(Decision, Timestamp)>, StoreError> {
        let mut query = Query::new("SELECT * FROM decision WHERE planned > ");
        query.push_bind(at).push(" AND until >= ").push_bind(since);
        let rows = self.fetch(query).await?.into_iter();
        rows.map(|row| {
            let mut row = Columns::new(row, "decision");
            Ok((read(&mut row)?, row.time("planned")?))
        })
        .collect()
    }
}

/// Writes decisions in the order given, so that their numbers rise with it.
pub(super) async fn insert(
    tx: &mut dyn Transaction,
    arrays: bool,
    alert: Option<AlertId>,
    decisions: &[NewDecision],
) -> Result<Vec<Decision>, StoreError> {
    let mut written = Vec::with_capacity(decisions.len());
    for chunk in decisions.chunks(CHUNK) {
        let each = || chunk.iter();
        let columns = vec![
            ("origin", Column::texts(each().map(|new| new.origin.word()))),
            (
                "remediation",
                Column::texts(each().map(|new| new.remediation.word())),
            ),
            ("scope", Column::texts(each().map(|new| &new.scope))),
            ("value", Column::texts(each().map(|new| &*new.value))),
            ("scenario", Column::texts(each().map(|new| &new.scenario))),
            (
                "created_at",
                Column::ints(each().map(|new| new.created_at.as_millis())),
            ),
            ("until", Column::ints(each().map(|new| new.until.as_millis()))),
            (
                "simulated",
                Column::Flags(each().map(|new| new.simulated).collect()),
            ),
            ("reason", Column::texts(each().map(|new| &new.reason))),
        ];
        let mut query = Query::with(arrays, "made", columns);
        query
            .push(
                "INSERT INTO decision (alert, origin, remediation, scope, value, scenario, created_at, until, simulated, reason)
                    SELECT ",
            )
            .push_bind(alert)
            .push(", made.* FROM made RETURNING *");
        for row in tx.fetch(query).await? {
            written.push(decision(row)?);
        }
    }
    written.sort_by_key(|one| one.id);
    Ok(written)
}

/// The conditions of a filter, and that it is still active at `ends`, if that is asked.
fn narrow<'a>(query: &mut Query<'a>, filter: &'a DecisionFilter, ends: Option<Timestamp>) {
    query.push(" WHERE TRUE");
    if let Some(id) = filter.id {
        query.push(" AND id = ").push_bind(id);
    }
    if let Some(alert) = filter.alert {
        query.push(" AND alert = ").push_bind(alert);
    }
    if let Some(value) = &filter.value {
        query.push(" AND value = ").push_bind(value);
    }
    if let Some(scope) = &filter.scope {
        query.push(" AND scope = ").push_bind(scope);
    }
    if let Some(origin) = filter.origin {
        query.push(" AND origin = ").push_bind(origin.word());
    }
    if let Some(at) = filter.active_at {
        query.push(" AND until > ").push_bind(at);
    }
    if let Some(since) = filter.ended_since {
        query.push(" AND until >= ").push_bind(since);
    }
    if let Some(at) = ends {
        query.push(" AND until > ").push_bind(at);
    }
    query.push(" ORDER BY id DESC").limit(filter.limit);
}

fn decision(row: Row) -> Result<Decision, StoreError> {
    read(&mut Columns::new(row, "decision"))
}

fn read(row: &mut Columns) -> Result<Decision, StoreError> {
    Ok(Decision {
        id: row.number("id")?,
        alert: row.number_or_none("alert")?,
        decision: NewDecision {
            origin: row.read("origin", str::parse)?,
            remediation: row.read("remediation", str::parse)?,
            scope: row.text("scope")?.into(),
            value: row.text("value")?.into(),
            scenario: row.text("scenario")?.into(),
            created_at: row.time("created_at")?,
            until: row.time("until")?,
            simulated: row.flag("simulated")?,
            reason: row.text("reason")?.into(),
        },
    })
}
