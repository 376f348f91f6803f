//! Forgetting what is old enough, a bounded number of rows at a time, so that no writer waits long behind it.
//!
//! An envelope goes in two steps: its body first, while header and signature stay and hold, then all of it. The highest
//! place of every chain stays for good: a publisher that forgot his own would use it twice.

use std::borrow::Cow;

use vigie_wire::{Envelope, Timestamp};

use super::query::{Column, Query};
use super::row::Columns;
use super::{Database, alert};
use crate::{AlertId, Retention, StoreError};

/// Rows per transaction.
const BATCH: u32 = 500;
/// Envelopes per transaction that lose their body, with up to 256 sightings each.
const BODIES: u32 = 16;

const OLD_BODIES: &str =
    "SELECT id, bytes FROM envelope WHERE NOT erased AND dated < $1 ORDER BY dated LIMIT $2";
const CUT: &str = "UPDATE envelope SET bytes = cut.bytes, erased = TRUE FROM cut WHERE envelope.id = cut.id";
const ENVELOPES: &str = "DELETE FROM envelope WHERE id IN
    (SELECT id FROM envelope AS old WHERE dated < $1 AND EXISTS
        (SELECT 1 FROM envelope AS later WHERE later.publisher = old.publisher
            AND (later.epoch, later.seq) > (old.epoch, old.seq))
     LIMIT $2)";
const RETRACTIONS: &str = "DELETE FROM retraction WHERE (publisher, epoch, seq, row) IN
    (SELECT publisher, epoch, seq, row FROM retraction WHERE at < $1 LIMIT $2)";
const OLD_ALERTS: &str = "SELECT id FROM alert WHERE created_at < $1 LIMIT $2";
const DETECTIONS: &str =
    "DELETE FROM detection WHERE id IN (SELECT id FROM detection WHERE at < $1 LIMIT $2)";
const DECISIONS: &str =
    "DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE until < $1 LIMIT $2)";
const MEMORY: &str = "DELETE FROM memory WHERE ip IN (SELECT ip FROM memory WHERE at < $1 LIMIT $2)";

/// Forgets; gives how many rows went, and how many bodies.
pub(super) async fn all(database: &impl Database, retention: &Retention) -> Result<u64, StoreError> {
    let mut gone = bodies(database, retention.bodies_before).await?;
    gone += alerts(database, retention.alerts_before).await?;
    for (statement, before) in [
        (ENVELOPES, retention.headers_before),
        (RETRACTIONS, retention.headers_before),
        (DETECTIONS, retention.detections_before),
        (DECISIONS, retention.decisions_before),
        (MEMORY, retention.memory_before),
    ] {
        gone += some(database, statement, before).await?;
    }
    Ok(gone)
}

async fn some(
    database: &impl Database,
    statement: &'static str,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let mut gone = 0;
    loop {
        let batch = database
            .execute(Query::new(statement).bind(before).bind(BATCH))
            .await?;
        gone += batch;
        if batch < u64::from(BATCH) {
            return Ok(gone);
        }
    }
}

/// Bodies and their sightings go together, so that a kill leaves no sighting that nobody could show.
async fn bodies(database: &impl Database, before: Timestamp) -> Result<u64, StoreError> {
    let mut gone = 0;
    loop {
        let old = Query::new(OLD_BODIES).bind(before).bind(BODIES);
        let (mut ids, mut cut) = (Vec::new(), Vec::new());
        for row in database.fetch(old).await? {
            let mut row = Columns::new(row, "envelope");
            ids.push(row.number("id")?);
            cut.push(Cow::Owned(without_body(&row.bytes("bytes")?)));
        }
        let found = ids.len();
        if found > 0 {
            let arrays = database.binds_arrays();
            let columns = vec![("id", Column::Ints(ids.clone())), ("bytes", Column::Blobs(cut))];
            let mut tx = database.begin().await?;
            let mut update = Query::with(arrays, "cut", columns);
            update.push(CUT);
            gone += tx.execute(update).await?;
            let mut sightings = Query::with(arrays, "cut", vec![("id", Column::Ints(ids))]);
            sightings.push("DELETE FROM sighting WHERE envelope IN (SELECT id FROM cut)");
            gone += tx.execute(sightings).await?;
            tx.commit().await?;
        }
        if found < BODIES as usize {
            return Ok(gone);
        }
    }
}

/// The erased form. Nothing stays of what this program cannot read: it could not be shown to anybody without its body.
fn without_body(bytes: &[u8]) -> Vec<u8> {
    Envelope::decode(bytes).map_or_else(|_| Vec::new(), |envelope| envelope.erase_body().encode())
}

async fn alerts(database: &impl Database, before: Timestamp) -> Result<u64, StoreError> {
    let mut gone = 0;
    loop {
        let old = Query::new(OLD_ALERTS).bind(before).bind(BATCH);
        let mut tx = database.begin().await?;
        let rows = tx.fetch(old).await?.into_iter();
        let ids: Result<Vec<AlertId>, _> = rows.map(|row| Columns::new(row, "alert").number("id")).collect();
        let ids = ids?;
        let found = ids.len();
        gone += alert::delete(tx.as_mut(), database.binds_arrays(), ids).await?;
        tx.commit().await?;
        if found < BATCH as usize {
            return Ok(gone);
        }
    }
}
