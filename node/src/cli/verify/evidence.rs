//! What a file holds: proofs with their keys, or the bytes of one thing.
//!
//! Deliberately absent: any judgement. Bytes that decode as nothing are an error of the file, not of somebody's.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use vigie_wire::{DecodeError, Envelope, EquivocationProof, Payload, PublicKey, Statement};

use crate::paths::read_at_most;

/// A file of more is none of ours.
const MAX_FILE_BYTES: u64 = 64 * 1_024 * 1_024;

/// One thing to check.
#[derive(Debug)]
pub(super) enum Evidence {
    /// Two headers, the key that is said to have signed them, and whose it is said to be.
    Proof(Exported),
    /// Complete in itself.
    Statement(Box<Statement>),
    /// With the key of its publisher, if that was given.
    Envelope(Box<Envelope>, Option<PublicKey>),
}

/// A proof as a node exports it. What else stands beside it is for people, and not looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Exported {
    /// In hexadecimal.
    pub(super) proof: String,
    /// The publisher's node key.
    pub(super) key: Option<PublicKey>,
    /// Certificates of that key, in hexadecimal.
    #[serde(default)]
    pub(super) certificates: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Many(Vec<Exported>),
    One(Exported),
}

// === impl Evidence ===

impl Evidence {
    /// Reads a file. The key is for bytes that come without one.
    pub(super) fn read(path: &Path, key: Option<PublicKey>) -> anyhow::Result<Vec<Self>> {
        let bytes = read_at_most(path, MAX_FILE_BYTES)?;
        let first = bytes.trim_ascii_start().first();
        if matches!(first, Some(b'[' | b'{')) {
            let file: File = serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is no list of proofs", path.display()))?;
            let mut proofs = match file {
                File::Many(proofs) => proofs,
                File::One(proof) => vec![proof],
            };
            for proof in &mut proofs {
                proof.key = proof.key.or(key);
            }
            return Ok(proofs.into_iter().map(Self::Proof).collect());
        }
        let bytes = hex::decode(bytes.trim_ascii()).unwrap_or(bytes);
        Self::of(&bytes, key)
            .map(|one| vec![one])
            .with_context(|| format!("{} is no proof, no statement and no envelope", path.display()))
    }

    /// What these bytes are: no two of the three have an encoding in common that is not malformed for one of them.
    fn of(bytes: &[u8], key: Option<PublicKey>) -> Result<Self, DecodeError> {
        let proof = |proof: &EquivocationProof| {
            Self::Proof(Exported {
                proof: hex::encode(proof.encode()),
                key,
                certificates: Vec::new(),
            })
        };
        if let Ok(found) = EquivocationProof::decode(bytes) {
            return Ok(proof(&found));
        }
        if let Ok(statement) = Statement::decode(bytes) {
            return Ok(Self::Statement(Box::new(statement)));
        }
        let envelope = Envelope::decode(bytes)?;
        Ok(match envelope.payload() {
            Ok(Payload::Proof(found)) => proof(&found),
            _ => Self::Envelope(Box::new(envelope), key),
        })
    }
}
