//! Certificates, vouches and revocations, as bytes: each proves itself, so the store knows nothing of them.

use async_trait::async_trait;
use vigie_wire::Timestamp;

use crate::StoreError;

/// Reading and writing statements.
#[async_trait]
pub trait Statements {
    /// Keeps a statement under the hash of its bytes. `false` if it was kept already.
    async fn keep_statement(&self, id: [u8; 32], bytes: &[u8], at: Timestamp) -> Result<bool, StoreError>;

    /// All of them, in the order they came.
    async fn statements(&self) -> Result<Vec<Vec<u8>>, StoreError>;
}
