//! Rules from directories: the hub's layout, and single items of a hub by their path.

use std::fs;
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::yaml::{Node, Source};
use super::{Compiler, Loader, RuleError};
use crate::grok::Library;

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
    pub fn data_dir(&mut self, dir: &Path) -> &mut Self {
        self.data_dir = Some(dir.to_owned());
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
        let mut library = Library::default();
        let mut files = Vec::new();
        self.walk_all(dir, &mut files, 0);
        // What the engine brings along comes first, as it does there.
        files.sort_by_key(|path| {
            (
                path.file_name().is_none_or(|name| name != "builtin"),
                path.clone(),
            )
        });
        for file in files {
            if let Some(text) = self.read(&file) {
                library.add_file(&text);
            }
        }
        self.patterns(library)
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

// === impl Compiler ===

impl Compiler<'_> {
    /// Reads the text files that `data:` declares, so that expressions find them when they are compiled.
    pub(super) fn read_data(&mut self, source: &Source<'_>, items: &[Node]) -> Result<(), RuleError> {
        for item in items {
            let mut reader = Reader::new(source, item)?;
            reader.ignore(&["strategy", "size", "ttl", "cache"]);
            let (url, file) = (reader.text("source_url")?, reader.required("dest_file")?);
            let kind = reader.text("type")?.map_or_else(|| "".into(), |text| text.text);
            let node = reader.node();
            reader.finish(&[])?;
            if !matches!(&*kind, "string" | "regexp" | "regex") {
                continue;
            }
            if self.data.lines(&file.text).is_ok() {
                continue;
            }
            let Some(dir) = self.data_dir else {
                return Err(source.error_at(
                    node,
                    format!("the data file {:?} needs a data directory", file.text),
                ));
            };
            let url = url.as_ref().map_or("", |url| &*url.text);
            let below = url
                .split_once("://")
                .and_then(|(_, rest)| rest.split_once('/'))
                .map_or("", |(_, path)| path);
            let found = [below, &*file.text]
                .into_iter()
                .filter(|name| is_plain(name))
                .find_map(|name| {
                    let path = dir.join(name);
                    let fits =
                        fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_DATA_BYTES);
                    fits.then(|| fs::read(&path).ok()).flatten()
                });
            let Some(bytes) = found else {
                return Err(source.error_at(node, format!("the data file {:?} is not there", file.text)));
            };
            self.data.insert(&file.text, &String::from_utf8_lossy(&bytes));
        }
        Ok(())
    }
}

/// Whether a path stays below its directory.
fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)))
}
