//! The chains, as bytes, with their sightings.

use async_trait::async_trait;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use vigie_store::wire::{HeaderHash, PublisherId, SightingId};
use vigie_store::{AlertId, Appended, Envelopes, Held, HeldEnvelope, NewEnvelope, StoreError, columns};

use crate::PostgresStore;
use crate::error::failed;
use crate::row::Columns;
use crate::sighting;

/// Envelopes read at a time: at 16 KiB each, at most 1 MiB more than was asked for.
const PAGE: i64 = 64;

const INSERT: &str =
    "INSERT INTO envelope (publisher, epoch, seq, hash, org, kind, time_base, row_count, urgent, received_at, bytes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (publisher, epoch, seq) DO NOTHING RETURNING id";
// What was shared already stays as it is: the first sighting is the one that left.
const MARK: &str = "UPDATE alert SET share = 'shared', shared_as = pair.sighting
    FROM UNNEST($1::bigint[], $2::text[]) AS pair (id, sighting) WHERE alert.id = pair.id AND alert.share <> 'shared'";
const RANGE: &str = "SELECT seq, bytes FROM envelope
    WHERE publisher = $1 AND epoch = $2 AND seq >= $3 AND seq <= $4 ORDER BY seq DESC LIMIT $5";
const ERASE: &str = "DELETE FROM sighting WHERE row = ANY ($4) AND envelope =
    (SELECT id FROM envelope WHERE publisher = $1 AND epoch = $2 AND seq = $3)";

#[async_trait]
impl Envelopes for PostgresStore {
    async fn keep_envelope(&self, envelope: &NewEnvelope) -> Result<Appended, StoreError> {
        let mut tx = self.write().await?;
        let appended = append(&mut tx, envelope).await?;
        tx.commit().await.map_err(failed)?;
        Ok(appended)
    }

    async fn append_own(
        &self,
        envelope: &NewEnvelope,
        shared: &[(AlertId, SightingId)],
    ) -> Result<Appended, StoreError> {
        let mut tx = self.write().await?;
        let appended = append(&mut tx, envelope).await?;
        if !matches!(appended, Appended::Conflict(_)) && !shared.is_empty() {
            let (alerts, sightings): (Vec<_>, Vec<_>) =
                shared.iter().map(|(alert, id)| (*alert, id.to_string())).unzip();
            sqlx::query(MARK)
                .bind(alerts)
                .bind(sightings)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
        }
        tx.commit().await.map_err(failed)?;
        Ok(appended)
    }

    async fn held(&self) -> Result<Vec<HeldEnvelope>, StoreError> {
        let rows =
            sqlx::query("SELECT publisher, epoch, seq, hash, kind, time_base, row_count, urgent FROM envelope ORDER BY publisher, epoch, seq")
                .fetch_all(&self.pool)
                .await
                .map_err(failed)?;
        rows.iter().map(held_envelope).collect()
    }

    async fn head_of(&self, publisher: PublisherId) -> Result<Option<Held>, StoreError> {
        let row = sqlx::query(
            "SELECT publisher, epoch, seq, hash FROM envelope WHERE publisher = $1
                ORDER BY epoch DESC, seq DESC LIMIT 1",
        )
        .bind(publisher.0.as_slice())
        .fetch_optional(&self.pool)
        .await
        .map_err(failed)?;
        row.as_ref().map(held).transpose()
    }

    async fn range(
        &self,
        publisher: PublisherId,
        epoch: u32,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut envelopes = Vec::new();
        let mut total = 0_usize;
        let mut next = Some(to);
        while let Some(to) = next.filter(|to| *to >= from) {
            let rows = sqlx::query(RANGE)
                .bind(publisher.0.as_slice())
                .bind(i64::from(epoch))
                .bind(columns::seq_column(from))
                .bind(columns::seq_column(to))
                .bind(PAGE)
                .fetch_all(&self.pool)
                .await
                .map_err(failed)?;
            next = None;
            for row in &rows {
                let row = Columns::new(row, "envelope");
                let bytes = row.bytes("bytes")?;
                total = total.saturating_add(bytes.len());
                if total > max_bytes && !envelopes.is_empty() {
                    return Ok(envelopes);
                }
                envelopes.push(bytes);
                next = columns::seq(row.number("seq")?).checked_sub(1);
            }
        }
        Ok(envelopes)
    }

    async fn drop_envelopes(&self, dropped: &[Held]) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let mut gone = 0;
        for held in dropped {
            let done = sqlx::query(
                "DELETE FROM envelope WHERE publisher = $1 AND epoch = $2 AND seq = $3 AND hash = $4",
            )
            .bind(held.publisher.0.as_slice())
            .bind(i64::from(held.epoch))
            .bind(columns::seq_column(held.seq))
            .bind(held.hash.0.as_slice())
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
            gone += done.rows_affected();
        }
        tx.commit().await.map_err(failed)?;
        Ok(gone)
    }

    async fn replace_bytes(
        &self,
        held: &Held,
        bytes: &[u8],
        erased: &[SightingId],
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let done = sqlx::query(
            "UPDATE envelope SET bytes = $5 WHERE publisher = $1 AND epoch = $2 AND seq = $3 AND hash = $4",
        )
        .bind(held.publisher.0.as_slice())
        .bind(i64::from(held.epoch))
        .bind(columns::seq_column(held.seq))
        .bind(held.hash.0.as_slice())
        .bind(bytes)
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let here =
            |id: &&SightingId| (id.publisher, id.epoch, id.seq) == (held.publisher, held.epoch, held.seq);
        let rows: Vec<i64> = erased.iter().filter(here).map(|id| i64::from(id.row)).collect();
        sqlx::query(ERASE)
            .bind(held.publisher.0.as_slice())
            .bind(i64::from(held.epoch))
            .bind(columns::seq_column(held.seq))
            .bind(rows)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(true)
    }
}

async fn append(tx: &mut PgConnection, envelope: &NewEnvelope) -> Result<Appended, StoreError> {
    let place = &envelope.held;
    let number: Option<i64> = sqlx::query_scalar(INSERT)
        .bind(place.publisher.0.as_slice())
        .bind(i64::from(place.epoch))
        .bind(columns::seq_column(place.seq))
        .bind(place.hash.0.as_slice())
        .bind(envelope.org.0.as_slice())
        .bind(i64::from(envelope.kind))
        .bind(envelope.time_base.as_millis())
        .bind(i64::from(envelope.rows))
        .bind(envelope.urgent)
        .bind(envelope.received_at.as_millis())
        .bind(envelope.bytes.as_slice())
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed)?;
    if let Some(number) = number {
        sighting::insert(tx, number, envelope).await?;
        return Ok(Appended::New);
    }
    let row = sqlx::query("SELECT hash FROM envelope WHERE publisher = $1 AND epoch = $2 AND seq = $3")
        .bind(place.publisher.0.as_slice())
        .bind(i64::from(place.epoch))
        .bind(columns::seq_column(place.seq))
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
    let hash = HeaderHash(Columns::new(&row, "envelope").array("hash")?);
    if hash == place.hash {
        return Ok(Appended::Known);
    }
    Ok(Appended::Conflict(hash))
}

fn held(row: &PgRow) -> Result<Held, StoreError> {
    let row = Columns::new(row, "envelope");
    Ok(Held {
        publisher: PublisherId(row.array("publisher")?),
        epoch: row.number("epoch")?,
        seq: columns::seq(row.number("seq")?),
        hash: HeaderHash(row.array("hash")?),
    })
}

fn held_envelope(row: &PgRow) -> Result<HeldEnvelope, StoreError> {
    let columns = Columns::new(row, "envelope");
    Ok(HeldEnvelope {
        held: held(row)?,
        kind: columns.number("kind")?,
        time_base: columns.time("time_base")?,
        rows: columns.number("row_count")?,
        urgent: columns.flag("urgent")?,
    })
}
