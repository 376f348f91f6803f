//! Our own named patterns, one file a theme.

/// Files and their text, in the order in which they are read: the first definition of a name stays.
pub const FILES: &[(&str, &str)] = &[
    ("base", include_str!("../../rules/patterns/base")),
    ("network", include_str!("../../rules/patterns/network")),
    ("dates", include_str!("../../rules/patterns/dates")),
    ("paths", include_str!("../../rules/patterns/paths")),
    ("syslog", include_str!("../../rules/patterns/syslog")),
    ("web", include_str!("../../rules/patterns/web")),
    ("ssh", include_str!("../../rules/patterns/ssh")),
    ("mail", include_str!("../../rules/patterns/mail")),
    ("proxy", include_str!("../../rules/patterns/proxy")),
    ("attacks", include_str!("../../rules/patterns/attacks")),
    ("modsecurity", include_str!("../../rules/patterns/modsecurity")),
    ("databases", include_str!("../../rules/patterns/databases")),
    ("java", include_str!("../../rules/patterns/java")),
    ("ruby", include_str!("../../rules/patterns/ruby")),
    ("cloud", include_str!("../../rules/patterns/cloud")),
    ("zeek", include_str!("../../rules/patterns/zeek")),
    ("junos", include_str!("../../rules/patterns/junos")),
    ("nagios", include_str!("../../rules/patterns/nagios")),
    ("cisco", include_str!("../../rules/patterns/cisco")),
    ("firewalls", include_str!("../../rules/patterns/firewalls")),
    ("bacula", include_str!("../../rules/patterns/bacula")),
];
