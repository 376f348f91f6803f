//! An automaton as a table of small numbers: what a text's bytes lead to, one look-up each.
//!
//! `regex-automata` works it out; its own table is twice as wide and asks more of each byte than this needs. Deliberately
//! absent: what is made of where a part ends.

use hashbrown::HashMap;
use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;

/// What an automaton may take while it is built: that of an address has 80 KiB then, and takes two milliseconds.
const MAX_DFA_BYTES: usize = 128 << 10;
const MAX_NFA_BYTES: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Table {
    /// Of each byte: bytes that always lead to the same are one class.
    classes: Box<[u8; 256]>,
    width: usize,
    /// State by state, the dead one first and then those that tell of a match: where its classes lead. A state goes by
    /// where its row begins.
    next: Box<[u16]>,
    /// The first state that tells nothing.
    silent: u16,
    /// By the byte before, and without one.
    starts: Box<[u16; 257]>,
    /// Of each state, whether there is a match if the text ends there.
    ends: Box<[bool]>,
}

/// What a state says of the byte that led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    /// There is a match that ended before it, the byte.
    Match(u8),
    /// There will be none any more.
    Dead,
}

/// The only state from which nothing leads on.
const DEAD: u16 = 0;

// === impl Table ===

impl Table {
    /// `None` if it takes too much room.
    pub(super) fn new(hir: &Hir) -> Option<Self> {
        let dfa = build(hir)?;
        let start = |before: Option<u8>| {
            let config = start::Config::new().anchored(Anchored::Yes);
            dfa.start_state(&config.look_behind(before)).ok()
        };
        let starts: Option<Vec<StateID>> = (0..=u8::MAX).map(Some).chain([None]).map(start).collect();
        let starts = starts?;
        let states = states(&dfa, &starts)?;
        let numbers: HashMap<StateID, usize> = states.iter().copied().zip(1..).collect();
        // The dead state is no other's number.
        let number = |state: StateID| numbers.get(&state).copied().unwrap_or(0);
        let (mut classes, mut columns) = (Box::new([0; 256]), Vec::<Vec<usize>>::new());
        for (byte, class) in (0..=u8::MAX).zip(classes.iter_mut()) {
            let column = states.iter().map(|state| number(dfa.next_state(*state, byte)));
            let column: Vec<usize> = column.collect();
            let known = columns.iter().position(|known| *known == column);
            *class = u8::try_from(known.unwrap_or(columns.len())).ok()?;
            if known.is_none() {
                columns.push(column);
            }
        }
        let width = columns.len();
        let row = |number: usize| u16::try_from(number * width).ok();
        let mut next = vec![DEAD; width];
        for at in 0..states.len() {
            for column in &columns {
                next.push(row(*column.get(at)?)?);
            }
        }
        let matches = states.iter().filter(|state| dfa.is_match_state(**state)).count();
        let starts: Option<Vec<u16>> = starts.iter().map(|state| row(number(*state))).collect();
        let at_end = |state: &StateID| dfa.is_match_state(dfa.next_eoi_state(*state));
        Some(Self {
            classes,
            width,
            next: next.into(),
            silent: row(matches + 1)?,
            starts: starts?.try_into().ok()?,
            ends: [false].into_iter().chain(states.iter().map(at_end)).collect(),
        })
    }

    /// The state before the first byte, behind another or at the text's begin.
    pub(super) fn start(&self, before: Option<u8>) -> u16 {
        let at = before.map_or(256, usize::from);
        self.starts.get(at).copied().unwrap_or(DEAD)
    }

    /// Goes over a text from a place on, to the first byte of which a state says something: what, where, and the state.
    #[inline]
    pub(super) fn go(&self, state: u16, text: &[u8], from: usize) -> (Told, usize, u16) {
        let mut state = usize::from(state);
        for (at, byte) in text.iter().enumerate().skip(from) {
            let class = self.classes.get(usize::from(*byte)).copied().unwrap_or(0);
            let next = self.next.get(state + usize::from(class)).copied().unwrap_or(DEAD);
            state = usize::from(next);
            if next < self.silent {
                let told = if next == DEAD {
                    Told::Dead
                } else {
                    Told::Match(*byte)
                };
                return (told, at, next);
            }
        }
        (Told::Nothing, text.len(), u16::try_from(state).unwrap_or(DEAD))
    }

    /// Whether there is a match if the text ends here.
    pub(super) fn ends(&self, state: u16) -> bool {
        let number = usize::from(state) / self.width.max(1);
        self.ends.get(number).copied().unwrap_or(false)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.next) + size_of_val(&*self.starts) + size_of_val(&*self.classes) + self.ends.len()
    }
}

fn build(hir: &Hir) -> Option<dense::DFA<Vec<u32>>> {
    let nfa = thompson::Config::new()
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(MAX_NFA_BYTES));
    let nfa = thompson::Compiler::new()
        .configure(nfa)
        .build_from_hir(hir)
        .ok()?;
    // All ends, not only the one that would be preferred.
    let dfa = dense::Config::new()
        .match_kind(MatchKind::All)
        .start_kind(StartKind::Anchored)
        .accelerate(false)
        .dfa_size_limit(Some(MAX_DFA_BYTES))
        .determinize_size_limit(Some(4 * MAX_DFA_BYTES));
    dense::Builder::new().configure(dfa).build_from_nfa(&nfa).ok()
}

/// All states that a text leads to but the dead one, those that tell of a match first. `None` if one of them gives up.
fn states(dfa: &dense::DFA<Vec<u32>>, starts: &[StateID]) -> Option<Vec<StateID>> {
    let (mut known, mut waiting) = (hashbrown::HashSet::new(), starts.to_vec());
    while let Some(state) = waiting.pop() {
        if dfa.is_quit_state(state) {
            return None;
        }
        if dfa.is_dead_state(state) || !known.insert(state) {
            continue;
        }
        waiting.extend((0..=u8::MAX).map(|byte| dfa.next_state(state, byte)));
    }
    let mut states: Vec<StateID> = known.into_iter().collect();
    states.sort_unstable_by_key(|state| (!dfa.is_match_state(*state), *state));
    Some(states)
}
