//! A pattern as steps that are taken one after the other.
//!
//! What `compile` made of a pattern, with all that is known in advance of a text that it matches. Deliberately absent:
//! going over a text, which is `walk`.

use memchr::memmem;
use regex_syntax::hir;

use super::choice::{Choice, Shape};
use super::compile::Compiler;
use super::field::{Field, Parts, WORTH, Worth};
use super::first::{First, firsts};
use super::look::Look;
use super::run::Run;
use super::set::Set;
use super::texts::Texts;

/// Shorter texts stand at too many places to be looked at all.
const MIN_PIVOT_BYTES: usize = 3;

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

// === impl Program ===

impl Program {
    /// Of a pattern in the syntax of `regex`; `None` if it is none for us.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        Self::compile(pattern, WORTH)
    }

    pub(super) fn compile(pattern: &str, worth: Worth) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let mut compiler = Compiler::of(&hir, worth)?;
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

    /// Whether a text holds all that every match holds, in that order.
    pub(crate) fn may_match(&self, text: &str) -> bool {
        self.texts.stand_in(text.as_bytes())
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
