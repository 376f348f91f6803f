//! Rules from directories: the hub's layout, and single items of a hub by their path.

use std::fs;
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::yaml::{Node, Source};
use super::{Compiler, Loader, RuleError};
use crate::expr::DataKind;
use crate::grok::Library;
use crate::outside::mmdb::Mmdb;

/// How many files one directory of rules may hold.
const MAX_FILES: usize = 20_000;
/// How deep its folders may nest.
const MAX_DEPTH: usize = 8;
/// How long a data file may be.
const MAX_DATA_BYTES: u64 = 64 * 1024 * 1024;

// === impl Loader ===

impl Loader {
    /// Where the files that `data:` names are: at the path behind the host of their `source_url`, or at their
    /// `dest_file`.
    ///
    /// The databases of places are looked for in the same directory.
    pub fn data_dir(&mut self, dir: &Path) -> &mut Self {
        self.data_dir = Some(dir.to_owned());
        match Mmdb::open(dir) {
            Ok(Some(places)) => self.outside.set_places(Box::new(places)),
            Ok(None) => {}
            Err(error) => self.fault(dir, error.to_string()),
        }
        self
    }

    /// Adds all rules of a directory in the hub's layout.
    pub fn dir(&mut self, dir: &Path) -> &mut Self {
        let mut files = Vec::new();
        for folder in ["parsers", "postoverflows", "scenarios"] {
            self.walk(&dir.join(folder), &mut files, 0);
        }
        files.sort();
        for file in files {
            self.file(dir, &file);
        }
        self
    }

    /// Adds one item by its path below the hub, such as `parsers/s01-parse/crowdsecurity/sshd-logs.yaml`.
    pub fn item(&mut self, hub: &Path, item: &str) -> &mut Self {
        self.file(hub, &hub.join(item))
    }

    /// Uses the named patterns of a directory instead of ours.
    pub fn patterns_dir(&mut self, dir: &Path) -> &mut Self {
        match Library::from_dir(dir) {
            Ok(library) => self.patterns(library),
            Err(error) => {
                self.fault(dir, format!("cannot be read: {error}"));
                self
            }
        }
    }

    fn walk(&mut self, dir: &Path, out: &mut Vec<PathBuf>, depth: usize) {
        let before = out.len();
        self.walk_all(dir, out, depth);
        let is_yaml = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml");
        let new = out.split_off(before);
        out.extend(new.into_iter().filter(is_yaml));
    }

    fn walk_all(&mut self, dir: &Path, out: &mut Vec<PathBuf>, depth: usize) {
        let Ok(entries) = fs::read_dir(dir) else { return };
        for entry in entries.flatten() {
            if out.len() >= MAX_FILES || depth > MAX_DEPTH {
                self.fault(
                    dir,
                    format!("more than {MAX_FILES} files, or nested deeper than {MAX_DEPTH}"),
                );
                return;
            }
            let path = entry.path();
            if path.is_dir() {
                self.walk_all(&path, out, depth + 1);
            } else {
                out.push(path);
            }
        }
    }

    fn file(&mut self, root: &Path, path: &Path) -> &mut Self {
        let Some(text) = self.read(path) else { return self };
        let below = path.strip_prefix(root).unwrap_or(path);
        let mut parts = below.components().map(|part| part.as_os_str().to_string_lossy());
        let name = path.display().to_string();
        match (parts.next().as_deref(), parts.next()) {
            (Some("parsers"), Some(stage)) => self.parser(&stage, &name, &text),
            (Some("postoverflows"), Some(stage)) => self.postoverflow(&stage, &name, &text),
            (Some("scenarios"), _) => self.scenario(&name, &text),
            _ => {
                self.fault(
                    path,
                    "only parsers, postoverflows and scenarios are rules".to_owned(),
                );
                self
            }
        }
    }

    fn read(&mut self, path: &Path) -> Option<String> {
        match fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.fault(path, format!("cannot be read: {error}"));
                None
            }
        }
    }

    fn fault(&mut self, path: &Path, message: String) {
        let name = path.display().to_string();
        self.errors.push(Source::new(&name, "").error(1, 1, message));
    }
}

// === impl Library ===

impl Library {
    /// The named patterns of the files of a directory.
    pub fn from_dir(dir: &Path) -> std::io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_file() && files.len() < MAX_FILES {
                files.push(path);
            }
        }
        // What the engine brings along comes first, as it does there.
        files.sort_by_key(|path| {
            (
                path.file_name().is_none_or(|name| name != "builtin"),
                path.clone(),
            )
        });
        let mut library = Self::default();
        for file in files {
            library.add_file(&fs::read_to_string(file)?);
        }
        Ok(library)
    }
}

/// The databases that a rule file asks for and that are not in a data directory.
pub(crate) fn absent_databases(text: &str, dir: Option<&Path>) -> Vec<String> {
    let source = Source::new("", text);
    let (documents, _) = source.documents();
    let mut absent = Vec::new();
    for document in &documents {
        let Ok(mut reader) = Reader::new(&source, &document.root) else {
            continue;
        };
        for item in reader.list("data").unwrap_or_default() {
            let Ok(mut item) = Reader::new(&source, item) else {
                continue;
            };
            let (Ok(url), Ok(Some(file))) = (item.text("source_url"), item.text("dest_file")) else {
                continue;
            };
            let is_database = Path::new(&*file.text)
                .extension()
                .is_some_and(|ext| ext.eq_ignore_ascii_case("mmdb"));
            let url = url.as_ref().map_or("", |url| &*url.text);
            if is_database && dir.is_none_or(|dir| find_data(dir, url, &file.text).is_none()) {
                absent.push(file.text.to_string());
            }
        }
    }
    absent
}

/// Where a data file lies: at the path behind the host of its address, or at its own name.
fn find_data(dir: &Path, url: &str, file: &str) -> Option<PathBuf> {
    let below = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or("", |(_, path)| path);
    [below, file]
        .into_iter()
        .filter(|name| is_plain(name))
        .map(|name| dir.join(name))
        .find(|path| fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_DATA_BYTES))
}

// === impl Compiler ===

impl Compiler<'_> {
    /// Reads the text files that `data:` declares, so that expressions find them when they are compiled.
    pub(super) fn read_data(&mut self, source: &Source<'_>, items: &[Node]) -> Result<(), RuleError> {
        for item in items {
            let mut reader = Reader::new(source, item)?;
            reader.ignore(&["strategy", "size", "ttl", "cache"]);
            let (url, file) = (reader.text("source_url")?, reader.required("dest_file")?);
            let kind = reader.text("type")?;
            let node = reader.node();
            reader.finish(&[])?;
            let Some(kind) = kind else { continue };
            let kind = match &*kind.text {
                "string" | "json" => DataKind::Texts,
                "regex" | "regexp" => DataKind::Patterns,
                "map" => DataKind::Table,
                // Nothing to be read, or by the WAF only.
                "" | "bots" | "ml_roberta_model" => continue,
                other => {
                    let message =
                        format!("the type of a data file is string, regexp, map or json, not {other:?}");
                    return Err(source.error_at(kind.node, message));
                }
            };
            if self.data.knows(&file.text, kind) {
                continue;
            }
            let Some(dir) = self.data_dir else {
                return Err(source.error_at(
                    node,
                    format!("the data file {:?} needs a data directory", file.text),
                ));
            };
            let url = url.as_ref().map_or("", |url| &*url.text);
            let found = find_data(dir, url, &file.text)
                .or_else(|| find_by_name(dir, &file.text))
                .and_then(|path| fs::read(path).ok());
            let Some(bytes) = found else {
                return Err(source.error_at(node, format!("the data file {:?} is not there", file.text)));
            };
            self.data
                .declare(&file.text, &String::from_utf8_lossy(&bytes), kind);
        }
        Ok(())
    }
}

/// The one file of that name anywhere below a directory: for data whose address is not the hub's own.
fn find_by_name(dir: &Path, name: &str) -> Option<PathBuf> {
    fn walk(dir: &Path, name: &str, depth: usize, seen: &mut usize, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(dir) else { return };
        for entry in entries.flatten() {
            *seen += 1;
            if *seen > MAX_FILES {
                return;
            }
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => walk(&path, name, depth + 1, seen, found),
                Ok(kind) if kind.is_file() && entry.file_name() == *name => found.push(path),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(dir, name, 0, &mut 0, &mut found);
    let one = (found.len() == 1).then(|| found.pop()).flatten();
    one.filter(|path| fs::metadata(path).is_ok_and(|meta| meta.len() <= MAX_DATA_BYTES))
}

/// Whether a path stays below its directory.
fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)))
}
