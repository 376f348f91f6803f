//! What a file of a hub says of itself: its name, what it needs beside it, which data files it reads.
//!
//! For installing. Unlike the readers of rules it passes over every key that it does not know: a collection of tomorrow
//! may say more than we understand. Deliberately absent: what the rules mean.

use super::error::RuleError;
use super::yaml::{Kind, Node, Source};

/// The most items that one file may ask for.
const MAX_NEEDS: usize = 2_000;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// `author/name`, of the first document; empty if it says none. A hub goes by the names of its files.
    pub name: String,
    /// One sentence for people; may be empty.
    pub description: String,
    /// Version, if the file states one.
    pub version: String,
    /// What a collection consists of: the folder of a hub (`parsers`, `scenarios`, ...) and the item's name.
    pub needs: Vec<(String, String)>,
    /// Files that the rules read.
    pub data: Vec<DataFile>,
}

/// A file that rules read, beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Where it is to be had; may be empty.
    pub url: String,
    /// What rules call it.
    pub name: String,
}

/// The keys of a collection that list items.
const FOLDERS: [&str; 5] = ["parsers", "postoverflows", "scenarios", "contexts", "collections"];

impl Manifest {
    /// Reads a file's text; `file` is its name in errors.
    pub fn read(file: &str, text: &str) -> Result<Self, RuleError> {
        let source = Source::new(file, text);
        let (documents, broken) = source.documents();
        if let Some(error) = broken {
            return Err(error);
        }
        let mut manifest = Self::default();
        for document in documents.iter().filter(|document| !document.root.is_null()) {
            manifest.add(&source, &document.root)?;
        }
        Ok(manifest)
    }

    fn add(&mut self, source: &Source<'_>, root: &Node) -> Result<(), RuleError> {
        let text = |key| value(root, key).and_then(scalar).unwrap_or_default().to_owned();
        if self.name.is_empty() {
            self.name = text("name");
            self.description = text("description")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            self.version = text("version");
        }
        for folder in FOLDERS {
            for item in value(root, folder).map(list).unwrap_or_default() {
                let Some(name) = scalar(item) else {
                    return Err(source.error_at(item, "an item is named by a text"));
                };
                if self.needs.len() == MAX_NEEDS {
                    return Err(source.error_at(item, format!("more than {MAX_NEEDS} items")));
                }
                self.needs.push((folder.to_owned(), name.to_owned()));
            }
        }
        for file in value(root, "data").map(list).unwrap_or_default() {
            let of = |key| value(file, key).and_then(scalar).unwrap_or_default().to_owned();
            let found = DataFile {
                url: of("source_url"),
                name: of("dest_file"),
            };
            if found.name.is_empty() {
                return Err(source.error_at(file, "a data file has a `dest_file`"));
            }
            if !self.data.contains(&found) {
                self.data.push(found);
            }
        }
        Ok(())
    }
}

fn value<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Kind::Map(entries) = &node.kind else {
        return None;
    };
    let (_, value) = entries.iter().find(|(name, _)| scalar(name) == Some(key))?;
    (!value.is_null()).then_some(value)
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

fn list(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_names_its_items_and_a_rule_its_data() {
        let text = "name: a/web\ndescription: |\n  Two\n  lines\nparsers:\n  - a/logs\nscenarios:\n- b/one\n- b/two\nlabels: {x: y}\n";
        let read = Manifest::read("web.yaml", text).unwrap();
        assert_eq!(
            (read.name.as_str(), read.description.as_str()),
            ("a/web", "Two lines")
        );
        let needs: Vec<_> = read
            .needs
            .iter()
            .map(|(kind, name)| (kind.as_str(), name.as_str()))
            .collect();
        assert_eq!(
            needs,
            [
                ("parsers", "a/logs"),
                ("scenarios", "b/one"),
                ("scenarios", "b/two")
            ]
        );

        let text = "name: a/one\ndata:\n- source_url: https://x.example/p/f.txt\n  dest_file: f.txt\n---\nname: a/two\ndata:\n- dest_file: g.txt\n";
        let read = Manifest::read("one.yaml", text).unwrap();
        assert_eq!(read.name, "a/one");
        let data: Vec<_> = read
            .data
            .iter()
            .map(|file| (file.url.as_str(), file.name.as_str()))
            .collect();
        assert_eq!(data, [("https://x.example/p/f.txt", "f.txt"), ("", "g.txt")]);
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, place) in [
            ("name: a/b\nparsers:\n  - [x]\n", "t.yaml:3:5"),
            ("name: a/b\ndata:\n  - source_url: x\n", "t.yaml:3:5"),
            ("name: [\n", "t.yaml:2:1"),
        ] {
            let error = Manifest::read("t.yaml", text).unwrap_err().to_string();
            assert!(error.starts_with(place), "{text:?}: {error}");
        }
    }
}
