//! What bouncers and machines have in common: each is seen, reports what it does, and goes.

use async_trait::async_trait;
use vigie_wire::Timestamp;

use crate::StoreError;

/// Somebody who speaks to the Local API, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client<'a> {
    /// One of [`Bouncers`](crate::Bouncers).
    Bouncer(&'a str),
    /// One of [`Machines`](crate::Machines).
    Machine(&'a str),
}

/// What a client said last of what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// When it said so.
    pub at: Timestamp,
    /// What it said, as JSON.
    pub body: String,
}

/// Reading and writing what all clients have.
#[async_trait]
pub trait Clients {
    /// Notes a request of it. Nothing happens if there is none.
    async fn touch_client(
        &self,
        client: Client<'_>,
        agent: &str,
        address: &str,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Keeps its report in the place of the former one. `false` if there is no such client.
    async fn keep_report(&self, client: Client<'_>, report: &Report) -> Result<bool, StoreError>;

    /// Its last report, if it ever sent one.
    async fn report(&self, client: Client<'_>) -> Result<Option<Report>, StoreError>;

    /// `false` if there was none. Its cursors and its report go with it.
    async fn delete_client(&self, client: Client<'_>) -> Result<bool, StoreError>;
}
