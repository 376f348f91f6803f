//! crowdsec-custom-bouncer: a script of the user's is called for each decision, with what it can act on.

use std::os::unix::fs::PermissionsExt;

use super::{Client, ban, program};
use crate::support::{Home, until};

#[test]
fn its_script_is_called_for_each_change() {
    let test = "custom::its_script_is_called_for_each_change";
    let Some(program) = program(test, "crowdsec-custom-bouncer") else {
        return;
    };
    let home = Home::quiet();
    let (script, calls) = (home.beside("act.sh"), home.beside("calls"));
    let text = format!(
        "#!/bin/sh\nprintf '%s|%s|%s|%s\\n' \"$1\" \"$2\" \"$3\" \"$4\" >>{}\n",
        calls.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let node = home.up();
    let key = home.key("script", "ban");
    ban(&home, "192.88.99.1");
    home.say(&[
        "decisions",
        "add",
        "192.88.99.60",
        "--type",
        "challenge",
        "--duration",
        "4h",
    ]);

    let config = home.beside("bouncer.yaml");
    let text = format!(
        "bin_path: {}\nfeed_via_stdin: false\npiddir: {}\nupdate_frequency: 1s\ncache_retention_duration: 1s\n\
         daemonize: false\nlog_mode: stdout\nlog_level: info\napi_url: http://{}/\napi_key: {key}\n\
         prometheus: {{enabled: false}}\n",
        script.display(),
        home.beside("").display(),
        node.page
    );
    std::fs::write(&config, text).unwrap();
    let mut command = std::process::Command::new(program);
    command.arg("-c").arg(config);
    let mut client = Client::start(command, home.beside("bouncer.log"));
    let mut called = |act: &str, value: &str| {
        let mut seconds = String::new();
        until(&format!("the script is told to {act} {value}"), || {
            assert!(client.runs(), "{}", client.said());
            let lines = std::fs::read_to_string(&calls).unwrap_or_default();
            let mut fields = lines.lines().map(|line| line.split('|').collect::<Vec<_>>());
            let call = fields.find(|fields| fields[0] == act && fields[1] == value);
            call.is_some_and(|fields| {
                seconds = fields[2].to_owned();
                assert_eq!(fields[3], "added by hand");
                true
            })
        });
        seconds
    };
    // It hands durations on in seconds: those that are left.
    let left: u32 = called("add", "192.88.99.1").parse().unwrap();
    assert!((14_000..=14_400).contains(&left), "{left}");
    ban(&home, "192.88.98.0/24");
    called("add", "192.88.98.0/24");
    home.say(&["decisions", "delete", "--value", "192.88.99.1"]);
    let left: i64 = called("del", "192.88.99.1").parse().unwrap();
    assert!(left <= 0, "{left}");
    let lines = std::fs::read_to_string(&calls).unwrap();
    assert!(!lines.contains("192.88.99.60"), "{lines}");
}
