//! Forgetting what is old enough, a bounded number of rows at a time, so that no writer waits long behind it.
//!
//! The highest place of every chain stays, however old: a publisher that forgot his own would use it twice.

use vigie_wire::Timestamp;

use super::Database;
use super::query::Query;
use crate::{Retention, StoreError};

/// Rows per transaction.
const BATCH: u32 = 500;

const SIGHTINGS: &str = "DELETE FROM sighting WHERE (envelope, row) IN
    (SELECT envelope, row FROM sighting WHERE received_at < $1 LIMIT $2)";
const ENVELOPES: &str = "DELETE FROM envelope WHERE id IN
    (SELECT id FROM envelope AS old WHERE received_at < $1 AND EXISTS
        (SELECT 1 FROM envelope AS later WHERE later.publisher = old.publisher
            AND (later.epoch, later.seq) > (old.epoch, old.seq))
     LIMIT $2)";
const ALERTS: &str = "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE created_at < $1 LIMIT $2)";
const DECISIONS: &str =
    "DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE until < $1 LIMIT $2)";
const RETRACTIONS: &str = "DELETE FROM retraction WHERE (publisher, epoch, seq, row) IN
    (SELECT publisher, epoch, seq, row FROM retraction WHERE at < $1 LIMIT $2)";
const MEMORY: &str = "DELETE FROM memory WHERE ip IN (SELECT ip FROM memory WHERE at < $1 LIMIT $2)";

/// Forgets; gives how many rows went.
pub(super) async fn all(database: &impl Database, retention: &Retention) -> Result<u64, StoreError> {
    let mut gone = 0;
    for (statement, before) in [
        (SIGHTINGS, retention.envelopes_before),
        (ENVELOPES, retention.envelopes_before),
        (RETRACTIONS, retention.envelopes_before),
        (ALERTS, retention.alerts_before),
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
