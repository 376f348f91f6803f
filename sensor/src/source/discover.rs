//! Which logs this machine has: what `vigie up` watches without a configuration file.
//!
//! Every place that was looked at is reported with the reason why it was taken or not, because a log that is silently
//! not watched is an attack that is silently not seen. Deliberately absent: reading them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::file::pattern;
use super::{From, SourceConfig};

/// A place where a log could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The service whose log it is: `sshd`, `nginx`, `apache`.
    pub service: &'static str,
    /// How it would be read.
    pub source: SourceConfig,
    /// Whether it should be.
    pub taken: bool,
    /// Why, in words for the operator.
    pub why: String,
}

/// Service, type of its lines, path under the root.
const FILES: &[(&str, &str, &str)] = &[
    ("sshd", "syslog", "var/log/auth.log"),
    ("sshd", "syslog", "var/log/secure"),
    ("nginx", "nginx", "var/log/nginx/*access.log"),
    ("nginx", "nginx", "var/log/nginx/*error.log"),
    ("apache", "apache2", "var/log/apache2/*access.log"),
    ("apache", "apache2", "var/log/apache2/*error.log"),
    ("apache", "apache2", "var/log/httpd/*access_log"),
    ("apache", "apache2", "var/log/httpd/*error_log"),
];
/// Where systemd keeps its journal.
const JOURNALS: &[&str] = &["var/log/journal", "run/log/journal"];
/// From OpenSSH 9.8 on the process that speaks with the client has a name of its own.
const SSHD_MATCHES: &[&str] = &["SYSLOG_IDENTIFIER=sshd", "SYSLOG_IDENTIFIER=sshd-session"];

/// Looks for the logs of a machine whose root directory is `root`.
pub fn discover(root: &Path) -> Vec<Found> {
    let mut found: Vec<Found> = FILES
        .iter()
        .map(|(service, kind, path)| file(service, kind, &root.join(path)))
        .collect();
    let sshd = found
        .iter()
        .find(|one| one.service == "sshd" && one.taken)
        .map(|one| one.source.from.name());
    found.push(journal(root, sshd.as_deref()));
    found
}

fn file(service: &'static str, kind: &str, path: &Path) -> Found {
    let paths: Vec<PathBuf> = if pattern::is_pattern(path) {
        pattern::expand(path)
    } else {
        vec![path.to_owned()]
    };
    let mut readable = 0;
    let mut refused = None;
    for path in &paths {
        match File::open(path) {
            Ok(_) => readable += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => refused = Some(format!("{} cannot be read: {error}", path.display())),
        }
    }
    let (taken, why) = match (readable, refused) {
        (0, None) => (false, "no such log".to_owned()),
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

fn journal(root: &Path, sshd: Option<&str>) -> Found {
    let place = JOURNALS
        .iter()
        .map(|path| root.join(path))
        .find(|path| path.is_dir());
    let readable = place
        .as_ref()
        .map(|path| path.read_dir().map(|mut entries| entries.next().is_some()));
    let (taken, why) = match (sshd, readable) {
        (Some(path), _) => (false, format!("sshd is already read from {path}")),
        (None, None) => (false, "this machine keeps no journal".to_owned()),
        (None, Some(Ok(true))) => (true, "readable".to_owned()),
        (None, Some(Ok(false))) => (false, "the journal is empty".to_owned()),
        (None, Some(Err(error))) => (false, format!("the journal cannot be read: {error}")),
    };
    let matches = SSHD_MATCHES.iter().map(|text| (*text).to_owned()).collect();
    let source = SourceConfig {
        kind: "syslog".to_owned(),
        from: From::Journald { matches },
    };
    Found {
        service: "sshd",
        source,
        taken,
        why,
    }
}
