//! A line of a log as its source read it: the first stop of the journey.
//!
//! Before: `source`, which reads it. After: `parse`, which makes it an `Event`. Deliberately absent: any
//! meaning of the text, the line's own time included.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vigie_wire::time::Timestamp;

/// One line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it came from: a path, a journal, `stdin`.
    pub source: Arc<str>,
    /// Where in that source it starts.
    pub position: Position,
    /// `labels.type` of the source: `syslog`, `nginx`, `apache2`. Parsers of the first stage filter on it.
    pub kind: Arc<str>,
    /// The text. Bytes that were no UTF-8 are already replaced.
    pub text: String,
    /// When it was read.
    pub read_at: Timestamp,
}

/// Where a line starts, so that reading can be taken up there again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// In a file, which is known by its content and not by its name.
    File {
        /// Fingerprint of the file's first bytes.
        file: u64,
        /// Offset in bytes of the line's first byte.
        offset: u64,
    },
    /// In a journal or a queue, whose cursors are opaque to us.
    Cursor(String),
}
