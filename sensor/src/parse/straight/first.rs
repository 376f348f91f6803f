//! Which bytes may follow each place of a pattern.
//!
//! Never too few: what cannot be said counts as possible. Deliberately absent: what is made of it.

use super::look::Look;
use super::program::Step;
use super::set::Set;

/// What may stand where a step begins, if it is to lead to a match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct First {
    pub(super) bytes: Set,
    /// Nothing at all may stand there.
    pub(super) at_end: bool,
}

impl First {
    fn or(self, other: &Self) -> Self {
        Self {
            bytes: self.bytes.or(&other.bytes),
            at_end: self.at_end || other.at_end,
        }
    }

    pub(super) fn allows(&self, next: Option<u8>) -> bool {
        next.map_or(self.at_end, |byte| self.bytes.has(byte))
    }
}

/// For each step. Loops lead back, so that it is gone over until nothing is added any more.
pub(super) fn firsts(steps: &[Step]) -> Vec<First> {
    let mut firsts = vec![First::default(); steps.len()];
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for (at, step) in steps.iter().enumerate().rev() {
            let next = firsts.get(at + 1);
            let found = first(step, next, |target| firsts.get(target as usize));
            if let Some(place) = firsts.get_mut(at)
                && *place != found
            {
                *place = found;
                changed = true;
            }
        }
    }
    firsts
}

fn first<'f>(step: &Step, next: Option<&First>, of: impl Fn(u32) -> Option<&'f First>) -> First {
    let next = next.copied().unwrap_or_default();
    match step {
        Step::Byte(byte) => First {
            bytes: Set::of(*byte),
            at_end: false,
        },
        Step::Text(text) => First {
            bytes: text.first().copied().map(Set::of).unwrap_or_default(),
            at_end: false,
        },
        Step::One(set) => begins(set),
        Step::Run(run) if run.min > 0 => begins(&run.set),
        Step::Run(run) => begins(&run.set).or(&next),
        Step::Choice(choice) => choice
            .targets()
            .iter()
            .filter_map(|target| of(*target))
            .fold(First::default(), First::or),
        Step::Go(target) => of(*target).copied().unwrap_or_default(),
        Step::Look(Look::End) => First {
            bytes: Set::default(),
            at_end: next.at_end,
        },
        Step::Look(Look::LineEnd) => First {
            bytes: next.bytes.and(&Set::of(b'\n')),
            at_end: next.at_end,
        },
        Step::Slot(_) | Step::Sure(_) | Step::Look(_) | Step::Field(_) => next,
        Step::Match => First {
            bytes: Set::ALL,
            at_end: true,
        },
    }
}

fn begins(set: &Set) -> First {
    First {
        bytes: set.and(&Set::ALL),
        at_end: false,
    }
}
