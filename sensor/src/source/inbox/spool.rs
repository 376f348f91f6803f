//! Lines on disk, in segments, from the last checkpoint on.
//!
//! A record is its length, a checksum, when it arrived, its number and its text. Offsets count bytes since the spool was
//! first made and never go back, so they serve as positions. What a crash tore off at the end is cut off. A segment goes
//! when everything in it was dealt with, or when there are too many. Deliberately absent: threads, and who reads.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Crc;

/// Bytes after which a new segment is begun.
const SEGMENT_BYTES: u64 = 16 << 20;
/// Segments of one source. Beyond, the oldest goes: a restart then misses what a very old bucket began with.
const MAX_SEGMENTS: usize = 16;
/// Length and checksum.
const HEAD: usize = 8;
/// Arrival and number.
const FIXED: usize = 16;
/// A line is at most a mebibyte, and replacing bytes that are no UTF-8 may treble it.
const MAX_TEXT: usize = 4 << 20;

/// One line as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
    /// Under which number its sender may deliver it again; 0 if it has none.
    pub(crate) number: u64,
    pub(crate) text: String,
}

/// The segments of one source.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
    /// Where each begins. The last may not exist yet.
    segments: VecDeque<u64>,
    /// The last, once it exists.
    file: Option<File>,
    end: u64,
}

/// Everything there was when reading began, in order.
#[derive(Debug)]
pub(crate) struct Reading {
    directory: PathBuf,
    segments: VecDeque<u64>,
    begin: u64,
    current: Option<BufReader<File>>,
    at: u64,
}

/// The folder of a source: its name, as far as a path can say it, and a hash for the rest.
pub(super) fn folder(source: &str) -> String {
    let plain: String = source
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .take(64)
        .collect();
    let hash = blake3::hash(source.as_bytes()).to_hex();
    format!("{plain}-{}", hash.get(..8).unwrap_or_default())
}

// === impl Record ===

impl Record {
    fn size(&self) -> u64 {
        (HEAD + FIXED + self.text.len()) as u64
    }

    fn write(&self, out: &mut Vec<u8>) {
        let start = out.len() + HEAD;
        let length = u32::try_from(FIXED + self.text.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.at.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(self.text.as_bytes());
        let sum = checksum(out.get(start..).unwrap_or_default());
        if let Some(place) = out.get_mut(start - 4..start) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
    }

    /// The next record; `None` where there is none, or none that is whole.
    fn read(input: &mut impl Read) -> Option<Self> {
        let mut head = [0; HEAD];
        input.read_exact(&mut head).ok()?;
        let (length, sum) = head.split_at(4);
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        if !(FIXED..=FIXED + MAX_TEXT).contains(&length) {
            return None;
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).ok()?;
        if checksum(&body).to_le_bytes() != *sum {
            return None;
        }
        let text = String::from_utf8(body.split_off(FIXED)).ok()?;
        let (at, number) = body.split_at(8);
        Some(Self {
            at: i64::from_le_bytes(at.try_into().ok()?),
            number: u64::from_le_bytes(number.try_into().ok()?),
            text,
        })
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

// === impl Spool ===

impl Spool {
    /// Opens or makes it. `resume` is an offset that was reached before: new lines come behind it, also when the files
    /// are gone.
    pub(crate) fn open(directory: &Path, resume: Option<u64>) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let mut segments: Vec<u64> = fs::read_dir(directory)?
            .filter_map(|entry| {
                let name = entry.ok()?.file_name();
                name.to_str()?.strip_suffix(".lines")?.parse().ok()
            })
            .collect();
        segments.sort_unstable();
        let mut spool = Self {
            directory: directory.to_owned(),
            segments: segments.into(),
            file: None,
            end: 0,
        };
        if let Some(last) = spool.segments.back().copied() {
            spool.end = spool.cut_torn_end(last)?;
        }
        let resume = resume.unwrap_or(0);
        if resume > spool.end || spool.segments.is_empty() {
            spool.begin_segment(resume.max(spool.end));
        }
        Ok(spool)
    }

    /// Where the next record will stand.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Writes records, and if `sync` so that they survive a power cut; where each stands. After an error none of them
    /// is there.
    pub(crate) fn append(&mut self, records: &[Record], sync: bool) -> io::Result<Vec<u64>> {
        let begun = self.segments.back().copied().unwrap_or(self.end);
        if self.end - begun >= SEGMENT_BYTES {
            self.begin_segment(self.end);
        }
        let begun = self.segments.back().copied().unwrap_or(self.end);
        let mut bytes = Vec::new();
        let mut offsets = Vec::with_capacity(records.len());
        for record in records {
            offsets.push(self.end + bytes.len() as u64);
            record.write(&mut bytes);
        }
        let path = self.path(begun);
        let file = match &mut self.file {
            Some(file) => file,
            None => self
                .file
                .insert(OpenOptions::new().append(true).create(true).open(path)?),
        };
        let written = file.write_all(&bytes);
        let written = written.and_then(|()| if sync { file.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            // A part of it may be there: nothing follows a torn record.
            if file.set_len(self.end - begun).is_err() {
                self.file = None;
            }
            return Err(error);
        }
        self.end += bytes.len() as u64;
        Ok(offsets)
    }

    /// Offsets for records that the disk did not take: those of the others stay as they are.
    pub(crate) fn pass(&mut self, records: &[Record]) -> Vec<u64> {
        let mut end = self.end;
        let offsets = records
            .iter()
            .map(|record| {
                let at = end;
                end += record.size();
                at
            })
            .collect();
        self.begin_segment(end);
        offsets
    }

    /// Removes segments that hold nothing from `before` on.
    pub(crate) fn forget(&mut self, before: u64) -> io::Result<()> {
        while self.segments.get(1).is_some_and(|second| *second <= before) {
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Reads everything there is now.
    pub(crate) fn read(&self) -> Reading {
        let mut segments = self.segments.clone();
        if self.file.is_none()
            && self
                .segments
                .back()
                .is_some_and(|last| !self.path(*last).exists())
        {
            segments.pop_back();
        }
        let begin = segments.front().copied().unwrap_or(self.end);
        Reading {
            directory: self.directory.clone(),
            segments,
            begin,
            current: None,
            at: begin,
        }
    }

    fn begin_segment(&mut self, at: u64) {
        self.file = None;
        self.end = at;
        // One that never got a record gives way.
        if self
            .segments
            .back()
            .is_some_and(|last| !self.path(*last).exists())
        {
            self.segments.pop_back();
        }
        if self.segments.back() != Some(&at) {
            self.segments.push_back(at);
        }
        while self.segments.len() > MAX_SEGMENTS && self.remove_oldest().is_ok() {}
    }

    fn remove_oldest(&mut self) -> io::Result<()> {
        let Some(oldest) = self.segments.front() else {
            return Ok(());
        };
        match fs::remove_file(self.path(*oldest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => drop(self.segments.pop_front()),
        }
        Ok(())
    }

    fn cut_torn_end(&self, begun: u64) -> io::Result<u64> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(begun))?;
        let mut input = BufReader::new(&file);
        let mut length = 0;
        while let Some(record) = Record::read(&mut input) {
            length += record.size();
        }
        if file.metadata()?.len() > length {
            file.set_len(length)?;
        }
        Ok(begun + length)
    }

    fn path(&self, begun: u64) -> PathBuf {
        path(&self.directory, begun)
    }
}

fn path(directory: &Path, begun: u64) -> PathBuf {
    directory.join(format!("{begun:020}.lines"))
}

// === impl Reading ===

impl Reading {
    /// The offset of the first record.
    pub(crate) fn begin(&self) -> u64 {
        self.begin
    }

    /// The offset after the last record that was read.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn next_record(&mut self) -> Option<(u64, Record)> {
        loop {
            if let Some(input) = &mut self.current
                && let Some(record) = Record::read(input)
            {
                let offset = self.at;
                self.at += record.size();
                return Some((offset, record));
            }
            // A damaged record ends its segment; the next begins anew.
            let begun = self.segments.pop_front()?;
            self.at = begun;
            self.current = File::open(path(&self.directory, begun)).ok().map(BufReader::new);
        }
    }
}

#[cfg(test)]
mod tests;
