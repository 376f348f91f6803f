//! Reading and writing the few shapes that everything is made of: bytes, minimal varints, keys, times, text.
//!
//! The reader knows where it stands, so every refusal names its offset. Deliberately absent: any value of the network.

use crate::{DecodeError, NetworkId, PublicKey, Reason, Signature, Timestamp};

/// The longest name or other free text, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A cursor over the input.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// A reader over a part of the input that begins at `at`.
    pub(crate) const fn within(bytes: &'a [u8], at: usize) -> Self {
        Self { rest: bytes, at }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) const fn fail<T>(&self, reason: Reason) -> Result<T, DecodeError> {
        Err(DecodeError::new(self.at, reason))
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return self.fail(Reason::Truncated);
        };
        self.rest = rest;
        self.at += count;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return self.fail(Reason::Truncated);
        };
        self.rest = rest;
        self.at += N;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A byte of at most `max`.
    pub(crate) fn u8_up_to(&mut self, max: u8) -> Result<u8, DecodeError> {
        let at = self.at;
        let byte = self.u8()?;
        if byte > max {
            Err(DecodeError::new(at, Reason::OutOfRange))
        } else {
            Ok(byte)
        }
    }

    /// An unsigned LEB128 number in its shortest form.
    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        let start = self.at;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError::new(start, Reason::OutOfRange));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let padded = byte == 0 && shift > 0;
                return if padded {
                    Err(DecodeError::new(start, Reason::NotMinimal))
                } else {
                    Ok(value)
                };
            }
        }
        Err(DecodeError::new(start, Reason::OutOfRange))
    }

    /// A number that fits the type asked for.
    pub(crate) fn number<T: TryFrom<u64>>(&mut self) -> Result<T, DecodeError> {
        let at = self.at;
        T::try_from(self.varint()?).map_err(|_| DecodeError::new(at, Reason::OutOfRange))
    }

    /// A number of at most `max`, to count things with.
    pub(crate) fn count(&mut self, max: usize) -> Result<usize, DecodeError> {
        let at = self.at;
        let count: usize = self.number()?;
        if count > max {
            Err(DecodeError::new(at, Reason::OutOfRange))
        } else {
            Ok(count)
        }
    }

    /// A length of at most `max`, and so many bytes.
    pub(crate) fn prefixed(&mut self, max: usize) -> Result<&'a [u8], DecodeError> {
        let at = self.at;
        let length: usize = self.number()?;
        if length > max {
            return Err(DecodeError::new(at, Reason::TooLong));
        }
        self.take(length)
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, DecodeError> {
        let at = self.at;
        let time = Timestamp::from_millis(self.number()?);
        if time.is_on_wire() {
            Ok(time)
        } else {
            Err(DecodeError::new(at, Reason::OutOfRange))
        }
    }

    pub(crate) fn network(&mut self) -> Result<NetworkId, DecodeError> {
        self.array().map(NetworkId)
    }

    pub(crate) fn key(&mut self) -> Result<PublicKey, DecodeError> {
        let at = self.at;
        PublicKey::from_bytes(self.array()?).map_err(|error| DecodeError::new(at, Reason::Key(error)))
    }

    pub(crate) fn signature(&mut self) -> Result<Signature, DecodeError> {
        self.array().map(Signature::from_bytes)
    }

    pub(crate) fn name(&mut self) -> Result<Box<str>, DecodeError> {
        let at = self.at;
        let bytes = self.prefixed(MAX_NAME_BYTES)?;
        match std::str::from_utf8(bytes) {
            Ok(text) if is_name(text) => Ok(text.into()),
            _ => Err(DecodeError::new(at, Reason::Text)),
        }
    }

    /// Nothing may follow.
    pub(crate) const fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            self.fail(Reason::Trailing)
        }
    }
}

// === writing ===

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
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

pub(crate) fn put_count(out: &mut Vec<u8>, count: usize) {
    put_varint(out, u64::try_from(count).unwrap_or(u64::MAX));
}

pub(crate) fn put_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

pub(crate) fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    put_varint(out, u64::try_from(time.as_millis()).unwrap_or(0));
}

/// Zigzag: small numbers of either sign are short.
pub(crate) const fn zigzag(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(crate) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg()
}

// === text ===

/// Whether a text can be a name: 1..=64 bytes, no control, bidirectional or invisible characters, no space at its ends.
pub fn is_name(text: &str) -> bool {
    let bounded = (1..=MAX_NAME_BYTES).contains(&text.len());
    bounded && !text.starts_with(' ') && !text.ends_with(' ') && !text.chars().any(is_hidden)
}

/// Characters that a reader cannot see, or that reorder those he sees: two names must not look alike through them.
const fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form() {
        for (bytes, expected) in [
            (&[0x00][..], Ok(0)),
            (&[0x7f], Ok(127)),
            (&[0x80, 0x01], Ok(128)),
            (&[0x80, 0x00], Err(Reason::NotMinimal)),
            (&[0xff, 0x80, 0x00], Err(Reason::NotMinimal)),
            (&[0x80], Err(Reason::Truncated)),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                Ok(u64::MAX),
            ),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
                Err(Reason::OutOfRange),
            ),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81],
                Err(Reason::OutOfRange),
            ),
        ] {
            assert_eq!(
                Reader::new(bytes).varint().map_err(|error| error.reason),
                expected,
                "{bytes:02x?}"
            );
        }
    }

    #[test]
    fn zigzag_keeps_the_extremes() {
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
        assert_eq!([zigzag(0), zigzag(-1), zigzag(1)], [0, 1, 2]);
    }

    #[test]
    fn a_name_shows_all_it_is() {
        for good in ["CERT-FR", "Réseau national", "a", "中文"] {
            assert!(is_name(good), "{good:?}");
        }
        let long = "x".repeat(65);
        for bad in [
            "",
            " a",
            "a ",
            "a\nb",
            "a\u{202e}b",
            "a\u{200b}b",
            "\u{feff}a",
            long.as_str(),
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
