//! The rules that come with the program, embedded: stage, name, text. Their files stand in `sensor/rules`.

/// Parser files.
pub(super) const PARSERS: &[(&str, &str, &str)] = &[
    (
        "s00-raw",
        "builtin/parsers/s00-raw/syslog.yaml",
        include_str!("../../rules/parsers/s00-raw/syslog.yaml"),
    ),
    (
        "s01-parse",
        "builtin/parsers/s01-parse/apache2.yaml",
        include_str!("../../rules/parsers/s01-parse/apache2.yaml"),
    ),
    (
        "s01-parse",
        "builtin/parsers/s01-parse/nginx.yaml",
        include_str!("../../rules/parsers/s01-parse/nginx.yaml"),
    ),
    (
        "s01-parse",
        "builtin/parsers/s01-parse/sshd.yaml",
        include_str!("../../rules/parsers/s01-parse/sshd.yaml"),
    ),
    (
        "s02-enrich",
        "builtin/parsers/s02-enrich/date.yaml",
        include_str!("../../rules/parsers/s02-enrich/date.yaml"),
    ),
    (
        "s02-enrich",
        "builtin/parsers/s02-enrich/http.yaml",
        include_str!("../../rules/parsers/s02-enrich/http.yaml"),
    ),
];

/// Scenario files.
pub(super) const SCENARIOS: &[(&str, &str)] = &[
    (
        "builtin/scenarios/http.yaml",
        include_str!("../../rules/scenarios/http.yaml"),
    ),
    (
        "builtin/scenarios/ssh.yaml",
        include_str!("../../rules/scenarios/ssh.yaml"),
    ),
];
