//! The chains, as bytes, with their sightings.

use async_trait::async_trait;
use vigie_wire::{HeaderHash, PublisherId, SightingId};

use super::query::{Column, Query};
use super::row::{Columns, Row};
use super::{Database, Transaction, lease, not_returned, sighting};
use crate::{AlertId, Appended, Envelopes, Held, HeldEnvelope, Lease, NewEnvelope, StoreError, columns};

/// Envelopes read at a time: at 16 KiB each, at most 1 MiB more than was asked for.
const PAGE: i64 = 64;

const INSERT: &str =
    "INSERT INTO envelope (publisher, epoch, seq, hash, org, kind, time_base, row_count, urgent, received_at, bytes, dated)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (publisher, epoch, seq) DO NOTHING RETURNING id";
const HELD: &str = "SELECT publisher, epoch, seq, hash, kind, time_base, row_count, urgent FROM envelope ORDER BY publisher, epoch, seq";
const HEAD: &str = "SELECT publisher, epoch, seq, hash FROM envelope WHERE publisher = $1
    ORDER BY epoch DESC, seq DESC LIMIT 1";
const RANGE: &str = "SELECT seq, bytes FROM envelope
    WHERE publisher = $1 AND epoch = $2 AND seq >= $3 AND seq <= $4 AND LENGTH(bytes) > 0 ORDER BY seq DESC LIMIT $5";
const DROP: &str = "DELETE FROM envelope WHERE publisher = $1 AND epoch = $2 AND seq = $3 AND hash = $4";
const REPLACE: &str =
    "UPDATE envelope SET bytes = $5 WHERE publisher = $1 AND epoch = $2 AND seq = $3 AND hash = $4
        AND NOT erased RETURNING id";
// What was shared already stays as it is: the first sighting is the one that left.
const MARK: &str = "UPDATE alert SET share = 'shared', shared_as = left_as.sighting
    FROM left_as WHERE alert.id = left_as.alert AND alert.share <> 'shared'";

#[async_trait]
impl<D: Database> Envelopes for D {
    async fn keep_envelope(&self, envelope: &NewEnvelope) -> Result<Appended, StoreError> {
        let kept = self.keep_envelopes(std::slice::from_ref(envelope)).await?.pop();
        kept.ok_or_else(|| not_returned("envelope"))
    }

    async fn keep_envelopes(&self, envelopes: &[NewEnvelope]) -> Result<Vec<Appended>, StoreError> {
        let mut tx = self.begin().await?;
        let mut kept = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            kept.push(append(tx.as_mut(), self.binds_arrays(), envelope).await?);
        }
        tx.commit().await?;
        Ok(kept)
    }

    async fn append_own(
        &self,
        lease: &Lease,
        envelope: &NewEnvelope,
        shared: &[(AlertId, SightingId)],
    ) -> Result<Appended, StoreError> {
        let mut tx = self.begin().await?;
        lease::hold(tx.as_mut(), lease).await?;
        let appended = append(tx.as_mut(), self.binds_arrays(), envelope).await?;
        if !matches!(appended, Appended::Conflict(_)) && !shared.is_empty() {
            let left_as = vec![
                ("alert", Column::ints(shared.iter().map(|(alert, _)| *alert))),
                (
                    "sighting",
                    Column::texts(shared.iter().map(|(_, id)| id.to_string())),
                ),
            ];
            let mut mark = Query::with(self.binds_arrays(), "left_as", left_as);
            mark.push(MARK);
            tx.execute(mark).await?;
        }
        tx.commit().await?;
        Ok(appended)
    }

    async fn held(&self) -> Result<Vec<HeldEnvelope>, StoreError> {
        let rows = self.fetch(Query::new(HELD)).await?;
        rows.into_iter().map(held_envelope).collect()
    }

    async fn head_of(&self, publisher: PublisherId) -> Result<Option<Held>, StoreError> {
        let row = self.fetch(Query::new(HEAD).bind(&publisher.0)).await?.pop();
        row.map(|row| held(&mut Columns::new(row, "envelope")))
            .transpose()
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
            let page = Query::new(RANGE)
                .bind(&publisher.0)
                .bind(epoch)
                .bind(columns::seq_column(from))
                .bind(columns::seq_column(to))
                .bind(PAGE);
            next = None;
            for row in self.fetch(page).await? {
                let mut row = Columns::new(row, "envelope");
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
        let mut tx = self.begin().await?;
        let mut gone = 0;
        for held in dropped {
            gone += tx.execute(at(DROP, held).bind(&held.hash.0)).await?;
        }
        tx.commit().await?;
        Ok(gone)
    }

    async fn replace_bytes(
        &self,
        held: &Held,
        bytes: &[u8],
        erased: &[SightingId],
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let replace = at(REPLACE, held).bind(&held.hash.0).bind(bytes);
        let Some(row) = tx.fetch(replace).await?.pop() else {
            return Ok(false);
        };
        let number: i64 = Columns::new(row, "envelope").number("id")?;
        let here =
            |id: &&SightingId| (id.publisher, id.epoch, id.seq) == (held.publisher, held.epoch, held.seq);
        for row in erased.iter().filter(here).map(|id| id.row) {
            let erase = Query::new("DELETE FROM sighting WHERE envelope = $1 AND row = $2");
            tx.execute(erase.bind(number).bind(row)).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// A statement whose first three parameters are a place.
fn at<'a>(statement: &'static str, held: &'a Held) -> Query<'a> {
    Query::new(statement)
        .bind(&held.publisher.0)
        .bind(held.epoch)
        .bind(columns::seq_column(held.seq))
}

async fn append(
    tx: &mut dyn Transaction,
    arrays: bool,
    envelope: &NewEnvelope,
) -> Result<Appended, StoreError> {
    let place = &envelope.held;
    let insert = at(INSERT, place)
        .bind(&place.hash.0)
        .bind(&envelope.org.0)
        .bind(envelope.kind)
        .bind(envelope.time_base)
        .bind(envelope.rows)
        .bind(envelope.urgent)
        .bind(envelope.received_at)
        .bind(envelope.bytes.as_slice())
        .bind(envelope.time_base.min(envelope.received_at));
    if let Some(row) = tx.fetch(insert).await?.pop() {
        let number = Columns::new(row, "envelope").number("id")?;
        sighting::insert(tx, arrays, number, envelope).await?;
        return Ok(Appended::New);
    }
    let taken = at(
        "SELECT hash FROM envelope WHERE publisher = $1 AND epoch = $2 AND seq = $3",
        place,
    );
    let row = tx.fetch(taken).await?.pop();
    let row = row.ok_or_else(|| not_returned("envelope"))?;
    let hash = HeaderHash(Columns::new(row, "envelope").array("hash")?);
    if hash == place.hash {
        return Ok(Appended::Known);
    }
    Ok(Appended::Conflict(hash))
}

fn held(row: &mut Columns) -> Result<Held, StoreError> {
    Ok(Held {
        publisher: PublisherId(row.array("publisher")?),
        epoch: row.number("epoch")?,
        seq: columns::seq(row.number("seq")?),
        hash: HeaderHash(row.array("hash")?),
    })
}

fn held_envelope(row: Row) -> Result<HeldEnvelope, StoreError> {
    let mut row = Columns::new(row, "envelope");
    Ok(HeldEnvelope {
        held: held(&mut row)?,
        kind: row.number("kind")?,
        time_base: row.time("time_base")?,
        rows: row.number("row_count")?,
        urgent: row.flag("urgent")?,
    })
}
