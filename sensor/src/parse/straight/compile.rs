//! A pattern's steps, from what `regex-syntax` reads, like the `Regex` of the same text.
//!
//! Deliberately absent: which bytes may follow a place, which is `first`, and what else is known of a whole pattern, which is
//! `program`.

use regex_syntax::hir::{self, Hir, HirKind};

use super::choice::Choice;
use super::field::{Field, Parts, Worth};
use super::first::First;
use super::look::Look;
use super::program::{At, Step};
use super::run::Run;
use super::set::{Exact, Set};
use super::texts::{Text, last};

/// Patterns of more steps are `regex`'s business.
const MAX_STEPS: usize = 20_000;
/// And of more choices.
const MAX_CHOICES: usize = 4_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Compiler {
    pub(super) steps: Vec<Step>,
    choices: usize,
    pub(super) slots: usize,
    pub(super) only_ascii: bool,
    pub(super) parts: Parts,
    worth: Worth,
    /// Within a part that has an automaton of its own.
    within: bool,
    /// Choices and loops around.
    depth: usize,
    /// Texts of the whole.
    pub(super) texts: Vec<Text>,
}

// === impl Compiler ===

impl Compiler {
    /// `None` if a pattern is none for us.
    pub(super) fn of(hir: &Hir, worth: Worth) -> Option<Self> {
        let mut compiler = Self {
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
        compiler.whole(hir)?;
        compiler.step(Step::Match)?;
        compiler.shorten();
        Some(compiler)
    }

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

fn either(body: At, end: At, greedy: bool) -> Vec<At> {
    if greedy { vec![body, end] } else { vec![end, body] }
}
