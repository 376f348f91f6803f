//! Reading and writing of sync messages: minimal varints, bounded lists, no trailing bytes.

use crate::wire::Timestamp;

/// Bytes that are no sync message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {reason}")]
pub struct SyncError {
    /// Where, from the first byte of the message.
    pub offset: usize,
    /// Why.
    pub reason: SyncReason,
}

/// What is wrong with a sync message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncReason {
    /// Fewer bytes than announced.
    #[error("the bytes end too early")]
    Truncated,
    /// More bytes than announced.
    #[error("bytes follow the end")]
    Trailing,
    /// More bytes than a message may have.
    #[error("the message is too long")]
    TooLong,
    /// A number that is not in its shortest form.
    #[error("a number is not in its shortest form")]
    NotMinimal,
    /// A number beyond its bound.
    #[error("a number is out of its range")]
    OutOfRange,
    /// More items than a list may have.
    #[error("a list is too long")]
    TooMany,
    /// A list that is not strictly ascending.
    #[error("a list is not in ascending order")]
    Order,
    /// A message of a type that this version does not know.
    #[error("a type that this version does not know")]
    UnknownType,
    /// A statement or proof in it that does not decode.
    #[error("an item does not decode")]
    Item,
}

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) const fn fail<T>(&self, reason: SyncReason) -> Result<T, SyncError> {
        Err(SyncError {
            offset: self.at,
            reason,
        })
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], SyncError> {
        let end = self.at.checked_add(count);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => self.fail(SyncReason::Truncated),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], SyncError> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| SyncError {
            offset: at,
            reason: SyncReason::Truncated,
        })
    }

    pub(super) fn u8(&mut self) -> Result<u8, SyncError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn flag(&mut self) -> Result<bool, SyncError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.fail(SyncReason::OutOfRange),
        }
    }

    pub(super) fn varint(&mut self) -> Result<u64, SyncError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return self.fail(SyncReason::OutOfRange);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let superfluous = byte == 0 && shift > 0;
                return if superfluous {
                    self.fail(SyncReason::NotMinimal)
                } else {
                    Ok(value)
                };
            }
        }
        self.fail(SyncReason::OutOfRange)
    }

    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Result<T, SyncError> {
        let value = self.varint()?;
        T::try_from(value).or_else(|_| self.fail(SyncReason::OutOfRange))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, SyncError> {
        let time = Timestamp::from_millis(self.number()?);
        if time.is_on_wire() {
            Ok(time)
        } else {
            self.fail(SyncReason::OutOfRange)
        }
    }

    pub(super) fn prefixed(&mut self) -> Result<&'a [u8], SyncError> {
        let length = self.number()?;
        self.take(length)
    }

    /// A list of at most `max` items. Memory follows the bytes that are there, not the announced count.
    pub(super) fn list<T>(
        &mut self,
        max: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, SyncError>,
    ) -> Result<Vec<T>, SyncError> {
        let count: usize = self.number()?;
        if count > max {
            return self.fail(SyncReason::TooMany);
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    pub(super) const fn finish(&self) -> Result<(), SyncError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            self.fail(SyncReason::Trailing)
        }
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    put_varint(out, u64::try_from(count).unwrap_or(u64::MAX));
}

pub(super) fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    put_varint(out, u64::try_from(time.as_millis()).unwrap_or(0));
}

pub(super) fn put_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}
