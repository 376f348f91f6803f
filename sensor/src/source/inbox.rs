//! Where lines arrive that nobody keeps for us: what came over the network is on disk before anything is made of it.
//!
//! A file or a journal can be read again after a crash; a datagram or a request cannot. So each network source has a
//! bounded inbox: a thread writes what arrives to a `spool`, tells the sender where its protocol has a word for that,
//! and hands the lines on. Positions are offsets in the spool. Before: the listeners. After: `run`, over the intake.
//! Deliberately absent: sockets, and waiting for the effects, which is the checkpoint's business.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use vigie_wire::Timestamp;

use super::{Arrived, Closed, Outlet};
use crate::line::Position;
pub(crate) use crate::spool::Record;
use crate::spool::{Bounds, Spool};
use crate::stats::SourceStats;

/// Deliveries that may wait for the disk; then the listeners wait, or drop where their protocol cannot.
const QUEUE: usize = 256;
/// Bytes of text that are written, synced and handed on at once.
const BATCH_BYTES: usize = 1 << 20;
/// Without a delivery for so long, everything there is was handed on.
const QUIET: Duration = Duration::from_millis(200);
/// Numbers of messages that are remembered, to know one that is delivered twice.
const REMEMBERED: usize = 65_536;

/// In a number: more lines of the same message follow.
pub(crate) const MORE: u64 = 1 << 63;

/// The number of a message, of what makes it itself: its stream and place there, or its sender's key and its body. So
/// messages of different streams are never taken for each other, whatever they are numbered.
pub(crate) fn number_of(kind: &str, parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("vigie/message/v1");
    for part in [kind.as_bytes()].iter().chain(parts) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut number = [0; 8];
    hasher.finalize_xof().fill(&mut number);
    // Zero is that of what has none.
    (u64::from_le_bytes(number) & !MORE).max(1)
}

/// The records of a message with that number, or with 0 if it has none.
pub(crate) fn numbered(texts: Vec<String>, at: i64, number: u64) -> Vec<Record> {
    let last = texts.len().saturating_sub(1);
    let record = |(index, text)| Record {
        at,
        number: if index < last && number != 0 {
            number | MORE
        } else {
            number
        },
        text,
    };
    texts.into_iter().enumerate().map(record).collect()
}

/// What a listener hands in at once.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) records: Vec<Record>,
    /// Told once the records are on disk. Whoever waits for it can send them again; lines of all others are handed on
    /// even when the disk takes nothing.
    pub(crate) taken: Option<oneshot::Sender<io::Result<()>>>,
}

/// The listeners' side.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    pub(crate) sender: mpsc::Sender<Delivery>,
    pub(crate) stats: Arc<SourceStats>,
    /// Of the latest record that was taken, when it was sent, in milliseconds since 1970; 0 before the first.
    #[cfg_attr(
        not(feature = "nats"),
        expect(dead_code, reason = "only NATS can be asked to begin at a time")
    )]
    pub(crate) latest: Arc<AtomicI64>,
}

/// The thread's side.
#[derive(Debug)]
pub(crate) struct Keeper {
    receiver: mpsc::Receiver<Delivery>,
    spool: Spool,
    source: Arc<str>,
    kind: Arc<str>,
    resume: Option<u64>,
    kept: Arc<Kept>,
    stats: Arc<SourceStats>,
    known: Known,
    latest: Arc<AtomicI64>,
    failing: bool,
}

/// How far the effects of each source are kept: what the receiver of a checkpoint says when it has stored it.
///
/// Only then may the lines before it go. Nobody has to say it; then spools are bounded by their size alone.
#[derive(Debug, Default)]
pub struct Kept(Mutex<HashMap<String, Position>>);

/// Numbers of the latest messages.
#[derive(Debug, Default)]
struct Known {
    order: VecDeque<u64>,
    set: HashSet<u64>,
}

/// Opens the inbox of a source. `resume` is the last checkpoint of it that was kept.
pub(crate) fn open(
    directory: &Path,
    source: &Arc<str>,
    kind: &Arc<str>,
    resume: Option<&Position>,
    kept: &Arc<Kept>,
    outlet: &Outlet,
) -> io::Result<(Inbox, Keeper)> {
    let stats = outlet.stats.source(source);
    let resume = resume.and_then(offset);
    let spool = Spool::open(&directory.join(folder(source)), resume, Bounds::default())?;
    let (sender, receiver) = mpsc::channel(QUEUE);
    let latest = Arc::new(AtomicI64::new(spool.read().latest()));
    let inbox = Inbox {
        sender,
        stats: Arc::clone(&stats),
        latest: Arc::clone(&latest),
    };
    let keeper = Keeper {
        receiver,
        spool,
        source: Arc::clone(source),
        kind: Arc::clone(kind),
        resume,
        kept: Arc::clone(kept),
        stats,
        known: Known::default(),
        latest,
        failing: false,
    };
    Ok((inbox, keeper))
}

/// The folder of a source: its name, as far as a path can say it, and a hash for the rest.
fn folder(source: &str) -> String {
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

fn position(offset: u64) -> Position {
    Position::Cursor(offset.to_string())
}

fn offset(position: &Position) -> Option<u64> {
    match position {
        Position::Cursor(cursor) => cursor.parse().ok(),
        Position::File { .. } => None,
    }
}

// === impl Kept ===

impl Kept {
    /// The effects of everything before `position` are kept.
    pub fn note(&self, source: &str, position: &Position) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get_mut(source) {
            Some(known) => known.clone_from(position),
            None => drop(known.insert(source.to_owned(), position.clone())),
        }
    }

    pub(crate) fn get(&self, source: &str) -> Option<Position> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(source).cloned()
    }
}

// === impl Known ===

impl Known {
    /// Whether a number is new; zero always is.
    fn is_new(&mut self, number: u64) -> bool {
        if number == 0 {
            return true;
        }
        if !self.set.insert(number) {
            return false;
        }
        self.order.push_back(number);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        true
    }

    fn forget(&mut self, number: u64) {
        if self.set.remove(&number) {
            self.order.retain(|known| *known != number);
        }
    }
}

// === impl Keeper ===

impl Keeper {
    /// Hands on what a crash left behind, then what arrives, until the listeners are gone.
    pub(crate) fn run(mut self, outlet: &Outlet) -> Result<(), Closed> {
        let runtime = match tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, source = %self.source, "no timer for the inbox");
                return Ok(());
            }
        };
        self.hand_on_the_past(outlet)?;
        let mut idle = false;
        loop {
            let next = runtime.block_on(async { tokio::time::timeout(QUIET, self.receiver.recv()).await });
            match next {
                Ok(Some(first)) => {
                    idle = false;
                    self.take(first, outlet)?;
                }
                Ok(None) => return Ok(()),
                Err(_quiet) if !idle => {
                    idle = true;
                    outlet.idle(&self.source, Some(position(self.spool.end())))?;
                }
                Err(_quiet) => {}
            }
            if let Some(kept) = self.kept.get(&self.source).as_ref().and_then(offset)
                && let Err(error) = self.spool.forget(kept)
            {
                tracing::warn!(%error, source = %self.source, "old lines cannot be removed");
            }
        }
    }

    /// Lines from the last checkpoint on, or all that there are; `Closed` if it was stopped on the way.
    fn hand_on_the_past(&mut self, outlet: &Outlet) -> Result<(), Closed> {
        let mut reading = self.spool.read();
        let from = self.resume.unwrap_or(0);
        if from < reading.begin() || from > self.spool.end() {
            self.stats.gaps.add(1);
        }
        loop {
            let mut batch = Vec::new();
            let mut bytes = 0;
            let mut next = from;
            while bytes < BATCH_BYTES
                && let Some((offset, record)) = reading.next_record()
            {
                if record.number & MORE == 0 {
                    // Of a message that was torn nothing is remembered, so that it is taken again.
                    self.known.is_new(record.number);
                }
                next = reading.at();
                if offset >= from {
                    bytes += record.text.len();
                    batch.push(arrived(offset, record));
                }
            }
            if batch.is_empty() {
                return Ok(());
            }
            outlet.arrived(&self.source, &self.kind, batch, Some(position(next)))?;
            if outlet.stopping() {
                self.put_away();
                return Err(Closed);
            }
        }
    }

    /// One batch: what waits, up to a bound. On disk, then acknowledged, then handed on.
    fn take(&mut self, first: Delivery, outlet: &Outlet) -> Result<(), Closed> {
        let mut records = Vec::new();
        let mut waiting = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        let mut replaceable = true;
        while let Some(delivery) = next {
            if delivery.taken.as_ref().is_some_and(oneshot::Sender::is_closed) {
                // Whoever waited went away, and sends it again: taken now as well, its lines would count twice.
                next = self.receiver.try_recv().ok();
                continue;
            }
            replaceable &= delivery.taken.is_some();
            waiting.extend(delivery.taken);
            let (mut within, mut new) = (false, true);
            for record in delivery.records {
                if !within {
                    new = self.known.is_new(record.number & !MORE);
                }
                within = record.number & MORE != 0;
                if new {
                    bytes += record.text.len();
                    records.push(record);
                }
            }
            next = if bytes < BATCH_BYTES {
                self.receiver.try_recv().ok()
            } else {
                None
            };
        }
        if records.is_empty() && waiting.is_empty() {
            return Ok(());
        }
        let kept = self.keep(&records, !waiting.is_empty());
        let lost = kept.as_ref().err().map(io::Error::kind);
        for sender in waiting {
            // One that went away in the meantime sends it again.
            drop(sender.send(lost.map_or(Ok(()), |kind| Err(kind.into()))));
        }
        let offsets = match kept {
            Ok(offsets) => offsets,
            Err(_) if replaceable => {
                for record in &records {
                    self.known.forget(record.number & !MORE);
                }
                return Ok(());
            }
            Err(_) => {
                self.stats.unkept.add(records.len() as u64);
                self.spool.pass(&records)
            }
        };
        if let Some(latest) = records.iter().map(|record| record.at).max() {
            self.latest.fetch_max(latest, Ordering::Relaxed);
        }
        let mut rest = offsets.into_iter().zip(records).peekable();
        loop {
            // One delivery may be larger than what is handed on at once.
            let (mut batch, mut bytes) = (Vec::new(), 0);
            while bytes < BATCH_BYTES
                && let Some((offset, record)) = rest.next()
            {
                bytes += record.text.len();
                batch.push(arrived(offset, record));
            }
            let next = rest.peek().map_or(self.spool.end(), |(offset, _)| *offset);
            outlet.arrived(&self.source, &self.kind, batch, Some(position(next)))?;
            if rest.peek().is_none() {
                return Ok(());
            }
        }
    }

    /// Stopped before the past was handed on: lines behind it must not be handed on either, or the checkpoint would pass
    /// what lies between. Whoever can send again is told to; the lines of all others are left for the next start.
    fn put_away(&mut self) {
        while let Some(delivery) = self.receiver.blocking_recv() {
            if delivery.taken.is_none() && self.keep(&delivery.records, false).is_err() {
                self.stats.dropped.add(delivery.records.len() as u64);
            }
        }
    }

    fn keep(&mut self, records: &[Record], sync: bool) -> io::Result<Vec<u64>> {
        let kept = self.spool.append(records, sync);
        match &kept {
            Ok(_) => self.failing = false,
            Err(error) => {
                self.stats.errors.add(1);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, source = %self.source, "what arrives cannot be written to disk");
                }
            }
        }
        kept
    }
}

fn arrived(offset: u64, record: Record) -> Arrived {
    Arrived {
        position: position(offset),
        text: record.text,
        at: Some(Timestamp::from_millis(record.at)),
    }
}

#[cfg(test)]
mod tests;
