//! Sightings, row by row.

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, QueryBuilder};
use vigie_store::wire::{Behaviour, Count, OrgId, PublisherId, RuleHash, Sighting, SightingId, Timestamp};
use vigie_store::{NewEnvelope, SightingFilter, SightingRow, Sightings, StoreError, columns};

use crate::PostgresStore;
use crate::error::failed;
use crate::row::Columns;
use crate::text::escaped;

/// Rows per statement.
const CHUNK: usize = 256;

const SELECT: &str =
    "SELECT e.publisher, e.epoch, e.seq, s.row, s.org, s.family, s.value, s.behaviour, s.rule, s.at,
        s.count, s.confidence, s.received_at, s.retracted_at
    FROM sighting s JOIN envelope e ON e.id = s.envelope WHERE TRUE";
// A column's values travel as one array, so that an envelope is one statement whatever it holds.
const INSERT: &str = "INSERT INTO sighting (envelope, org, received_at, row, family, value, behaviour, rule, at, count, confidence)
    SELECT $1, $2, $3, * FROM UNNEST($4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::bytea[], $9::bigint[],
        $10::bigint[], $11::bigint[])";
const RETRACT: &str = "UPDATE sighting SET retracted_at = $1
    FROM UNNEST($2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) AS gone (publisher, epoch, seq, place)
    JOIN envelope e ON e.publisher = gone.publisher AND e.epoch = gone.epoch AND e.seq = gone.seq
    WHERE sighting.envelope = e.id AND sighting.row = gone.place AND sighting.retracted_at IS NULL";

const EARLY: &str = "INSERT INTO retraction (at, publisher, epoch, seq, row)
    SELECT $1, * FROM UNNEST($2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING";
// What was taken back before it came.
const TAKEN_BACK: &str = "UPDATE sighting SET retracted_at = gone.at
    FROM envelope e JOIN retraction gone
        ON gone.publisher = e.publisher AND gone.epoch = e.epoch AND gone.seq = e.seq
    WHERE e.id = $1 AND sighting.envelope = e.id AND sighting.row = gone.row";

#[async_trait]
impl Sightings for PostgresStore {
    async fn sightings(&self, filter: &SightingFilter) -> Result<Vec<SightingRow>, StoreError> {
        let mut query = QueryBuilder::new(SELECT);
        if let Some(indicator) = &filter.indicator {
            query
                .push(" AND s.value = ")
                .push_bind(escaped(&columns::indicator_value(indicator)).into_owned());
            query
                .push(" AND s.family = ")
                .push_bind(columns::indicator_family(indicator));
        }
        if let Some(org) = filter.org {
            query.push(" AND s.org = ").push_bind(org.0.to_vec());
        }
        if let Some(since) = filter.since {
            query.push(" AND s.received_at >= ").push_bind(since.as_millis());
        }
        query.push(" ORDER BY s.received_at DESC, s.envelope DESC, s.row DESC");
        if filter.limit > 0 {
            query.push(" LIMIT ").push_bind(i64::from(filter.limit));
        }
        let rows = query.build().fetch_all(&self.pool).await.map_err(failed)?;
        rows.iter().map(sighting).collect()
    }

    async fn retract(&self, sightings: &[SightingId], at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        for chunk in sightings.chunks(CHUNK) {
            for statement in [RETRACT, EARLY] {
                sqlx::query(statement)
                    .bind(at.as_millis())
                    .bind(chunk.iter().map(|id| id.publisher.0.to_vec()).collect::<Vec<_>>())
                    .bind(chunk.iter().map(|id| i64::from(id.epoch)).collect::<Vec<_>>())
                    .bind(
                        chunk
                            .iter()
                            .map(|id| columns::seq_column(id.seq))
                            .collect::<Vec<_>>(),
                    )
                    .bind(chunk.iter().map(|id| i64::from(id.row)).collect::<Vec<_>>())
                    .execute(&mut *tx)
                    .await
                    .map_err(failed)?;
            }
        }
        tx.commit().await.map_err(failed)
    }
}

/// Writes the sightings of an envelope that was just written under this number.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    number: i64,
    envelope: &NewEnvelope,
) -> Result<(), StoreError> {
    if envelope.sightings.is_empty() {
        return Ok(());
    }
    let each = envelope.sightings.iter();
    let indicators = each.clone().map(|(_, sighting)| &sighting.indicator);
    let values = indicators.clone().map(columns::indicator_value);
    sqlx::query(INSERT)
        .bind(number)
        .bind(envelope.org.0.as_slice())
        .bind(envelope.received_at.as_millis())
        .bind(each.clone().map(|(id, _)| i64::from(id.row)).collect::<Vec<_>>())
        .bind(indicators.map(columns::indicator_family).collect::<Vec<_>>())
        .bind(
            values
                .map(|value| escaped(&value).into_owned())
                .collect::<Vec<_>>(),
        )
        .bind(
            each.clone()
                .map(|(_, one)| i64::from(one.behaviour.0))
                .collect::<Vec<_>>(),
        )
        .bind(
            each.clone()
                .map(|(_, one)| one.rule.0.to_vec())
                .collect::<Vec<_>>(),
        )
        .bind(
            each.clone()
                .map(|(_, one)| one.at.as_millis())
                .collect::<Vec<_>>(),
        )
        .bind(
            each.clone()
                .map(|(_, one)| i64::from(one.count.log2()))
                .collect::<Vec<_>>(),
        )
        .bind(each.map(|(_, one)| i64::from(one.confidence)).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    sqlx::query(TAKEN_BACK)
        .bind(number)
        .execute(tx)
        .await
        .map_err(failed)?;
    Ok(())
}

fn sighting(row: &PgRow) -> Result<SightingRow, StoreError> {
    let row = Columns::new(row, "sighting");
    let value = row.text("value")?;
    let log2: u8 = row.number("count")?;
    Ok(SightingRow {
        id: SightingId {
            publisher: PublisherId(row.array("publisher")?),
            epoch: row.number("epoch")?,
            seq: columns::seq(row.number("seq")?),
            row: row.number("row")?,
        },
        org: OrgId(row.array("org")?),
        sighting: Sighting {
            indicator: row.read("family", |family| columns::indicator(family, &value))?,
            behaviour: Behaviour(row.number("behaviour")?),
            rule: RuleHash(row.array("rule")?),
            at: row.time("at")?,
            count: Count::from_log2(log2).ok_or_else(|| row.bad("count", log2))?,
            confidence: row.number("confidence")?,
        },
        received_at: row.time("received_at")?,
        retracted_at: row.time_or_none("retracted_at")?,
    })
}
