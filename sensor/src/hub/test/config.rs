//! `config.yaml`: what a test loads, which log it reads and what it asserts on.
//!
//! Read leniently, as the original does: keys for other programs stand beside ours. Deliberately absent: finding the items.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::rules::reader::Reader;
use crate::rules::yaml::{Kind, Node, Source};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) parsers: Vec<String>,
    pub(super) scenarios: Vec<String>,
    pub(super) postoverflows: Vec<String>,
    pub(super) log_file: String,
    pub(super) log_type: String,
    /// Labels of the log beside its type.
    pub(super) labels: Vec<(String, String)>,
    /// Asserts on parsers are not looked at.
    pub(super) ignore_parsers: bool,
    /// A parser file that runs before all others.
    pub(super) overrides: Option<String>,
}

// === impl Config ===

impl Config {
    /// Reads a test's configuration; an error is a sentence.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let name = path.display().to_string();
        let source = Source::new(&name, &text);
        let (documents, broken) = source.documents();
        if let Some(error) = broken {
            return Err(error.to_string());
        }
        let document = documents.first().ok_or_else(|| format!("{name} is empty"))?;
        Self::of(&source, &document.root).map_err(|error| error.to_string())
    }

    fn of(source: &Source<'_>, root: &Node) -> Result<Self, crate::rules::RuleError> {
        let mut reader = Reader::new(source, root)?;
        let mut names = |key: &str| -> Result<Vec<String>, crate::rules::RuleError> {
            let texts = reader.texts(key)?;
            let names = texts.iter().map(|text| text.text.trim().to_owned());
            Ok(names.filter(|name| !name.is_empty()).collect())
        };
        let (parsers, scenarios, postoverflows) =
            (names("parsers")?, names("scenarios")?, names("postoverflows")?);
        let mut labels = Vec::new();
        for (name, node) in reader.map("labels")? {
            let value = crate::rules::reader::text_of(source, node)?;
            labels.push((name.to_owned(), value.text.to_string()));
        }
        Ok(Self {
            parsers,
            scenarios,
            postoverflows,
            log_file: reader.required("log_file")?.text.to_string(),
            log_type: reader.required("log_type")?.text.to_string(),
            labels,
            ignore_parsers: reader.bool("ignore_parsers")?,
            overrides: overrides(reader.list("override_statics")?),
        })
    }
}

/// The statics that a test sets before the first parser, as the parser file that sets them.
fn overrides(statics: &[Node]) -> Option<String> {
    if statics.is_empty() {
        return None;
    }
    let statics: Vec<Value> = statics.iter().map(json_of).collect();
    Some(json!({ "name": "overrides", "filter": "1==1", "statics": statics }).to_string())
}

/// JSON is YAML.
fn json_of(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar { text, .. } => Value::String(text.to_string()),
        Kind::List(items) => items.iter().map(json_of).collect(),
        Kind::Map(entries) => {
            let entries = entries.iter().filter_map(|(key, value)| match &key.kind {
                Kind::Scalar { text, .. } => Some((text.to_string(), json_of(value))),
                _ => None,
            });
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}
