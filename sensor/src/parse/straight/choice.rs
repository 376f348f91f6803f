//! Several ways on, and what the next bytes leave of them.
//!
//! Deliberately absent: taking them, which is `walk`.

use super::first::First;
use super::program::{At, Step};
use super::set::Set;

/// Several ways on, the first that leads to a match is taken.
#[derive(Debug)]
pub(super) struct Choice {
    /// By the next byte, one of `ways`.
    by_byte: [u8; 256],
    at_end: u8,
    ways: Vec<Ways>,
    pub(super) targets: Vec<At>,
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

// === impl Choice ===

impl Choice {
    pub(super) fn new() -> Self {
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
    pub(super) fn follow(&mut self, firsts: &[First], shapes: &[Shape]) -> Option<()> {
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
pub(super) struct Shape(Option<(Set, u32, Option<u32>, Set)>);

impl Shape {
    pub(super) fn of(step: &Step) -> Self {
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
