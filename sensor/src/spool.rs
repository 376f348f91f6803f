//! Texts on disk, in segments: lines from the last checkpoint on, or whatever else must outlive a crash until it is
//! dealt with.
//!
//! A record is its length, a checksum, when it arrived, its number and its text. Offsets count bytes since the spool was
//! first made and never go back, so they serve as positions. What a crash tore off at the end is cut off. A segment goes
//! when everything in it was dealt with, or when there are too many. Deliberately absent: threads, and who reads.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Crc;

/// How much a spool may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes after which a new segment is begun.
    pub segment_bytes: u64,
    /// Segments at once. Beyond, the oldest goes, whether or not it was dealt with.
    pub segments: usize,
}

/// Length and checksum.
const HEAD: usize = 8;
/// Arrival and number.
const FIXED: usize = 16;
/// A line is at most a mebibyte, and replacing bytes that are no UTF-8 may treble it.
const MAX_TEXT: usize = 4 << 20;

/// One text as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Whatever number it has for its owner; 0 if it has none.
    pub number: u64,
    /// At most 4 MiB; a longer one is not found again.
    pub text: String,
}

/// The segments of one directory.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    bounds: Bounds,
    /// Where each begins. The last may not exist yet.
    segments: VecDeque<u64>,
    /// The last, once it exists.
    file: Option<File>,
    end: u64,
}

/// Everything there was when reading began, in order.
#[derive(Debug)]
pub struct Reading {
    directory: PathBuf,
    segments: VecDeque<u64>,
    begin: u64,
    current: Option<BufReader<File>>,
    at: u64,
}

// === impl Bounds ===

impl Default for Bounds {
    /// A quarter of a gibibyte, which for a source's lines is so old that only a very slow bucket needs it.
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            segments: 16,
        }
    }
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
    pub fn open(directory: &Path, resume: Option<u64>, bounds: Bounds) -> io::Result<Self> {
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
            bounds,
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
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Writes records, and if `sync` so that they survive a power cut; where each stands. After an error none of them
    /// is there.
    pub fn append(&mut self, records: &[Record], sync: bool) -> io::Result<Vec<u64>> {
        let begun = self.segments.back().copied().unwrap_or(self.end);
        if self.end - begun >= self.bounds.segment_bytes {
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
        let begins = self.file.is_none();
        let file = match &mut self.file {
            Some(file) => file,
            None => self
                .file
                .insert(OpenOptions::new().append(true).create(true).open(path)?),
        };
        let written = file.write_all(&bytes);
        let written = written.and_then(|()| if sync { file.sync_data() } else { Ok(()) });
        // A new file is only there after a power cut if its directory says so.
        let written = written.and_then(|()| match sync && begins {
            true => File::open(&self.directory)?.sync_all(),
            false => Ok(()),
        });
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
    pub fn pass(&mut self, records: &[Record]) -> Vec<u64> {
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
    pub fn forget(&mut self, before: u64) -> io::Result<()> {
        while self.segments.get(1).is_some_and(|second| *second <= before) {
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Reads everything there is now.
    pub fn read(&self) -> Reading {
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

    /// Reads what stands at an offset that a record was given or a reading had reached, and everything after it; from
    /// the first record that there still is, if that one is gone.
    pub fn read_from(&self, offset: u64) -> Reading {
        let mut reading = self.read();
        while reading.segments.get(1).is_some_and(|second| *second <= offset) {
            reading.segments.pop_front();
        }
        let Some(begun) = reading.segments.front().copied().filter(|begun| *begun < offset) else {
            reading.begin = reading.segments.front().copied().unwrap_or(self.end);
            reading.at = reading.begin;
            return reading;
        };
        reading.segments.pop_front();
        (reading.begin, reading.at) = (offset, offset);
        let opened = File::open(self.path(begun)).and_then(|mut file| {
            file.seek(SeekFrom::Start(offset - begun))?;
            Ok(BufReader::new(file))
        });
        reading.current = opened.ok();
        reading
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
        while self.segments.len() > self.bounds.segments.max(1) && self.remove_oldest().is_ok() {}
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
    pub fn begin(&self) -> u64 {
        self.begin
    }

    /// The offset after the last record that was read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// When the newest record was sent, as far as the last two segments tell (the very last may not have begun); 0 if there
    /// is none.
    pub(crate) fn latest(mut self) -> i64 {
        let older = self.segments.len().saturating_sub(2);
        self.segments.drain(..older);
        let mut latest = 0;
        while let Some((_, record)) = self.next_record() {
            latest = latest.max(record.at);
        }
        latest
    }

    /// The next record and where it stands.
    pub fn next_record(&mut self) -> Option<(u64, Record)> {
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
