//! Rows that no version of the program wrote: an error that names the kind of row, never a guess.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use vigie_store::testing::sample::{alert, at, bouncer, decision, envelope, ip, place};
use vigie_store::wire::Timestamp;
use vigie_store::{
    AlertFilter, Alerts as _, Allowed, Allowlist as _, Bouncers as _, DecisionFilter, Decisions as _,
    Envelopes as _, Memory as _, Remembered, SightingFilter, Sightings as _, StoreError, Tier,
};
use vigie_store_sqlite::SqliteStore;

use crate::open;

async fn filled(path: &Path) -> SqliteStore {
    let store = open(path).await;
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
    let entry = Allowed {
        net: "192.0.2.0/24".parse().unwrap(),
        reason: String::new(),
        author: String::new(),
        created_at: at(0),
        expires: None,
    };
    store.allow(&entry).await.unwrap();
    let record = Remembered {
        ip: "192.0.2.1".parse().unwrap(),
        tier: Tier::Authenticated,
        at: at(0),
    };
    store.remember(&record).await.unwrap();
    store
}

/// What reading everything says after this statement; `None` if it reads on.
async fn after(damage: &str) -> Option<&'static str> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    filled(&path).await.close().await;
    let mut raw = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    let done = sqlx::query(AssertSqlSafe(damage.to_owned()))
        .execute(&mut raw)
        .await
        .unwrap();
    assert_eq!(done.rows_affected(), 1, "{damage}");
    raw.close().await.unwrap();
    match read_all(&open(&path).await).await {
        Ok(()) => None,
        Err(StoreError::Corrupt { what, .. }) => Some(what),
        Err(error) => panic!("{damage}: {error:?}"),
    }
}

async fn read_all(store: &SqliteStore) -> Result<(), StoreError> {
    store.alerts(&AlertFilter::default()).await?;
    store.decisions(&DecisionFilter::default()).await?;
    store.held().await?;
    store.sightings(&SightingFilter::default()).await?;
    store.bouncers().await?;
    store.allowed().await?;
    store.remembered(Timestamp::ZERO).await?;
    Ok(())
}

#[tokio::test]
async fn a_corrupt_row_is_named() {
    for (damage, what) in [
        ("UPDATE alert SET share = 'perhaps'", Some("alert")),
        ("UPDATE alert SET share = 'shared'", Some("alert")),
        ("UPDATE alert SET labels = '{'", Some("alert")),
        ("UPDATE alert SET events_count = -1", Some("alert")),
        ("UPDATE alert SET simulated = 2", Some("alert")),
        ("UPDATE alert SET detection = x'00'", Some("alert")),
        ("UPDATE decision SET origin = 'heaven'", Some("decision")),
        ("UPDATE envelope SET hash = x'00'", Some("envelope")),
        ("UPDATE sighting SET count = 64", Some("sighting")),
        ("UPDATE sighting SET value = '1.2.3'", Some("sighting")),
        ("UPDATE sighting SET family = 'colour'", Some("sighting")),
        ("UPDATE bouncer SET remediations = 'ban,hug'", Some("bouncer")),
        ("UPDATE allowed SET net = 'all'", Some("allowlist entry")),
        ("UPDATE memory SET tier = 'friend'", Some("memory record")),
        ("UPDATE memory SET at = at + 1", None),
    ] {
        assert_eq!(after(damage).await, what, "{damage}");
    }
}

#[tokio::test]
async fn the_error_says_which_column_holds_what() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    filled(&path).await.close().await;
    let mut raw = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::query("UPDATE decision SET remediation = 'hug'")
        .execute(&mut raw)
        .await
        .unwrap();
    raw.close().await.unwrap();
    let error = open(&path)
        .await
        .decisions(&DecisionFilter::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database holds a decision that cannot be read"
    );
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(
        source.to_string(),
        "\"hug\" is not one of challenge, throttle, ban"
    );
}
