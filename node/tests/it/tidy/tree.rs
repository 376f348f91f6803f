//! Every file of the tree: how it opens, how long it is, and what must not stand in it.

use std::path::{Component, Path, PathBuf};

use super::{assert_none, root};

/// Where files are ours, or nobody's.
const SKIPPED: &[&str] = &["target", "result"];

/// Hidden, and part of the project all the same.
const HIDDEN: &[&str] = &[".ci", ".config"];

/// Endings of the texts that people write; samples of logs and vectors are data.
const TEXTS: &[&str] = &["rs", "toml", "md", "sh", "sql", "html", "run", "Makefile"];

const MAX_LINES: usize = 600;

/// Cut in two so that this file does not find itself.
const UNFINISHED: &[(&str, &str)] = &[
    (concat!("to", "do!("), "finish it, or write an issue"),
    (concat!("unimpl", "emented!("), "finish it, or write an issue"),
    (concat!("FIX", "ME"), "fix it, or write an issue"),
    (
        concat!("#[ig", "nore"),
        "a test that does not run is no test; a skip says why (VIGIE_SKIPS)",
    ),
    (
        concat!("```ig", "nore"),
        "an example that is not compiled; say `text`, or make it compile",
    ),
    (concat!("#[al", "low("), "say #[expect(lint, reason = ..)]"),
];

/// A file, by its path below the root.
struct File {
    path: PathBuf,
    text: String,
}

// === impl File ===

impl File {
    fn is_rust(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "rs")
    }

    fn name(&self) -> &str {
        self.path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    }

    /// The place, as editors understand it.
    fn at(&self, line: usize) -> String {
        format!("{}:{}", self.path.display(), line + 1)
    }
}

/// All texts of the project.
fn texts() -> Vec<File> {
    let root = root();
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    assert!(
        found.len() > 50,
        "only {} files below {}",
        found.len(),
        root.display()
    );
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if SKIPPED.contains(&name) || (name.starts_with('.') && !HIDDEN.contains(&name)) {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, found);
        } else if TEXTS.contains(&name.rsplit('.').next().unwrap_or_default()) {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
            let path = path.strip_prefix(root).unwrap().to_owned();
            found.push(File { path, text });
        }
    }
}

#[test]
fn rust_files_open_with_what_they_are() {
    // A file tests.rs belongs to the file it stands below, and is described there.
    let faults: Vec<String> = texts()
        .iter()
        .filter(|file| file.is_rust() && file.name() != "tests.rs" && !file.text.starts_with("//! "))
        .map(|file| {
            format!(
                "{}: open it with //! lines: what, why, what is absent",
                file.at(0)
            )
        })
        .collect();
    assert_none(&faults);
}

#[test]
fn files_are_short_and_named_after_what_they_hold() {
    let mut faults = Vec::new();
    for file in texts().iter().filter(|file| file.is_rust()) {
        let lines = file.text.lines().count();
        if lines > MAX_LINES {
            faults.push(format!(
                "{}: {lines} lines; look for the seam",
                file.path.display()
            ));
        }
        if file.name() == "mod.rs" {
            faults.push(format!(
                "{}: call it by the name of its folder",
                file.path.display()
            ));
        }
    }
    assert_none(&faults);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut faults = Vec::new();
    for file in texts().iter().filter(|file| file.is_rust()) {
        for (number, line) in file.text.lines().enumerate() {
            for (sign, advice) in UNFINISHED.iter().filter(|(sign, _)| line.contains(sign)) {
                faults.push(format!("{}: {sign}: {advice}", file.at(number)));
            }
        }
    }
    assert_none(&faults);
}

/// Folders that only the machine of whoever wrote it has.
fn developers_folders() -> Vec<String> {
    let mut found: Vec<String> = [
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("/.car", "go/registry"),
    ]
    .map(str::to_owned)
    .to_vec();
    let root = root();
    found.push(root.display().to_string());
    if let Some(Component::Normal(first)) = root.components().nth(1) {
        let first = first.to_string_lossy();
        // Those that every machine has.
        if ![
            "dev", "etc", "mnt", "opt", "root", "run", "srv", "tmp", "usr", "var",
        ]
        .contains(&first.as_ref())
        {
            found.push(format!("/{first}/"));
        }
    }
    found
}

/// Whether the line names the folder from the root on. A route may have a part of the same name, which is no path, even
/// where the project itself lies in such a folder.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "_-.}".contains(before))
    })
}

#[test]
fn a_path_is_named_from_the_root_on() {
    // Put together here, so that this file does not find itself wherever it lies.
    let folder = ["", "check", ""].join("/");
    assert!(starts_a_path(&format!("see {folder}main"), &folder));
    assert!(starts_a_path(&format!("{folder}main"), &folder));
    assert!(!starts_a_path(&format!("GET /v1/lists{folder}{{ip}}"), &folder));
    assert!(starts_a_path(&format!("lists{folder} and `{folder}x`"), &folder));
}

#[test]
fn no_path_of_a_developers_machine() {
    let folders = developers_folders();
    let mut faults = Vec::new();
    for file in &texts() {
        for (number, line) in file.text.lines().enumerate() {
            for folder in folders.iter().filter(|folder| starts_a_path(line, folder)) {
                faults.push(format!("{}: names {folder}", file.at(number)));
            }
        }
    }
    assert_none(&faults);
}
