//! The automaton of the way back: each state is a set of the pattern's states from which a match is possible.
//!
//! Built as texts ask for it, and bounded: when it is full the owner begins anew. Deliberately absent: texts.

use hashbrown::HashMap;

use super::program::{EDGE, KINDS, MATCH, Node, Program};

/// Bytes that all states of one pattern may take.
const MAX_BYTES: usize = 6 * 1024 * 1024;
const UNKNOWN: u16 = u16::MAX;

/// There is no room for another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// See the module.
#[derive(Debug)]
pub(super) struct States {
    /// Where each state goes by each class.
    table: Vec<u16>,
    /// Classes, rounded up to a power of two.
    shift: u32,
    all: Vec<State>,
    /// The sets of all states again, side by side.
    sets: Vec<u64>,
    words: usize,
    known: HashMap<(Box<[u64]>, u8), u16>,
    bytes: usize,
    // Used again by every look-up.
    stack: Vec<Todo>,
    seen: Vec<u32>,
    round: u32,
}

#[derive(Debug)]
struct State {
    /// States that consume and can reach a match from here.
    set: Box<[u64]>,
    /// What stands behind the place.
    behind: u8,
    /// With the states that lead to them without consuming, by what stands before the place.
    closed: [Option<Box<[u64]>>; KINDS],
}

#[derive(Debug, Clone, Copy)]
enum Todo {
    Visit(u32),
    Unwrite,
}

// === impl States ===

impl States {
    pub(super) fn new(program: &Program) -> Self {
        let mut states = Self {
            table: Vec::new(),
            shift: program.consumers.len().next_power_of_two().trailing_zeros(),
            all: Vec::new(),
            sets: Vec::new(),
            words: program.nodes.len().div_ceil(64),
            known: HashMap::new(),
            bytes: 0,
            stack: Vec::new(),
            seen: vec![0; program.nodes.len()],
            round: 0,
        };
        let none = vec![0; program.nodes.len().div_ceil(64)].into_boxed_slice();
        // The place behind the last byte: nothing is consumed there, and nothing stands behind it.
        if states.add(none, EDGE).is_err() {
            states.bytes = MAX_BYTES;
        }
        states
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The state behind the last byte of a text.
    #[expect(
        clippy::unused_self,
        reason = "which number it has is the automaton's business"
    )]
    pub(super) fn last(&self) -> u16 {
        0
    }

    pub(super) fn known(&self, state: u16, class: usize) -> Option<u16> {
        let next = *self.table.get((usize::from(state) << self.shift) | class)?;
        (next != UNKNOWN).then_some(next)
    }

    /// The state before a byte of that class.
    pub(super) fn build(&mut self, program: &Program, state: u16, class: usize) -> Result<u16, Full> {
        let kind = program.kind(class);
        let mut set = vec![0_u64; program.nodes.len().div_ceil(64)].into_boxed_slice();
        {
            let closed = self.closed(program, state, kind)?;
            for (from, to) in program.consumers.get(class).into_iter().flatten() {
                if has(closed, *to) {
                    insert(&mut set, *from);
                }
            }
        }
        let behind = u8::try_from(kind).unwrap_or(0);
        let key = (set, behind);
        let next = match self.known.get(&key) {
            Some(known) => *known,
            None => self.add(key.0, kind)?,
        };
        if let Some(place) = self.table.get_mut((usize::from(state) << self.shift) | class) {
            *place = next;
        }
        Ok(next)
    }

    fn add(&mut self, set: Box<[u64]>, behind: usize) -> Result<u16, Full> {
        let number = u16::try_from(self.all.len()).map_err(|_| Full)?;
        let classes = 1_usize << self.shift;
        self.bytes += 2 * classes + 24 * set.len() + 128;
        if self.bytes > MAX_BYTES || number == UNKNOWN {
            return Err(Full);
        }
        let behind = u8::try_from(behind).unwrap_or(0);
        self.table.resize(self.table.len() + classes, UNKNOWN);
        self.sets.extend_from_slice(&set);
        self.known.insert((set.clone(), behind), number);
        self.all.push(State {
            set,
            behind,
            closed: [None, None, None],
        });
        Ok(number)
    }

    /// All states of the pattern that can reach a match from a place, given what stands before it.
    fn closed(&mut self, program: &Program, state: u16, before: usize) -> Result<&[u64], Full> {
        let Some(state) = self.all.get_mut(usize::from(state)) else {
            return Err(Full);
        };
        let behind = usize::from(state.behind);
        let Some(slot) = state.closed.get_mut(before) else {
            return Err(Full);
        };
        if slot.is_none() {
            self.bytes += 8 * state.set.len();
            let mut all = state.set.clone();
            let mut todo: Vec<u32> = members(&state.set)
                .chain(program.matches.iter().copied())
                .collect();
            for matched in &program.matches {
                insert(&mut all, *matched);
            }
            while let Some(at) = todo.pop() {
                for (from, condition) in program.into.get(at as usize).into_iter().flatten() {
                    if condition.holds(before, behind) && !has(&all, *from) {
                        insert(&mut all, *from);
                        todo.push(*from);
                    }
                }
            }
            *slot = Some(all);
        }
        Ok(slot.as_deref().unwrap_or(&[]))
    }

    /// Whether a state of the pattern that consumes can do so at a place and reach a match.
    pub(super) fn lives(&self, state: u16, at: u32) -> bool {
        let word = self.sets.get(usize::from(state) * self.words + at as usize / 64);
        word.is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Whether a state of the pattern can reach a match from a place.
    pub(super) fn can(
        &mut self,
        program: &Program,
        state: u16,
        before: usize,
        from: u32,
    ) -> Result<bool, Full> {
        Ok(has(self.closed(program, state, before)?, from))
    }

    /// The first state that consumes and can reach a match, taking alternatives in their order; [`MATCH`] if that comes
    /// first. Slots on the way are appended to `writes`.
    pub(super) fn first(
        &mut self,
        program: &Program,
        state: u16,
        before: usize,
        from: u32,
        writes: &mut Vec<u16>,
    ) -> Option<u32> {
        let state = self.all.get(usize::from(state))?;
        let behind = usize::from(state.behind);
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.seen.fill(0);
            self.round = 1;
        }
        let begin = writes.len();
        self.stack.clear();
        self.stack.push(Todo::Visit(from));
        while let Some(todo) = self.stack.pop() {
            let Todo::Visit(at) = todo else {
                writes.pop();
                continue;
            };
            let Some(seen) = self.seen.get_mut(at as usize) else {
                continue;
            };
            if std::mem::replace(seen, self.round) == self.round {
                continue;
            }
            match program.nodes.get(at as usize) {
                Some(Node::Consume(_)) if has(&state.set, at) => return Some(at),
                Some(Node::Match) => return Some(MATCH),
                Some(Node::Any(targets)) => {
                    self.stack.extend(targets.iter().rev().map(|to| Todo::Visit(*to)));
                }
                Some(Node::If(condition, to)) if condition.holds(before, behind) => {
                    self.stack.push(Todo::Visit(*to));
                }
                Some(Node::Slot(slot, to)) => {
                    writes.push(*slot);
                    self.stack.push(Todo::Unwrite);
                    self.stack.push(Todo::Visit(*to));
                }
                _ => {}
            }
        }
        writes.truncate(begin);
        None
    }
}

fn has(set: &[u64], at: u32) -> bool {
    set.get(at as usize / 64)
        .is_some_and(|word| word >> (at % 64) & 1 == 1)
}

fn insert(set: &mut [u64], at: u32) {
    if let Some(word) = set.get_mut(at as usize / 64) {
        *word |= 1 << (at % 64);
    }
}

fn members(set: &[u64]) -> impl Iterator<Item = u32> {
    (0_u32..)
        .zip(set)
        .flat_map(|(at, word)| (0..64).filter_map(move |bit| (word >> bit & 1 == 1).then_some(at * 64 + bit)))
}
