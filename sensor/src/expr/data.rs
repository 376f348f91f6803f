//! Data files that expressions name, and the world beyond the event that they may ask.
//!
//! Files are read before rules are compiled; patterns and tables are made once, however many rules use them.

use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};
use hashbrown::HashMap;
use regex::{Regex, RegexSet, RegexSetBuilder};

use crate::grok::re2;
use crate::outside::Outside;

/// How large the compiled patterns of one file may be.
const MAX_COMPILED_BYTES: usize = 256 * 1024 * 1024;

/// What a data file is, by the word of its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataKind {
    /// Texts, a line each.
    Texts,
    /// Patterns, a line each.
    Patterns,
    /// Rows with `pattern`, `tag` and `type`, in JSON, a line each.
    Table,
}

/// What expressions see besides their event.
#[derive(Debug, Default, Clone)]
pub struct Data {
    files: HashMap<String, Arc<DataFile>>,
    outside: Arc<Outside>,
}

#[derive(Debug)]
struct DataFile {
    lines: Arc<[Box<str>]>,
    /// What it was declared as; anything, if nobody said.
    kinds: Vec<DataKind>,
    patterns: OnceLock<Result<Arc<RegexSet>, String>>,
    table: OnceLock<Result<Arc<Table>, String>>,
}

/// The rows of a file, and how to find one.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) rows: Vec<Vec<(Box<str>, Box<str>)>>,
    tags: Vec<Box<str>>,
    equal: HashMap<Box<str>, usize>,
    contained: Option<AhoCorasick>,
    contained_rows: Vec<usize>,
    patterns: Vec<(Regex, usize)>,
}

// === impl Data ===

impl Data {
    pub(crate) fn new(outside: Arc<Outside>) -> Self {
        Self {
            files: HashMap::new(),
            outside,
        }
    }

    /// Adds a file that may be used in any way. Empty lines and those that begin with `#` do not count.
    pub fn insert(&mut self, name: &str, text: &str) {
        self.insert_as(name, text, Vec::new());
    }

    /// Adds a file that was declared as something.
    pub(crate) fn declare(&mut self, name: &str, text: &str, kind: DataKind) {
        self.insert_as(name, text, vec![kind]);
    }

    fn insert_as(&mut self, name: &str, text: &str, kinds: Vec<DataKind>) {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let file = DataFile {
            lines: lines.map(Into::into).collect(),
            kinds,
            patterns: OnceLock::new(),
            table: OnceLock::new(),
        };
        self.files.insert(name.to_owned(), Arc::new(file));
    }

    /// Whether a file is known, and may be used so from now on.
    pub(crate) fn knows(&mut self, name: &str, kind: DataKind) -> bool {
        let Some(file) = self.files.get_mut(name) else {
            return false;
        };
        if !file.kinds.is_empty()
            && !file.kinds.contains(&kind)
            && let Some(file) = Arc::get_mut(file)
        {
            file.kinds.push(kind);
        }
        true
    }

    pub(crate) fn outside(&self) -> Arc<Outside> {
        Arc::clone(&self.outside)
    }

    fn file(&self, name: &str, kind: DataKind) -> Result<&DataFile, String> {
        let file = self
            .files
            .get(name)
            .ok_or_else(|| format!("there is no data file {name:?}"))?;
        if !file.kinds.is_empty() && !file.kinds.contains(&kind) {
            let wanted = match kind {
                DataKind::Texts => "string",
                DataKind::Patterns => "regexp",
                DataKind::Table => "map",
            };
            return Err(format!("the data file {name:?} is not of the type {wanted:?}"));
        }
        Ok(file)
    }

    pub(super) fn lines(&self, name: &str) -> Result<Arc<[Box<str>]>, String> {
        Ok(Arc::clone(&self.file(name, DataKind::Texts)?.lines))
    }

    pub(super) fn patterns(&self, name: &str) -> Result<Arc<RegexSet>, String> {
        let file = self.file(name, DataKind::Patterns)?;
        let made = file.patterns.get_or_init(|| patterns(&file.lines).map(Arc::new));
        made.clone().map_err(|message| format!("{message} in {name:?}"))
    }

    pub(super) fn table(&self, name: &str) -> Result<Arc<Table>, String> {
        let file = self.file(name, DataKind::Table)?;
        let made = file.table.get_or_init(|| Table::new(&file.lines).map(Arc::new));
        made.clone().map_err(|message| format!("{message} in {name:?}"))
    }
}

fn patterns(lines: &[Box<str>]) -> Result<RegexSet, String> {
    for line in lines {
        re2::check(line).map_err(|error| format!("bad pattern {line:?}: {error}"))?;
    }
    RegexSetBuilder::new(lines.iter().map(|line| re2::translate(line)))
        .size_limit(MAX_COMPILED_BYTES)
        .build()
        .map_err(|_| format!("more than {MAX_COMPILED_BYTES} bytes of compiled patterns"))
}

// === impl Table ===

impl Table {
    fn new(lines: &[Box<str>]) -> Result<Self, String> {
        let mut table = Self {
            rows: Vec::with_capacity(lines.len()),
            tags: Vec::with_capacity(lines.len()),
            equal: HashMap::new(),
            contained: None,
            contained_rows: Vec::new(),
            patterns: Vec::new(),
        };
        let mut needles: Vec<Box<str>> = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let row: std::collections::BTreeMap<Box<str>, Box<str>> = serde_json::from_str(line)
                .map_err(|error| format!("the row {line:?} is no JSON of texts ({error})"))?;
            let field = |name: &str| {
                let value = row.get(name).filter(|value| !value.is_empty());
                value.ok_or_else(|| format!("the row {line:?} has no {name:?}"))
            };
            let (pattern, tag, kind) = (field("pattern")?, field("tag")?, field("type")?);
            match &**kind {
                "equals" => {
                    table.equal.insert(pattern.clone(), at);
                }
                "contains" => {
                    needles.push(pattern.clone());
                    table.contained_rows.push(at);
                }
                "regex" => {
                    let regex =
                        re2::compile(pattern).map_err(|error| format!("bad pattern {pattern:?}: {error}"))?;
                    table.patterns.push((regex, at));
                }
                other => return Err(format!("the row {line:?} has the unknown type {other:?}")),
            }
            table.tags.push(tag.clone());
            table.rows.push(row.into_iter().collect());
        }
        if !needles.is_empty() {
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(needles.iter().map(|needle| needle.as_bytes()));
            table.contained = Some(automaton.map_err(|error| error.to_string())?);
        }
        Ok(table)
    }

    /// The tag of what equals the text, else of the first that it contains, else of the first pattern that
    /// matches it.
    pub(super) fn find(&self, text: &str) -> Option<&str> {
        let contained = || {
            let found = self.contained.as_ref()?.find(text)?;
            self.contained_rows.get(found.pattern().as_usize()).copied()
        };
        let matched = || {
            let found = self.patterns.iter().find(|(regex, _)| regex.is_match(text));
            found.map(|(_, row)| *row)
        };
        let row = self
            .equal
            .get(text)
            .copied()
            .or_else(contained)
            .or_else(matched)?;
        self.tags.get(row).map(|tag| &**tag)
    }
}
