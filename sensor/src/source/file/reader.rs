//! One open file, plain or compressed, read forward from a position.
//!
//! It knows which file it is (inode while it is open, fingerprint for ever) and whether somebody truncated it.
//! Deliberately absent: which file comes after it (`tail`).

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::bufread::MultiGzDecoder;

use super::fingerprint::Fingerprint;
use super::splitter::{MAX_LINE_BYTES, Splitter};

/// A file as the kernel knows it. Not reused while we hold the file open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inode {
    device: u64,
    number: u64,
}

#[derive(Debug)]
enum Input {
    Plain(File),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
}

/// A file being read.
#[derive(Debug)]
pub(crate) struct Reader {
    input: Input,
    pub(crate) inode: Inode,
    pub(crate) print: Option<Fingerprint>,
    pub(crate) splitter: Splitter,
    /// It will not grow: a compressed file or a finished copy.
    pub(crate) still: bool,
    grown_at: Instant,
}

// === impl Inode ===

impl Inode {
    pub(crate) fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            number: meta.ino(),
        }
    }
}

// === impl Reader ===

impl Reader {
    /// Opens a file at its beginning. A name that ends in `.gz` is read through gzip.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let inode = Inode::of(&file.metadata()?);
        let gzip = path.extension().is_some_and(|extension| extension == "gz");
        let print = if gzip {
            Fingerprint::read(&mut MultiGzDecoder::new(BufReader::new(File::open(path)?)), true)?
        } else {
            Fingerprint::read(
                &mut At {
                    file: &file,
                    offset: 0,
                },
                false,
            )?
        };
        let input = if gzip {
            Input::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(file))))
        } else {
            Input::Plain(file)
        };
        Ok(Self {
            input,
            inode,
            print,
            splitter: Splitter::default(),
            still: gzip,
            grown_at: Instant::now(),
        })
    }

    /// Goes forward to `offset`; `false` if the file is shorter.
    pub(crate) fn skip_to(&mut self, offset: u64) -> io::Result<bool> {
        let reached = match &mut self.input {
            Input::Plain(file) => file.metadata()?.len() >= offset,
            Input::Gzip(stream) => io::copy(&mut stream.take(offset), &mut io::sink())? == offset,
        };
        self.splitter = Splitter::at(offset);
        Ok(reached)
    }

    /// Goes to the start of the line that is being written at the end of the file, so that it is read whole.
    pub(crate) fn skip_to_end(&mut self) -> io::Result<()> {
        let Input::Plain(file) = &self.input else {
            return Ok(());
        };
        let length = file.metadata()?.len();
        let start = length.saturating_sub(MAX_LINE_BYTES as u64);
        let mut tail = Vec::new();
        At { file, offset: start }
            .take(length - start)
            .read_to_end(&mut tail)?;
        let line = match memchr::memrchr(b'\n', &tail) {
            Some(newline) => start + newline as u64 + 1,
            None => start,
        };
        // Without a first line the file has no fingerprint yet, and is read from its beginning.
        self.splitter = Splitter::at(if self.print.is_some() { line } else { 0 });
        Ok(())
    }

    /// Whether it is known which file this is. One that has `ended` is identified by what it has.
    pub(crate) fn identify(&mut self, ended: bool) -> io::Result<bool> {
        if self.print.is_none()
            && let Input::Plain(file) = &self.input
        {
            self.print = Fingerprint::read(&mut At { file, offset: 0 }, ended)?;
        }
        Ok(self.print.is_some())
    }

    /// Reads the next bytes; none at the end, and none before the file is identified.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.identify(false)? {
            return Ok(0);
        }
        let count = match &mut self.input {
            Input::Plain(file) => file.read_at(buffer, self.splitter.offset())?,
            Input::Gzip(stream) => stream.read(buffer)?,
        };
        if count > 0 {
            self.grown_at = Instant::now();
        }
        Ok(count)
    }

    /// Whether the file was truncated (and perhaps has grown again) since it was identified.
    pub(crate) fn replaced(&self) -> io::Result<bool> {
        let (Input::Plain(file), Some(print)) = (&self.input, &self.print) else {
            return Ok(false);
        };
        let mut head = vec![0; print.head.len()];
        match file.read_exact_at(&mut head, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(true),
            Err(error) => return Err(error),
            Ok(()) if *head != *print.head => return Ok(true),
            Ok(()) => {}
        }
        Ok(file.metadata()?.len() < self.splitter.offset())
    }

    /// Whether nothing was written to it for so long.
    pub(crate) fn settled(&self, quiet: Duration) -> bool {
        self.still || self.grown_at.elapsed() >= quiet
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.input {
            Input::Plain(file) => file.metadata().is_ok_and(|meta| meta.len() == 0),
            Input::Gzip(_) => self.print.is_none(),
        }
    }
}

/// Reads a file from an offset without moving its cursor.
struct At<'f> {
    file: &'f File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
