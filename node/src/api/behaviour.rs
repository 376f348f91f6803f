//! Which behaviour of the network an agent's scenario sees, by its name: a pushed alert does not say.
//!
//! Before this stop: `pushed`. After it: `push`, for machines that may publish. The names are those of CrowdSec's hub, and
//! the behaviours those that it labels them with. Deliberately absent, so that nothing of them is shared: scenarios that
//! strangers can have see what they like (a scan of ports, DNS, SIP: a datagram's sender is easily false), and names that
//! say too little.

use vigie_wire::Behaviour;

/// The name behind its author's, or with `*` how it begins. The first that fits counts.
const NAMES: &[(&str, &str)] = &[
    ("ssh-bf*", "ssh:bruteforce"),
    ("ssh-slow-bf*", "ssh:bruteforce"),
    ("ssh-time-based-bf", "ssh:bruteforce"),
    ("endlessh-bf", "ssh:bruteforce"),
    ("sshesame-honeypot", "ssh:bruteforce"),
    ("ssh-cve-*", "ssh:exploit"),
    ("telnet-bf", "telnet:bruteforce"),
    ("vsftpd-bf", "ftp:bruteforce"),
    ("proftpd-bf*", "ftp:bruteforce"),
    ("pureftpd-bf", "ftp:bruteforce"),
    ("postfix-spam", "smtp:spam"),
    ("exim-spam", "smtp:spam"),
    ("exim-bf", "smtp:bruteforce"),
    ("dovecot-spam", "pop3/imap:bruteforce"),
    ("mysql-bf", "database:bruteforce"),
    ("mariadb-bf", "database:bruteforce"),
    ("mssql-bf", "database:bruteforce"),
    ("pgsql-bf*", "database:bruteforce"),
    ("mongodb-bf", "database:bruteforce"),
    ("smb-bf", "smb:bruteforce"),
    ("windows-bf", "windows:bruteforce"),
    ("home-assistant-bf", "iot:bruteforce"),
    ("gitea-bf", "vcs:bruteforce"),
    ("gitlab-bf", "vcs:bruteforce"),
    ("proxmox-bf*", "vm-management:bruteforce"),
    ("http-bf-wordpress_bf*", "http:bruteforce"),
    ("http-generic-bf", "http:bruteforce"),
    ("http-magento-bf", "http:bruteforce"),
    ("nextcloud-bf*", "http:bruteforce"),
    ("vaultwarden-bf*", "http:bruteforce"),
    ("authelia-bf*", "http:bruteforce"),
    ("jellyfin-bf*", "http:bruteforce"),
    ("http-probing*", "http:scan"),
    ("http-bad-user-agent", "http:scan"),
    ("http-sensitive-files", "http:scan"),
    ("http-admin-interface-probing", "http:scan"),
    ("http-wordpress-scan", "http:scan"),
    ("http-wordpress_user-enum", "http:scan"),
    ("http-wordpress_wpconfig", "http:scan"),
    ("http-open-proxy", "http:scan"),
    ("http-cve-probing", "http:scan"),
    ("http-crawl-non_statics", "http:crawl"),
    ("http-path-traversal-probing", "http:exploit"),
    ("http-sqli-probing*", "http:exploit"),
    ("http-xss-probing*", "http:exploit"),
    ("http-backdoors-attempts", "http:exploit"),
    ("http-cve-*", "http:exploit"),
    ("apache_log4j2_cve-2021-44228", "http:exploit"),
    ("spring4shell_cve-2022-22965", "http:exploit"),
    ("thinkphp-cve-2018-20062", "http:exploit"),
    ("fortinet-cve-*", "http:exploit"),
    ("f5-big-ip-cve-*", "http:exploit"),
    ("grafana-cve-*", "http:exploit"),
    ("jira_cve-*", "http:exploit"),
    ("pulse-secure-sslvpn-cve-*", "http:exploit"),
    ("vmware-cve-*", "http:exploit"),
    ("vmware-vcenter-vmsa-*", "http:exploit"),
];

/// The behaviour that a scenario of this name (`author/name`) sees, if the name says so.
pub(super) fn of_scenario(scenario: &str) -> Option<Behaviour> {
    let (_, name) = scenario.split_once('/')?;
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    let (_, behaviour) = NAMES.iter().find(|(pattern, _)| fits(pattern))?;
    Behaviour::by_name(behaviour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_hub_say_what_was_done() {
        for (pattern, behaviour) in NAMES {
            assert!(Behaviour::by_name(behaviour).is_some(), "{pattern}: {behaviour}");
        }
        let check = |scenario: &str, expected: Option<&str>| {
            let found = of_scenario(scenario).and_then(Behaviour::name);
            assert_eq!(found, expected, "{scenario}");
        };
        check("crowdsecurity/ssh-bf", Some("ssh:bruteforce"));
        check("crowdsecurity/ssh-bf_user-enum", Some("ssh:bruteforce"));
        check("crowdsecurity/http-cve-probing", Some("http:scan"));
        check("crowdsecurity/http-cve-2021-41773", Some("http:exploit"));
        check("LePresidente/gitea-bf", Some("vcs:bruteforce"));
        for silent in [
            "crowdsecurity/iptables-scan-multi_ports",
            "crowdsecurity/asterisk_bf",
            "mstilkerich/bind9-refused",
            "crowdsecurity/suricata-alerts",
            "crowdsecurity/CVE-2021-4034",
            "manual 'ban' from 'cscli'",
            "ssh-bf",
            "test/three",
            "",
        ] {
            check(silent, None);
        }
    }
}
