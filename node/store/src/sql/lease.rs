//! Leases of chains.

use async_trait::async_trait;
use vigie_wire::{PublisherId, Timestamp};

use super::query::Query;
use super::row::Columns;
use super::{Database, Transaction};
use crate::{Holder, Lease, Leases, StoreError};

// One statement, so that of two that want an abandoned chain one gets it.
const TAKE: &str = "INSERT INTO lease (publisher, holder, life, token, until) VALUES ($1, $2, $3, 1, $4)
    ON CONFLICT (publisher) DO UPDATE SET
        token = CASE WHEN lease.holder = excluded.holder AND lease.life = excluded.life
            THEN lease.token ELSE lease.token + 1 END,
        holder = excluded.holder, life = excluded.life, until = excluded.until
    WHERE lease.holder = excluded.holder OR lease.until <= $5 RETURNING token";
const GIVE_BACK: &str = "UPDATE lease SET until = $3 WHERE publisher = $1 AND token = $2";
// Changes nothing, but holds the row: nobody takes the chain between this and the commit.
const HOLD: &str = "UPDATE lease SET token = token WHERE publisher = $1 AND token = $2";

#[async_trait]
impl<D: Database> Leases for D {
    async fn take_lease(
        &self,
        publisher: PublisherId,
        holder: Holder<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, StoreError> {
        let take = Query::new(TAKE)
            .bind(&publisher.0)
            .bind(holder.instance)
            .bind(holder.life.cast_signed())
            .bind(until)
            .bind(now);
        let mut tx = self.begin().await?;
        let row = tx.fetch(take).await?.pop();
        // Also where nothing changed: PostgreSQL holds the row until then.
        tx.commit().await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let token = Columns::new(row, "lease").number("token")?;
        Ok(Some(Lease {
            publisher,
            token,
            until,
        }))
    }

    async fn give_lease_back(&self, lease: &Lease, now: Timestamp) -> Result<bool, StoreError> {
        let back = Query::new(GIVE_BACK)
            .bind(&lease.publisher.0)
            .bind(token(lease))
            .bind(now);
        Ok(self.execute(back).await? > 0)
    }
}

/// Holds the lease until the transaction ends, or says that another has it.
pub(super) async fn hold(tx: &mut dyn Transaction, lease: &Lease) -> Result<(), StoreError> {
    let hold = Query::new(HOLD).bind(&lease.publisher.0).bind(token(lease));
    if tx.execute(hold).await? == 0 {
        return Err(StoreError::Fenced {
            publisher: lease.publisher,
        });
    }
    Ok(())
}

/// Tokens count takings, so they never come near the limit.
fn token(lease: &Lease) -> i64 {
    i64::try_from(lease.token).unwrap_or(i64::MAX)
}
