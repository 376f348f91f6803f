//! The hub's own rules through our loader, unchanged, and real logs through them.
//!
//! They lie beside the repository; where they do not, these tests say so and check nothing.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use vigie_sensor::grok::{Grok, Library};
use vigie_sensor::parse::{Parsed, Parser};
use vigie_sensor::rules::{Loader, Ruleset};
use vigie_wire::Timestamp;

use crate::parse::line;
use crate::skip::skip;

/// 2026-12-31T23:59:59Z
const NOW: Timestamp = Timestamp::from_secs(1_798_761_599);

pub(crate) fn shared(test: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if !path.join("hub").is_dir() {
        skip(test, &format!("there is no {}", path.display()));
        return None;
    }
    Some(path)
}

/// The parsers and scenarios that a web server with ssh needs.
const ITEMS: &[&str] = &[
    "parsers/s00-raw/crowdsecurity/syslog-logs.yaml",
    "parsers/s01-parse/crowdsecurity/sshd-logs.yaml",
    "parsers/s01-parse/crowdsecurity/nginx-logs.yaml",
    "parsers/s01-parse/crowdsecurity/apache2-logs.yaml",
    "parsers/s02-enrich/crowdsecurity/dateparse-enrich.yaml",
    "parsers/s02-enrich/crowdsecurity/http-logs.yaml",
    "scenarios/crowdsecurity/ssh-bf.yaml",
    "scenarios/crowdsecurity/ssh-slow-bf.yaml",
    "scenarios/crowdsecurity/http-probing.yaml",
    "scenarios/crowdsecurity/http-sensitive-files.yaml",
    "scenarios/crowdsecurity/http-bad-user-agent.yaml",
    "scenarios/crowdsecurity/http-crawl-non_statics.yaml",
    "scenarios/crowdsecurity/http-path-traversal-probing.yaml",
    "scenarios/crowdsecurity/http-sqli-probing.yaml",
];

fn hub_rules(shared: &Path) -> Ruleset {
    let mut loader = Loader::new();
    loader.data_dir(&shared.join("hub-data"));
    for item in ITEMS {
        loader.item(&shared.join("hub"), item);
    }
    match loader.finish() {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    }
}

/// How many of a file's lines these rules parse, of how many that hold a needle.
fn rate(rules: &Ruleset, file: &Path, kind: &str, needle: &str) -> (usize, usize) {
    let mut parser = Parser::new(rules);
    let bytes = std::fs::read(file).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|text| text.contains(needle)).collect();
    let is_parsed = |text: &&&str| matches!(parser.parse(&line(kind, text), NOW), Parsed::Event(_));
    (lines.iter().filter(is_parsed).count(), lines.len())
}

#[test]
fn the_whole_hub_loads() {
    let Some(shared) = shared("the hub") else { return };
    let started = std::time::Instant::now();
    let mut loader = Loader::new();
    loader.patterns_dir(&shared.join("hub/patterns"));
    loader.data_dir(&shared.join("hub-data")).dir(&shared.join("hub"));
    let (rules, errors) = loader.finish_lenient();
    let parsers: usize = rules.parsers().map(|(_, nodes)| nodes.len()).sum();
    println!(
        "{parsers} parser documents, {} scenario documents; refused: {}; warnings: {}; fields: {}; {:?}",
        rules.scenarios.len(),
        errors.len(),
        rules.warnings.len(),
        rules.names().len(),
        started.elapsed(),
    );
    assert_eq!(errors, []);
    assert_eq!(rules.scenarios.len(), 846);
    assert_eq!(parsers, 170);
}

#[test]
fn the_hub_parses_real_logs() {
    let Some(shared) = shared("the hub's parsers") else {
        return;
    };
    let hub = hub_rules(&shared);
    let own = Ruleset::builtin().unwrap();
    // Of sshd's lines most say nothing of attacks and are parsed by nobody.
    for (file, kind, needle, least_hub, least_own) in [
        ("loghub_openssh_2k.log", "syslog", "sshd[", 0.50, 0.50),
        ("elastic_auth.log", "syslog", "sshd[", 0.30, 0.30),
        ("gtk_auth.log", "syslog", "sshd[", 0.10, 0.10),
        ("elastic_apache_logs", "apache2", "", 0.99, 0.99),
        // Apache writes a dash for no bytes, nginx a zero.
        ("elastic_apache_logs", "nginx", "", 0.93, 0.93),
        ("gtk_hackers_access.log", "apache2", "", 0.99, 0.99),
        ("ocatak_netsparker.log", "apache2", "", 0.99, 0.99),
        ("ocatak_acunetix.log", "apache2", "", 0.99, 0.99),
        ("ocatak_w3af.log", "apache2", "", 0.99, 0.99),
    ] {
        let path = shared.join("logs").join(file);
        for (name, rules, least) in [("hub", &hub, least_hub), ("ours", &own, least_own)] {
            let (parsed, lines) = rate(rules, &path, kind, needle);
            println!("{file} as {kind}, {name}: {parsed} of {lines} lines parsed");
            #[expect(clippy::cast_precision_loss, reason = "counts of lines")]
            let share = parsed as f64 / lines as f64;
            assert!(share >= least, "{file} as {kind}, {name}: {share}");
        }
    }
}

/// All named patterns of the hub.
fn hub_library(shared: &Path) -> Library {
    let mut theirs = Library::default();
    let mut files: Vec<PathBuf> = std::fs::read_dir(shared.join("hub/patterns"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort_by_key(|path| !path.ends_with("builtin"));
    for file in files {
        theirs.add_file(&std::fs::read_to_string(file).unwrap());
    }
    theirs
}

#[test]
fn no_named_pattern_of_the_hub_is_missing() {
    let Some(shared) = shared("patterns") else { return };
    let (ours, theirs) = (Library::builtin(), hub_library(&shared));
    let own: HashSet<&str> = ours.names().collect();
    let missing: Vec<_> = theirs.names().filter(|name| !own.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    println!("{} names", theirs.names().count());
}

/// Where both libraries have a name, they agree on the samples of the hub's tests and on our own.
#[test]
fn our_patterns_agree_with_the_hub_s() {
    let Some(shared) = shared("patterns") else { return };
    let theirs = hub_library(&shared);
    let ours = Library::builtin();
    let samples = [
        "203.0.113.9",
        "2001:db8::7",
        "::ffff:1.2.3.4",
        "example.org",
        "web-1",
        "example.org:443",
        "-12",
        "3.14",
        "0x1F",
        "word",
        "two words",
        "a.b-c_d",
        "al@example.org",
        "\"quoted\"",
        "'x'",
        "May",
        "Jan 12 10:00:00",
        "Feb  3 1:02:03",
        "03/May/2026:10:00:00 +0200",
        "2026-05-03T10:00:00Z",
        "2026-05-03 10:00:00,123",
        "Sun May 03 10:00:00 2026",
        "2026/05/03 10:00:00",
        "23:59:60",
        "error",
        "WARN",
        "/a/b.php",
        "/a/b.php?x=1&y=[2]",
        "/var/log/syslog",
        "https://example.org:8080/a?b",
        "00:11:22:33:44:55",
        "123e4567-e89b-12d3-a456-426614174000",
        "",
        "Failed password for root from 203.0.113.9 port 52144 ssh2",
        "Invalid user a from 203.0.113.9",
        "Server listening on 0.0.0.0 port 22.",
        "Received disconnect from 203.0.113.9 port 4222:11: Bye Bye",
        "Connection closed by 203.0.113.9",
        "Connection closed by 203.0.113.9 port 22 [preauth]",
        "pam_unix(sshd:session): session opened for user bob by (uid=0)",
        "Address 203.0.113.9 maps to x.example.org, but this does not map back to the address - POSSIBLE BREAK-IN ATTEMPT!",
        "fatal: Unable to negotiate with 203.0.113.9 port 22: no matching cipher [preauth]",
        "Disconnecting: Too many authentication failures for root [preauth]",
        "refused connect from x (203.0.113.9)",
        "warning: /etc/hosts.deny, line 3: can't verify hostname: getaddrinfo(x, AF_INET) failed",
        "[1780272000] SERVICE ALERT: web;http;CRITICAL;SOFT;2;timeout",
        "[1780272000] EXTERNAL COMMAND: ENABLE_SVC_CHECK;web;http",
        "HOST NOTIFICATION: admin;web;DOWN;notify;lost",
        "    at org.example.Web.get(Web.java:12)",
        "Jan 12, 2026 10:00:00 AM org.example.Web started",
        "2026-05-03 10:00:00 +0200 | ERROR | org.example.Web - failed",
        "I, [2026-05-03T10:00:00.1 #42]  INFO -- prog: said",
        "Started GET \"/a?b=1\" for 203.0.113.9 at 2026-05-03 10:00:00 +0200",
        "42:M 03 May 10:00:00.123 * Ready",
        "2026-05-03T10:00:00.123+0200 I NETWORK  [conn1] end connection",
        "203.0.113.9:5000 [03/May/2026:10:00:00.123] web app/one 1/2/3/4/10 200 512 - - ---- 1/1/1/1/0 0/0 \"GET /a HTTP/1.1\"",
        "[severity \"CRITICAL\"]",
        "[id \"941100\"]",
        "[hostname \"example.org\"]",
        "1780272000.5\tCx\t203.0.113.9\t4000\t198.51.100.1\t53\tudp\t7\texample.org\t1\tIN\t1\tA\t0\tOK\tF\tF\tT\tT\t0\t-\t-\tF",
        "Jan 12 10:00:00 host CRON[42]: (root) CMD (run)",
        "Start queue run",
        "12-May 10:00 dir-1 JobId 7: Start Backup JobId 7, Job=web.2026",
        "Created new Volume \"v.1\" in catalog.",
        "Job write elapsed time = 00:10, Transfer rate = 1.5 M Bytes/second",
        "Pruned 3 Jobs for client web-1 from catalog.",
        "1,234,567",
        "Warning: bsock.c:127 Could not connect to Client: web-1 on web-1:9102. ERR=refused",
        "NAXSI_FMT: ip=203.0.113.9&server=x&uri=/a&learning=0&vers=1&total_processed=1&total_blocked=1&block=1&cscore0=$SQL&score0=8&zone0=ARGS",
    ];
    // Ours are told why: theirs accept what is no date or address, or miss what is one.
    let differs = [
        "MONTH",
        "URIPATH",
        "URIPARAM",
        "URIPATHPARAM",
        "EMAILLOCALPART",
        "EMAILADDRESS",
        "HTTPDUSER",
        "HAPROXYDATE",
    ];
    let (mut names, mut compared) = (0, 0);
    let mut ours_names: Vec<&str> = ours.names().collect();
    ours_names.sort_unstable();
    for name in ours_names {
        let pattern = format!("^(?:%{{{name}:all}})$");
        let (Ok(own), Ok(other)) = (ours.compile(&pattern), theirs.compile(&pattern)) else {
            continue;
        };
        names += 1;
        for sample in samples {
            compared += 1;
            let (own, other) = (own.parse(sample).is_some(), other.parse(sample).is_some());
            assert!(
                own == other || differs.contains(&name),
                "{name} on {sample:?}: ours {own}, theirs {other}"
            );
        }
    }
    println!("{names} names compared on {compared} samples");
    assert!(names >= 350, "{names}");
}

/// Of what firewalls write, each named pattern captures the same fields in both libraries, of a line for each.
#[test]
fn firewalls_are_read_as_the_hub_reads_them() {
    let Some(shared) = shared("patterns") else { return };
    let (ours, theirs) = (Library::builtin(), hub_library(&shared));
    let lines = include_str!("firewalls.txt");
    let lines: Vec<(&str, &str)> = lines.lines().filter_map(|line| line.split_once('|')).collect();
    let is_of_firewalls = |name: &&str| {
        name.starts_with("CISCO") && *name != "CISCOMAC"
            || ["NETSCREENSESSIONLOG", "SHOREWALL"].contains(name)
    };
    let read = |grok: &Grok, line: &str| -> Option<BTreeMap<String, String>> {
        let fields = grok.parse(line)?.into_iter();
        Some(
            fields
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    };
    let (mut names, mut fields) = (0, 0);
    for name in theirs.names().filter(is_of_firewalls) {
        names += 1;
        let own_lines = lines.iter().filter(|(of, _)| *of == name);
        assert!(own_lines.clone().count() > 0, "{name} has no line");
        let (loose, whole) = (format!("%{{{name}:all}}"), format!("^(?:%{{{name}:all}})$"));
        let both = |pattern: &str| (ours.compile(pattern).unwrap(), theirs.compile(pattern).unwrap());
        let (loose, whole) = (both(&loose), both(&whole));
        let pairs = lines.iter().map(|line| (&loose, line));
        for ((own, other), (of, line)) in pairs.chain(own_lines.map(|line| (&whole, line))) {
            let (mut own, mut other) = (read(own, line), read(other, line));
            if name == "CISCOFW106100" {
                // Theirs calls the user at either end the one at the source.
                for fields in [&mut own, &mut other].into_iter().flatten() {
                    fields.retain(|field, _| !field.ends_with("_fwuser"));
                }
            }
            assert_eq!(own, other, "{name} on {line}");
            assert!(own.is_some() || *of != name, "{name} does not match {line}");
            fields += own.map_or(0, |fields| fields.len());
        }
    }
    println!("{names} names, {} lines, {fields} fields", lines.len());
    assert_eq!(names, 44);
}
