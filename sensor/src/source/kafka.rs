//! A topic of Kafka, each partition a source of its own.
//!
//! Kafka keeps what it delivered, so nothing is written here: the position of a line is its offset in the partition, kept
//! after the effects like that of a file, and a restart reads on from there. Partitions that appear later are read from
//! their beginning. Before: Kafka. After: `run`, over the intake, which waits when the rules are slow.
//! Deliberately absent: consumer groups; one sensor reads all partitions it is given. Without the feature `kafka`
//! nothing is run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[cfg(feature = "kafka")]
pub(crate) mod consume;

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kafka {
    /// Brokers to begin with, such as `127.0.0.1:9092`.
    pub brokers: Vec<String>,
    /// The topic.
    pub topic: String,
    /// Only these partitions; none means all.
    pub partitions: Vec<i32>,
    /// Certificates in PEM that sign for the brokers: then TLS is spoken.
    pub ca: Option<PathBuf>,
    /// The field of each JSON object that holds the line. Without one, the message is the line, or several.
    pub field: Option<String>,
}

impl Kafka {
    /// Whether this program can read it.
    pub const BUILT: bool = cfg!(feature = "kafka");
}
