//! `[sensor]`: which logs are read, and by which rules.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::{Section, Wrong};

mod input;

pub(crate) use input::Input;

/// Which logs are read.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sensor {
    /// The logs; `auto` looks which of the usual ones this machine has.
    pub(crate) sources: Sources,
    /// A directory of rules in the form of CrowdSec's hub, instead of our own. Empty: our own.
    pub(crate) rules: PathBuf,
    /// Scenarios that are only being tried: what they find is shown, and neither acted on nor shared.
    pub(crate) simulate: Vec<String>,
    /// Whether rules that ask for names of addresses are answered, by the machine's DNS servers.
    pub(crate) names: bool,
    /// What the scenarios' buckets may hold together, in MiB.
    pub(crate) bucket_mib: Spanned<usize>,
}

/// `"auto"`, `"none"`, or a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Sources {
    /// Look which of the usual logs this machine has.
    #[default]
    Auto,
    /// No sensor.
    None,
    /// What the user listed.
    List(Vec<Input>),
}

/// With less, a bucket could not hold a few long lines.
const LEAST_BUCKET_MIB: usize = 16;
/// With more, one sensor would be most of a large machine.
const MOST_BUCKET_MIB: usize = 65_536;

impl Default for Sensor {
    fn default() -> Self {
        Self {
            sources: Sources::default(),
            rules: PathBuf::new(),
            simulate: Vec::new(),
            names: false,
            bucket_mib: Spanned::new(0..0, 256),
        }
    }
}

impl Section for Sensor {
    fn check(&self) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = Vec::new();
        let mib = *self.bucket_mib.get_ref();
        if !(LEAST_BUCKET_MIB..=MOST_BUCKET_MIB).contains(&mib) {
            let message = format!("{mib} is not between {LEAST_BUCKET_MIB} and {MOST_BUCKET_MIB} (MiB)");
            wrong.push((self.bucket_mib.span(), message));
        }
        let Sources::List(inputs) = &self.sources else {
            return wrong;
        };
        wrong.extend(inputs.iter().filter_map(|input| input.source().err()).flatten());
        let mut names = std::collections::HashSet::new();
        for input in inputs {
            if let Ok(source) = input.source()
                && !names.insert(source.from.name())
            {
                let message = format!("{} is listed twice", source.from.name());
                wrong.push((input.kind.span(), message));
            }
        }
        wrong
    }
}

// === impl Sources ===

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourcesVisitor)
    }
}

struct SourcesVisitor;

impl<'de> serde::de::Visitor<'de> for SourcesVisitor {
    type Value = Sources;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"auto\", \"none\" or a list of sources")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Sources, E> {
        match word {
            "auto" => Ok(Sources::Auto),
            "none" => Ok(Sources::None),
            other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
        }
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Sources, A::Error> {
        let mut inputs = Vec::new();
        while let Some(input) = list.next_element()? {
            inputs.push(input);
        }
        Ok(Sources::List(inputs))
    }
}
