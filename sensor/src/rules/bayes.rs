//! Bayesian scenarios: conditions and how much each tells of evil and of benign.
//!
//! Deliberately absent: the reckoning, which is `detect::bayes`.

use super::Compiler;
use super::error::RuleError;
use super::reader::Reader;
use super::yaml::{Node, Source};
use crate::expr::{Expression, Scope};

/// How many conditions a scenario may have: one bit of a bucket each.
const MAX_CONDITIONS: usize = 64;

/// What a bayesian bucket weighs.
#[derive(Debug)]
pub struct Bayes {
    /// How likely evil is before anything is known, above 0 and at most 1.
    pub prior: f32,
    /// Above which probability of evil the bucket overflows, above 0 and at most 1.
    pub threshold: f32,
    /// What is asked after each event.
    pub conditions: Vec<BayesCondition>,
}

/// One of a bayesian scenario's conditions.
#[derive(Debug)]
pub struct BayesCondition {
    /// The condition.
    pub test: Expression,
    /// How likely it holds if the source is evil, 0 to 1.
    pub given_evil: f32,
    /// How likely it holds if the source is benign, 0 to 1.
    pub given_benign: f32,
    /// Whether it holds for the rest of the bucket's life once it has held.
    pub guillotine: bool,
}

// === impl Bayes ===

impl Bayes {
    /// Takes the keys of a bayesian scenario, which others do not have.
    pub(super) fn read(
        compiler: &mut Compiler<'_>,
        source: &Source<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Self, RuleError> {
        let prior = probability(source, reader, "bayesian_prior")?;
        let threshold = probability(source, reader, "bayesian_threshold")?;
        let root = reader.node();
        let positive = |number: f32, key: &str| {
            if number > 0.0 {
                Ok(number)
            } else {
                Err(source.error_at(root, format!("{key:?} must be above 0")))
            }
        };
        let nodes = reader.list("bayesian_conditions")?;
        if nodes.is_empty() || nodes.len() > MAX_CONDITIONS {
            let message = format!(
                "a bayesian bucket needs 1 to {MAX_CONDITIONS} conditions, here are {}",
                nodes.len()
            );
            return Err(source.error_at(root, message));
        }
        let conditions = nodes
            .iter()
            .map(|node| BayesCondition::read(compiler, source, node));
        Ok(Self {
            prior: positive(prior, "bayesian_prior")?,
            threshold: positive(threshold, "bayesian_threshold")?,
            conditions: conditions.collect::<Result<_, _>>()?,
        })
    }
}

// === impl BayesCondition ===

impl BayesCondition {
    fn read(compiler: &mut Compiler<'_>, source: &Source<'_>, node: &Node) -> Result<Self, RuleError> {
        let mut reader = Reader::new(source, node)?;
        let condition = reader.required("condition")?;
        let read = Self {
            test: compiler.test(source, &condition, Scope::Bucket)?,
            given_evil: probability(source, &mut reader, "prob_given_evil")?,
            given_benign: probability(source, &mut reader, "prob_given_benign")?,
            guillotine: reader.bool("guillotine")?,
        };
        reader.finish(&[])?;
        Ok(read)
    }
}

fn probability(source: &Source<'_>, reader: &mut Reader<'_>, key: &str) -> Result<f32, RuleError> {
    let text = reader.required(key)?;
    text.text
        .parse()
        .ok()
        .filter(|number| (0.0..=1.0).contains(number))
        .ok_or_else(|| {
            source.error_at(
                text.node,
                format!("{:?} is not a probability from 0 to 1", text.text),
            )
        })
}
