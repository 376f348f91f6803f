//! The documents against what they speak of: the protocol's page against the wire's sources, commands against the
//! Makefile and the program, names of files and links against the tree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{assert_none, read, root};

const MAX_LINES_OF_ARCHITECTURE: usize = 250;

/// All pages below the root and in docs/.
fn pages() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["", "docs", "docs/decisions"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&name)
                .extension()
                .is_some_and(|extension| extension == "md")
            {
                found.push(Path::new(folder).join(name).display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// What stands as code in a page: spans between single backticks, and lines of fenced blocks in this language
/// (empty: in any).
fn code(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fence = None;
    for line in page.lines() {
        match (line.trim_start().strip_prefix("```"), fence) {
            (Some(opened), None) => fence = Some(opened),
            (Some(_), Some(_)) => fence = None,
            (None, Some(opened)) if opened.starts_with(language) => found.push(line.trim().to_owned()),
            (None, Some(_)) => {}
            (None, None) => found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned)),
        }
    }
    found
}

fn is_lower_case(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.chars().all(|char| char.is_ascii_lowercase() || char == '-')
}

#[test]
fn the_protocols_page_follows_the_wire() {
    let mut files = Vec::new();
    rust_files(&root().join("gossip/wire/src"), &mut files);
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in &files {
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        let text = std::fs::read(file).unwrap();
        hasher.update(format!("{name} {}\n", text.len()).as_bytes());
        hasher.update(&text);
    }
    let line = format!("<!-- gossip/wire/src: {} -->", hasher.finalize());
    assert!(
        read("docs/protocol.md").lines().any(|found| found == line),
        "\ngossip/wire/src has changed since docs/protocol.md was last held against it. Read the page's sections \
         that speak of the change, correct them, and put this line in place of the one that looks like it:\n{line}\n"
    );
}

/// Without tests, which change no byte of the protocol.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn architecture_stays_short() {
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(lines <= MAX_LINES_OF_ARCHITECTURE, "{lines} lines");
}

#[test]
fn commands_of_the_pages_are_in_the_makefile() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0))
        .filter(|target| is_lower_case(target))
        .collect();
    let mut faults = Vec::new();
    for page in pages() {
        for code in code(&read(&page), "sh") {
            let mut words = code.split_whitespace().skip_while(|word| word.contains('='));
            if words.next() != Some("make") {
                continue;
            }
            let wanted = words.next().filter(|word| is_lower_case(word));
            if let Some(wanted) = wanted.filter(|wanted| !targets.contains(wanted)) {
                faults.push(format!("{page}: the Makefile has no {wanted}"));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn commands_of_the_pages_are_in_the_program() {
    let mut asked = BTreeSet::new();
    let mut faults = Vec::new();
    for page in pages() {
        for code in code(&read(&page), "sh") {
            let Some(line) = code.trim_start_matches("target/release/").strip_prefix("vigie ") else {
                continue;
            };
            let words: Vec<&str> = line
                .split_whitespace()
                .take_while(|word| is_lower_case(word))
                .collect();
            if words.is_empty() || !asked.insert(words.join(" ")) {
                continue;
            }
            let output = Command::new(env!("CARGO_BIN_EXE_vigie"))
                .args(&words)
                .arg("--help")
                .output()
                .unwrap();
            if !output.status.success() {
                faults.push(format!("{page}: there is no vigie {}", words.join(" ")));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn files_that_pages_name_exist() {
    let mut faults = Vec::new();
    for page in pages() {
        for code in code(&read(&page), "") {
            for word in code.split_whitespace() {
                let word = word.trim_end_matches(['/', ',', '.', ';', ':']);
                let first = word.split('/').next().unwrap_or_default();
                // `a/*.b` and `a/{b,c}` are patterns; `target` is there after a build.
                let is_path = word.contains('/')
                    && !first.is_empty()
                    && !["target", "result", ".", ".."].contains(&first)
                    && root().join(first).is_dir()
                    && !word.contains(['*', '{', '<', '$', '(']);
                if is_path && !root().join(word).exists() {
                    faults.push(format!("{page}: there is no {word}"));
                }
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut faults = Vec::new();
    for page in pages() {
        let text = read(&page);
        let folder = Path::new(&page).parent().unwrap();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            if !root().join(folder).join(path).exists() {
                faults.push(format!("{page}: a link to {path}, which is not there"));
            }
        }
    }
    assert_none(&faults);
}
