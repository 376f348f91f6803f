//! Follows one log through its rotations and loses no line.
//!
//! It keeps a chain of open files: the front is read to its end before the next is begun. A rotated file is left only
//! when the next one has a line and nothing was written to the old one for a while, because writers go on in the old
//! file until they are told; after that it is still looked at for [`LINGER`]. Truncation is noticed by length and by
//! the changed first line, and the lines not yet read are then looked for in the copy that copytruncate made.
//! Before: the file system. After: `run`, over the intake. Deliberately absent: polling (`file`).

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::reader::{Inode, Reader};
use super::siblings::siblings;
use super::splitter::Split;
use crate::line::Position;
use crate::stats::SourceStats;

/// How long a file that was left is still looked at.
const LINGER: Duration = Duration::from_mins(1);
/// Open files of one log at once.
const MAX_CHAIN: usize = 72;

/// Where reading begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begin {
    Beginning,
    End,
    At { file: u64, offset: u64 },
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There may be more at once.
    Again,
    /// At the end of what there is.
    Idle,
}

/// One log file, by name.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    settle: Duration,
    stats: Arc<SourceStats>,
    /// Read in this order. The last is, or was, the file at `path`.
    chain: VecDeque<Reader>,
    lingering: Vec<(Reader, Instant)>,
}

// === impl Tail ===

impl Tail {
    /// A log that may not exist yet.
    pub(crate) fn new(
        path: PathBuf,
        begin: &Begin,
        settle: Duration,
        stats: Arc<SourceStats>,
    ) -> io::Result<Self> {
        let mut tail = Self {
            path,
            settle,
            stats,
            chain: VecDeque::new(),
            lingering: Vec::new(),
        };
        match *begin {
            Begin::At { file, offset } if file != 0 => tail.resume(file, offset)?,
            Begin::At { .. } | Begin::Beginning => {}
            Begin::End => {
                if let Some(mut reader) = if_exists(Reader::open(&tail.path))? {
                    reader.skip_to_end()?;
                    tail.chain.push_back(reader);
                }
            }
        }
        Ok(tail)
    }

    /// The position of the next line. File 0 is a log that has no line yet.
    pub(crate) fn next(&self) -> Position {
        let front = self.chain.front();
        let known =
            front.and_then(|reader| Some((reader.print.as_ref()?.hash, reader.splitter.line_start())));
        let (file, offset) = known.unwrap_or((0, 0));
        Position::File { file, offset }
    }

    /// Whether no file with a line in it is known to come after the one being read.
    pub(crate) fn is_last(&self) -> bool {
        self.chain.iter().skip(1).all(|reader| reader.print.is_none())
    }

    /// Whether nothing was written for a while to any file that is still open.
    pub(crate) fn is_settled(&self) -> bool {
        self.lingering.is_empty() && self.chain.iter().all(|reader| reader.settled(self.settle))
    }

    /// Appends all that is left, with the last line also if it has no end, and closes every file.
    pub(crate) fn finish(
        &mut self,
        buffer: &mut [u8],
        lines: &mut Vec<(Position, String)>,
    ) -> io::Result<()> {
        while let Some(mut front) = self.chain.pop_front() {
            front.identify(true)?;
            loop {
                let count = front.fill(buffer)?;
                if count == 0 {
                    break;
                }
                let bytes = buffer.get(..count).unwrap_or_default();
                feed(&mut front, bytes, &self.stats, lines);
            }
            let mut split = Vec::new();
            front.splitter.finish(&self.stats, &mut split);
            emit(&front, split, lines);
        }
        Ok(())
    }

    /// Reads at most one buffer and appends the lines that are complete, with their positions.
    pub(crate) fn step(
        &mut self,
        buffer: &mut [u8],
        lines: &mut Vec<(Position, String)>,
    ) -> io::Result<Step> {
        let current = self.current()?;
        if self.chain.is_empty() {
            let Some(reader) = if_exists(Reader::open(&self.path))? else {
                return Ok(Step::Idle);
            };
            self.chain.push_back(reader);
        }
        let Some(front) = self.chain.front_mut() else {
            return Ok(Step::Idle);
        };
        let at_path = current == Some(front.inode) && !front.still;
        let count = match front.fill(buffer) {
            Err(_) if front.still => {
                // A broken archive is left where it breaks, or it would hold up everything after it.
                self.stats.gaps.add(1);
                self.leave_front(lines);
                return Ok(Step::Again);
            }
            filled => filled?,
        };
        if at_path && front.replaced()? {
            let bytes = buffer.get(..count).unwrap_or_default();
            return self.truncated(bytes, lines).map(|()| Step::Again);
        }
        if count > 0 {
            let bytes = buffer.get(..count).unwrap_or_default();
            feed(front, bytes, &self.stats, lines);
            return Ok(Step::Again);
        }
        if !at_path && self.advance(current, lines)? {
            return Ok(Step::Again);
        }
        self.look_back(buffer, lines)?;
        Ok(Step::Idle)
    }

    /// Which file stands at the path now.
    fn current(&self) -> io::Result<Option<Inode>> {
        Ok(if_exists(std::fs::metadata(&self.path))?.map(|meta| Inode::of(&meta)))
    }

    /// The front has no more bytes and is not the file at the path any more: goes on to the next if that is due.
    fn advance(&mut self, current: Option<Inode>, lines: &mut Vec<(Position, String)>) -> io::Result<bool> {
        if self.chain.len() == 1 && current.is_some() {
            self.find_successors()?;
        }
        let Some(next) = self.chain.get_mut(1) else {
            return Ok(false);
        };
        let ended = current != Some(next.inode);
        if !next.identify(ended)? {
            // Rotated away before it had a byte: nothing to wait for, but the search goes on from it.
            let skip = ended && next.is_empty() && self.chain.len() > 2;
            if skip {
                self.chain.remove(1);
            } else if ended && current.is_some() {
                self.push_path()?;
            }
            return Ok(skip);
        }
        let Some(front) = self.chain.front_mut() else {
            return Ok(false);
        };
        if !front.settled(self.settle) {
            return Ok(false);
        }
        if front.identify(true)? && front.splitter.offset() == 0 && !front.is_empty() && !front.still {
            // Its only line never got a newline; now it is known and can be read.
            return Ok(true);
        }
        self.leave_front(lines);
        Ok(true)
    }

    fn leave_front(&mut self, lines: &mut Vec<(Position, String)>) {
        let Some(mut left) = self.chain.pop_front() else {
            return;
        };
        let mut split = Vec::new();
        left.splitter.finish(&self.stats, &mut split);
        emit(&left, split, lines);
        self.stats.rotations.add(1);
        if !left.still {
            self.lingering.push((left, Instant::now()));
        }
    }

    /// Appends the files that came after the front: rotated siblings newer than it, then the file at the path.
    fn find_successors(&mut self) -> io::Result<()> {
        let Some(front) = self.chain.front() else {
            return Ok(());
        };
        let (inode, hash) = (front.inode, front.print.as_ref().map(|print| print.hash));
        let mut seen = vec![hash];
        let mut after = false;
        for sibling in siblings(&self.path) {
            let Ok(reader) = Reader::open(&sibling.path) else {
                continue;
            };
            let print = reader.print.as_ref().map(|print| print.hash);
            if reader.inode == inode || (print.is_some() && print == hash) {
                after = true;
                self.chain.truncate(1);
            } else if after && !seen.contains(&print) && self.chain.len() < MAX_CHAIN {
                seen.push(print);
                self.chain.push_back(reader);
            }
        }
        self.push_path()
    }

    fn push_path(&mut self) -> io::Result<()> {
        if let Some(reader) = if_exists(Reader::open(&self.path))?
            && self.chain.iter().all(|known| known.inode != reader.inode)
            && self.chain.len() < MAX_CHAIN
        {
            self.chain.push_back(reader);
        }
        Ok(())
    }

    /// The front was truncated after its bytes up to its offset were read, and `bytes` perhaps before.
    fn truncated(&mut self, bytes: &[u8], lines: &mut Vec<(Position, String)>) -> io::Result<()> {
        self.stats.truncations.add(1);
        let Some(mut old) = self.chain.pop_front() else {
            return Ok(());
        };
        let copy = old
            .print
            .as_ref()
            .and_then(|print| self.find(print.hash, old.splitter.line_start(), true));
        if let Some(copy) = copy {
            self.chain.push_front(copy);
        } else {
            self.stats.gaps.add(1);
            feed(&mut old, bytes, &self.stats, lines);
        }
        self.chain.truncate(1);
        if let Some(reader) = if_exists(Reader::open(&self.path))? {
            self.chain.push_back(reader);
        }
        Ok(())
    }

    /// A rotated file by its fingerprint, at an offset. If `done`, whoever wrote it has finished.
    fn find(&self, hash: u64, offset: u64, done: bool) -> Option<Reader> {
        let mut siblings = siblings(&self.path);
        // Plain files last, to be tried first: an archive beside its plain file may still be in the making.
        siblings.sort_by_key(|sibling| !sibling.is_archive());
        for sibling in siblings.into_iter().rev() {
            let Ok(mut reader) = Reader::open(&sibling.path) else {
                continue;
            };
            let known = reader.identify(true).is_ok();
            let same = known && reader.print.as_ref().is_some_and(|print| print.hash == hash);
            if same && reader.skip_to(offset).is_ok_and(|reached| reached) {
                reader.still |= done;
                return Some(reader);
            }
        }
        None
    }

    /// Takes up where an earlier process stopped, wherever that file is by now.
    fn resume(&mut self, hash: u64, offset: u64) -> io::Result<()> {
        if let Some(mut reader) = if_exists(Reader::open(&self.path))?
            && reader.print.as_ref().is_some_and(|print| print.hash == hash)
            && reader.skip_to(offset)?
        {
            self.chain.push_back(reader);
            return Ok(());
        }
        let Some(reader) = self.find(hash, offset, false) else {
            // Gone: what is there is read from its beginning, and ids make repeats harmless.
            self.stats.gaps.add(1);
            return Ok(());
        };
        self.chain.push_back(reader);
        self.find_successors()
    }

    /// Lines that a slow writer still put into a file that was left.
    fn look_back(&mut self, buffer: &mut [u8], lines: &mut Vec<(Position, String)>) -> io::Result<()> {
        self.lingering.retain(|(_, left_at)| left_at.elapsed() < LINGER);
        for (reader, _) in &mut self.lingering {
            let count = reader.fill(buffer)?;
            feed(
                reader,
                buffer.get(..count).unwrap_or_default(),
                &self.stats,
                lines,
            );
        }
        Ok(())
    }
}

fn feed(reader: &mut Reader, bytes: &[u8], stats: &SourceStats, lines: &mut Vec<(Position, String)>) {
    let mut split = Vec::new();
    reader.splitter.feed(bytes, stats, &mut split);
    emit(reader, split, lines);
}

fn emit(reader: &Reader, split: Vec<Split>, lines: &mut Vec<(Position, String)>) {
    let file = reader.print.as_ref().map_or(0, |print| print.hash);
    lines.extend(
        split
            .into_iter()
            .map(|Split { offset, text }| (Position::File { file, offset }, text)),
    );
}

/// A file that is absent is no error: it may appear.
fn if_exists<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
