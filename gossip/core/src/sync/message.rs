//! The messages of sync, and their bytes. One request has one response; either is at most 1 MiB.
//!
//! The protocol's name carries the major version, so an unknown type is an error here and a new one a new version.

use super::codec::{Reader, SyncError, SyncReason, put_count, put_prefixed, put_time, put_varint};
use super::heads::{put_head, read_head};
use crate::chain::Head;
use crate::constants::{
    ENVELOPES_PER_MESSAGE, HASHES_PER_MESSAGE, HEADS_PER_MESSAGE, PROOFS_PER_MESSAGE, RANGE_PLACES,
    RANGES_PER_MESSAGE, STATEMENT_IDS_PER_MESSAGE, SYNC_MESSAGE_BYTES,
};
use crate::wire::{EquivocationProof, PublisherId, Statement, Timestamp};

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Asks.
    Request(Request),
    /// Answers.
    Response(Response),
}

/// All that one node holds, in 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The first bytes of the digest of all heads and proofs.
    pub heads: [u8; 16],
    /// The first bytes of the digest of all statements that count.
    pub statements: [u8; 16],
    /// Envelopes held.
    pub count: u64,
    /// The sender's clock: nodes compare theirs with the median of their peers'.
    pub clock: Timestamp,
}

/// Places of one chain, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Whose chain.
    pub publisher: PublisherId,
    /// Which epoch.
    pub epoch: u32,
    /// The lowest place.
    pub from: u64,
    /// The highest place, at most 65,535 above.
    pub to: u64,
}

/// What one node asks another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// 1: "This is what I hold. Do you hold the same?" -> `Equal` or `Differs`.
    Digest(Digest),
    /// 2: statements whose id begins between `from` and `to` and is not among these -> `Statements`.
    Statements {
        /// The lowest beginning of an id.
        from: [u8; 8],
        /// The highest.
        to: [u8; 8],
        /// The beginnings of the ids that the asker has, ascending.
        have: Vec<[u8; 8]>,
    },
    /// 3: the heads after this one -> `Heads`.
    Heads {
        /// Publisher and epoch of the last head of the page before.
        after: Option<(PublisherId, u32)>,
    },
    /// 4: the hashes held of these places -> `Hashes`.
    Hashes(Range),
    /// 5: the envelopes at these places -> `Envelopes`.
    Ranges(Vec<Range>),
    /// 6: the proofs that stand in these epochs -> `Proofs`.
    Proofs(Vec<(PublisherId, u32)>),
}

/// What the other answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// 128: "The same."
    Equal {
        /// The answerer's clock.
        clock: Timestamp,
    },
    /// 129: "Not the same."
    Differs(Digest),
    /// 130: statements, and whether there are more that did not fit.
    Statements {
        /// The statements.
        statements: Vec<Statement>,
        /// Whether some did not fit.
        more: bool,
    },
    /// 131: heads in order, on the first page with all proven forks.
    Heads {
        /// The heads.
        heads: Vec<Head>,
        /// Publisher, epoch and the name of the proof.
        forks: Vec<(PublisherId, u32, [u8; 16])>,
        /// Whether there are more heads.
        more: bool,
    },
    /// 132: seq and the beginning of the hash, highest first.
    Hashes(Vec<(u64, [u8; 16])>),
    /// 133: encoded envelopes, of each range the newest first.
    Envelopes(Vec<Vec<u8>>),
    /// 134: proofs.
    Proofs(Vec<EquivocationProof>),
}

// === impl Message ===

impl Message {
    /// Reads a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, SyncError> {
        if bytes.len() > SYNC_MESSAGE_BYTES {
            return Err(SyncError {
                offset: SYNC_MESSAGE_BYTES,
                reason: SyncReason::TooLong,
            });
        }
        let mut reader = Reader::new(bytes);
        let message = read(&mut reader)?;
        reader.finish()?;
        Ok(message)
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self {
            Self::Request(request) => request.write(&mut out),
            Self::Response(response) => response.write(&mut out),
        }
        out
    }
}

fn read(reader: &mut Reader<'_>) -> Result<Message, SyncError> {
    let request = match reader.u8()? {
        1 => Request::Digest(Digest::read(reader)?),
        2 => {
            let (from, to) = (reader.array()?, reader.array()?);
            let have = reader.list(STATEMENT_IDS_PER_MESSAGE, Reader::array)?;
            if !have.is_sorted_by(|one, next| one <= next) {
                return reader.fail(SyncReason::Order);
            }
            Request::Statements { from, to, have }
        }
        3 => {
            let after = if reader.flag()? {
                Some(read_chain(reader)?)
            } else {
                None
            };
            Request::Heads { after }
        }
        4 => Request::Hashes(Range::read(reader)?),
        5 => Request::Ranges(reader.list(RANGES_PER_MESSAGE, Range::read)?),
        6 => Request::Proofs(reader.list(PROOFS_PER_MESSAGE, read_chain)?),
        number => return read_response(reader, number).map(Message::Response),
    };
    Ok(Message::Request(request))
}

fn read_response(reader: &mut Reader<'_>, number: u8) -> Result<Response, SyncError> {
    Ok(match number {
        128 => Response::Equal {
            clock: reader.time()?,
        },
        129 => Response::Differs(Digest::read(reader)?),
        130 => {
            // A type that this version does not know is left out, as it is in envelopes.
            let statements = reader.list(ENVELOPES_PER_MESSAGE, |reader| {
                let bytes = reader.prefixed()?;
                match Statement::decode(bytes) {
                    Ok(statement) => Ok(Some(statement)),
                    Err(error) if error.is_unknown() => Ok(None),
                    Err(_) => reader.fail(SyncReason::Item),
                }
            })?;
            let statements: Vec<Statement> = statements.into_iter().flatten().collect();
            if !statements.is_sorted_by(|one, next| one.id() < next.id()) {
                return reader.fail(SyncReason::Order);
            }
            Response::Statements {
                statements,
                more: reader.flag()?,
            }
        }
        131 => {
            let heads = reader.list(HEADS_PER_MESSAGE, read_head)?;
            if !heads.is_sorted_by(|one, next| (one.publisher, one.epoch) < (next.publisher, next.epoch)) {
                return reader.fail(SyncReason::Order);
            }
            let forks = reader.list(HEADS_PER_MESSAGE, |reader| {
                let (publisher, epoch) = read_chain(reader)?;
                Ok((publisher, epoch, reader.array()?))
            })?;
            if !forks.is_sorted_by(|(one, epoch, _), (next, later, _)| (one, epoch) < (next, later)) {
                return reader.fail(SyncReason::Order);
            }
            Response::Heads {
                heads,
                forks,
                more: reader.flag()?,
            }
        }
        132 => {
            let hashes = reader.list(HASHES_PER_MESSAGE, |reader| {
                Ok((reader.varint()?, reader.array()?))
            })?;
            if !hashes.is_sorted_by(|(one, _), (next, _)| one > next) {
                return reader.fail(SyncReason::Order);
            }
            Response::Hashes(hashes)
        }
        133 => {
            Response::Envelopes(reader.list(ENVELOPES_PER_MESSAGE, |reader| Ok(reader.prefixed()?.to_vec()))?)
        }
        134 => Response::Proofs(reader.list(PROOFS_PER_MESSAGE, |reader| {
            let bytes = reader.prefixed()?;
            EquivocationProof::decode(bytes).or_else(|_| reader.fail(SyncReason::Item))
        })?),
        _ => return reader.fail(SyncReason::UnknownType),
    })
}

pub(super) fn put_chain(out: &mut Vec<u8>, publisher: PublisherId, epoch: u32) {
    out.extend_from_slice(&publisher.0);
    put_varint(out, u64::from(epoch));
}

pub(super) fn read_chain(reader: &mut Reader<'_>) -> Result<(PublisherId, u32), SyncError> {
    Ok((PublisherId(reader.array()?), reader.number()?))
}

// === impl Digest ===

impl Digest {
    fn read(reader: &mut Reader<'_>) -> Result<Self, SyncError> {
        Ok(Self {
            heads: reader.array()?,
            statements: reader.array()?,
            count: reader.varint()?,
            clock: reader.time()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.heads);
        out.extend_from_slice(&self.statements);
        put_varint(out, self.count);
        put_time(out, self.clock);
    }
}

// === impl Range ===

impl Range {
    fn read(reader: &mut Reader<'_>) -> Result<Self, SyncError> {
        let (publisher, epoch) = read_chain(reader)?;
        let (from, length) = (reader.varint()?, reader.varint()?);
        let to = from.checked_add(length).filter(|_| length < RANGE_PLACES);
        let Some(to) = to else {
            return reader.fail(SyncReason::OutOfRange);
        };
        Ok(Self {
            publisher,
            epoch,
            from,
            to,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_chain(out, self.publisher, self.epoch);
        put_varint(out, self.from);
        put_varint(out, self.to.saturating_sub(self.from));
    }

    /// Whether it names that place.
    pub fn contains(&self, publisher: PublisherId, epoch: u32, seq: u64) -> bool {
        self.publisher == publisher && self.epoch == epoch && self.from <= seq && seq <= self.to
    }
}

// === impl Request ===

impl Request {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Digest(digest) => {
                out.push(1);
                digest.write(out);
            }
            Self::Statements { from, to, have } => {
                out.push(2);
                out.extend_from_slice(from);
                out.extend_from_slice(to);
                put_count(out, have.len());
                out.extend(have.iter().flatten());
            }
            Self::Heads { after } => {
                out.extend_from_slice(&[3, u8::from(after.is_some())]);
                if let Some((publisher, epoch)) = after {
                    put_chain(out, *publisher, *epoch);
                }
            }
            Self::Hashes(range) => {
                out.push(4);
                range.write(out);
            }
            Self::Ranges(ranges) => {
                out.push(5);
                put_count(out, ranges.len());
                for range in ranges {
                    range.write(out);
                }
            }
            Self::Proofs(chains) => {
                out.push(6);
                put_count(out, chains.len());
                for (publisher, epoch) in chains {
                    put_chain(out, *publisher, *epoch);
                }
            }
        }
    }
}

// === impl Response ===

impl Response {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Equal { clock } => {
                out.push(128);
                put_time(out, *clock);
            }
            Self::Differs(digest) => {
                out.push(129);
                digest.write(out);
            }
            Self::Statements { statements, more } => {
                out.push(130);
                put_count(out, statements.len());
                for statement in statements {
                    put_prefixed(out, &statement.encode());
                }
                out.push(u8::from(*more));
            }
            Self::Heads { heads, forks, more } => {
                out.push(131);
                put_count(out, heads.len());
                for head in heads {
                    put_head(out, head);
                }
                put_count(out, forks.len());
                for (publisher, epoch, name) in forks {
                    put_chain(out, *publisher, *epoch);
                    out.extend_from_slice(name);
                }
                out.push(u8::from(*more));
            }
            Self::Hashes(hashes) => {
                out.push(132);
                put_count(out, hashes.len());
                for (seq, hash) in hashes {
                    put_varint(out, *seq);
                    out.extend_from_slice(hash);
                }
            }
            Self::Envelopes(envelopes) => {
                out.push(133);
                put_count(out, envelopes.len());
                for envelope in envelopes {
                    put_prefixed(out, envelope);
                }
            }
            Self::Proofs(proofs) => {
                out.push(134);
                put_count(out, proofs.len());
                for proof in proofs {
                    put_prefixed(out, &proof.encode());
                }
            }
        }
    }
}
