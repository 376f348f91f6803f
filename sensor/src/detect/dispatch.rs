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
use crate::expr::facts::{Fact, Holds, unescaped};
use crate::parse::event::Event;
use crate::parse::names::FieldId;

/// Up to so many bytes of texts are compiled to the fastest automaton, which takes about 300 times as much memory.
const MAX_FAST_BYTES: usize = 16 * 1024;

/// Guards with more values are left to the filter.
const MAX_GUARD_VALUES: usize = 16;
/// Bits that tell values apart before they are hashed.
const MARKS: usize = 1_024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Dispatch {
    /// Scenarios of which nothing is known: one bit each.
    always: Vec<u64>,
    values: Vec<ByValue>,
    texts: Vec<(ByText, Late)>,
    /// By scenario.
    guards: Vec<Guard>,
    build: DefaultHashBuilder,
    /// The scenarios that may want the event asked about last: one bit each.
    found: Vec<u64>,
}

/// What must be so besides of what a scenario is found by.
#[derive(Debug, Default)]
struct Guard {
    /// Fields, and the values of which they must have one.
    fields: Vec<(FieldId, Vec<Box<str>>)>,
    /// That is all that the filter asks: it need not be run.
    decides: bool,
}

#[derive(Debug)]
struct ByValue {
    field: FieldId,
    /// The marks of all values.
    marks: [u64; MARKS / 64],
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

/// What the search of a field found in its values of late: agents and paths come again and again. No value is empty.
#[derive(Debug, Default)]
struct Late {
    values: Vec<(String, Vec<u32>)>,
    /// The last long one.
    long: (String, Vec<u32>),
}

/// Values of late kept for each field; a power of two.
const LATE: usize = 4_096;
/// Of longer values, only the last is kept.
const MAX_LATE_BYTES: usize = 256;
/// And none beyond this.
const MAX_LONG_BYTES: usize = 4_096;

// === impl Dispatch ===

impl Dispatch {
    pub(super) fn new(plans: &[Plan]) -> Self {
        let mut dispatch = Self {
            always: vec![0; plans.len().div_ceil(64)],
            ..Self::default()
        };
        let mut texts: Vec<(FieldId, Vec<(u32, Holds)>)> = Vec::new();
        for (number, plan) in (0..).zip(plans) {
            let filter = &plan.rule.filter;
            let facts = match filter.always_runs() {
                true => Vec::new(),
                false => filter.facts(),
            };
            let (mut fields, mut any) = (Vec::new(), None);
            for fact in facts {
                match fact {
                    Fact::Is(field, values) => fields.push((field, values)),
                    Fact::AnyOf(holds) => any = any.or(Some(holds)),
                }
            }
            if let Some(any) = any {
                for holds in any {
                    let field = holds.field;
                    if holds.whole {
                        dispatch.add_values(number, field, holds.exact);
                        continue;
                    }
                    match texts.iter_mut().find(|(known, _)| *known == field) {
                        Some((_, all)) => all.push((number, holds)),
                        None => texts.push((field, vec![(number, holds)])),
                    }
                }
            } else {
                // Who names many values is picky; `log_type` and `service` are what everybody names.
                let numbered = fields.iter().enumerate();
                match numbered.max_by_key(|(_, (_, values))| values.len()) {
                    Some((at, _)) => {
                        let (field, values) = fields.remove(at);
                        dispatch.add_values(number, field, values);
                    }
                    None => set(&mut dispatch.always, number),
                }
            }
            let all = fields.len();
            fields.retain(|(_, values)| values.len() <= MAX_GUARD_VALUES);
            let decides = fields.len() == all && filter.is_its_facts();
            dispatch.guards.push(Guard { fields, decides });
        }
        for (field, all) in texts {
            dispatch.texts.push((ByText::new(field, &all), Late::default()));
        }
        dispatch
    }

    fn add_values(&mut self, number: u32, field: FieldId, values: Vec<Box<str>>) {
        let at = self.values.iter().position(|known| known.field == field);
        let at = at.unwrap_or_else(|| {
            self.values.push(ByValue {
                field,
                marks: [0; _],
                scenarios: HashMap::new(),
            });
            self.values.len() - 1
        });
        let Some(known) = self.values.get_mut(at) else {
            return;
        };
        for value in values {
            set(&mut known.marks, mark(&value));
            let scenarios = known.scenarios.entry(value).or_default();
            if scenarios.last() != Some(&number) {
                scenarios.push(number);
            }
        }
    }

    /// Finds the scenarios that may want an event.
    pub(super) fn find(&mut self, event: &Event) {
        let (guards, found) = (&self.guards, &mut self.found);
        found.clone_from(&self.always);
        for by_value in &self.values {
            for number in by_value.scenarios(event.get(by_value.field)) {
                admit(*number, guards, event, found);
            }
        }
        for (by_text, late) in &mut self.texts {
            let value = event.get(by_text.field);
            if !value.is_empty() {
                for number in late.search(by_text, value, &self.build) {
                    admit(*number, guards, event, found);
                }
            }
        }
    }

    /// The numbers of those that were found, ascending.
    pub(super) fn found(&self) -> impl Iterator<Item = usize> {
        self.found.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                (bit < 64).then_some(at * 64 + bit as usize)
            })
        })
    }

    /// Whether one that was found wants the event, whatever else.
    pub(super) fn is_decided(&self, number: usize) -> bool {
        self.guards.get(number).is_some_and(|guard| guard.decides)
    }
}

// === impl Guard ===

impl Guard {
    fn admits(&self, event: &Event) -> bool {
        self.fields.iter().all(|(field, values)| {
            let value = event.get(*field);
            values.iter().any(|one| **one == *value)
        })
    }
}

fn admit(number: u32, guards: &[Guard], event: &Event, found: &mut [u64]) {
    let guard = guards.get(number as usize);
    if !has(found, number) && guard.is_none_or(|guard| guard.admits(event)) {
        set(found, number);
    }
}

// === impl ByValue ===

impl ByValue {
    fn scenarios(&self, value: &str) -> &[u32] {
        if !has(&self.marks, mark(value)) {
            return &[];
        }
        self.scenarios.get(value).map_or(&[], Vec::as_slice)
    }
}

/// Tells most values apart, and costs next to nothing.
fn mark(value: &str) -> u32 {
    let end = |byte: Option<&u8>| byte.copied().map_or(0, usize::from);
    let bytes = value.as_bytes();
    let mark = end(bytes.first()) ^ end(bytes.last()) << 3 ^ bytes.len() << 5;
    u32::try_from(mark % MARKS).unwrap_or(0)
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

    /// The scenarios whose texts stand in a value, and those of which it says nothing, into `found`.
    fn search(&self, value: &str, found: &mut Vec<u32>) {
        found.clear();
        let Some(automaton) = self.automaton().filter(|_| value.is_ascii()) else {
            found.clone_from(&self.all);
            return;
        };
        self.add(automaton, value, found);
        if self.unescaped.is_empty() {
            return;
        }
        for value in unescaped(value) {
            if value.is_ascii() {
                self.add(automaton, &value, found);
            } else {
                merge(&self.unescaped, found);
            }
        }
    }

    fn add(&self, automaton: &AhoCorasick, value: &str, found: &mut Vec<u32>) {
        for one in automaton.find_overlapping_iter(value) {
            if let Some(scenarios) = self.scenarios.get(one.pattern().as_usize()) {
                merge(scenarios, found);
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
}

fn merge(scenarios: &[u32], found: &mut Vec<u32>) {
    for number in scenarios {
        if !found.contains(number) {
            found.push(*number);
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
    /// The scenarios that may want an event with a value.
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
