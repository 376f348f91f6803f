//! Blocks to detections: parsing on several threads, pouring on one, in the order of the lines.
//!
//! Block number n is parsed by thread n modulo the number of threads, and its events are poured when those of block n - 1
//! were. Two blocks a thread are under way at most, so memory is bounded by the number of threads.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::blocks::{Block, Blocks};
use super::{Outcome, Progress, Replay};
use crate::detect::{Detection, Detector};
use crate::line::{Line, Position};
use crate::parse::{Event, Parsed, Parser};
use crate::rules::Ruleset;
use crate::source::file::splitter::clean;
use crate::stats::SourceStats;

/// Blocks under way for each thread.
const DEPTH: usize = 2;

/// What one replay works with.
pub(super) struct Job<'j> {
    pub(super) replay: &'j Replay,
    pub(super) rules: &'j Ruleset,
    /// What all lines have in common.
    pub(super) line: Line,
    pub(super) file: u64,
}

/// A block and what became of it; its buffers go round.
#[derive(Default)]
struct Batch {
    block: Block,
    /// The events, of which the first `used` are of this block.
    events: Vec<Event>,
    used: usize,
    /// Before each event, how many lines that became none; at the end those behind the last.
    gaps: Vec<u64>,
    counts: Outcome,
}

/// Lines of one block through a parser.
struct Reading<'r> {
    parser: Parser,
    line: Line,
    file: u64,
    replay: &'r Replay,
    stats: SourceStats,
}

/// Events into the detector, and what comes of it.
struct Pouring<'p, F> {
    detector: Detector,
    replay: &'p Replay,
    line: Line,
    outcome: Outcome,
    detections: Vec<Detection>,
    each: F,
}

/// Lines that no rule took; the rest is only counted.
struct Missed<F> {
    counts: Outcome,
    each: F,
}

// === impl Job ===

impl Job<'_> {
    pub(super) fn run(
        &self,
        mut blocks: Blocks,
        mut progress: impl FnMut(Progress),
        each: impl FnMut(Detection),
    ) -> io::Result<Outcome> {
        let detector = Detector::with_limits(self.rules, self.replay.limits);
        let mut pouring = Pouring {
            detector: if self.replay.plain {
                detector.plain()
            } else {
                detector
            },
            replay: self.replay,
            line: self.line.clone(),
            outcome: Outcome::default(),
            detections: Vec::new(),
            each,
        };
        let file_bytes = blocks.input().file_bytes;
        let mut tell = |read_bytes: u64, lines: u64| {
            progress(Progress {
                read_bytes,
                file_bytes,
                lines,
            });
        };
        if self.replay.threads.get() == 1 || self.rules.uses_stashes() {
            let mut reading = self.reading();
            let mut block = Block::default();
            while blocks.next(&mut block)? {
                reading.block(&block, &mut pouring);
                tell(blocks.input().read_bytes(), pouring.outcome.lines);
            }
        } else {
            self.threaded(&mut blocks, &mut pouring, &mut tell)?;
        }
        Ok(pouring.finish())
    }

    /// Parses only, and tells the lines that no rule took.
    pub(super) fn listen(&self, mut blocks: Blocks, each: impl FnMut(&str)) -> io::Result<Outcome> {
        let mut missed = Missed {
            counts: Outcome::default(),
            each,
        };
        let mut reading = self.reading();
        let mut block = Block::default();
        while blocks.next(&mut block)? {
            reading.block(&block, &mut missed);
        }
        Ok(missed.counts)
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            parser: if self.replay.plain {
                Parser::plain(self.rules)
            } else {
                Parser::new(self.rules)
            },
            line: self.line.clone(),
            file: self.file,
            replay: self.replay,
            stats: SourceStats::default(),
        }
    }

    fn threaded<F: FnMut(Detection)>(
        &self,
        blocks: &mut Blocks,
        pouring: &mut Pouring<'_, F>,
        tell: &mut impl FnMut(u64, u64),
    ) -> io::Result<()> {
        std::thread::scope(|scope| {
            let mut lanes: Vec<(SyncSender<Batch>, Receiver<Batch>)> = Vec::new();
            for _ in 0..self.replay.threads.get() {
                let (send, blocks) = sync_channel::<Batch>(DEPTH);
                let (done, parsed) = sync_channel::<Batch>(DEPTH);
                let mut reading = self.reading();
                scope.spawn(move || {
                    for mut batch in blocks {
                        reading.batch(&mut batch);
                        if done.send(batch).is_err() {
                            break;
                        }
                    }
                });
                lanes.push((send, parsed));
            }
            let (mut sent, mut poured) = (0, 0);
            let mut spare: Vec<Batch> = Vec::new();
            let mut more = true;
            while more || poured < sent {
                while more && sent < poured + lanes.len() * DEPTH {
                    let mut batch = spare.pop().unwrap_or_default();
                    more = blocks.next(&mut batch.block)?;
                    if !more {
                        break;
                    }
                    let lane = lanes.get(sent % lanes.len());
                    if lane.is_none_or(|(send, _)| send.send(batch).is_err()) {
                        return Err(io::Error::other("a parsing thread died"));
                    }
                    sent += 1;
                }
                if poured < sent {
                    let lane = lanes.get(poured % lanes.len());
                    let Some(batch) = lane.and_then(|(_, parsed)| parsed.recv().ok()) else {
                        return Err(io::Error::other("a parsing thread died"));
                    };
                    poured += 1;
                    pouring.batch(&batch);
                    spare.push(batch);
                    tell(blocks.input().read_bytes(), pouring.outcome.lines);
                }
            }
            Ok(())
        })
    }
}

/// Who takes what became of lines, in their order.
trait Sink {
    fn event(&mut self, parser: &mut Parser);
    fn nothing(&mut self);
    /// No rule took this line; `nothing` follows.
    fn unparsed(&mut self, line: &str) {
        let _ = line;
    }
    fn counts(&mut self) -> &mut Outcome;
}

// === impl Reading ===

impl Reading<'_> {
    fn batch(&mut self, batch: &mut Batch) {
        let block = std::mem::take(&mut batch.block);
        batch.used = 0;
        batch.gaps.clear();
        batch.gaps.push(0);
        batch.counts = Outcome::default();
        self.block(&block, batch);
        batch.block = block;
    }

    fn block(&mut self, block: &Block, sink: &mut impl Sink) {
        sink.counts().bytes += block.bytes.len() as u64;
        sink.counts().cut += u64::from(block.cut);
        let whole = std::str::from_utf8(&block.bytes)
            .ok()
            .filter(|_| memchr::memchr(0, &block.bytes).is_none());
        let mut start = 0;
        while start < block.bytes.len() {
            let rest = block.bytes.get(start..).unwrap_or_default();
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.line.position = Position::File {
                file: self.file,
                offset: block.offset + start as u64,
            };
            if let Some(text) = whole.and_then(|whole| whole.get(start..start + length)) {
                let text = text.strip_suffix('\r').unwrap_or(text);
                if !text.is_empty() {
                    self.text(text, sink);
                }
            } else if let Some(text) = clean(rest.get(..length).unwrap_or_default(), &self.stats) {
                self.text(&text, sink);
            }
            start += length + 1;
        }
        let stats = std::mem::take(&mut self.stats);
        sink.counts().lossy += stats.lossy.get();
        sink.counts().nul += stats.nul.get();
    }

    fn text(&mut self, text: &str, sink: &mut impl Sink) {
        sink.counts().lines += 1;
        match self.parser.parse_text(text, &self.line, self.replay.now) {
            Parsed::Event(_) => {
                sink.counts().parsed += 1;
                sink.event(&mut self.parser);
                return;
            }
            Parsed::Unparsed { .. } => {
                sink.counts().unparsed += 1;
                sink.unparsed(text);
            }
            Parsed::Whitelisted(_) => sink.counts().whitelisted += 1,
        }
        sink.nothing();
    }
}

// === impl Batch ===

impl Sink for Batch {
    fn event(&mut self, parser: &mut Parser) {
        if self.events.len() <= self.used {
            self.events
                .push(Event::blank(std::sync::Arc::clone(parser.event().names())));
        }
        if let Some(place) = self.events.get_mut(self.used) {
            parser.swap(place);
        }
        self.used += 1;
        self.gaps.push(0);
    }

    fn nothing(&mut self) {
        if let Some(gap) = self.gaps.last_mut() {
            *gap += 1;
        }
    }

    fn counts(&mut self) -> &mut Outcome {
        &mut self.counts
    }
}

// === impl Missed ===

impl<F: FnMut(&str)> Sink for Missed<F> {
    fn event(&mut self, _: &mut Parser) {}

    fn nothing(&mut self) {}

    fn unparsed(&mut self, line: &str) {
        (self.each)(line);
    }

    fn counts(&mut self) -> &mut Outcome {
        &mut self.counts
    }
}

// === impl Pouring ===

impl<F: FnMut(Detection)> Sink for Pouring<'_, F> {
    fn event(&mut self, parser: &mut Parser) {
        self.pour(parser.event());
    }

    fn nothing(&mut self) {
        self.detector.lines_done(&self.line.source, 1);
    }

    fn counts(&mut self) -> &mut Outcome {
        &mut self.outcome
    }
}

impl<F: FnMut(Detection)> Pouring<'_, F> {
    fn pour(&mut self, event: &Event) {
        let oddity = self.detector.pour(event, self.replay.now, &mut self.detections);
        self.outcome.future += u64::from(oddity.future);
        self.outcome.backwards += u64::from(oddity.backwards);
        self.detector.lines_done(&self.line.source, 1);
        for detection in self.detections.drain(..) {
            self.outcome.count(&detection);
            (self.each)(detection);
        }
    }

    fn batch(&mut self, batch: &Batch) {
        for (gap, event) in batch.gaps.iter().zip(batch.events.iter().take(batch.used)) {
            self.detector.lines_done(&self.line.source, *gap);
            self.pour(event);
        }
        self.detector
            .lines_done(&self.line.source, batch.gaps.last().copied().unwrap_or(0));
        let (outcome, counts) = (&mut self.outcome, &batch.counts);
        outcome.lines += counts.lines;
        outcome.bytes += counts.bytes;
        outcome.parsed += counts.parsed;
        outcome.unparsed += counts.unparsed;
        outcome.whitelisted += counts.whitelisted;
        outcome.cut += counts.cut;
        outcome.lossy += counts.lossy;
        outcome.nul += counts.nul;
    }

    fn finish(mut self) -> Outcome {
        let counts = self.detector.counts();
        self.outcome.suppressed = counts.suppressed;
        self.outcome.rule_errors = counts.rule_errors;
        self.outcome.evicted = counts.evicted + counts.outweighed;
        self.outcome.buckets = self.detector.live() as u64;
        self.outcome
    }
}
