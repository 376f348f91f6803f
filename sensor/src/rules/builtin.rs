//! The rules that come with the program, embedded: stage, name, text. Their files stand in `sensor/rules`, and a test
//! compares this list with them.
//!
//! Deliberately absent: `parsers/s02-enrich/vigie/private-addresses.yaml`, which is opt-in and read from a directory.

/// Name and text of a file of `sensor/rules`. A macro, because `include_str!` wants a literal.
macro_rules! file {
    ($path:literal) => {
        (
            concat!("builtin/", $path),
            include_str!(concat!("../../rules/", $path)),
        )
    };
}

/// Parser files, by stage.
pub(super) const PARSERS: &[(&str, &[(&str, &str)])] = &[
    ("s00-raw", &[file!("parsers/s00-raw/vigie/syslog.yaml")]),
    (
        "s01-parse",
        &[
            file!("parsers/s01-parse/vigie/apache2.yaml"),
            file!("parsers/s01-parse/vigie/asterisk.yaml"),
            file!("parsers/s01-parse/vigie/caddy.yaml"),
            file!("parsers/s01-parse/vigie/dovecot.yaml"),
            file!("parsers/s01-parse/vigie/gitea.yaml"),
            file!("parsers/s01-parse/vigie/haproxy.yaml"),
            file!("parsers/s01-parse/vigie/mysql.yaml"),
            file!("parsers/s01-parse/vigie/nextcloud.yaml"),
            file!("parsers/s01-parse/vigie/nginx.yaml"),
            file!("parsers/s01-parse/vigie/openvpn.yaml"),
            file!("parsers/s01-parse/vigie/postfix.yaml"),
            file!("parsers/s01-parse/vigie/postgresql.yaml"),
            file!("parsers/s01-parse/vigie/sshd.yaml"),
            file!("parsers/s01-parse/vigie/sudo.yaml"),
            file!("parsers/s01-parse/vigie/traefik.yaml"),
            file!("parsers/s01-parse/vigie/vaultwarden.yaml"),
            file!("parsers/s01-parse/vigie/vsftpd.yaml"),
            file!("parsers/s01-parse/vigie/wordpress.yaml"),
        ],
    ),
    (
        "s02-enrich",
        &[
            file!("parsers/s02-enrich/vigie/date.yaml"),
            file!("parsers/s02-enrich/vigie/http.yaml"),
        ],
    ),
];

/// Scenario files.
pub(super) const SCENARIOS: &[(&str, &str)] = &[
    file!("scenarios/vigie/asterisk.yaml"),
    file!("scenarios/vigie/compromise.yaml"),
    file!("scenarios/vigie/databases.yaml"),
    file!("scenarios/vigie/dovecot.yaml"),
    file!("scenarios/vigie/gitea.yaml"),
    file!("scenarios/vigie/http-crawl.yaml"),
    file!("scenarios/vigie/http-exploit.yaml"),
    file!("scenarios/vigie/http-login.yaml"),
    file!("scenarios/vigie/http-scan.yaml"),
    file!("scenarios/vigie/nextcloud.yaml"),
    file!("scenarios/vigie/openvpn.yaml"),
    file!("scenarios/vigie/postfix.yaml"),
    file!("scenarios/vigie/ssh.yaml"),
    file!("scenarios/vigie/sudo.yaml"),
    file!("scenarios/vigie/vaultwarden.yaml"),
    file!("scenarios/vigie/vsftpd.yaml"),
    file!("scenarios/vigie/wordpress.yaml"),
];
