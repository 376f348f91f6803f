//! Which logs this machine has: what `vigie up` watches without a configuration file.
//!
//! Every place of a service that is here is reported with the reason why it was taken or not, because a log that is
//! silently not watched is an attack that is silently not seen. The table stands in `services`. Deliberately absent:
//! reading them.

mod services;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use self::services::{CATCH_ALL, JOURNALS, SERVICES, Service};
use super::file::pattern;
use super::{From, SourceConfig};

/// A place where a log could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The service whose log it is: `sshd`, `nginx`, `mail`.
    pub service: &'static str,
    /// How it would be read.
    pub source: SourceConfig,
    /// Whether it should be.
    pub taken: bool,
    /// Why, in words for the operator.
    pub why: String,
}

/// What is known of the journal.
enum Journal {
    Readable,
    Unreadable(String),
    Missing,
}

/// Looks for the logs of a machine whose root directory is `root`.
pub fn discover(root: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    let journal = Journal::of(root);
    let mut has_logins = false;
    for service in SERVICES {
        let is_login = service.signs.is_empty();
        let is_here = is_login || service.signs.iter().any(|sign| root.join(sign).exists());
        let files = service.files(root);
        let read = files
            .iter()
            .find(|file| file.taken)
            .map(|file| file.source.from.name());
        has_logins |= is_login && read.is_some();
        let seen = files.into_iter().filter(|file| is_here || file.why != NONE);
        found.extend(seen);
        if is_here && !service.identifiers.is_empty() {
            found.push(service.journal(&journal, read.as_deref()));
        }
    }
    if !has_logins && !matches!(journal, Journal::Readable) {
        let files = CATCH_ALL
            .iter()
            .map(|path| file("syslog", "syslog", &root.join(path)));
        found.extend(first_taken(files.map(|file| vec![file])));
    }
    found
}

/// Why a log that is not there is not read.
const NONE: &str = "no such log";

/// All files of the alternatives, taken from the first of which one can be read.
fn first_taken(alternatives: impl Iterator<Item = Vec<Found>>) -> Vec<Found> {
    let mut all = Vec::new();
    let mut read: Option<String> = None;
    for mut files in alternatives {
        if let Some(read) = &read {
            files.retain(|file| file.taken);
            for file in &mut files {
                file.taken = false;
                file.why = format!("{read} is read instead");
            }
        } else {
            read = files
                .iter()
                .find(|file| file.taken)
                .map(|file| file.source.from.name());
        }
        all.extend(files);
    }
    if read.is_some() {
        // What is missing beside it is missing nobody.
        all.retain(|file: &Found| file.why != NONE);
    }
    all
}

fn file(service: &'static str, kind: &str, path: &Path) -> Found {
    let paths: Vec<PathBuf> = if pattern::is_pattern(path) {
        pattern::expand(path)
    } else {
        vec![path.to_owned()]
    };
    let mut readable = 0;
    let mut refused = refused_folder(path);
    for path in &paths {
        match File::open(path) {
            Ok(_) => readable += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => refused = Some(format!("{} cannot be read: {error}", path.display())),
        }
    }
    let (taken, why) = match (readable, refused) {
        (0, None) => (false, NONE.to_owned()),
        (0, Some(refused)) => (false, refused),
        (1, None) => (true, "readable".to_owned()),
        (count, None) => (true, format!("{count} readable files")),
        (count, Some(refused)) => (true, format!("{count} readable, but {refused}")),
    };
    Found {
        service,
        source: SourceConfig {
            kind: kind.to_owned(),
            from: From::File(path.to_owned()),
        },
        taken,
        why,
    }
}

/// The folder of a pattern, where it is there and may not be listed: what a pattern does not find it cannot refuse.
fn refused_folder(path: &Path) -> Option<String> {
    let folder = path.ancestors().find(|part| !pattern::is_pattern(part))?;
    if folder == path {
        return None;
    }
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Some(format!("{} cannot be read: {error}", folder.display()))
        }
        _ => None,
    }
}

/// The accounts that a service runs under which is known by this name in the journal, beside root.
pub(crate) fn accounts_of(identifier: &str) -> &'static [&'static str] {
    let found = SERVICES
        .iter()
        .find(|service| service.identifiers.contains(&identifier));
    found.map_or(&[], |service| service.accounts)
}

// === impl Service ===

impl Service {
    fn files(&self, root: &Path) -> Vec<Found> {
        first_taken(self.places.iter().map(|files| {
            let files = files.iter();
            files
                .map(|(kind, path)| file(self.name, kind, &root.join(path)))
                .collect()
        }))
    }

    fn journal(&self, journal: &Journal, read: Option<&str>) -> Found {
        let (taken, why) = match (read, journal) {
            (Some(path), _) => (false, format!("{} is already read from {path}", self.name)),
            (None, Journal::Readable) => (true, "readable".to_owned()),
            (None, Journal::Unreadable(why)) => (false, why.clone()),
            (None, Journal::Missing) => (false, "this machine keeps no journal".to_owned()),
        };
        let matches = self.identifiers.iter();
        let matches = matches.map(|name| format!("SYSLOG_IDENTIFIER={name}")).collect();
        Found {
            service: self.name,
            source: SourceConfig {
                kind: "syslog".to_owned(),
                from: From::Journald {
                    matches,
                    accounts: Vec::new(),
                },
            },
            taken,
            why,
        }
    }
}

// === impl Journal ===

impl Journal {
    fn of(root: &Path) -> Self {
        let place = JOURNALS
            .iter()
            .map(|path| root.join(path))
            .find(|path| path.is_dir());
        match place.map(|path| path.read_dir().map(|mut entries| entries.next().is_some())) {
            None => Self::Missing,
            Some(Ok(true)) => Self::Readable,
            Some(Ok(false)) => Self::Unreadable("the journal is empty".to_owned()),
            Some(Err(error)) => Self::Unreadable(format!("the journal cannot be read: {error}")),
        }
    }
}
