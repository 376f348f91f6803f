//! What `discover` takes on machines of several kinds, each a folder with the files that such a machine has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use vigie_sensor::source::discover;

/// What is taken of a machine with these files: `service kind place why`; a path that ends in `/` is a folder.
fn taken(files: &[&str]) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    make(root.path(), files);
    let found = discover(root.path());
    assert!(found.iter().all(|found| !found.why.is_empty()));
    let below = format!("{}/", root.path().display());
    let taken = found.into_iter().filter(|found| found.taken);
    taken
        .map(|found| {
            let place = found.source.from.name().replace(&below, "");
            format!("{} {} {place} {}", found.service, found.source.kind, found.why)
        })
        .collect()
}

fn make(root: &Path, files: &[&str]) {
    for file in files {
        let path = root.join(file);
        if file.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x\n").unwrap();
        }
    }
}

#[test]
fn an_empty_machine_and_one_with_a_journal_only() {
    assert_eq!(taken(&[]), [""; 0]);
    let sshd = "sshd syslog journald SYSLOG_IDENTIFIER=sshd SYSLOG_IDENTIFIER=sshd-session SYSLOG_IDENTIFIER=sshd-auth SYSLOG_IDENTIFIER=sudo SYSLOG_IDENTIFIER=su readable";
    assert_eq!(taken(&["var/log/journal/abc/"]), [sshd]);
    assert_eq!(taken(&["var/log/journal/"]), [""; 0]);
    // The journal is asked for services that are here.
    assert_eq!(
        taken(&["run/log/journal/abc/", "etc/caddy/", "etc/openvpn/"]),
        [
            sshd,
            "caddy syslog journald SYSLOG_IDENTIFIER=caddy readable",
            "openvpn syslog journald SYSLOG_IDENTIFIER=openvpn SYSLOG_IDENTIFIER=ovpn-server readable",
        ]
    );
}

#[test]
fn debian() {
    assert_eq!(
        taken(&[
            "var/log/journal/abc/",
            "var/log/auth.log",
            "var/log/syslog",
            "var/log/mail.log",
            "var/log/nginx/access.log",
            "var/log/nginx/site-access.log",
            "var/log/nginx/access.log.1",
            "var/log/nginx/error.log",
            "var/log/apache2/other_vhosts_access.log",
            "var/log/postgresql/postgresql-16-main.log",
            "var/www/nextcloud/data/nextcloud.log",
            "etc/postfix/",
            "etc/mysql/",
        ]),
        [
            "sshd syslog var/log/auth.log readable",
            "nginx nginx var/log/nginx/*access.log 2 readable files",
            "apache apache2 var/log/apache2/*access.log readable",
            "mail syslog var/log/mail.log readable",
            "mysql syslog journald SYSLOG_IDENTIFIER=mariadbd SYSLOG_IDENTIFIER=mysqld readable",
            "postgresql postgresql var/log/postgresql/*.log readable",
            "nextcloud nextcloud var/www/nextcloud/data/nextcloud.log readable",
        ]
    );
}

#[test]
fn others() {
    // RHEL.
    assert_eq!(
        taken(&[
            "run/log/journal/abc/",
            "var/log/secure",
            "var/log/messages",
            "var/log/maillog",
            "var/log/httpd/access_log",
            "var/log/httpd/ssl_error_log",
            "var/lib/pgsql/data/log/postgresql-Mon.log",
            "var/log/mariadb/mariadb.log",
        ]),
        [
            "sshd syslog var/log/secure readable",
            "apache apache2 var/log/httpd/*access_log readable",
            "apache apache2 var/log/httpd/*error_log readable",
            "mail syslog var/log/maillog readable",
            "mysql mysql var/log/mariadb/mariadb.log readable",
            "postgresql postgresql var/lib/pgsql/data/log/*.log readable",
        ]
    );
    // Alpine has one log for everything.
    assert_eq!(
        taken(&["var/log/messages", "var/log/nginx/access.log"]),
        [
            "nginx nginx var/log/nginx/*access.log readable",
            "syslog syslog var/log/messages readable",
        ]
    );
    // FreeBSD.
    assert_eq!(
        taken(&[
            "var/log/auth.log",
            "var/log/maillog",
            "var/log/messages",
            "var/log/httpd-access.log",
            "usr/local/www/nextcloud/data/audit.log",
        ]),
        [
            "sshd syslog var/log/auth.log readable",
            "apache apache2 var/log/httpd-access.log readable",
            "mail syslog var/log/maillog readable",
            "nextcloud nextcloud usr/local/www/nextcloud/data/audit.log readable",
        ]
    );
}

#[test]
fn the_same_lines_are_not_read_twice() {
    let root = tempfile::tempdir().unwrap();
    make(
        root.path(),
        &[
            "var/log/asterisk/security",
            "var/log/asterisk/messages",
            "var/log/journal/abc/",
            "etc/asterisk/",
        ],
    );
    let found = discover(root.path());
    let of_asterisk: Vec<(bool, String)> = found
        .iter()
        .filter(|found| found.service == "asterisk")
        .map(|found| {
            let why = found.why.replace(&root.path().display().to_string(), "");
            (found.taken, why)
        })
        .collect();
    assert_eq!(
        of_asterisk,
        [
            (true, "readable".to_owned()),
            (false, "/var/log/asterisk/security is read instead".to_owned()),
            (
                false,
                "asterisk is already read from /var/log/asterisk/security".to_owned()
            ),
        ]
    );
}

#[test]
fn what_may_not_be_read_is_said() {
    let root = tempfile::tempdir().unwrap();
    make(root.path(), &["var/lib/pgsql/data/log/a.log", "var/log/auth.log"]);
    let close = |path: &str| {
        fs::set_permissions(root.path().join(path), fs::Permissions::from_mode(0o000)).unwrap();
    };
    close("var/lib/pgsql/data/log");
    close("var/log/auth.log");
    let refused: Vec<&str> = discover(root.path())
        .iter()
        .filter(|found| !found.taken && found.why.contains("cannot be read"))
        .map(|found| found.service)
        .collect();
    // Root reads everything.
    if fs::File::open(root.path().join("var/log/auth.log")).is_err() {
        assert_eq!(refused, ["sshd", "postgresql"]);
    }
    fs::set_permissions(
        root.path().join("var/lib/pgsql/data/log"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
}
