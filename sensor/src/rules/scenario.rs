//! Scenarios: what overflows when. Read here, run by `detect`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vigie_wire::{Behaviour, RuleHash};

use super::Compiler;
use super::bayes::Bayes;
use super::error::{Place, RuleError};
use super::reader::Reader;
use super::yaml::{Kind, Node, Source};
use crate::expr::{Expression, Scope as Where};

/// How many labels a scenario may have, with the elements of lists.
const MAX_LABELS: usize = 256;

/// How a bucket decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketKind {
    /// Overflows on the event for which `capacity` leaves no room.
    Leaky,
    /// Overflows on the first event.
    Trigger,
    /// Counts for a fixed time, then overflows.
    Counter,
    /// Overflows once its condition holds.
    Conditional,
    /// Overflows once evil is likely enough.
    Bayesian,
}

/// Whom an overflow is about.
#[derive(Debug)]
pub struct ScopeRule {
    /// `Ip`, `Range`, or a word of the rule's own.
    pub kind: Box<str>,
    /// How to tell who it is; without it an `Ip` is `evt.Meta.source_ip`.
    pub expression: Option<Expression>,
}

/// One scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Its name, `vigie/ssh-bf`.
    pub name: Arc<str>,
    /// One line about it.
    pub description: Box<str>,
    /// First bytes of the BLAKE3 of its document: which rule, of which version.
    pub rule: RuleHash,
    /// Where it stands.
    pub place: Place,
    /// How its buckets decide.
    pub kind: BucketKind,
    /// Which events are poured.
    pub filter: Expression,
    /// What separates buckets; one bucket for all without it.
    pub group_by: Option<Expression>,
    /// Events with a value that the bucket has seen are not poured.
    pub distinct: Option<Expression>,
    /// Destroys the bucket.
    pub cancel_on: Option<Expression>,
    /// Whether an overflow counts.
    pub overflow_filter: Option<Expression>,
    /// When a conditional bucket overflows.
    pub condition: Option<Expression>,
    /// What a bayesian bucket weighs.
    pub bayes: Option<Bayes>,
    /// How many events fit; -1 is any number.
    pub capacity: i32,
    /// How long it takes one event to leak.
    pub leakspeed: Duration,
    /// As it was written.
    pub leakspeed_text: Box<str>,
    /// How long a counter counts.
    pub duration: Option<Duration>,
    /// How long overflows are silent after one.
    pub blackhole: Option<Duration>,
    /// How many events are kept.
    pub cache_size: Option<u32>,
    /// Whom it is about.
    pub scope: ScopeRule,
    /// Whether overflows are poured into the other scenarios.
    pub reprocess: bool,
    /// Whether it asks for a remedy.
    pub remediation: bool,
    /// The behaviour of its label.
    pub behaviour: Option<Behaviour>,
    /// All labels; elements of lists are joined by commas.
    pub labels: BTreeMap<String, String>,
    /// Where to read on.
    pub references: Vec<String>,
}

type Read<T> = Result<T, RuleError>;

// === impl ScopeRule ===

impl ScopeRule {
    pub(crate) fn is_ip(&self) -> bool {
        self.kind.eq_ignore_ascii_case("ip")
    }

    pub(crate) fn is_range(&self) -> bool {
        self.kind.eq_ignore_ascii_case("range")
    }
}

// === impl Scenario ===

impl Scenario {
    pub(super) fn read(
        compiler: &mut Compiler<'_>,
        source: &Source<'_>,
        root: &Node,
        text: &str,
    ) -> Read<Self> {
        let mut reader = Reader::new(source, root)?;
        reader.ignore(&["format", "author", "debug", "profiling", "version"]);
        compiler.read_data(source, reader.list("data")?)?;
        let kind_text = reader.required("type")?;
        let kind = match &*kind_text.text {
            "leaky" => BucketKind::Leaky,
            "trigger" => BucketKind::Trigger,
            "counter" => BucketKind::Counter,
            "conditional" => BucketKind::Conditional,
            "bayesian" => BucketKind::Bayesian,
            other => return Err(source.error_at(kind_text.node, format!("unknown type {other:?}"))),
        };
        let name = reader.required("name")?.text;
        let description = reader
            .text("description")?
            .map_or_else(Box::default, |text| (*text.text).into());
        let filter = reader.required("filter")?;
        let filter = compiler.test(source, &filter, Where::Event)?;
        let mut expression = |compiler: &mut Compiler<'_>, key: &str, test: bool, scope: Where| {
            let text = reader.text(key)?.filter(|text| !text.text.trim().is_empty());
            let compile = |text| {
                if test {
                    compiler.test(source, &text, scope)
                } else {
                    compiler.text(source, &text, scope)
                }
            };
            text.map(compile).transpose()
        };
        let group_by = expression(compiler, "groupby", false, Where::Event)?;
        let distinct = expression(compiler, "distinct", false, Where::Event)?;
        let cancel_on = expression(compiler, "cancel_on", true, Where::Bucket)?;
        let overflow_filter = expression(compiler, "overflow_filter", true, Where::Overflow)?;
        let condition = expression(compiler, "condition", true, Where::Bucket)?;
        let capacity = reader.integer("capacity")?;
        let leakspeed_text = reader.text("leakspeed")?;
        let leakspeed_node = leakspeed_text.as_ref().map(|text| text.node);
        let leakspeed_text: Box<str> = leakspeed_text.map_or_else(Box::default, |text| (*text.text).into());
        let leakspeed = match leakspeed_node {
            Some(node) => super::duration::parse(&leakspeed_text).ok_or_else(|| {
                source.error_at(
                    node,
                    format!("{leakspeed_text:?} is not a duration such as 10s or 1h30m"),
                )
            })?,
            None => Duration::ZERO,
        };
        let cache_size = reader
            .integer("cache_size")?
            .and_then(|size| u32::try_from(size).ok())
            .filter(|size| *size > 0);
        let bayes = match kind {
            BucketKind::Bayesian => Some(Bayes::read(compiler, source, &mut reader)?),
            _ => None,
        };
        let (labels, behaviour) = read_labels(source, &mut reader)?;
        let scenario = Self {
            name,
            description,
            rule: hash(text),
            place: Place {
                file: Arc::clone(&source.file),
                line: root.line,
                column: root.column,
            },
            kind,
            filter,
            group_by,
            distinct,
            cancel_on,
            overflow_filter,
            condition,
            bayes,
            capacity: capacity.unwrap_or(0),
            leakspeed,
            leakspeed_text,
            duration: reader.duration("duration")?,
            blackhole: reader.duration("blackhole")?,
            cache_size,
            scope: read_scope(compiler, source, &mut reader)?,
            reprocess: reader.bool("reprocess")?,
            remediation: labels.get("remediation").is_some_and(|value| value == "true"),
            behaviour,
            labels,
            references: reader
                .texts("references")?
                .iter()
                .map(|text| text.text.to_string())
                .collect(),
        };
        reader.finish(&[])?;
        scenario.check(source, root, capacity)?;
        Ok(scenario)
    }

    /// What the types demand of each other.
    fn check(&self, source: &Source<'_>, root: &Node, capacity: Option<i32>) -> Read<()> {
        let problem = match self.kind {
            BucketKind::Leaky if capacity.is_none_or(|capacity| capacity <= 0) => {
                "a leaky bucket needs a capacity above zero"
            }
            BucketKind::Leaky if self.leakspeed.is_zero() => "a leaky bucket needs a leakspeed",
            BucketKind::Trigger if self.capacity != 0 => "a trigger has no capacity",
            BucketKind::Counter if self.duration.is_none_or(|duration| duration.is_zero()) => {
                "a counter needs a duration"
            }
            BucketKind::Counter if self.capacity != -1 => "a counter's capacity is -1",
            BucketKind::Bayesian if self.capacity != -1 => "a bayesian bucket's capacity is -1",
            BucketKind::Conditional if self.condition.is_none() => "a conditional bucket needs a condition",
            BucketKind::Conditional if self.leakspeed.is_zero() => "a conditional bucket needs a leakspeed",
            _ => return Ok(()),
        };
        Err(source.error_at(root, problem))
    }
}

/// Which rule, of which version: the first bytes of the BLAKE3 of its document.
fn hash(text: &str) -> RuleHash {
    let mut bytes = [0; RuleHash::WIDTH];
    for (byte, hashed) in bytes.iter_mut().zip(blake3::hash(text.as_bytes()).as_bytes()) {
        *byte = *hashed;
    }
    RuleHash(bytes)
}

fn read_scope(compiler: &mut Compiler<'_>, source: &Source<'_>, reader: &mut Reader<'_>) -> Read<ScopeRule> {
    let Some(node) = reader.take("scope") else {
        return Ok(ScopeRule {
            kind: "Ip".into(),
            expression: None,
        });
    };
    let mut reader = Reader::new(source, node)?;
    let kind: Box<str> = (*reader.required("type")?.text).into();
    let expression = match reader.text("expression")? {
        Some(text) => Some(compiler.text(source, &text, Where::Event)?),
        None => None,
    };
    reader.finish(&[])?;
    let known = ["ip", "range"].contains(&kind.to_ascii_lowercase().as_str());
    if expression.is_none() && !known {
        return Err(source.error_at(node, format!("the scope {kind:?} needs an expression")));
    }
    Ok(ScopeRule { kind, expression })
}

fn read_labels(
    source: &Source<'_>,
    reader: &mut Reader<'_>,
) -> Read<(BTreeMap<String, String>, Option<Behaviour>)> {
    let mut labels = BTreeMap::new();
    let mut count = 0;
    let mut behaviour = None;
    for (key, node) in reader.map("labels")? {
        let mut parts = Vec::new();
        flatten(node, &mut parts);
        count += parts.len();
        if count > MAX_LABELS {
            return Err(source.error_at(node, format!("more than {MAX_LABELS} labels")));
        }
        let value = parts.join(",");
        if key == "behavior" {
            behaviour = Behaviour::by_name(&value);
        }
        labels.insert(key.to_owned(), value);
    }
    Ok((labels, behaviour))
}

fn flatten(node: &Node, out: &mut Vec<String>) {
    match &node.kind {
        Kind::Scalar { text, .. } => out.push(text.to_string()),
        Kind::List(items) => items.iter().for_each(|item| flatten(item, out)),
        Kind::Map(entries) => entries.iter().for_each(|(_, value)| flatten(value, out)),
    }
}
