//! A CrowdSec of its own on loopback, as a Local API only, and what its `cscli` says of it.
//!
//! The machine's programs or those that `scripts/peers.sh crowdsec` unpacks. It never speaks with CrowdSec's centre.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::peers;
use crate::skip::skip;
use crate::support::until;

/// A parser of lines that say who was refused when.
const PARSER: &str = "filter: \"evt.Line.Labels.type == 'probe'\"\nonsuccess: next_stage\nname: test/raw\n\
    nodes:\n - grok:\n     pattern: \"^%{NOTSPACE:when} refused %{NOTSPACE:who}\"\n     apply_on: Line.Raw\n\
    statics:\n - meta: source_ip\n   expression: evt.Parsed.who\n - target: evt.StrTime\n   expression: evt.Parsed.when\n";
/// A scenario of three lines.
const SCENARIO: &str = "type: leaky\nname: test/three\ndescription: three refusals\nfilter: \"evt.Meta.source_ip != ''\"\n\
    groupby: evt.Meta.source_ip\ncapacity: 2\nleakspeed: 10s\nblackhole: 1m\nlabels: {type: probe, remediation: true}\n";
const MISSING: &str = "no crowdsec here; scripts/peers.sh crowdsec unpacks one";

/// A configuration, a database and the programs.
pub(crate) struct CrowdSec {
    home: TempDir,
    programs: PathBuf,
    port: u16,
    /// Certificates for https, below the home.
    tls: bool,
}

/// A running server; ends with kill -9.
pub(crate) struct Server(Child);

// === impl CrowdSec ===

impl CrowdSec {
    /// For this test, which is skipped where there is none.
    pub(crate) fn new(test: &str) -> Option<Self> {
        Self::or_skip(test, false)
    }

    /// One that knows machines by certificate: `ca.pem`, `server.pem` and their keys are in [`CrowdSec::folder`].
    pub(crate) fn with_certificates(test: &str) -> Option<Self> {
        Self::or_skip(test, true)
    }

    fn or_skip(test: &str, tls: bool) -> Option<Self> {
        let found = Self::with(tls);
        if found.is_none() {
            skip(test, MISSING);
        }
        found
    }

    fn with(tls: bool) -> Option<Self> {
        let unpacked = [
            peers().join("crowdsec/usr/bin"),
            peers().join("bench/crowdsec/usr/bin"),
        ];
        let places = unpacked
            .into_iter()
            .chain([PathBuf::from("/usr/bin"), PathBuf::from("/usr/local/bin")]);
        let programs = places.into_iter().find(|place| {
            let works = |program: &str| Command::new(place.join(program)).arg("version").output().is_ok();
            place.join("crowdsec").exists() && works("cscli")
        })?;
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let crowdsec = Self {
            home: tempfile::tempdir().unwrap(),
            programs,
            port,
            tls,
        };
        crowdsec.configure();
        Some(crowdsec)
    }

    fn configure(&self) {
        let root = self.home.path().display();
        std::fs::create_dir_all(self.home.path().join("etc/notifications")).unwrap();
        for folder in ["data", "hub", "etc/scenarios"] {
            std::fs::create_dir_all(self.home.path().join(folder)).unwrap();
        }
        let tls = if self.tls {
            format!(
                ", tls: {{cert_file: {root}/server.pem, key_file: {root}/server.key, ca_cert_path: {root}/ca.pem, \
                 client_verification: VerifyClientCertIfGiven, agents_allowed_ou: [agents]}}"
            )
        } else {
            String::new()
        };
        let config = format!(
            "common: {{daemonize: false, log_media: stdout, log_level: warning, working_dir: .}}\n\
             config_paths: {{config_dir: {root}/etc/, data_dir: {root}/data/, hub_dir: {root}/hub/, \
               index_path: {root}/hub/.index.json, notification_dir: {root}/etc/notifications/, plugin_dir: {root}/etc/}}\n\
             cscli: {{output: human}}\n\
             db_config: {{log_level: warning, type: sqlite, db_path: {root}/data/crowdsec.db, use_wal: true}}\n\
             plugin_config: {{user: nobody, group: nogroup}}\n\
             api:\n  client: {{insecure_skip_verify: false, credentials_path: {root}/etc/credentials.yaml}}\n  \
             server: {{log_level: warning, listen_uri: '127.0.0.1:{}', profiles_path: {root}/etc/profiles.yaml, \
               console_path: {root}/etc/console.yaml{tls}}}\n\
             prometheus: {{enabled: false}}\n",
            self.port
        );
        // As the package brings it.
        let profiles = "name: default_ip_remediation\n\
                        filters:\n - Alert.Remediation == true && Alert.GetScope() == \"Ip\"\n\
                        decisions:\n - type: ban\n   duration: 4h\non_success: break\n";
        for (name, text) in [
            ("config.yaml", config.as_str()),
            ("profiles.yaml", profiles),
            ("console.yaml", ""),
            ("credentials.yaml", ""),
            (
                "../hub/.index.json",
                "{\"parsers\":{},\"scenarios\":{},\"postoverflows\":{},\"collections\":{}}",
            ),
            // `cscli lapi status` wants one to name.
            ("scenarios/three.yaml", SCENARIO),
        ] {
            std::fs::write(self.home.path().join("etc").join(name), text).unwrap();
        }
        // cscli asks the server as a machine of its own.
        self.add_machine("cscli", "for the tests");
        if self.tls {
            let text = format!(
                "url: {}\nlogin: cscli\npassword: for the tests\nca_cert_path: {root}/ca.pem\n",
                self.url()
            );
            std::fs::write(self.home.path().join("etc/credentials.yaml"), text).unwrap();
        }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Its scenario has this name from the agent's next start.
    pub(crate) fn rename_scenario(&self, name: &str) {
        let text = SCENARIO.replace("test/three", name);
        std::fs::write(self.home.path().join("etc/scenarios/three.yaml"), text).unwrap();
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.arg("-c").arg(self.home.path().join("etc/config.yaml"));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The file that says to its programs which Local API they speak with.
    pub(crate) fn credentials(&self) -> PathBuf {
        self.home.path().join("etc/credentials.yaml")
    }

    /// What `cscli` prints, and whether it succeeded.
    pub(crate) fn ask(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = self.program("cscli");
        let output = command.args(arguments).stderr(Stdio::piped()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    /// Its own agent, without its server, on a log whose lines are `TIME refused ADDRESS`: three of them are an alert.
    pub(crate) fn watch(&self, log: &Path) -> Server {
        let etc = self.home.path().join("etc");
        let acquisition = format!("filename: {}\nlabels: {{type: probe}}\n", log.display());
        std::fs::create_dir_all(etc.join("parsers/s00-raw")).unwrap();
        std::fs::create_dir_all(etc.join("patterns")).unwrap();
        for (name, text) in [
            ("acquis.yaml", acquisition.as_str()),
            ("simulation.yaml", "simulation: false\n"),
            ("parsers/s00-raw/line.yaml", PARSER),
        ] {
            std::fs::write(etc.join(name), text).unwrap();
        }
        let config = std::fs::read_to_string(etc.join("config.yaml")).unwrap();
        let simulation = format!(
            "config_paths: {{simulation_path: {}/simulation.yaml, ",
            etc.display()
        );
        let service = format!(
            "crowdsec_service: {{acquisition_path: {}/acquis.yaml, parser_routines: 1}}\n",
            etc.display()
        );
        let config = config.replace("config_paths: {", &simulation) + &service;
        std::fs::write(etc.join("config.yaml"), config).unwrap();
        let said = std::fs::File::create(self.home.path().join("agent.log")).unwrap();
        let mut command = self.program("crowdsec");
        Server(command.arg("-no-api").stdout(said).spawn().unwrap())
    }

    fn cscli(&self, arguments: &[&str]) -> String {
        let output = self.program("cscli").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn add_machine(&self, name: &str, password: &str) {
        let credentials = match name {
            "cscli" => self.home.path().join("etc/credentials.yaml"),
            _ => PathBuf::from("/dev/null"),
        };
        let mut command = self.program("cscli");
        command.args(["machines", "add", name, "--password", password, "--force", "-f"]);
        let added = command.arg(credentials).stdout(Stdio::null()).status().unwrap();
        assert!(added.success(), "cscli adds no machine");
    }

    pub(crate) fn start(&self) -> Server {
        let mut command = self.program("crowdsec");
        let server = Server(command.arg("-no-cs").stdout(Stdio::null()).spawn().unwrap());
        until("crowdsec listens", || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
        server
    }

    /// All alerts; none while it does not answer.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        // Without --all this version leaves out those that it made no decision of.
        let said = self.cscli(&["alerts", "list", "--all", "--limit", "0", "-o", "json"]);
        serde_json::from_str::<Option<Vec<Value>>>(&said)
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    /// Whom it has decisions on.
    pub(crate) fn decided(&self) -> Vec<String> {
        let said = self.cscli(&["decisions", "list", "-o", "json"]);
        let alerts: Vec<Value> = serde_json::from_str::<Option<_>>(&said)
            .unwrap()
            .unwrap_or_default();
        let decisions = alerts
            .iter()
            .flat_map(|alert| alert["decisions"].as_array().unwrap());
        decisions
            .map(|decision| decision["value"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The names of its machines.
    pub(crate) fn machines(&self) -> Vec<String> {
        let said = self.cscli(&["machines", "list", "-o", "json"]);
        let machines: Vec<Value> = serde_json::from_str(&said).unwrap();
        let names = machines
            .iter()
            .map(|known| known["machineId"].as_str().unwrap().to_owned());
        names.collect()
    }

    /// Whether it knows when a machine last said that it lives.
    pub(crate) fn heartbeat_of(&self, machine: &str) -> bool {
        let said = self.cscli(&["machines", "list", "-o", "json"]);
        let machines: Vec<Value> = serde_json::from_str(&said).unwrap();
        let mut ours = machines.iter().filter(|known| known["machineId"] == machine);
        ours.next()
            .is_some_and(|known| known["last_heartbeat"].is_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
