//! A pattern as steps that are taken one after the other.
//!
//! Compiled from what `regex-syntax` reads, like the `Regex` of the same text. Deliberately absent: which bytes may follow
//! a place, which is `first`, and texts.

use memchr::memmem;
use regex_syntax::hir::{self, Hir, HirKind};

use super::first::{First, firsts};
use super::set::{Ends, Exact, Set};

/// Patterns of more steps are `regex`'s business.
const MAX_STEPS: usize = 20_000;
/// And of more choices.
const MAX_CHOICES: usize = 4_000;

/// Runs that may take more than this are not looked over in advance: nobody pays for that.
const MAX_PROBED: u32 = 64;

/// Where a step stands.
pub(super) type At = u32;

/// See the module.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) steps: Box<[Step]>,
    pub(super) slots: usize,
    /// Whether it matches at the start of a text only.
    pub(super) anchored: bool,
    /// The text with which every match begins.
    pub(super) prefix: Option<memmem::Finder<'static>>,
    /// What may follow each step's place.
    pub(super) firsts: Box<[First]>,
    /// Some class of it is only right for texts in ASCII.
    pub(super) only_ascii: bool,
}

/// What is done at a place of the text; then the next step, unless it says otherwise.
#[derive(Debug)]
pub(super) enum Step {
    Byte(u8),
    Text(Box<[u8]>),
    /// One character.
    One(Set),
    Run(Box<Run>),
    Choice(Box<Choice>),
    Go(At),
    Slot(u16),
    Look(Look),
    Match,
}

/// Characters of one set, as many as there are or, if it is lazy, as few as will do.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) set: Set,
    pub(super) ends: Ends,
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    /// Every character of it is a byte.
    pub(super) ascii: bool,
    pub(super) lazy: bool,
    /// What may follow.
    pub(super) next: First,
    /// At what of the set's own it may end, if it takes less than it can; nothing: it always takes all.
    pub(super) back: Set,
    /// It takes all it can or nothing: what is in its set cannot follow it.
    pub(super) takes_all: bool,
    /// The one byte that can follow.
    pub(super) only: Option<u8>,
}

/// Several ways on, the first that leads to a match is taken.
#[derive(Debug)]
pub(super) struct Choice {
    /// By the next byte, one of `ways`.
    by_byte: [u8; 256],
    at_end: u8,
    ways: Vec<Ways>,
    targets: Vec<At>,
}

/// What a byte leaves of a choice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ways {
    pub(super) first: Option<At>,
    /// In order of preference, all but the first.
    pub(super) rest: Box<[At]>,
    /// How to find out that several of them lead nowhere.
    probe: Option<Probe>,
}

/// Ways that begin with the same run, and what must stand behind it for any of them: the many forms of an IPv6 address,
/// of which most texts that begin with a digit have none.
#[derive(Debug, PartialEq, Eq)]
struct Probe {
    /// One of these runs.
    run: At,
    behind: Set,
    /// The ways without them.
    else_ways: u8,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    Start,
    End,
    LineStart,
    LineEnd,
    Boundary,
    NoBoundary,
}

#[derive(Debug)]
struct Compiler {
    steps: Vec<Step>,
    choices: usize,
    slots: usize,
    only_ascii: bool,
}

// === impl Program ===

impl Program {
    /// Of a pattern in the syntax of `regex`; `None` if it is none for us.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let mut compiler = Compiler {
            steps: Vec::new(),
            choices: 0,
            slots: 2 * (hir.properties().explicit_captures_len() + 1),
            only_ascii: false,
        };
        compiler.hir(&hir)?;
        compiler.step(Step::Match)?;
        compiler.shorten();
        let firsts = firsts(&compiler.steps);
        for (at, step) in compiler.steps.iter_mut().enumerate() {
            if let Step::Run(run) = step {
                run.follow(firsts.get(at + 1)?);
            }
        }
        let shapes: Vec<Shape> = compiler.steps.iter().map(Shape::of).collect();
        for step in &mut compiler.steps {
            if let Step::Choice(choice) = step {
                choice.follow(&firsts, &shapes)?;
            }
        }
        let anchored = hir.properties().look_set_prefix().contains(hir::Look::Start);
        let prefix = match compiler.steps.iter().find(|step| !matches!(step, Step::Slot(_))) {
            Some(Step::Text(text)) if !anchored => Some(memmem::Finder::new(text).into_owned()),
            Some(Step::Byte(byte)) if !anchored => Some(memmem::Finder::new(&[*byte]).into_owned()),
            _ => None,
        };
        Some(Self {
            firsts: firsts.into(),
            steps: compiler.steps.into(),
            slots: compiler.slots,
            anchored,
            prefix,
            only_ascii: compiler.only_ascii,
        })
    }
}

// === impl Compiler ===

impl Compiler {
    fn step(&mut self, step: Step) -> Option<usize> {
        self.steps.push(step);
        (self.steps.len() <= MAX_STEPS).then(|| self.steps.len() - 1)
    }

    fn here(&self) -> Option<At> {
        At::try_from(self.steps.len()).ok()
    }

    fn hir(&mut self, hir: &Hir) -> Option<()> {
        match hir.kind() {
            HirKind::Empty => {}
            HirKind::Literal(literal) => {
                self.step(match *literal.0 {
                    [byte] => Step::Byte(byte),
                    _ => Step::Text(literal.0.clone()),
                })?;
            }
            HirKind::Class(class) => {
                let set = self.set(class)?;
                self.step(Step::One(set))?;
            }
            HirKind::Look(look) => {
                self.step(Step::Look(Look::of(*look)?))?;
            }
            HirKind::Capture(capture) => {
                let slot = u16::try_from(2 * capture.index).ok()?;
                self.step(Step::Slot(slot))?;
                self.hir(&capture.sub)?;
                self.step(Step::Slot(slot + 1))?;
            }
            HirKind::Concat(parts) => {
                let mut parts = parts.iter().peekable();
                while let Some(part) = parts.next() {
                    let Some(mut run) = self.greedy(part) else {
                        self.hir(part)?;
                        continue;
                    };
                    // `[0-9]?[0-9]` takes what `[0-9]{1,2}` takes, which is one step and nothing to give back.
                    while let Some(next) = parts.peek().and_then(|part| self.greedy(part))
                        && next.set == run.set
                    {
                        parts.next();
                        run.min = run.min.checked_add(next.min)?;
                        run.max = run
                            .max
                            .zip(next.max)
                            .and_then(|(one, next)| one.checked_add(next));
                    }
                    self.step(match (run.min, run.max) {
                        (1, Some(1)) => Step::One(run.set),
                        _ => Step::Run(Box::new(run)),
                    })?;
                }
            }
            HirKind::Alternation(parts) => {
                let choice = self.choice()?;
                let (mut targets, mut exits) = (Vec::new(), Vec::new());
                for part in parts {
                    targets.push(self.here()?);
                    self.hir(part)?;
                    exits.push(self.step(Step::Go(0))?);
                }
                let end = self.here()?;
                for exit in exits {
                    self.set_target(exit, end);
                }
                self.set_targets(choice, targets);
            }
            HirKind::Repetition(repetition) => self.repetition(repetition)?,
        }
        Some(())
    }

    fn repetition(&mut self, repetition: &hir::Repetition) -> Option<()> {
        let (min, max, sub) = (repetition.min, repetition.max, &*repetition.sub);
        if let Some(set) = self.one(sub) {
            self.step(Step::Run(Box::new(Run::new(set, min, max, !repetition.greedy))))?;
            return Some(());
        }
        for _ in 0..min {
            self.hir(sub)?;
        }
        let Some(max) = max else {
            // What may be empty and goes on for ever has rules of its own.
            if sub.properties().minimum_len() == Some(0) {
                return None;
            }
            let choice = self.choice()?;
            let body = self.here()?;
            self.hir(sub)?;
            self.step(Step::Go(At::try_from(choice).ok()?))?;
            let end = self.here()?;
            self.set_targets(choice, either(body, end, repetition.greedy));
            return Some(());
        };
        let mut choices = Vec::new();
        for _ in min..max {
            let choice = self.choice()?;
            choices.push((choice, self.here()?));
            self.hir(sub)?;
        }
        let end = self.here()?;
        for (choice, body) in choices {
            self.set_targets(choice, either(body, end, repetition.greedy));
        }
        Some(())
    }

    /// Characters of one set, as many as there are.
    fn greedy(&mut self, hir: &Hir) -> Option<Run> {
        match hir.kind() {
            HirKind::Repetition(repetition) if repetition.greedy => {
                let set = self.one(&repetition.sub)?;
                Some(Run::new(set, repetition.min, repetition.max, false))
            }
            HirKind::Class(class) => Some(Run::new(self.set(class)?, 1, Some(1), false)),
            _ => None,
        }
    }

    /// The set, if it is one character and nothing else that is repeated.
    fn one(&mut self, hir: &Hir) -> Option<Set> {
        match hir.kind() {
            HirKind::Class(class) => self.set(class),
            HirKind::Literal(literal) => {
                let [byte] = *literal.0 else { return None };
                byte.is_ascii().then(|| Set::of(byte))
            }
            _ => None,
        }
    }

    fn set(&mut self, class: &hir::Class) -> Option<Set> {
        let (set, exact) = Set::of_class(class)?;
        self.only_ascii |= exact == Exact::InAscii;
        Some(set)
    }

    /// What leads to a step that only leads on, leads on at once.
    fn shorten(&mut self) {
        for at in 0..self.steps.len() {
            let mut target = match self.steps.get(at) {
                Some(Step::Go(target)) => *target,
                _ => continue,
            };
            while let Some(Step::Go(next)) = self.steps.get(target as usize) {
                target = *next;
            }
            self.set_target(at, target);
        }
    }

    fn choice(&mut self) -> Option<usize> {
        self.choices += 1;
        if self.choices > MAX_CHOICES {
            return None;
        }
        self.step(Step::Choice(Box::new(Choice::new())))
    }

    fn set_target(&mut self, at: usize, target: At) {
        if let Some(step) = self.steps.get_mut(at) {
            *step = Step::Go(target);
        }
    }

    fn set_targets(&mut self, at: usize, targets: Vec<At>) {
        if let Some(Step::Choice(choice)) = self.steps.get_mut(at) {
            choice.targets = targets;
        }
    }
}

fn either(body: At, end: At, greedy: bool) -> Vec<At> {
    if greedy { vec![body, end] } else { vec![end, body] }
}

// === impl Run ===

impl Run {
    fn new(set: Set, min: u32, max: Option<u32>, lazy: bool) -> Self {
        Self {
            ends: Ends::new(&set),
            ascii: set.is_ascii(),
            set,
            min,
            max,
            lazy,
            next: First::default(),
            back: Set::default(),
            takes_all: false,
            only: None,
        }
    }

    fn follow(&mut self, next: &First) {
        self.next = *next;
        self.back = next.bytes.and(&self.set);
        self.takes_all = self.back.is_empty() && !self.lazy;
        self.only = next.bytes.only().filter(|_| !next.at_end);
    }

    fn is_short(&self) -> bool {
        self.max.is_some_and(|most| most <= MAX_PROBED)
    }

    /// Where it ends if it takes all it can.
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        if !self.ascii {
            return self.extent(text, at).map(|(_, high)| high);
        }
        let rest = text.get(at..)?;
        let rest = self
            .max
            .and_then(|most| rest.get(..most as usize))
            .unwrap_or(rest);
        let taken = self.ends.run(rest);
        (taken >= self.min as usize).then_some(at + taken)
    }

    /// The least and the most that it can take of a text from a place on: where each ends. `None` if there is too little.
    pub(super) fn extent(&self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        let rest = text.get(at..).unwrap_or_default();
        if self.ascii || (self.max.is_none() && self.min <= 1) {
            let most = self.max.map_or(rest.len(), |most| rest.len().min(most as usize));
            let taken = self.ends.run(rest.get(..most).unwrap_or(rest));
            let least = match self.min {
                0 => 0,
                1 => rest.first().map_or(1, |byte| length(*byte)),
                least => least as usize,
            };
            return (taken >= least).then_some((at + least, at + taken));
        }
        let (most, mut end, mut count) = (self.max.unwrap_or(u32::MAX), at, 0);
        let mut low = (self.min == 0).then_some(at);
        while count < most
            && let Some(byte) = text.get(end).filter(|byte| self.set.has(**byte))
        {
            end += length(*byte);
            count += 1;
            if count == self.min {
                low = Some(end);
            }
        }
        Some((low?, end))
    }
}

// === impl Choice ===

impl Choice {
    fn new() -> Self {
        Self {
            by_byte: [0; 256],
            at_end: 0,
            ways: Vec::new(),
            targets: Vec::new(),
        }
    }

    pub(super) fn targets(&self) -> &[At] {
        &self.targets
    }

    /// Works out which ways a byte leaves.
    fn follow(&mut self, firsts: &[First], shapes: &[Shape]) -> Option<()> {
        let first_of = |target: &At| firsts.get(*target as usize);
        for byte in 0..=u8::MAX {
            let ways = self
                .targets
                .iter()
                .filter(|target| first_of(target).is_some_and(|first| first.bytes.has(byte)));
            let ways: Vec<At> = ways.copied().collect();
            let number = self.number(&ways, shapes)?;
            *self.by_byte.get_mut(usize::from(byte))? = number;
        }
        let ways = self
            .targets
            .iter()
            .filter(|target| first_of(target).is_some_and(|first| first.at_end));
        let ways: Vec<At> = ways.copied().collect();
        self.at_end = self.number(&ways, shapes)?;
        Some(())
    }

    fn number(&mut self, ways: &[At], steps: &[Shape]) -> Option<u8> {
        let probe = match probed(ways, steps) {
            Some((run, behind, others)) => Some(Probe {
                run,
                behind,
                else_ways: self.number(&others, steps)?,
            }),
            None => None,
        };
        let ways = Ways {
            first: ways.first().copied(),
            rest: ways.iter().skip(1).copied().collect(),
            probe,
        };
        let known = self.ways.iter().position(|known| *known == ways);
        let number = known.unwrap_or(self.ways.len());
        if known.is_none() {
            self.ways.push(ways);
        }
        u8::try_from(number).ok()
    }

    /// Where it goes on from a place of the text.
    pub(super) fn ways(&self, steps: &[Step], text: &[u8], at: usize) -> Option<&Ways> {
        let number = text.get(at).map_or(self.at_end, |byte| {
            self.by_byte.get(usize::from(*byte)).copied().unwrap_or(0)
        });
        let ways = self.ways.get(usize::from(number))?;
        let Some(probe) = &ways.probe else {
            return Some(ways);
        };
        let Some(Step::Run(run)) = steps.get(probe.run as usize) else {
            return Some(ways);
        };
        let end = run.extent(text, at).map_or(at, |(_, high)| high);
        match text.get(end) {
            Some(byte) if probe.behind.has(*byte) => Some(ways),
            _ => self.ways.get(usize::from(probe.else_ways)),
        }
    }
}

/// What of a step a probe looks at: a run that is never given back, and what follows it.
struct Shape(Option<(Set, u32, Option<u32>, Set)>);

impl Shape {
    fn of(step: &Step) -> Self {
        Self(match step {
            Step::Run(run) if run.takes_all && run.is_short() && run.min > 0 && !run.next.at_end => {
                Some((run.set, run.min, run.max, run.next.bytes))
            }
            _ => None,
        })
    }
}

/// One of several ways with the same run, all that may stand behind it, and the ways without it.
fn probed(ways: &[At], shapes: &[Shape]) -> Option<(At, Set, Vec<At>)> {
    let shape = |at: &At| shapes.get(*at as usize).and_then(|shape| shape.0);
    let (run, (set, min, max, _)) = ways.iter().find_map(|at| Some((*at, shape(at)?)))?;
    let (mut behind, mut others) = (Set::default(), Vec::new());
    for way in ways {
        match shape(way) {
            Some(same) if (same.0, same.1, same.2) == (set, min, max) => behind = behind.or(&same.3),
            _ => others.push(*way),
        }
    }
    (ways.len() - others.len() > 1).then_some((run, behind, others))
}

// === impl Look ===

impl Look {
    fn of(look: hir::Look) -> Option<Self> {
        Some(match look {
            hir::Look::Start => Self::Start,
            hir::Look::End => Self::End,
            hir::Look::StartLF => Self::LineStart,
            hir::Look::EndLF => Self::LineEnd,
            hir::Look::WordAscii => Self::Boundary,
            hir::Look::WordAsciiNegate => Self::NoBoundary,
            _ => return None,
        })
    }

    pub(super) fn holds(self, text: &[u8], at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
        let behind = text.get(at).copied();
        let word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match self {
            Self::Start => before.is_none(),
            Self::End => behind.is_none(),
            Self::LineStart => before.is_none_or(|byte| byte == b'\n'),
            Self::LineEnd => behind.is_none_or(|byte| byte == b'\n'),
            Self::Boundary => word(before) != word(behind),
            Self::NoBoundary => word(before) == word(behind),
        }
    }
}

/// How many bytes a character has that begins with this one.
pub(super) fn length(first: u8) -> usize {
    match first {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}
