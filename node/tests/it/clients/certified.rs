//! CrowdSec's `cscli`, agent and custom bouncer, known by their certificates: no key, no password.

use std::os::unix::fs::PermissionsExt;

use super::{Client, program};
use crate::agent::crowdsec::CrowdSec;
use crate::certificates::Authority;
use crate::support::{Home, append, until};

#[test]
fn who_shows_a_certificate_needs_neither_key_nor_password() {
    let test = "certified::who_shows_a_certificate_needs_neither_key_nor_password";
    let (Some(bouncer), Some(crowdsec)) = (program(test, "crowdsec-custom-bouncer"), CrowdSec::new(test))
    else {
        return;
    };
    let folder = crowdsec.folder();
    let authority = Authority::new(folder);
    authority.sign("server", "node", "nodes");
    authority.sign("agent", "web", "agents");
    authority.sign("bouncer", "edge", "bouncers");
    let file = |name: &str| folder.join(name).display().to_string();
    let files = format!(
        "certificate = {:?}, key = {:?}, client_ca = {:?}, agents_ou = [\"agents\"], bouncers_ou = [\"bouncers\"]",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    );
    let config = |more: &str| format!("[sensor]\nsources = \"none\"\n[api]\ntls = {{ {files}{more} }}\n");
    let home = Home::with(&config(""));
    let node = home.up();
    let page = node.page.to_string();
    let credentials = |who: &str| {
        let (ca, certificate, key) = (
            file("ca.pem"),
            file(&format!("{who}.pem")),
            file(&format!("{who}.key")),
        );
        let text =
            format!("url: https://{page}/\nca_cert_path: {ca}\ncert_path: {certificate}\nkey_path: {key}\n");
        std::fs::write(crowdsec.credentials(), text).unwrap();
    };

    // A bouncer's certificate is no agent's.
    credentials("bouncer");
    let (good, said) = crowdsec.ask(&["lapi", "status"]);
    assert!(!good, "{said}");
    credentials("agent");
    let (good, said) = crowdsec.ask(&["lapi", "status"]);
    assert!(good && said.contains("successfully interact"), "{said}");
    let machines = home.rows(&["machines", "list"]);
    assert_eq!(
        (machines.len(), &machines[0]["name"], &machines[0]["validated"]),
        (1, &"web@tls".into(), &true.into()),
        "{machines:?}"
    );
    // Nobody takes its name, and it has no password.
    assert!(home.refuse(&["machines", "add", "db@tls"]).contains("@tls"));

    let (script, calls) = (home.beside("act.sh"), home.beside("calls"));
    let text = format!("#!/bin/sh\necho \"$1 $2\" >>{}\n", calls.display());
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config_file = home.beside("bouncer.yaml");
    let text = format!(
        "bin_path: {}\nfeed_via_stdin: false\npiddir: {}\nupdate_frequency: 1s\ncache_retention_duration: 1s\n\
         daemonize: false\nlog_mode: stdout\nlog_level: info\napi_url: https://{page}/\ncert_path: {}\nkey_path: {}\n\
         ca_cert_path: {}\nprometheus: {{enabled: false}}\n",
        script.display(),
        home.beside("").display(),
        file("bouncer.pem"),
        file("bouncer.key"),
        file("ca.pem"),
    );
    std::fs::write(&config_file, text).unwrap();
    let mut command = std::process::Command::new(bouncer);
    command.arg("-c").arg(&config_file);
    let _client = Client::start(command, home.beside("bouncer.log"));
    let log = home.beside("probe.log");
    std::fs::write(&log, "").unwrap();
    let agent = crowdsec.watch(&log);
    until("what the agent saw is called in", || {
        append(
            &log,
            &format!("{} refused 192.88.99.77\n", jiff::Timestamp::now()),
        );
        std::fs::read_to_string(&calls).is_ok_and(|calls| calls.contains("add 192.88.99.77"))
    });
    let bouncers = home.rows(&["bouncers", "list"]);
    assert_eq!(
        (bouncers.len(), &bouncers[0]["name"]),
        (1, &"edge@tls".into()),
        "{bouncers:?}"
    );
    drop(agent);

    // Plain HTTP is not spoken there, and a certificate that was taken back opens nothing.
    assert_eq!(node.place().ask("GET", "/health", None).status, 0);
    node.kill();
    authority.revoke("agent");
    home.configure(&config(&format!(", client_crl = {:?}", file("revoked.pem"))));
    let _node = home.up_with(&["--listen", &page]);
    let (good, said) = crowdsec.ask(&["lapi", "status"]);
    assert!(!good, "{said}");
}
