//! The bytes of a log as they were written, whatever it was compressed with.
//!
//! Which compression it is, its first bytes tell and not its name. Deliberately absent: following a file that grows.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use crate::source::file::fingerprint::{Fingerprint, HEAD_BYTES};

/// See the module.
pub(super) struct Input {
    bytes: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
    /// Bytes on the disk.
    pub(super) file_bytes: u64,
}

/// Counts what is read of the file itself.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

/// The frames of a zstd file, one after the other. The decoder bounds their windows.
enum Zstd<R: Read> {
    Between(BufReader<R>),
    Within(Box<StreamingDecoder<BufReader<R>, FrameDecoder>>),
    Ended,
}

// === impl Input ===

impl Input {
    /// Opens a log and tells which one it is, as the fingerprint of files that grow does.
    pub(super) fn open(path: &Path) -> io::Result<(Self, u64)> {
        let file = File::open(path)?;
        let file_bytes = file.metadata()?.len();
        let read = Arc::new(AtomicU64::new(0));
        let mut counted = Counted {
            file,
            read: Arc::clone(&read),
        };
        let mut magic = Vec::new();
        (&mut counted).take(4).read_to_end(&mut magic)?;
        let kind: [u8; 4] = magic.as_slice().try_into().unwrap_or_default();
        let raw = Cursor::new(magic).chain(counted);
        let mut bytes: Box<dyn Read + Send> = match kind {
            [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(BufReader::new(raw))),
            [0x28, 0xb5, 0x2f, 0xfd] => Box::new(Zstd::Between(BufReader::new(raw))),
            _ => Box::new(raw),
        };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        (&mut bytes).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        let print = Fingerprint::read(&mut head.as_slice(), true)?;
        let input = Self {
            bytes: Box::new(Cursor::new(head).chain(bytes)),
            read,
            file_bytes,
        };
        Ok((input, print.map_or(0, |print| print.hash)))
    }

    /// Bytes read of the file so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

// === impl Zstd ===

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(self, Self::Ended) {
                Self::Between(mut rest) => {
                    if rest.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let frame = StreamingDecoder::new(rest).map_err(io::Error::other)?;
                    *self = Self::Within(Box::new(frame));
                }
                Self::Within(mut frame) => {
                    let count = frame.read(buffer)?;
                    if count > 0 || buffer.is_empty() {
                        *self = Self::Within(frame);
                        return Ok(count);
                    }
                    *self = Self::Between(frame.into_inner());
                }
                Self::Ended => return Ok(0),
            }
        }
    }
}
