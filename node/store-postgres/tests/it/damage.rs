//! Rows that no version of the program wrote: an error that names the kind of row, never a guess.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use vigie_store::testing::sample::{alert, bouncer, decision, envelope, ip, place};
use vigie_store::{
    AlertFilter, Alerts as _, Bouncers as _, DecisionFilter, Decisions as _, Envelopes as _, SightingFilter,
    Sightings as _, StoreError,
};
use vigie_store_postgres::PostgresStore;

use crate::connect;
use crate::server::server;

async fn read_all(store: &PostgresStore) -> Result<(), StoreError> {
    store.alerts(&AlertFilter::default()).await?;
    store.decisions(&DecisionFilter::default()).await?;
    store.held().await?;
    store.sightings(&SightingFilter::default()).await?;
    store.bouncers().await?;
    Ok(())
}

#[tokio::test]
async fn a_corrupt_row_is_named() {
    let Some(server) = server("corrupt rows") else {
        return;
    };
    let (url, store) = connect(server).await;
    store
        .insert_alert(&alert(1), &[decision("a", 10)])
        .await
        .unwrap()
        .unwrap();
    store
        .keep_envelope(&envelope(place(1, 0), &[ip(1)], 1))
        .await
        .unwrap();
    store.add_bouncer(&bouncer("a")).await.unwrap();
    let mut raw = PgConnection::connect(&url).await.unwrap();
    // Each undone by the next: what is read first is damaged last.
    for (damage, what) in [
        ("UPDATE bouncer SET remediations = 'ban,hug'", "bouncer"),
        ("UPDATE sighting SET family = 'colour'", "sighting"),
        ("UPDATE sighting SET count = 64", "sighting"),
        ("UPDATE envelope SET hash = 'x'", "envelope"),
        ("UPDATE decision SET origin = 'heaven'", "decision"),
        ("UPDATE alert SET share = 'perhaps'", "alert"),
        ("UPDATE alert SET events_count = -1", "alert"),
    ] {
        let done = sqlx::query(AssertSqlSafe(damage))
            .execute(&mut raw)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1);
        match read_all(&store).await {
            Err(StoreError::Corrupt { what: found, .. }) => assert_eq!(found, what, "{damage}"),
            other => panic!("{damage}: {other:?}"),
        }
    }
}
