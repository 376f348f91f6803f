//! A pattern as steps that are taken one after the other.
//!
//! Compiled from what `regex-syntax` reads, like the `Regex` of the same text. Deliberately absent: which bytes may follow
//! a place, which is `first`, and texts.

use memchr::memmem;
use regex_syntax::hir::{self, Hir, HirKind};

use super::choice::{Choice, Shape};
use super::field::{Field, Parts, WORTH, Worth};
use super::first::{First, firsts};
use super::look::Look;
use super::set::{Ends, Exact, Set};
use super::texts::{Text, Texts, last};

/// Patterns of more steps are `regex`'s business.
const MAX_STEPS: usize = 20_000;
/// And of more choices.
const MAX_CHOICES: usize = 4_000;

/// Shorter texts stand at too many places to be looked at all.
const MIN_PIVOT_BYTES: usize = 3;

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
    pub(super) parts: Parts,
    /// Texts that every match contains, one behind the other, however short.
    texts: Texts,
    /// The longest of them.
    pub(crate) holds: Option<Box<[u8]>>,
    /// Some that are not short, and the step of each: every match goes on from there where that text stands.
    pub(super) pivots: Vec<(At, memmem::Finder<'static>)>,
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
    /// One that every match writes: what it was does not matter.
    Sure(u16),
    Look(Look),
    /// The steps up to its `after` may be left out, or lead nowhere.
    Field(Box<Field>),
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
    /// The text that must follow, if it is lazy.
    pub(super) until: Option<Box<memmem::Finder<'static>>>,
}

#[derive(Debug)]
struct Compiler {
    steps: Vec<Step>,
    choices: usize,
    slots: usize,
    only_ascii: bool,
    parts: Parts,
    worth: Worth,
    /// Within a part that has an automaton of its own.
    within: bool,
    /// Choices and loops around.
    depth: usize,
    /// Texts of the whole.
    texts: Vec<Text>,
}

// === impl Program ===

impl Program {
    /// Of a pattern in the syntax of `regex`; `None` if it is none for us.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        Self::compile(pattern, WORTH)
    }

    pub(super) fn compile(pattern: &str, worth: Worth) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let mut compiler = Compiler {
            steps: Vec::new(),
            choices: 0,
            slots: 2 * (hir.properties().explicit_captures_len() + 1),
            only_ascii: false,
            parts: Parts::default(),
            worth,
            within: false,
            depth: 0,
            texts: Vec::new(),
        };
        compiler.whole(&hir)?;
        compiler.step(Step::Match)?;
        compiler.shorten();
        let firsts = firsts(&compiler.steps);
        let untils: Vec<_> = (0..compiler.steps.len())
            .map(|at| text_behind(&compiler.steps, at))
            .collect();
        for ((at, step), until) in compiler.steps.iter_mut().enumerate().zip(untils) {
            match step {
                Step::Run(run) => {
                    run.follow(firsts.get(at + 1)?);
                    run.until = until;
                }
                Step::Field(field) => field.next = *firsts.get(field.after as usize)?,
                _ => {}
            }
        }
        let shapes: Vec<Shape> = compiler.steps.iter().map(Shape::of).collect();
        for step in &mut compiler.steps {
            if let Step::Choice(choice) = step {
                choice.follow(&firsts, &shapes)?;
            }
        }
        let anchored = hir.properties().look_set_prefix().contains(hir::Look::Start);
        let prefix = match compiler
            .steps
            .iter()
            .find(|step| !matches!(step, Step::Slot(_) | Step::Sure(_)))
        {
            Some(Step::Text(text)) if !anchored => Some(memmem::Finder::new(text).into_owned()),
            Some(Step::Byte(byte)) if !anchored => Some(memmem::Finder::new(&[*byte]).into_owned()),
            _ => None,
        };
        let longest = compiler.texts.iter().max_by_key(|text| text.bytes.len());
        // A rare text stands at few places, the first asks for most of the pattern; where it begins was tried already.
        let behind = || {
            let texts = compiler.texts.iter();
            texts.filter(|text| text.at > 0 && text.bytes.len() >= MIN_PIVOT_BYTES)
        };
        let rare = behind().max_by_key(|text| text.bytes.len());
        let first = behind().find(|text| rare.is_none_or(|rare| text.at < rare.at));
        let pivots = rare.into_iter().chain(first);
        let pivots = pivots.map(|text| (text.at, memmem::Finder::new(&text.bytes).into_owned()));
        Some(Self {
            holds: longest.map(|text| text.bytes.clone()),
            pivots: pivots.collect(),
            texts: Texts::new(&compiler.texts, &firsts),
            parts: compiler.parts,
            firsts: firsts.into(),
            steps: compiler.steps.into(),
            slots: compiler.slots,
            anchored,
            prefix,
            only_ascii: compiler.only_ascii,
        })
    }
}

impl Program {
    /// Whether a text holds all that every match holds, in that order.
    pub(crate) fn may_match(&self, text: &str) -> bool {
        self.texts.stand_in(text.as_bytes())
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
                self.slot(slot)?;
                self.part(&capture.sub, Self::hir)?;
                self.slot(slot + 1)?;
            }
            HirKind::Concat(parts) => self.concat(parts)?,
            HirKind::Alternation(_) | HirKind::Repetition(_) => {
                self.depth += 1;
                let done = match hir.kind() {
                    HirKind::Alternation(_) => self.part(hir, Self::alternation),
                    _ => self.part(hir, Self::repetition),
                };
                self.depth -= 1;
                done?;
            }
        }
        Some(())
    }

    fn slot(&mut self, slot: u16) -> Option<()> {
        // Groups that can take no part are left out, and the others keep their numbers.
        if usize::from(slot) >= self.slots {
            return None;
        }
        self.step(match self.depth {
            0 => Step::Sure(slot),
            _ => Step::Slot(slot),
        })?;
        Some(())
    }

    /// All of a pattern: what of it is a text stands in every match.
    fn whole(&mut self, hir: &Hir) -> Option<()> {
        let HirKind::Concat(parts) = hir.kind() else {
            return self.hir(hir);
        };
        let (mut rest, mut before) = (&**parts, Set::ANY);
        while let Some(text) = rest
            .iter()
            .position(|part| matches!(part.kind(), HirKind::Literal(_)))
        {
            let others = rest.get(..text)?;
            self.concat(others)?;
            before = others.iter().fold(before, |before, part| last(part, before));
            let part = rest.get(text)?;
            if let HirKind::Literal(literal) = part.kind() {
                self.texts.push(Text {
                    at: self.here()?,
                    before,
                    bytes: literal.0.clone(),
                });
            }
            self.hir(part)?;
            before = last(part, before);
            rest = rest.get(text + 1..)?;
        }
        self.concat(rest)
    }

    fn concat(&mut self, parts: &[Hir]) -> Option<()> {
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
        Some(())
    }

    fn alternation(&mut self, hir: &Hir) -> Option<()> {
        let HirKind::Alternation(parts) = hir.kind() else {
            return self.hir(hir);
        };
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
        Some(())
    }

    /// What `steps` compiles, behind an automaton that may know its end, if that is worth it.
    fn part(&mut self, hir: &Hir, steps: impl FnOnce(&mut Self, &Hir) -> Option<()>) -> Option<()> {
        let groups = hir.properties().explicit_captures_len() > 0;
        if self.within || groups {
            return steps(self, hir);
        }
        let Some(part) = self.parts.add(hir, self.worth.plain) else {
            return steps(self, hir);
        };
        self.field(part, groups, |compiler| {
            compiler.within = true;
            let done = steps(compiler, hir);
            compiler.within = false;
            done
        })
    }

    fn field(
        &mut self,
        part: usize,
        groups: bool,
        steps: impl FnOnce(&mut Self) -> Option<()>,
    ) -> Option<()> {
        let at = self.step(Step::Field(Box::new(Field {
            part,
            next: First::default(),
            after: 0,
            groups,
        })))?;
        steps(self)?;
        let here = self.here()?;
        if let Some(Step::Field(field)) = self.steps.get_mut(at) {
            field.after = here;
        }
        Some(())
    }

    fn repetition(&mut self, hir: &Hir) -> Option<()> {
        let HirKind::Repetition(repetition) = hir.kind() else {
            return self.hir(hir);
        };
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
            self.option(sub)?;
        }
        let end = self.here()?;
        for (choice, body) in choices {
            self.set_targets(choice, either(body, end, repetition.greedy));
        }
        Some(())
    }

    /// What may be left out: not even begun where it cannot end.
    fn option(&mut self, hir: &Hir) -> Option<()> {
        let part = (!self.within && hir.properties().explicit_captures_len() > 0)
            .then(|| self.parts.add(hir, self.worth.option))
            .flatten();
        match part {
            Some(part) => self.field(part, true, |compiler| compiler.hir(hir)),
            None => self.hir(hir),
        }
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

/// The text with which a lazy run must end.
fn text_behind(steps: &[Step], at: usize) -> Option<Box<memmem::Finder<'static>>> {
    if !matches!(steps.get(at)?, Step::Run(run) if run.lazy) {
        return None;
    }
    let behind = steps.get(at + 1..)?;
    let mut behind = behind
        .iter()
        .skip_while(|step| matches!(step, Step::Slot(_) | Step::Sure(_)));
    match behind.next()? {
        Step::Text(text) => Some(Box::new(memmem::Finder::new(text).into_owned())),
        _ => None,
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
            until: None,
        }
    }

    fn follow(&mut self, next: &First) {
        self.next = *next;
        self.back = next.bytes.and(&self.set);
        self.takes_all = self.back.is_empty() && !self.lazy;
        self.only = next.bytes.only().filter(|_| !next.at_end);
    }

    pub(super) fn is_short(&self) -> bool {
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

/// How many bytes a character has that begins with this one.
pub(super) fn length(first: u8) -> usize {
    match first {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}
