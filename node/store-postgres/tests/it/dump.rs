//! The copy for `vigie backup`, played into an empty database by psql.

use vigie_store::testing::sample::{
    alert, at, bouncer, decision, envelope, holder, ip, lease, place, publisher,
};
use vigie_store::{
    AlertFilter, Alerts as _, Bouncers as _, DecisionFilter, Envelopes as _, Leases as _, Notes as _, Owner,
    SightingFilter, Statements as _, Store, StoreError,
};
use vigie_store_postgres::PostgresStore;

use crate::connect;
use crate::server::server;
use crate::skip::skip;

async fn everything(store: &dyn Store) -> String {
    let rows = (
        store.alerts(&AlertFilter::default()).await.unwrap(),
        store.alert(1).await.unwrap(),
        store.decisions(&DecisionFilter::default()).await.unwrap(),
        store.sightings(&SightingFilter::default()).await.unwrap(),
        store.held().await.unwrap(),
        store
            .range(place(1, 0).publisher, 1, 0, 9, 1 << 20)
            .await
            .unwrap(),
        store.bouncers().await.unwrap(),
        store.statements().await.unwrap(),
        store.notes(Owner::Everybody, "").await.unwrap(),
        store.counts(at(0)).await.unwrap(),
    );
    format!("{rows:#?}")
}

#[tokio::test]
async fn a_copy_played_back_is_the_same_store() {
    let Some(server) = server("copy played back") else {
        return;
    };
    let Some(mut psql) = server.program("psql") else {
        skip(
            "vigie-store-postgres copy played back",
            "no psql beside the server (Debian: postgresql-client-15)",
        );
        return;
    };
    let (_, store) = connect(server).await;
    let mut odd = alert(1);
    odd.message = "tab\t, newline\n, backslash \\. , NUL \0, quote '".into();
    store
        .insert_alert(&odd, &[decision("a", 10)])
        .await
        .unwrap()
        .unwrap();
    let (gone, _) = store.insert_alert(&alert(2), &[]).await.unwrap().unwrap();
    store.delete_alerts(&[gone]).await.unwrap();
    store
        .keep_envelope(&envelope(place(1, 0), &[ip(1), ip(2)], 1))
        .await
        .unwrap();
    store.add_bouncer(&bouncer("a")).await.unwrap();
    store.keep_statement([2; 32], b"statement", at(1)).await.unwrap();
    let held = lease(&store, publisher(1)).await;
    store.put_note(Owner::Everybody, "a", "\\N").await.unwrap();

    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("copy.sql");
    store.copy_to(&script).await.unwrap();
    assert!(
        matches!(store.copy_to(&script).await, Err(StoreError::Database(_))),
        "a file is never replaced"
    );
    let url = server.empty_database();
    let played = psql
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(&script)
        .arg(&url)
        .output()
        .unwrap();
    assert!(
        played.status.success(),
        "{}",
        String::from_utf8_lossy(&played.stderr)
    );

    let restored = PostgresStore::connect(&url).await.unwrap();
    assert_eq!(everything(&restored).await, everything(&store).await);
    assert_eq!(
        restored.insert_alert(&alert(2), &[]).await.unwrap(),
        None,
        "acted upon before"
    );
    let next_holder = restored
        .take_lease(publisher(1), holder("restored"), held.until, held.until)
        .await
        .unwrap();
    assert!(
        next_holder.unwrap().token > held.token,
        "a token given once is not given again"
    );
    let (next, _) = restored.insert_alert(&alert(3), &[]).await.unwrap().unwrap();
    assert!(next > gone, "a number given once is not given again");
}
