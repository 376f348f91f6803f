//! The one table of `discover`: services, where distributions keep their logs, and what the journal calls them.
//!
//! Paths are those of Debian and Ubuntu, RHEL and Fedora, SUSE, Arch, Alpine and the BSDs, and of the programs' own
//! documentation. Deliberately absent: containers, whose logs have no name that tells what runs in them.

/// A service and its logs.
#[derive(Debug)]
pub(super) struct Service {
    /// What people call it.
    pub(super) name: &'static str,
    /// Alternatives, each some (type of lines, path below the root). The first of which a file can be read is read: two
    /// alternatives hold the same lines, and what is read twice counts twice.
    pub(super) places: &'static [&'static [(&'static str, &'static str)]],
    /// Its names in the journal, which is asked where no file can be read.
    pub(super) identifiers: &'static [&'static str],
    /// Accounts that it runs under, beside root: only these may write under its names.
    pub(super) accounts: &'static [&'static str],
    /// Paths of which one is there where the service is; without any, it is taken to be everywhere.
    pub(super) signs: &'static [&'static str],
}

/// What a syslog daemon writes that has one log for everything. Read only where there are neither a log of logins nor a
/// journal, because elsewhere it repeats what other logs have.
pub(super) const CATCH_ALL: &[&str] = &["var/log/messages", "var/log/syslog"];

/// Where systemd keeps its journal.
pub(super) const JOURNALS: &[&str] = &["var/log/journal", "run/log/journal"];

pub(super) const SERVICES: &[Service] = &[
    // The log of logins: also sudo, su, and all that speaks through PAM.
    Service {
        name: "sshd",
        places: &[
            &[("syslog", "var/log/auth.log")],
            &[("syslog", "var/log/secure")],
            &[("syslog", "var/log/authlog")],
        ],
        // From OpenSSH 9.8 on the process that speaks with the client has a name of its own.
        identifiers: &["sshd", "sshd-session", "sshd-auth", "sudo", "su"],
        accounts: &[],
        signs: &[],
    },
    Service {
        name: "nginx",
        // Its error log is not read: visitors can write any line into it (see the parser).
        places: &[&[("nginx", "var/log/nginx/*access.log")]],
        identifiers: &[],
        accounts: &[],
        signs: &["etc/nginx", "usr/local/etc/nginx"],
    },
    Service {
        name: "apache",
        places: &[
            &[
                ("apache2", "var/log/apache2/*access.log"),
                ("apache2", "var/log/apache2/*error.log"),
            ],
            &[
                ("apache2", "var/log/apache2/*access_log"),
                ("apache2", "var/log/apache2/*error_log"),
            ],
            &[
                ("apache2", "var/log/httpd/*access_log"),
                ("apache2", "var/log/httpd/*error_log"),
            ],
            &[
                ("apache2", "var/log/httpd-access.log"),
                ("apache2", "var/log/httpd-error.log"),
            ],
        ],
        identifiers: &[],
        accounts: &[],
        signs: &["etc/apache2", "etc/httpd", "usr/local/etc/apache24"],
    },
    Service {
        name: "haproxy",
        places: &[&[("syslog", "var/log/haproxy.log")]],
        identifiers: &["haproxy"],
        accounts: &["haproxy"],
        signs: &["etc/haproxy", "usr/local/etc/haproxy.conf"],
    },
    Service {
        name: "traefik",
        places: &[
            &[("traefik", "var/log/traefik/*access*.log")],
            &[("traefik", "var/log/traefik.log")],
        ],
        identifiers: &["traefik"],
        accounts: &["traefik"],
        signs: &["etc/traefik"],
    },
    Service {
        name: "caddy",
        places: &[&[("caddy", "var/log/caddy/*.log")]],
        identifiers: &["caddy"],
        accounts: &["caddy"],
        signs: &["etc/caddy", "usr/local/etc/caddy"],
    },
    Service {
        name: "mail",
        places: &[
            &[("syslog", "var/log/mail.log")],
            &[("syslog", "var/log/maillog")],
            &[("syslog", "var/log/mail")],
        ],
        identifiers: &[
            "postfix/smtpd",
            "postfix/submission/smtpd",
            "postfix/submissions/smtpd",
            "postfix/smtps/smtpd",
            "postfix/postscreen",
            "dovecot",
        ],
        accounts: &["postfix", "dovecot", "dovenull"],
        signs: &[
            "etc/postfix",
            "etc/dovecot",
            "usr/local/etc/postfix",
            "usr/local/etc/dovecot",
        ],
    },
    // Where Dovecot was told to keep a log of its own.
    Service {
        name: "dovecot",
        places: &[
            &[("dovecot", "var/log/dovecot-info.log")],
            &[("dovecot", "var/log/dovecot.log")],
        ],
        identifiers: &[],
        accounts: &[],
        signs: &["etc/dovecot", "usr/local/etc/dovecot"],
    },
    Service {
        name: "mysql",
        places: &[
            &[
                ("mysql", "var/log/mysql/error.log"),
                ("mysql", "var/lib/mysql/server_audit.log"),
            ],
            &[
                ("mysql", "var/log/mysqld.log"),
                ("mysql", "var/lib/mysql/server_audit.log"),
            ],
            &[
                ("mysql", "var/log/mariadb/mariadb.log"),
                ("mysql", "var/lib/mysql/server_audit.log"),
            ],
            &[("mysql", "var/log/mysql/mysqld.log")],
            &[("mysql", "var/lib/mysql/*.err")],
            &[("mysql", "var/db/mysql/*.err")],
        ],
        identifiers: &["mariadbd", "mysqld"],
        accounts: &["mysql"],
        signs: &["etc/mysql", "etc/my.cnf", "usr/local/etc/mysql"],
    },
    Service {
        name: "postgresql",
        places: &[
            &[("postgresql", "var/log/postgresql/*.log")],
            &[("postgresql", "var/lib/pgsql/data/log/*.log")],
            &[("postgresql", "var/lib/pgsql/*/data/log/*.log")],
            &[("postgresql", "var/lib/postgres/data/log/*.log")],
            &[("postgresql", "var/lib/postgresql/*/data/log/*.log")],
        ],
        identifiers: &["postgres"],
        accounts: &["postgres"],
        signs: &[
            "etc/postgresql",
            "var/lib/pgsql",
            "var/lib/postgres",
            "var/lib/postgresql",
            "var/db/postgres",
        ],
    },
    Service {
        name: "vsftpd",
        places: &[&[("vsftpd", "var/log/vsftpd.log")]],
        identifiers: &["vsftpd"],
        accounts: &[],
        signs: &["etc/vsftpd.conf", "etc/vsftpd", "usr/local/etc/vsftpd.conf"],
    },
    Service {
        name: "nextcloud",
        places: &[
            &[
                ("nextcloud", "var/log/nextcloud/*.log"),
                ("nextcloud", "var/www/nextcloud/data/audit.log"),
            ],
            &[
                ("nextcloud", "var/www/nextcloud/data/nextcloud.log"),
                ("nextcloud", "var/www/nextcloud/data/audit.log"),
            ],
            &[
                ("nextcloud", "var/www/html/nextcloud/data/nextcloud.log"),
                ("nextcloud", "var/www/html/nextcloud/data/audit.log"),
            ],
            &[
                ("nextcloud", "var/lib/nextcloud/data/nextcloud.log"),
                ("nextcloud", "var/lib/nextcloud/data/audit.log"),
            ],
            &[
                (
                    "nextcloud",
                    "var/snap/nextcloud/common/nextcloud/data/nextcloud.log",
                ),
                ("nextcloud", "var/snap/nextcloud/common/nextcloud/data/audit.log"),
            ],
            &[
                ("nextcloud", "usr/local/www/nextcloud/data/nextcloud.log"),
                ("nextcloud", "usr/local/www/nextcloud/data/audit.log"),
            ],
        ],
        identifiers: &["Nextcloud", "nextcloud"],
        accounts: &["www-data", "apache", "nginx", "http", "wwwrun"],
        signs: &[
            "var/www/nextcloud",
            "var/www/html/nextcloud",
            "var/lib/nextcloud",
            "var/snap/nextcloud",
            "usr/local/www/nextcloud",
        ],
    },
    Service {
        name: "vaultwarden",
        places: &[
            &[("vaultwarden", "var/log/vaultwarden.log")],
            &[("vaultwarden", "var/log/vaultwarden/*.log")],
            &[("vaultwarden", "var/lib/vaultwarden/vaultwarden.log")],
            &[("vaultwarden", "opt/vaultwarden/data/vaultwarden.log")],
        ],
        identifiers: &["vaultwarden"],
        accounts: &["vaultwarden"],
        signs: &["etc/vaultwarden.env", "var/lib/vaultwarden", "opt/vaultwarden"],
    },
    Service {
        name: "gitea",
        places: &[
            &[("gitea", "var/lib/gitea/log/gitea.log")],
            &[("gitea", "var/log/gitea/gitea.log")],
            &[("gitea", "var/lib/forgejo/log/forgejo.log")],
            &[("gitea", "var/lib/forgejo/log/gitea.log")],
            &[("gitea", "var/log/forgejo/*.log")],
        ],
        identifiers: &["gitea", "forgejo"],
        accounts: &["gitea", "git", "forgejo"],
        signs: &["etc/gitea", "etc/forgejo", "var/lib/gitea", "var/lib/forgejo"],
    },
    Service {
        name: "asterisk",
        places: &[
            &[("asterisk", "var/log/asterisk/security")],
            &[("asterisk", "var/log/asterisk/security.log")],
            &[("asterisk", "var/log/asterisk/messages.log")],
            &[("asterisk", "var/log/asterisk/messages")],
            &[("asterisk", "var/log/asterisk/full")],
        ],
        identifiers: &["asterisk"],
        accounts: &["asterisk"],
        signs: &["etc/asterisk", "usr/local/etc/asterisk"],
    },
    Service {
        name: "openvpn",
        places: &[
            &[("openvpn", "var/log/openvpn/openvpn.log")],
            &[("openvpn", "var/log/openvpn.log")],
        ],
        identifiers: &["openvpn", "ovpn-server"],
        accounts: &["openvpn", "nobody"],
        signs: &["etc/openvpn", "usr/local/etc/openvpn"],
    },
];
