//! A stream of bytes cut into blocks of whole lines, each with the offset at which it begins.
//!
//! A line over [`MAX_LINE_BYTES`] is a block of its own and cut there, as everywhere. Deliberately absent: the lines
//! themselves, which whoever parses the block finds.

use std::io::{self, Read};

use super::input::Input;
use crate::source::file::splitter::MAX_LINE_BYTES;

/// Bytes read at once. Large enough that handing a block to another thread costs nothing beside parsing it, small enough
/// to stay in the cache.
const BLOCK_BYTES: usize = 128 * 1024;

/// Whole lines, with their ends.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// Where they begin in the stream.
    pub(super) offset: u64,
    /// Whether this is one line that was cut.
    pub(super) cut: bool,
}

/// See the module.
pub(super) struct Blocks {
    input: Input,
    /// The begin of the line that the last block ended within.
    rest: Vec<u8>,
    offset: u64,
    /// The line in progress is over-long, and what comes up to its end is left out.
    skipping: bool,
    ended: bool,
}

// === impl Blocks ===

impl Blocks {
    pub(super) fn new(input: Input) -> Self {
        Self {
            input,
            rest: Vec::new(),
            offset: 0,
            skipping: false,
            ended: false,
        }
    }

    pub(super) fn input(&self) -> &Input {
        &self.input
    }

    /// The next block, in the buffers of an old one; `false` at the end.
    pub(super) fn next(&mut self, block: &mut Block) -> io::Result<bool> {
        block.bytes.clear();
        block.bytes.append(&mut self.rest);
        block.cut = false;
        while !self.ended {
            block.offset = self.offset;
            let searched = block.bytes.len();
            let limit = BLOCK_BYTES.max(searched + BLOCK_BYTES / 2) - searched;
            let read = (&mut self.input)
                .take(limit as u64)
                .read_to_end(&mut block.bytes)?;
            self.ended = read < limit;
            if self.skipping && !self.skip(block) {
                continue;
            }
            block.offset = self.offset;
            if self.ended {
                break;
            }
            if let Some(end) = memchr::memrchr(b'\n', &block.bytes) {
                self.rest
                    .extend_from_slice(block.bytes.get(end + 1..).unwrap_or_default());
                block.bytes.truncate(end + 1);
                self.offset += block.bytes.len() as u64;
                return Ok(true);
            }
            if block.bytes.len() > MAX_LINE_BYTES {
                self.offset += block.bytes.len() as u64;
                self.skipping = true;
                block.bytes.truncate(MAX_LINE_BYTES);
                block.cut = true;
                return Ok(true);
            }
        }
        self.offset += block.bytes.len() as u64;
        Ok(!block.bytes.is_empty())
    }

    /// Leaves out what belongs to a line that was cut; `false` if its end has not come.
    fn skip(&mut self, block: &mut Block) -> bool {
        let end = memchr::memchr(b'\n', &block.bytes);
        let length = end.map_or(block.bytes.len(), |end| end + 1);
        block.bytes.drain(..length);
        self.offset += length as u64;
        self.skipping = end.is_none();
        end.is_some()
    }
}
