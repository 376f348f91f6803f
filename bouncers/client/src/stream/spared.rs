//! Whom the node spares: asked for before each question, by those who find out for themselves who is in a place.
//!
//! A plain CrowdSec knows no such path; then the local allowlist is all there is.

use ipnet::IpNet;

use super::PullError;
use crate::source::{RequestError, Source};
use crate::value::Value;

/// No list may be longer.
const LONGEST_BYTES: usize = 16 * 1024 * 1024;

/// What was heard last.
#[derive(Debug, Default)]
pub(super) struct Spared(Vec<IpNet>);

// === impl Spared ===

impl Spared {
    /// The list, if it is another than last time.
    pub(super) async fn news(&mut self, source: &Source) -> Result<Option<Vec<IpNet>>, PullError> {
        let mut response = match source.spared().await {
            Err(RequestError::NotOffered { .. }) => return Ok(None),
            response => response?,
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(PullError::Broken)? {
            if body.len().saturating_add(chunk.len()) > LONGEST_BYTES {
                return Err(PullError::Spared);
            }
            body.extend_from_slice(&chunk);
        }
        let texts: Vec<String> = serde_json::from_slice(&body).map_err(|_| PullError::Spared)?;
        let nets = texts.iter().map(|text| Value::parse("Range", text).ok()?.net());
        let nets: Vec<IpNet> = nets.collect::<Option<_>>().ok_or(PullError::Spared)?;
        if nets == self.0 {
            return Ok(None);
        }
        self.0.clone_from(&nets);
        Ok(Some(nets))
    }
}
