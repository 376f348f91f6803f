//! A pattern as the two passes want it: byte classes, states that consume, and what leads to them.
//!
//! Compiled from the same text as the `Regex`, by the same compiler. Deliberately absent: everything that changes while
//! texts are searched.

use regex_automata::nfa::thompson::{NFA, State, WhichCaptures};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;

/// States of larger patterns are `regex`'s business.
const MAX_STATES: usize = 60_000;
/// Stands for "has matched" where states that consume are meant.
pub(super) const MATCH: u32 = u32::MAX;
/// Stands for "cannot match", which the way back excludes.
pub(super) const DEAD: u32 = u32::MAX - 1;

/// What stands before or behind a place: nothing.
pub(super) const EDGE: usize = 0;
const OTHER: usize = 1;
const WORD: usize = 2;
/// Kinds of neighbours.
pub(super) const KINDS: usize = 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct Program {
    classes: [u8; 256],
    /// Of each class.
    kinds: Vec<u8>,
    pub(super) nodes: Vec<Node>,
    /// For each class, which states consume it, and where to.
    pub(super) consumers: Vec<Vec<(u32, u32)>>,
    /// What leads to a state without consuming, and under which condition.
    pub(super) into: Vec<Vec<(u32, Condition)>>,
    pub(super) matches: Vec<u32>,
    pub(super) start: u32,
    /// Whether it matches at the start of a text only.
    pub(super) anchored: bool,
    pub(super) slots: usize,
    /// States that take all of a line that is left.
    runs_on: Vec<bool>,
    /// Of states that lead back to themselves.
    loops: Vec<Option<Loop>>,
}

/// How a state that consumes leads back to itself.
#[derive(Debug)]
pub(super) struct Loop {
    /// By class, whether it does.
    classes: Box<[bool]>,
    /// What would be taken rather, if it can reach a match: states that consume.
    rather: Vec<u32>,
}

/// The most states that would be taken rather.
const MAX_RATHER: usize = 3;

/// One state.
#[derive(Debug)]
pub(super) enum Node {
    /// By class, the next state; [`MATCH`] for none.
    Consume(Box<[u32]>),
    Any(Box<[u32]>),
    If(Condition, u32),
    Slot(u16, u32),
    Match,
    Fail,
}

/// What a place must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    Start,
    End,
    Boundary,
    NoBoundary,
}

// === impl Condition ===

impl Condition {
    fn of(look: Look) -> Option<Self> {
        Some(match look {
            Look::Start => Self::Start,
            Look::End => Self::End,
            Look::WordAscii => Self::Boundary,
            Look::WordAsciiNegate => Self::NoBoundary,
            _ => return None,
        })
    }

    pub(super) fn holds(self, before: usize, behind: usize) -> bool {
        match self {
            Self::Always => true,
            Self::Start => before == EDGE,
            Self::End => behind == EDGE,
            Self::Boundary => (before == WORD) != (behind == WORD),
            Self::NoBoundary => (before == WORD) == (behind == WORD),
        }
    }
}

// === impl Program ===

impl Program {
    /// Of a pattern in the syntax of `regex`; `None` if it is none for us.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let config = NFA::config()
            .utf8(true)
            .which_captures(WhichCaptures::All)
            .nfa_size_limit(Some(16 * 1024 * 1024));
        let nfa = NFA::compiler().configure(config).build(pattern).ok()?;
        if nfa.states().len() > MAX_STATES {
            return None;
        }
        let words = nfa.look_set_any().contains_word();
        let (classes, sample) = classes(&nfa, words);
        let kinds: Vec<u8> = sample
            .iter()
            .map(|byte| if words && is_word(*byte) { 2 } else { 1 })
            .collect();
        let mut program = Self {
            classes,
            kinds,
            nodes: Vec::with_capacity(nfa.states().len()),
            consumers: vec![Vec::new(); sample.len()],
            into: vec![Vec::new(); nfa.states().len()],
            matches: Vec::new(),
            start: id(nfa.start_anchored()),
            anchored: nfa.is_always_start_anchored(),
            slots: nfa.group_info().slot_len(),
            runs_on: Vec::new(),
            loops: Vec::new(),
        };
        for (at, state) in (0..).zip(nfa.states()) {
            let node = program.node(at, state, &sample)?;
            program.nodes.push(node);
        }
        let runs_on = (0..).zip(&program.nodes);
        program.runs_on = runs_on.map(|(at, _)| program.takes_all(at)).collect();
        let loops = (0..).zip(&program.nodes);
        program.loops = loops.map(|(at, _)| program.find_loop(at)).collect();
        Some(program)
    }

    /// Whether a state, once taken, takes every further byte of a line in ASCII: the loop of a greedy `.*` behind which
    /// nothing more is asked.
    fn takes_all(&self, at: u32) -> bool {
        let Some(Node::Consume(targets)) = self.nodes.get(at as usize) else {
            return false;
        };
        let mut bytes = (0..128_u8).filter(|byte| *byte != b'\n');
        let mut target = None;
        let same = bytes.all(|byte| {
            let to = targets.get(self.class(byte)).copied().unwrap_or(MATCH);
            to != MATCH && *target.get_or_insert(to) == to
        });
        same && target.is_some_and(|target| self.comes_back(target, at) && self.may_end(target))
    }

    /// Whether the first thing that a state leads to is that other one, with nothing on the way.
    fn comes_back(&self, mut from: u32, to: u32) -> bool {
        for _ in 0..8 {
            if from == to {
                return true;
            }
            match self.nodes.get(from as usize) {
                Some(Node::Any(targets)) => match targets.first() {
                    Some(first) => from = *first,
                    None => return false,
                },
                _ => return false,
            }
        }
        false
    }

    fn find_loop(&self, at: u32) -> Option<Loop> {
        let Node::Consume(targets) = self.nodes.get(at as usize)? else {
            return None;
        };
        let mut rather = None;
        let mut classes = vec![false; targets.len()];
        for (class, target) in classes.iter_mut().zip(targets) {
            let Some(found) = (*target != MATCH).then(|| self.before(*target, at)).flatten() else {
                continue;
            };
            *class = *rather.get_or_insert_with(|| found.clone()) == found;
        }
        rather.map(|rather| Loop {
            classes: classes.into(),
            rather,
        })
    }

    /// What comes before a state among what another leads to; `None` if there is anything but alternatives on the way.
    fn before(&self, from: u32, to: u32) -> Option<Vec<u32>> {
        let (mut before, mut todo) = (Vec::new(), vec![from]);
        let mut seen = Vec::new();
        while let Some(at) = todo.pop() {
            if at == to {
                return Some(before);
            }
            if seen.contains(&at) {
                continue;
            }
            seen.push(at);
            match self.nodes.get(at as usize)? {
                Node::Any(targets) => todo.extend(targets.iter().rev()),
                Node::Consume(_) => before.push(at),
                // What a group ends with is of no matter here: it is only asked whether it would be taken.
                Node::Slot(_, next) => match self.nodes.get(*next as usize)? {
                    Node::Consume(_) => before.push(*next),
                    Node::Slot(_, next)
                        if matches!(self.nodes.get(*next as usize), Some(Node::Consume(_))) =>
                    {
                        before.push(*next);
                    }
                    _ => return None,
                },
                Node::Fail => {}
                Node::If(..) | Node::Match => return None,
            }
            if before.len() > MAX_RATHER {
                return None;
            }
        }
        None
    }

    /// How a state leads back to itself, if it does.
    pub(super) fn loop_of(&self, at: u32) -> Option<&Loop> {
        self.loops.get(at as usize)?.as_ref()
    }

    /// Whether a state leads to a match with nothing more to consume, wherever that is or at least at the end.
    fn may_end(&self, from: u32) -> bool {
        let (mut todo, mut seen) = (vec![from], vec![false; self.nodes.len()]);
        while let Some(at) = todo.pop() {
            if seen
                .get_mut(at as usize)
                .is_none_or(|seen| std::mem::replace(seen, true))
            {
                continue;
            }
            match self.nodes.get(at as usize) {
                Some(Node::Match) => return true,
                Some(Node::Any(targets)) => todo.extend(targets.iter()),
                Some(Node::Slot(_, to) | Node::If(Condition::End, to)) => todo.push(*to),
                _ => {}
            }
        }
        false
    }

    /// Whether a state, once taken, takes every further byte of a line in ASCII.
    pub(super) fn runs_on(&self, at: u32) -> bool {
        self.runs_on.get(at as usize).copied().unwrap_or(false)
    }

    fn node(&mut self, at: u32, state: &State, sample: &[u8]) -> Option<Node> {
        let mut lead = |to: StateID, condition| {
            if let Some(into) = self.into.get_mut(to.as_usize()) {
                into.push((at, condition));
            }
            id(to)
        };
        Some(match state {
            State::Look { look, next } => {
                let condition = Condition::of(*look)?;
                Node::If(condition, lead(*next, condition))
            }
            State::Union { alternates } => {
                Node::Any(alternates.iter().map(|to| lead(*to, Condition::Always)).collect())
            }
            State::BinaryUnion { alt1, alt2 } => {
                Node::Any([*alt1, *alt2].map(|to| lead(to, Condition::Always)).into())
            }
            State::Capture { next, slot, .. } => Node::Slot(
                u16::try_from(slot.as_usize()).ok()?,
                lead(*next, Condition::Always),
            ),
            State::Fail => Node::Fail,
            State::Match { .. } => {
                self.matches.push(at);
                Node::Match
            }
            State::ByteRange { trans } => {
                self.consume(at, sample, |byte| trans.matches_byte(byte).then_some(trans.next))
            }
            State::Sparse(sparse) => self.consume(at, sample, |byte| sparse.matches_byte(byte)),
            State::Dense(dense) => self.consume(at, sample, |byte| dense.matches_byte(byte)),
        })
    }

    fn consume(&mut self, at: u32, sample: &[u8], next: impl Fn(u8) -> Option<StateID>) -> Node {
        let mut targets = Vec::with_capacity(sample.len());
        for (byte, consumers) in sample.iter().zip(&mut self.consumers) {
            let target = next(*byte).map(id);
            consumers.extend(target.map(|target| (at, target)));
            targets.push(target.unwrap_or(MATCH));
        }
        Node::Consume(targets.into())
    }

    pub(super) fn class(&self, byte: u8) -> usize {
        usize::from(self.classes.get(usize::from(byte)).copied().unwrap_or(0))
    }

    /// What kind of neighbour a byte of that class is.
    pub(super) fn kind(&self, class: usize) -> usize {
        self.kinds.get(class).copied().map_or(OTHER, usize::from)
    }

    /// Where a state goes by a class.
    pub(super) fn target(&self, from: u32, class: usize) -> u32 {
        match self.nodes.get(from as usize) {
            Some(Node::Consume(targets)) => targets.get(class).copied().unwrap_or(MATCH),
            _ => MATCH,
        }
    }
}

// === impl Loop ===

impl Loop {
    pub(super) fn takes(&self, class: usize) -> bool {
        self.classes.get(class).copied().unwrap_or(false)
    }

    pub(super) fn rather(&self) -> &[u32] {
        &self.rather
    }
}

fn id(state: StateID) -> u32 {
    state.as_u32()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Bytes that no state tells apart, and one byte of each class.
fn classes(nfa: &NFA, words: bool) -> ([u8; 256], Vec<u8>) {
    let known = nfa.byte_classes();
    let (mut classes, mut sample): ([u8; 256], Vec<(u8, bool, u8)>) = ([0; 256], Vec::new());
    for (byte, class) in (0..=u8::MAX).zip(&mut classes) {
        let (known, word) = (known.get(byte), words && is_word(byte));
        let at = sample
            .iter()
            .position(|(class, is, _)| (*class, *is) == (known, word))
            .unwrap_or_else(|| {
                sample.push((known, word, byte));
                sample.len() - 1
            });
        *class = u8::try_from(at).unwrap_or(u8::MAX);
    }
    (classes, sample.into_iter().map(|(_, _, byte)| byte).collect())
}
