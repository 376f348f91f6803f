//! The Local API behind TLS while its files change: by our own bytes, with certificates of a test's own authority.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::certificates::Authority;
use crate::support::{Home, Node, until};

/// A connection that stays.
struct Talk(BufReader<StreamOwned<ClientConnection, TcpStream>>);

/// A node behind TLS, its authority, and a list that takes back nobody who comes here.
fn serving(home: &Home) -> (Authority, Node) {
    let folder = home.beside("tls");
    std::fs::create_dir(&folder).unwrap();
    let authority = Authority::new(&folder);
    authority.sign("server", "node", "nodes");
    authority.sign("agent", "web", "agents");
    authority.sign("bouncer", "edge", "bouncers");
    authority.revoke("somebody");
    let file = |name: &str| folder.join(name).display().to_string();
    home.configure(&format!(
        "[sensor]\nsources = \"none\"\n[api.tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\nclient_crl = {:?}\n\
         agents_ou = [\"agents\"]\nbouncers_ou = [\"bouncers\"]\n",
        file("server.pem"),
        file("server.key"),
        file("ca.pem"),
        file("revoked.pem"),
    ));
    let node = home.up();
    (authority, node)
}

// === impl Talk ===

impl Talk {
    /// With the certificate of this name, if there is one.
    fn begin(page: SocketAddr, folder: &Path, who: Option<&str>) -> Self {
        let read = |name: &str| CertificateDer::from_pem_file(folder.join(name)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(read("ca.pem")).unwrap();
        let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match who {
            Some(who) => {
                let key = PrivateKeyDer::from_pem_file(folder.join(format!("{who}.key"))).unwrap();
                builder
                    .with_client_auth_cert(vec![read(&format!("{who}.pem"))], key)
                    .unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        let client = ClientConnection::new(Arc::new(config), ServerName::from(page.ip())).unwrap();
        let stream = TcpStream::connect(page).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(BufReader::new(StreamOwned::new(client, stream)))
    }

    fn send(&mut self, method: &str, path: &str, more: &str, body: &str) {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test/1\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The head of an answer: its status, and how long its body is.
    fn head(&mut self) -> (u16, usize) {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                return (status, length);
            }
            if line.starts_with("HTTP/1.1 ") {
                status = line[9..12].parse().unwrap();
            } else if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().unwrap();
            }
        }
    }

    /// One request and its answer; status 0 if there is none.
    fn ask(&mut self, method: &str, path: &str, more: &str, body: &str) -> (u16, String) {
        self.send(method, path, more, body);
        let (status, length) = self.head();
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        (status, String::from_utf8(bytes).unwrap())
    }

    fn get(&mut self, path: &str) -> u16 {
        self.ask("GET", path, "", "").0
    }

    /// Whether the server ends what it pushes.
    fn ends(mut self) -> bool {
        let mut line = String::new();
        loop {
            line.clear();
            match self.0.read_line(&mut line) {
                Ok(0) => return true,
                Ok(_) if line == "0\r\n" => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::UnexpectedEof,
            }
        }
    }
}

#[test]
fn whose_certificate_is_taken_back_is_nobody_at_once_on_what_is_open() {
    let home = Home::quiet();
    let (authority, node) = serving(&home);
    let folder = home.beside("tls");
    let talk = |who| Talk::begin(node.page, &folder, who);
    let mut asks = talk(Some("bouncer"));
    assert_eq!(asks.get("/v1/decisions"), 200);
    let mut follows = talk(Some("bouncer"));
    follows.send("GET", "/v1/decisions/events", "", "");
    assert_eq!(follows.head().0, 200);
    // Neither door opens for the certificate of the other.
    assert_eq!(talk(Some("agent")).get("/v1/decisions"), 403);
    let login = json!({"machine_id": "", "password": "", "scenarios": []}).to_string();
    assert_eq!(
        talk(Some("bouncer"))
            .ask("POST", "/v1/watchers/login", "", &login)
            .0,
        401
    );

    let mut agent = talk(Some("agent"));
    let (status, body) = agent.ask("POST", "/v1/watchers/login", "", &login);
    assert_eq!(status, 200, "{body}");
    let token = serde_json::from_str::<Value>(&body).unwrap()["token"].clone();
    let bearer = format!("Authorization: Bearer {}\r\n", token.as_str().unwrap());
    let refresh = "/v1/refresh_token";
    assert_eq!(agent.ask("GET", refresh, &bearer, "").0, 200);
    // Its token alone makes no other, however long it would be refreshed.
    let (status, said) = talk(None).ask("GET", refresh, &bearer, "");
    assert_eq!(status, 401, "{said}");

    authority.revoke("bouncer");
    node.reload();
    until("the open connection is nobody's", || {
        asks.get("/v1/decisions") == 403
    });
    assert_eq!(asks.get("/health"), 200, "it was not dropped");
    assert!(follows.ends(), "it was pushed on");
    assert_eq!(agent.ask("GET", refresh, &bearer, "").0, 200);
    authority.revoke("agent");
    node.reload();
    until("the agent's connection, too", || {
        agent.ask("GET", refresh, &bearer, "").0 == 401
    });
}

#[test]
fn a_list_that_only_bears_the_authoritys_name_locks_nobody_out() {
    let home = Home::quiet();
    let (authority, node) = serving(&home);
    let (folder, elsewhere) = (home.beside("tls"), home.beside("elsewhere"));
    std::fs::create_dir(&elsewhere).unwrap();
    Authority::new(&elsewhere).revoke("bouncer");
    std::fs::copy(elsewhere.join("revoked.pem"), folder.join("revoked.pem")).unwrap();
    node.reload();
    until("it is told", || home.told().contains("is not signed by it"));
    assert!(home.told().contains("revoked.pem"));
    let asked = || Talk::begin(node.page, &folder, Some("bouncer")).get("/v1/decisions");
    assert_eq!(asked(), 200);
    // Its own list counts.
    authority.revoke("bouncer");
    node.reload();
    until("it is taken back", || asked() != 200);
}

#[test]
fn a_renewed_certificate_is_shown_and_one_that_does_not_fit_is_not() {
    let home = Home::quiet();
    let (authority, node) = serving(&home);
    let folder = home.beside("tls");
    let shown = || {
        let mut talk = Talk::begin(node.page, &folder, None);
        assert_eq!(talk.get("/health"), 200);
        talk.0.get_ref().conn.peer_certificates().unwrap()[0].to_vec()
    };
    let before = shown();
    let mut stays = Talk::begin(node.page, &folder, None);
    assert_eq!(stays.get("/health"), 200);
    std::fs::write(folder.join("server.key"), "no key").unwrap();
    node.reload();
    until("it is told", || home.told().contains("those read before hold on"));
    assert_eq!(shown(), before);
    authority.sign("server", "node", "nodes");
    node.reload();
    until("the new one is shown", || shown() != before);
    assert_eq!(stays.get("/health"), 200);
}
