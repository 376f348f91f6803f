//! Sightings, row by row.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use vigie_store::wire::{Behaviour, Count, OrgId, PublisherId, RuleHash, Sighting, SightingId, Timestamp};
use vigie_store::{NewEnvelope, SightingFilter, SightingRow, Sightings, StoreError, columns};

use crate::SqliteStore;
use crate::error::failed;
use crate::row::Columns;

/// Rows per statement: eleven values each, far below SQLite's limit of 32766.
const CHUNK: usize = 256;

const SELECT: &str =
    "SELECT e.publisher, e.epoch, e.seq, s.row, s.org, s.family, s.value, s.behaviour, s.rule, s.at,
        s.count, s.confidence, s.received_at, s.retracted_at
    FROM sighting s JOIN envelope e ON e.id = s.envelope WHERE TRUE";

// What was taken back before it came.
const TAKEN_BACK: &str = "UPDATE sighting SET retracted_at = gone.at
    FROM envelope e JOIN retraction gone
        ON gone.publisher = e.publisher AND gone.epoch = e.epoch AND gone.seq = e.seq
    WHERE e.id = $1 AND sighting.envelope = e.id AND sighting.row = gone.row";

#[async_trait]
impl Sightings for SqliteStore {
    async fn sightings(&self, filter: &SightingFilter) -> Result<Vec<SightingRow>, StoreError> {
        let mut query = QueryBuilder::new(SELECT);
        if let Some(indicator) = &filter.indicator {
            query
                .push(" AND s.value = ")
                .push_bind(columns::indicator_value(indicator));
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
        let rows = query.build().fetch_all(&self.readers).await.map_err(failed)?;
        rows.iter().map(sighting).collect()
    }

    async fn retract(&self, sightings: &[SightingId], at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        for chunk in sightings.chunks(CHUNK) {
            let mut query = QueryBuilder::<Sqlite>::new("UPDATE sighting SET retracted_at = ");
            query.push_bind(at.as_millis());
            query.push(
                " WHERE retracted_at IS NULL AND (envelope, row) IN (WITH gone (publisher, epoch, seq, row) AS (",
            );
            query.push_values(chunk, |mut row, id| {
                row.push_bind(id.publisher.0.to_vec())
                    .push_bind(i64::from(id.epoch))
                    .push_bind(columns::seq_column(id.seq))
                    .push_bind(i64::from(id.row));
            });
            query.push(
                ") SELECT e.id, gone.row FROM gone JOIN envelope e
                    ON e.publisher = gone.publisher AND e.epoch = gone.epoch AND e.seq = gone.seq)",
            );
            query
                .build()
                .persistent(false)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            let mut early =
                QueryBuilder::<Sqlite>::new("INSERT INTO retraction (publisher, epoch, seq, row, at) ");
            early.push_values(chunk, |mut row, id| {
                row.push_bind(id.publisher.0.to_vec())
                    .push_bind(i64::from(id.epoch))
                    .push_bind(columns::seq_column(id.seq))
                    .push_bind(i64::from(id.row))
                    .push_bind(at.as_millis());
            });
            early.push(" ON CONFLICT DO NOTHING");
            early
                .build()
                .persistent(false)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
        }
        tx.commit().await.map_err(failed)
    }
}

/// Writes the sightings of an envelope that was just written under this number.
pub(crate) async fn insert(
    tx: &mut SqliteConnection,
    number: i64,
    envelope: &NewEnvelope,
) -> Result<(), StoreError> {
    for chunk in envelope.sightings.chunks(CHUNK) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO sighting (envelope, row, org, received_at, family, value, behaviour, rule, at, count, confidence) ",
        );
        query.push_values(chunk, |mut row, (id, sighting)| {
            row.push_bind(number)
                .push_bind(i64::from(id.row))
                .push_bind(envelope.org.0.to_vec())
                .push_bind(envelope.received_at.as_millis())
                .push_bind(columns::indicator_family(&sighting.indicator))
                .push_bind(columns::indicator_value(&sighting.indicator))
                .push_bind(i64::from(sighting.behaviour.0))
                .push_bind(sighting.rule.0.to_vec())
                .push_bind(sighting.at.as_millis())
                .push_bind(i64::from(sighting.count.log2()))
                .push_bind(i64::from(sighting.confidence));
        });
        query
            .build()
            .persistent(false)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    }
    sqlx::query(TAKEN_BACK)
        .bind(number)
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    Ok(())
}

fn sighting(row: &SqliteRow) -> Result<SightingRow, StoreError> {
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
