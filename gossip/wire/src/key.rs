//! Keys and the signature rule of the network: ZIP-215, so that one signature, verified alone or in a batch, has one fate.
//!
//! ed25519-zebra verifies, ed25519-dalek holds the secret and signs. Deliberately absent: whose key it is
//! (`statement`), and files that keep keys.

mod batch;
mod public;
mod secret;
mod signature;

pub use batch::{Claim, verify_batch};
pub use public::{KeyError, PublicKey};
pub use secret::SecretKey;
pub use signature::{Signature, SignatureError};
