//! What a pattern's groups captured, in two passes over the text and a table look-up a byte.
//!
//! The engines of the `regex` crate are fast at saying where a match lies, and slow (a backtracker) at saying where its
//! groups lie; lines are nearly all groups. So first, from the end to the start, a lazily built automaton notes at each
//! byte which states of the pattern can still reach a match. Then, from the start to the end, the alternatives are
//! taken in their order, always the first that can: never a step back. Frisch and Cardelli, "Greedy regular expression
//! matching", 2004. Deliberately absent: patterns that look at lines or at Unicode words; `regex` does those.

mod program;
mod states;

use std::sync::Arc;

pub(crate) use self::program::Program;
use self::states::{Full, States};

/// The memory of an engine is emptied at most so often before `regex` takes over for a while...
const MAX_RESETS: u32 = 32;
/// ...unless it had served this many bytes since the last time, for each state that was built.
const BYTES_PER_STATE: usize = 256;
/// For how many texts that is at first. Each time it is twice as many, so that a pattern that never serves costs little...
const FIRST_REST: u32 = 64;
/// ...but never more than these, so that one who sends odd lines does not slow down all others for long.
const MAX_REST: u32 = 65_536;
/// Steps remembered on the way forward; a power of two.
const STEPS: usize = 4_096;
/// Slots remembered for all steps.
const MAX_WRITES: usize = 65_536;
/// A buffer for longer texts than this is not kept.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// A group's end that did not take part.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// One pattern, with what it has learnt.
#[derive(Debug)]
pub(crate) struct Engine {
    program: Arc<Program>,
    states: States,
    /// At each place of the text, the state of the way back.
    trail: Vec<u16>,
    steps: Box<[Step]>,
    /// Slots that steps write, each list closed by [`CLOSE`]; the first list is empty.
    writes: Vec<u16>,
    slots: Box<[u32]>,
    resets: u32,
    served: usize,
    /// Texts that are still left to `regex`.
    rest: u32,
    next_rest: u32,
}

/// What follows a state and a byte, given what can still match behind that byte.
#[derive(Debug, Clone, Copy)]
struct Step {
    key: u64,
    next: u32,
    /// Where its list of slots begins.
    writes: u32,
}

const EMPTY: Step = Step {
    key: u64::MAX,
    next: 0,
    writes: 0,
};

/// Ends a list of slots.
const CLOSE: u16 = u16::MAX;

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    Match,
    NoMatch,
    /// This text is none for this engine.
    GiveUp,
}

// === impl Engine ===

impl Engine {
    pub(crate) fn new(program: &Arc<Program>) -> Self {
        Self {
            states: States::new(program),
            trail: Vec::new(),
            steps: vec![EMPTY; STEPS].into(),
            writes: vec![CLOSE],
            slots: vec![NOWHERE; program.slots].into(),
            program: Arc::clone(program),
            resets: 0,
            served: 0,
            rest: 0,
            next_rest: FIRST_REST,
        }
    }

    /// Start and end of a group of the last match.
    pub(crate) fn group(&self, group: usize) -> Option<(usize, usize)> {
        let start = *self.slots.get(2 * group)?;
        let end = *self.slots.get(2 * group + 1)?;
        (start != NOWHERE && end != NOWHERE).then_some((start as usize, end as usize))
    }

    /// Searches a text; afterwards [`Engine::group`] tells what was captured.
    pub(crate) fn search(&mut self, text: &str) -> Search {
        if u32::try_from(text.len()).is_err() {
            return Search::GiveUp;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return Search::GiveUp;
        }
        if self.served > self.states.len() * BYTES_PER_STATE {
            self.resets = 0;
            self.next_rest = FIRST_REST;
        }
        // What does not fit into an empty memory does not fit the next time either.
        for _ in 0..2 {
            let found = self.attempt(text.as_bytes());
            if self.trail.capacity() > MAX_KEPT_BYTES {
                self.trail = Vec::new();
            }
            if let Ok(found) = found {
                self.served += text.len();
                return found;
            }
            self.forget();
            if self.rest > 0 {
                break;
            }
        }
        Search::GiveUp
    }

    /// Begins anew with nothing learnt; too often, and it rests.
    fn forget(&mut self) {
        self.resets += 1;
        self.served = 0;
        self.states = States::new(&self.program);
        self.steps.fill(EMPTY);
        self.writes.truncate(1);
        if self.resets > MAX_RESETS {
            self.resets = 0;
            self.rest = self.next_rest;
            self.next_rest = self.next_rest.saturating_mul(2).min(MAX_REST);
        }
    }

    fn attempt(&mut self, text: &[u8]) -> Result<Search, Full> {
        self.back(text)?;
        let Some(start) = self.start(text)? else {
            return Ok(Search::NoMatch);
        };
        self.forth(text, start)
    }

    /// From the end to the start: which state at which place.
    fn back(&mut self, text: &[u8]) -> Result<(), Full> {
        let program = Arc::clone(&self.program);
        self.trail.resize(text.len() + 1, 0);
        let mut state = self.states.last();
        if let Some(place) = self.trail.last_mut() {
            *place = state;
        }
        for (place, byte) in self.trail.iter_mut().zip(text).rev() {
            let class = program.class(*byte);
            state = match self.states.known(state, class) {
                Some(next) => next,
                None => self.states.build(&program, state, class)?,
            };
            *place = state;
        }
        Ok(())
    }

    /// The first place from which a match is possible.
    fn start(&mut self, text: &[u8]) -> Result<Option<usize>, Full> {
        let program = Arc::clone(&self.program);
        let places = if program.anchored { 1 } else { self.trail.len() };
        for at in 0..places {
            let before = self.before(text, at);
            let Some(state) = self.trail.get(at) else { break };
            if self.states.can(&program, *state, before, program.start)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn before(&self, text: &[u8], at: usize) -> usize {
        match at.checked_sub(1).and_then(|at| text.get(at)) {
            Some(byte) => self.program.kind(self.program.class(*byte)),
            None => program::EDGE,
        }
    }

    /// From the start to the end: the first alternative that can, at each place.
    fn forth(&mut self, text: &[u8], start: usize) -> Result<Search, Full> {
        let program = Arc::clone(&self.program);
        self.slots.fill(NOWHERE);
        let before = self.before(text, start);
        let state = self.trail.get(start).copied().unwrap_or_default();
        let mut step = self.walk(&program, program.start, state, before, u64::MAX)?;
        let mut at = start;
        let plain_from = plain_from(text);
        loop {
            if step.writes > 0 {
                for slot in self.writes.iter().skip(step.writes as usize) {
                    match self.slots.get_mut(usize::from(*slot)) {
                        Some(slot) => *slot = u32::try_from(at).unwrap_or(NOWHERE),
                        None => break,
                    }
                }
            }
            if step.next == program::MATCH {
                return Ok(Search::Match);
            }
            if plain_from <= at && at + 1 < text.len() && program.runs_on(step.next) {
                at = text.len() - 1;
            }
            if let Some(again) = program.loop_of(step.next) {
                at += self.turns(&program, again, step.next, text, at);
            }
            let Some(byte) = text.get(at) else {
                return Ok(Search::GiveUp);
            };
            at += 1;
            let class = program.class(*byte);
            let state = self.trail.get(at).copied().unwrap_or_default();
            let key = u64::from(step.next) << 24 | u64::from(state) << 8 | class as u64;
            step = match self.steps.get(slot_of(key)) {
                Some(known) if known.key == key => *known,
                _ => {
                    let target = program.target(step.next, class);
                    self.walk(&program, target, state, program.kind(class), key)?
                }
            };
        }
    }

    /// How many bytes a state takes by leading back to itself. Each place is looked at without waiting for the last.
    fn turns(&self, program: &Program, again: &program::Loop, state: u32, text: &[u8], at: usize) -> usize {
        let bytes = text.get(at..).unwrap_or_default();
        let behind = self.trail.get(at + 1..).unwrap_or_default();
        let stays = |(byte, place): (&u8, &u16)| {
            again.takes(program.class(*byte))
                && self.states.lives(*place, state)
                && !again
                    .rather()
                    .iter()
                    .any(|other| self.states.lives(*place, *other))
        };
        bytes.iter().zip(behind).take_while(|pair| stays(*pair)).count()
    }

    /// Follows what consumes nothing, and remembers it under the key.
    fn walk(
        &mut self,
        program: &Program,
        from: u32,
        state: u16,
        before: usize,
        key: u64,
    ) -> Result<Step, Full> {
        if self.writes.len() > MAX_WRITES {
            return Err(Full);
        }
        let begin = self.writes.len();
        let next = self
            .states
            .first(program, state, before, from, &mut self.writes)
            .unwrap_or(program::DEAD);
        let step = Step {
            key,
            next,
            writes: if self.writes.len() > begin {
                self.writes.push(CLOSE);
                u32::try_from(begin).unwrap_or(0)
            } else {
                0
            },
        };
        if key != u64::MAX
            && let Some(place) = self.steps.get_mut(slot_of(key))
        {
            *place = step;
        }
        Ok(step)
    }
}

/// From where on a text is one line of ASCII.
fn plain_from(text: &[u8]) -> usize {
    let odd = |byte: &u8| !byte.is_ascii() || *byte == b'\n';
    text.iter().rposition(odd).map_or(0, |at| at + 1)
}

/// Where the table of steps has a key.
fn slot_of(key: u64) -> usize {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52) as usize & (STEPS - 1)
}

#[cfg(test)]
mod tests;
