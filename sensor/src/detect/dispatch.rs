//! Which scenarios may want an event: found by what their filters need, so that the others' filters are not run.
//!
//! A filter that needs `evt.Meta.log_type` to be one of some texts is found by that value, one that needs a text within a
//! field by one search of the field for all such texts of all scenarios. What is found is then asked as ever, so
//! this only leaves out what would have said no. Deliberately absent: running filters.

use std::hash::BuildHasher as _;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use hashbrown::{DefaultHashBuilder, HashMap};

use super::plan::Plan;
use crate::expr::facts::{Fact, Holds, is_escaped};
use crate::parse::event::Event;
use crate::parse::names::FieldId;

/// Up to so many bytes of texts are compiled to the fastest automaton, which takes about 300 times as much memory.
const MAX_FAST_BYTES: usize = 16 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Dispatch {
    /// Scenarios of which nothing is known.
    always: Vec<u32>,
    values: Vec<ByValue>,
    texts: Vec<ByText>,
    /// Of a scenario found by a text, the field that must have one of some values besides.
    guards: Vec<Option<(FieldId, Vec<Box<str>>)>>,
    words: usize,
}

#[derive(Debug)]
struct ByValue {
    field: FieldId,
    scenarios: HashMap<Box<str>, Vec<u32>>,
}

#[derive(Debug)]
struct ByText {
    field: FieldId,
    /// What is searched for, and the search, made when the first event has the field: who reads no logs of the web need
    /// not know ten thousand bad agents.
    texts: Vec<Box<str>>,
    search: OnceLock<Option<AhoCorasick>>,
    /// By text.
    scenarios: Vec<Vec<u32>>,
    /// All of them, for values of which nothing can be said.
    all: Vec<u32>,
    /// Those that look behind an unescaping.
    unescaped: Vec<u32>,
}

/// Scenarios, in the order in which they were loaded.
#[derive(Debug, Default)]
pub(super) struct Wanting {
    bits: Vec<u64>,
    build: DefaultHashBuilder,
    /// For each field that is searched.
    late: Vec<Late>,
}

/// What the search of a field found in its values of late: agents and paths come again and again. No value is empty.
#[derive(Debug, Default)]
struct Late {
    values: Vec<(String, Vec<u32>)>,
    /// The last long one.
    long: (String, Vec<u32>),
}

/// Values of late kept for each field; a power of two.
const LATE: usize = 1_024;
/// Of longer values, only the last is kept.
const MAX_LATE_BYTES: usize = 256;
/// And none beyond this.
const MAX_LONG_BYTES: usize = 4_096;

// === impl Dispatch ===

impl Dispatch {
    pub(super) fn new(plans: &[Plan]) -> Self {
        let mut dispatch = Self {
            words: plans.len().div_ceil(64),
            ..Self::default()
        };
        let mut texts: Vec<(FieldId, Vec<(u32, Holds)>)> = Vec::new();
        for (number, plan) in (0..).zip(plans) {
            let facts = match plan.rule.filter.always_runs() {
                true => Vec::new(),
                false => plan.rule.filter.facts(),
            };
            let values = facts.iter().filter_map(|fact| match fact {
                Fact::Is(field, values) => Some((*field, values.clone())),
                Fact::AnyOf(_) => None,
            });
            // Who names many values is picky; `log_type` and `service` are what everybody names.
            let is = values.max_by_key(|(_, values)| values.len());
            let any = facts.into_iter().find_map(|fact| match fact {
                Fact::AnyOf(any) => Some(any),
                Fact::Is(..) => None,
            });
            match (any, is) {
                (Some(any), is) => {
                    for holds in any {
                        let field = holds.field;
                        match texts.iter_mut().find(|(known, _)| *known == field) {
                            Some((_, all)) => all.push((number, holds)),
                            None => texts.push((field, vec![(number, holds)])),
                        }
                    }
                    dispatch.guards.push(is);
                    continue;
                }
                (None, Some((field, values))) => dispatch.add_values(number, field, values),
                (None, None) => dispatch.always.push(number),
            }
            dispatch.guards.push(None);
        }
        for (field, all) in texts {
            dispatch.texts.push(ByText::new(field, &all));
        }
        dispatch
    }

    fn add_values(&mut self, number: u32, field: FieldId, values: Vec<Box<str>>) {
        let at = self.values.iter().position(|known| known.field == field);
        let at = at.unwrap_or_else(|| {
            self.values.push(ByValue {
                field,
                scenarios: HashMap::new(),
            });
            self.values.len() - 1
        });
        let Some(known) = self.values.get_mut(at) else {
            return;
        };
        for value in values {
            let scenarios = known.scenarios.entry(value).or_default();
            if scenarios.last() != Some(&number) {
                scenarios.push(number);
            }
        }
    }

    /// The scenarios that may want an event.
    pub(super) fn find(&self, event: &Event, wanting: &mut Wanting) {
        wanting.bits.clear();
        wanting.bits.resize(self.words, 0);
        for number in &self.always {
            set(&mut wanting.bits, *number);
        }
        for by_value in &self.values {
            if let Some(scenarios) = by_value.scenarios.get(event.get(by_value.field)) {
                for number in scenarios {
                    set(&mut wanting.bits, *number);
                }
            }
        }
        if wanting.late.len() < self.texts.len() {
            wanting.late.resize_with(self.texts.len(), Late::default);
        }
        let Wanting { bits, build, late } = wanting;
        for (by_text, late) in self.texts.iter().zip(late) {
            let value = event.get(by_text.field);
            if value.is_empty() {
                continue;
            }
            for number in by_text.silent(value) {
                self.set_guarded(*number, event, bits);
            }
            for number in late.search(by_text, value, build) {
                self.set_guarded(*number, event, bits);
            }
        }
    }

    fn set_guarded(&self, number: u32, event: &Event, bits: &mut [u64]) {
        if has(bits, number) {
            return;
        }
        let guard = self.guards.get(number as usize).and_then(Option::as_ref);
        let fits = guard.is_none_or(|(field, values)| {
            let value = event.get(*field);
            values.iter().any(|one| **one == *value)
        });
        if fits {
            set(bits, number);
        }
    }
}

// === impl ByText ===

impl ByText {
    fn new(field: FieldId, all: &[(u32, Holds)]) -> Self {
        let (mut numbers, mut texts, mut scenarios) = (HashMap::new(), Vec::new(), Vec::new());
        for (scenario, holds) in all {
            for text in &holds.texts {
                let at = *numbers.entry(text.clone()).or_insert_with(|| {
                    texts.push(text.clone());
                    scenarios.push(Vec::new());
                    texts.len() - 1
                });
                if let Some(of_text) = scenarios.get_mut(at)
                    && of_text.last() != Some(scenario)
                {
                    of_text.push(*scenario);
                }
            }
        }
        let unescaped = all.iter().filter(|(_, holds)| holds.unescaped);
        Self {
            field,
            texts,
            search: OnceLock::new(),
            scenarios,
            all: numbers_of(all.iter()),
            unescaped: numbers_of(unescaped),
        }
    }

    /// The scenarios whose texts stand in a value, into `found`.
    fn search(&self, value: &str, found: &mut Vec<u32>) {
        found.clear();
        let Some(automaton) = self.automaton() else {
            found.extend_from_slice(&self.all);
            return;
        };
        for one in automaton.find_overlapping_iter(value) {
            let scenarios = self.scenarios.get(one.pattern().as_usize());
            for number in scenarios.into_iter().flatten() {
                if !found.contains(number) {
                    found.push(*number);
                }
            }
        }
    }

    /// `None` if the texts are too many for any automaton.
    fn automaton(&self) -> Option<&AhoCorasick> {
        let build = || {
            let bytes: usize = self.texts.iter().map(|text| text.len()).sum();
            let kind = if bytes <= MAX_FAST_BYTES {
                AhoCorasickKind::DFA
            } else {
                AhoCorasickKind::ContiguousNFA
            };
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .kind(Some(kind))
                .build(self.texts.iter().map(|text| text.as_bytes()))
                .ok()
        };
        self.search.get_or_init(build).as_ref()
    }

    /// Those of which the texts of this value say nothing.
    fn silent(&self, value: &str) -> &[u32] {
        if !value.is_ascii() {
            &self.all
        } else if !self.unescaped.is_empty() && is_escaped(value) {
            &self.unescaped
        } else {
            &[]
        }
    }
}

fn set(bits: &mut [u64], number: u32) {
    if let Some(word) = bits.get_mut(number as usize / 64) {
        *word |= 1 << (number % 64);
    }
}

fn has(bits: &[u64], number: u32) -> bool {
    let word = bits.get(number as usize / 64);
    word.is_some_and(|word| word >> (number % 64) & 1 == 1)
}

fn numbers_of<'h>(all: impl Iterator<Item = &'h (u32, Holds)>) -> Vec<u32> {
    let mut numbers: Vec<u32> = all.map(|(number, _)| *number).collect();
    numbers.dedup();
    numbers
}

// === impl Late ===

impl Late {
    /// The scenarios whose texts stand in a value.
    fn search(&mut self, by_text: &ByText, value: &str, build: &DefaultHashBuilder) -> &[u32] {
        let place = if value.len() > MAX_LATE_BYTES {
            &mut self.long
        } else {
            if self.values.is_empty() {
                self.values.resize(LATE, (String::new(), Vec::new()));
            }
            let slot = usize::try_from(build.hash_one(value)).unwrap_or(0) % LATE;
            match self.values.get_mut(slot) {
                Some(place) => place,
                None => &mut self.long,
            }
        };
        let (known, found) = place;
        if known != value {
            by_text.search(value, found);
            known.clear();
            if value.len() <= MAX_LONG_BYTES {
                known.push_str(value);
            }
        }
        found
    }
}

// === impl Wanting ===

impl Wanting {
    /// Their numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.bits.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                (bit < 64).then_some(at * 64 + bit as usize)
            })
        })
    }
}
