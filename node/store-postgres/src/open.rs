//! Connecting: the pool and what every connection of it is told.
//!
//! Deliberately absent: making the database or its role. That is `createdb`'s, and a person's.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use vigie_store::StoreError;

use crate::error::failed;
use crate::schema;

/// Connections of one process.
const CONNECTIONS: u32 = 8;
/// How long a method waits for one of them.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// The store in PostgreSQL.
#[derive(Debug)]
pub struct PostgresStore {
    pub(crate) pool: PgPool,
}

// === impl PostgresStore ===

impl PostgresStore {
    /// Connects to `postgres://user:password@host/database` (or `?host=/run/postgresql` for a socket) and brings the
    /// schema up to date. The database must exist, be in UTF-8, and let the user make tables.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(failed)?
            .application_name("vigie")
            // A server may be set to acknowledge before its disk did; what we acknowledge is durable.
            .options([
                ("synchronous_commit", "on"),
                // A process that was paused within a transaction holds rows that others wait for: so long, not for ever.
                ("idle_in_transaction_session_timeout", "30s"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(failed)?;
        if let Err(error) = schema::upgrade(&pool).await {
            pool.close().await;
            return Err(error);
        }
        Ok(Self { pool })
    }

    /// Waits for what is under way and closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
