//! Steps over a text: ahead, and back to the last choice where they fail.
//!
//! Deliberately absent: which steps there are.

use std::sync::Arc;

use super::field::Ends;
use super::program::{At, Program, Step};
use super::run::{Run, length};

/// Steps back, beyond which the pattern is given up for a text: so many, and more for longer texts.
const MIN_BUDGET: usize = 1_024;
const BUDGET_PER_BYTE: usize = 8;
/// Bytes that runs go over, which count as one step back: a step may lead to a run over all of a text.
const BYTES_PER_STEP: usize = 32;

/// Places where a match was looked for in vain, after which `regex` is asked where one begins.
const MAX_STARTS: usize = 4;

/// Places of a text that are gone on from before the answer is that there may be a match.
const MAX_PIVOTED: usize = 16;

/// Places remembered, as a power of two.
const MET_BITS: u32 = 10;

/// A group's end that did not take part.
const NOWHERE: u32 = u32::MAX;

/// One pattern at work.
#[derive(Debug)]
pub(crate) struct Walker {
    program: Arc<Program>,
    slots: Box<[u32]>,
    back: Vec<Back>,
    /// Where ways met in this search and others: its number, the step, the place.
    met: Box<[(u32, At, u32)]>,
    round: u32,
    /// Bytes that runs went over since the last step back, and how many they may.
    scanned: usize,
    allowed: usize,
}

/// What is tried next if all that came after it fails.
#[derive(Debug, Clone, Copy)]
enum Back {
    /// The other ways of a choice.
    Ways { choice: At, way: u32, at: u32 },
    /// A run that takes less, down to `low`.
    Less { run: At, low: u32, at: u32 },
    /// A lazy run that takes more, up to `high`.
    More { run: At, at: u32, high: u32 },
    /// A slot is what it was.
    Slot { slot: u16, was: u32 },
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    Match,
    NoMatch,
    /// This text is none for this engine.
    GiveUp,
}

/// A step did not lead on.
struct Failed;

// === impl Walker ===

impl Walker {
    pub(crate) fn new(program: &Arc<Program>) -> Self {
        Self {
            slots: vec![NOWHERE; program.slots].into(),
            program: Arc::clone(program),
            back: Vec::new(),
            met: vec![(0, 0, 0); 1 << MET_BITS].into(),
            round: 0,
            scanned: 0,
            allowed: 0,
        }
    }

    /// Whether there may be a match, told from the texts that it would hold.
    pub(crate) fn may_match(&self, text: &str) -> bool {
        self.program.may_match(text)
    }

    /// Start and end of a group of the last match.
    pub(crate) fn group(&self, group: usize) -> Option<(usize, usize)> {
        let start = *self.slots.get(2 * group)?;
        let end = *self.slots.get(2 * group + 1)?;
        (start != NOWHERE && end != NOWHERE).then_some((start as usize, end as usize))
    }

    /// Searches a text; afterwards [`Walker::group`] tells what was captured. `begin` says where the match begins, for
    /// texts that make us try too many places.
    pub(crate) fn search(&mut self, text: &str, begin: impl FnOnce(&str) -> Option<usize>) -> Search {
        if u32::try_from(text.len()).is_err() || (self.program.only_ascii && !text.is_ascii()) {
            return Search::GiveUp;
        }
        self.next_round();
        let program = Arc::clone(&self.program);
        let bytes = text.as_bytes();
        let mut budget = MIN_BUDGET + BUDGET_PER_BYTE * bytes.len();
        let (mut from, mut starts) = (0, 0);
        while let Some(start) = next_start(&program, bytes, from) {
            if let Some(found) = self.walk(&program, bytes, 0, start, &mut budget) {
                return found;
            }
            starts += 1;
            if program.anchored || (starts == 1 && !self.may_go_on(&program, bytes, &mut budget)) {
                break;
            }
            if starts == MAX_STARTS {
                let Some(start) = begin(text) else { break };
                return self
                    .walk(&program, bytes, 0, start, &mut budget)
                    .unwrap_or(Search::GiveUp);
            }
            from = start + 1;
        }
        Search::NoMatch
    }

    fn next_round(&mut self) {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.met.fill((0, 0, 0));
            self.round = 1;
        }
    }

    /// Whether a match may begin elsewhere: what stands behind a text that every match contains must match somewhere.
    fn may_go_on(&mut self, program: &Program, text: &[u8], budget: &mut usize) -> bool {
        program.pivots.iter().all(|(step, pivot)| {
            let mut from = 0;
            for _ in 0..MAX_PIVOTED {
                let Some(at) = text.get(from..).and_then(|rest| pivot.find(rest)) else {
                    return false;
                };
                if self.walk(program, text, *step, from + at, budget).is_some() {
                    // Places on the way to a match were met, and may be come to again.
                    self.next_round();
                    return true;
                }
                from += at + 1;
            }
            true
        })
    }

    /// From one place of the text, by one step and those behind it; `None` if there is no match from there.
    fn walk(
        &mut self,
        program: &Program,
        text: &[u8],
        mut step: At,
        start: usize,
        budget: &mut usize,
    ) -> Option<Search> {
        self.back.clear();
        self.slots.fill(NOWHERE);
        let mut at = start;
        loop {
            self.allowed = budget.saturating_mul(BYTES_PER_STEP);
            if let Ok(end) = self.ahead(program, text, step, at) {
                if let [whole_start, whole_end, ..] = &mut *self.slots {
                    (*whole_start, *whole_end) = (narrow(start), narrow(end));
                }
                return Some(Search::Match);
            }
            match budget.checked_sub(1 + std::mem::take(&mut self.scanned) / BYTES_PER_STEP) {
                Some(left) => *budget = left,
                None => return Some(Search::GiveUp),
            }
            (step, at) = self.back(program, text)?;
        }
    }

    /// As far as it goes: to where the match ends.
    fn ahead(
        &mut self,
        program: &Program,
        text: &[u8],
        mut step: At,
        mut at: usize,
    ) -> Result<usize, Failed> {
        loop {
            match program.steps.get(step as usize) {
                Some(Step::Byte(wanted)) => {
                    if text.get(at) != Some(wanted) {
                        return Err(Failed);
                    }
                    at += 1;
                }
                Some(Step::Text(wanted)) => {
                    let rest = text.get(at..).unwrap_or_default();
                    if rest.first() != wanted.first() || !rest.starts_with(wanted) {
                        return Err(Failed);
                    }
                    at += wanted.len();
                }
                Some(Step::One(set)) => match text.get(at) {
                    Some(byte) if set.has(*byte) => at += length(*byte),
                    _ => return Err(Failed),
                },
                Some(Step::Run(run)) if run.takes_all => {
                    let begin = at;
                    at = run.end(text, at).ok_or(Failed)?;
                    self.pay(at - begin)?;
                }
                Some(Step::Run(run)) => {
                    at = self.run(run, step, text, at)?;
                    if self.was_here(step + 1, at) {
                        return Err(Failed);
                    }
                }
                Some(Step::Slot(slot)) => self.write(*slot, narrow(at)),
                Some(Step::Sure(slot)) => {
                    if let Some(place) = self.slots.get_mut(usize::from(*slot)) {
                        *place = narrow(at);
                    }
                }
                Some(Step::Look(look)) => {
                    if !look.holds(text, at) {
                        return Err(Failed);
                    }
                }
                Some(Step::Choice(choice)) => {
                    let ways = choice.ways(&program.steps, text, at).ok_or(Failed)?;
                    if !ways.rest.is_empty() {
                        self.back.push(Back::Ways {
                            choice: step,
                            way: 0,
                            at: narrow(at),
                        });
                    }
                    step = ways.first.ok_or(Failed)?;
                    continue;
                }
                Some(Step::Go(target)) => {
                    let first = program.firsts.get(*target as usize).ok_or(Failed)?;
                    if !first.allows(text.get(at).copied()) || self.was_here(*target, at) {
                        return Err(Failed);
                    }
                    step = *target;
                    continue;
                }
                Some(Step::Field(field)) => {
                    let (ends, seen) = program.parts.ends(field, text, at);
                    self.pay(seen)?;
                    match ends {
                        Ends::Nowhere => return Err(Failed),
                        Ends::At(end) if !field.groups => {
                            (step, at) = (field.after, end);
                            continue;
                        }
                        Ends::At(_) | Ends::Open => {}
                    }
                }
                Some(Step::Match) => return Ok(at),
                None => return Err(Failed),
            }
            step += 1;
        }
    }

    /// Whether this place was come to before, by another way that is given up by now: what came of it then would come of
    /// it again. That way is given up because every loop consumes, so that nothing leads from a place back to it. Only
    /// asked where ways meet. A place may be forgotten, which costs time and nothing else.
    fn was_here(&mut self, step: At, at: usize) -> bool {
        if self.back.is_empty() {
            return false;
        }
        let key = (self.round, step, narrow(at));
        let slot = (step.wrapping_mul(0x9E37_79B1) ^ narrow(at).wrapping_mul(0x85EB_CA6B)) >> (32 - MET_BITS);
        let Some(met) = self.met.get_mut(slot as usize) else {
            return false;
        };
        std::mem::replace(met, key) == key
    }

    fn write(&mut self, slot: u16, value: u32) {
        let Some(place) = self.slots.get_mut(usize::from(slot)) else {
            return;
        };
        if !self.back.is_empty() {
            self.back.push(Back::Slot { slot, was: *place });
        }
        *place = value;
    }

    /// Bytes were gone over. More than may be end the walk: what still goes ahead has to pay like what comes back.
    fn pay(&mut self, bytes: usize) -> Result<(), Failed> {
        self.scanned += bytes;
        if self.scanned > self.allowed {
            return Err(Failed);
        }
        Ok(())
    }

    /// Where a run ends for the first time.
    fn run(&mut self, run: &Run, step: At, text: &[u8], at: usize) -> Result<usize, Failed> {
        let (low, high) = run.extent(text, at).ok_or(Failed)?;
        self.pay(high - at)?;
        if run.lazy {
            return self.more(run, step, text, low, high);
        }
        if !run.back.is_empty() && high > low {
            self.back.push(Back::Less {
                run: step,
                low: narrow(low),
                at: narrow(high),
            });
        }
        Ok(high)
    }

    /// The next place from `at` on where a lazy run may end.
    fn more(&mut self, run: &Run, step: At, text: &[u8], at: usize, high: usize) -> Result<usize, Failed> {
        let within = |behind: usize| text.get(at..(high + behind).min(text.len())).unwrap_or_default();
        let found = match (&run.until, run.only) {
            (Some(until), _) => until.find(within(until.needle().len())).map(|found| at + found),
            (None, Some(byte)) => memchr::memchr(byte, within(1)).map(|found| at + found),
            (None, None) => (at..=high).find(|at| run.next.allows(text.get(*at).copied())),
        };
        self.scanned += found.unwrap_or(high).saturating_sub(at);
        let found = found.ok_or(Failed)?;
        if found < high {
            self.back.push(Back::More {
                run: step,
                at: narrow(found + 1),
                high: narrow(high),
            });
        }
        Ok(found)
    }

    /// To the last choice that is left.
    fn back(&mut self, program: &Program, text: &[u8]) -> Option<(At, usize)> {
        loop {
            match self.back.pop()? {
                Back::Slot { slot, was } => {
                    if let Some(place) = self.slots.get_mut(usize::from(slot)) {
                        *place = was;
                    }
                }
                Back::Ways { choice, way, at } => {
                    let Some(Step::Choice(of)) = program.steps.get(choice as usize) else {
                        return None;
                    };
                    let rest = &of.ways(&program.steps, text, at as usize)?.rest;
                    let next = rest.get(way as usize)?;
                    if rest.len() > way as usize + 1 {
                        self.back.push(Back::Ways {
                            choice,
                            way: way + 1,
                            at,
                        });
                    }
                    return Some((*next, at as usize));
                }
                Back::Less { run: step, low, at } => {
                    let Some(Step::Run(run)) = program.steps.get(step as usize) else {
                        return None;
                    };
                    let taken = text.get(low as usize..at as usize).unwrap_or_default();
                    let found = match run.only {
                        Some(byte) => memchr::memrchr(byte, taken),
                        None => taken.iter().rposition(|byte| run.back.has(*byte)),
                    };
                    self.scanned += taken.len() - found.unwrap_or(0);
                    let Some(found) = found else { continue };
                    if found > 0 {
                        self.back.push(Back::Less {
                            run: step,
                            low,
                            at: low + narrow(found),
                        });
                    }
                    return Some((step + 1, low as usize + found));
                }
                Back::More { run: step, at, high } => {
                    let Some(Step::Run(run)) = program.steps.get(step as usize) else {
                        return None;
                    };
                    if let Ok(found) = self.more(run, step, text, at as usize, high as usize) {
                        return Some((step + 1, found));
                    }
                }
            }
        }
    }
}

/// The next place where a match may begin.
fn next_start(program: &Program, text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    if let Some(prefix) = &program.prefix {
        return prefix.find(rest).map(|at| from + at);
    }
    let first = program.firsts.first()?;
    if program.anchored {
        return first.allows(rest.first().copied()).then_some(from);
    }
    match rest.iter().position(|byte| first.bytes.has(*byte)) {
        Some(at) => Some(from + at),
        None => first.at_end.then_some(text.len()),
    }
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NOWHERE)
}
