//! A stream of NATS `JetStream`, through a durable consumer that acknowledges each message.
//!
//! A message is acknowledged once its lines are on our disk, and known again by its number in the stream should it come
//! twice; so neither a kill here nor one there loses or doubles a line, or changes their order. Several sources with
//! different subjects share a stream's load; each keeps the order of its own. Before: NATS. After: the inbox.
//! Deliberately absent: making streams; ours is only the consumer. Without the feature `nats` nothing is run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[cfg(feature = "nats")]
pub(crate) mod consume;

/// A consumer of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nats {
    /// Servers, such as `nats://127.0.0.1:4222` or `tls://nats.example.org`.
    pub servers: Vec<String>,
    /// The stream.
    pub stream: String,
    /// The durable consumer. It is made if it is not there; no two sensors share one.
    pub consumer: String,
    /// Only messages of this subject, with `*` and `>`. Only looked at when the consumer is made.
    pub subject: Option<String>,
    /// A file of credentials, as `nsc` writes it.
    pub credentials: Option<PathBuf>,
    /// Certificates in PEM that sign for the servers.
    pub ca: Option<PathBuf>,
    /// The field of each JSON object that holds the line. Without one, the message is the line, or several.
    pub field: Option<String>,
}

impl Nats {
    /// Whether this program can read it.
    pub const BUILT: bool = cfg!(feature = "nats");
}
