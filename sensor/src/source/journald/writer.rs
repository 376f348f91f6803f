//! Who wrote an entry of the journal, and whether he may speak in the name that it bears.
//!
//! The identifier of an entry is whatever its writer says: `logger -t sshd` is open to every account of the machine, and
//! whoever forges sshd's lines has others blocked. What the journal itself noted of the writer (the fields with a leading
//! underscore) is not his to choose. Deliberately absent: what the entry says (`entry`).

use std::collections::HashSet;

use crate::source::discover;

/// What the journal noted of whoever wrote an entry; empty where it noted nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Writer {
    /// `_UID`
    pub(crate) uid: String,
    /// `_SYSTEMD_UNIT`
    pub(crate) unit: String,
    /// `_EXE`
    pub(crate) program: String,
    /// `_TRANSPORT`
    pub(crate) transport: String,
}

/// Whom a source believes.
#[derive(Debug)]
pub(crate) struct Judge {
    /// The matches name a unit or an account, so every entry that comes is from there.
    chosen: bool,
    /// User numbers that may speak in any name.
    any: HashSet<String>,
    /// `/etc/passwd`
    accounts: String,
}

/// Written by the kernel, by the journal itself, or over a socket that only root may write to.
const OWN_TRANSPORTS: &[&str] = &["kernel", "driver", "audit"];
/// Programs that run as root while the journal notes the account that called them.
const SET_UID: &[&str] = &["su", "sudo"];

// === impl Judge ===

impl Judge {
    /// Of a source's matches and the accounts (names or numbers) that it believes beside root; `passwd` is the text of
    /// `/etc/passwd`.
    pub(crate) fn new(matches: &[String], believed: &[String], passwd: String) -> Self {
        let names_writer = |one: &String| one.starts_with("_SYSTEMD_UNIT=") || one.starts_with("_UID=");
        // `+` is an alternative to all that stands before it.
        let chosen = matches.iter().any(names_writer) && !matches.iter().any(|one| one == "+");
        let mut judge = Self {
            chosen,
            any: HashSet::new(),
            accounts: passwd,
        };
        judge.any = believed
            .iter()
            .map(|account| match judge.uid_of(account) {
                Some(uid) => uid.to_owned(),
                None => account.clone(),
            })
            .collect();
        judge
    }

    /// Whether a writer may speak in that name: root, the service's own unit or account, or whom the source believes.
    pub(crate) fn believes(&self, writer: &Writer, identifier: &str) -> bool {
        if self.chosen || writer.uid == "0" || OWN_TRANSPORTS.contains(&&*writer.transport) {
            return true;
        }
        // Units of the system are made by root alone; those of a user are all `user@N.service` here.
        let unit = writer.unit.strip_suffix(".service").unwrap_or_default();
        let own_unit = unit.split_once('@').map_or(unit, |(template, _)| template);
        if !identifier.is_empty() && own_unit == identifier && own_unit != "user" {
            return true;
        }
        if SET_UID.contains(&identifier) && is_of_system(&writer.program, identifier) {
            return true;
        }
        self.any.contains(&writer.uid)
            || discover::accounts_of(identifier)
                .iter()
                .any(|account| self.uid_of(account).is_some_and(|uid| uid == writer.uid))
    }

    fn uid_of(&self, account: &str) -> Option<&str> {
        self.accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(account)).then(|| fields.nth(1))?
        })
    }
}

/// Whether a path is that of the system's own program of this name.
fn is_of_system(path: &str, name: &str) -> bool {
    ["/usr/bin/", "/bin/"]
        .iter()
        .any(|folder| path.strip_prefix(folder) == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0::/root:/bin/sh\npostfix:x:101:1::/:/x\nmallory:x:1000:1::/:/x\nweb:x:33:1::/:/x\n";

    #[track_caller]
    fn check(identifier: &str, uid: &str, unit: &str, program: &str, believed: bool) {
        let judge = Judge::new(
            &[format!("SYSLOG_IDENTIFIER={identifier}")],
            &["web".to_owned(), "77".to_owned()],
            PASSWD.to_owned(),
        );
        let writer = Writer {
            uid: uid.to_owned(),
            unit: unit.to_owned(),
            program: program.to_owned(),
            transport: "syslog".to_owned(),
        };
        assert_eq!(
            judge.believes(&writer, identifier),
            believed,
            "{identifier} {writer:?}"
        );
    }

    #[test]
    fn a_name_is_believed_of_root_the_service_and_whom_the_source_names() {
        check("sshd", "0", "ssh.service", "/usr/sbin/sshd", true);
        check("sshd", "1000", "session-3.scope", "/usr/bin/logger", false);
        check("sshd", "1000", "user@1000.service", "/usr/sbin/sshd", false);
        check("user", "1000", "user@1000.service", "/usr/bin/logger", false);
        check("sshd", "", "", "", false);
        check("", "1000", ".service", "", false);
        // Its own unit, also of a template; its own account, and that one in no other name.
        check("caddy", "999", "caddy.service", "/usr/bin/caddy", true);
        check(
            "openvpn",
            "65534",
            "openvpn@office.service",
            "/usr/sbin/openvpn",
            true,
        );
        check(
            "postfix/smtpd",
            "101",
            "postfix@-.service",
            "/usr/lib/postfix/smtpd",
            true,
        );
        check("sshd", "101", "postfix@-.service", "/usr/bin/logger", false);
        // Set-uid programs are noted with their caller.
        check("sudo", "1000", "session-3.scope", "/usr/bin/sudo", true);
        check("sudo", "1000", "session-3.scope", "/usr/bin/logger", false);
        check("su", "1000", "session-3.scope", "/opt/usr/bin/su", false);
        // What the configuration adds, by name and by number.
        check("anything", "33", "", "", true);
        check("anything", "77", "", "", true);
    }

    #[test]
    fn a_unit_that_was_chosen_needs_no_other_proof() {
        let judge = |matches: &[&str]| {
            let matches: Vec<_> = matches.iter().map(|one| (*one).to_owned()).collect();
            let judge = Judge::new(&matches, &[], PASSWD.to_owned());
            let writer = Writer {
                uid: "1000".to_owned(),
                ..Writer::default()
            };
            judge.believes(&writer, "sshd")
        };
        assert!(judge(&["_SYSTEMD_UNIT=ssh.service"]));
        assert!(!judge(&[]));
        assert!(!judge(&[
            "_SYSTEMD_UNIT=ssh.service",
            "+",
            "SYSLOG_IDENTIFIER=sshd"
        ]));
    }
}
