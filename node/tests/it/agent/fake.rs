//! A Local API of our own making: answers whatever a test wants, and remembers what it was asked.
//!
//! HTTP as far as a client can tell; one request a connection. Deliberately absent: being right.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) body: String,
    /// By whom, over TCP.
    pub(crate) from: Option<IpAddr>,
    /// How often this path was asked for before.
    pub(crate) before: usize,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    head: String,
    body: String,
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

/// See the module.
pub(crate) struct Fake {
    address: Option<SocketAddr>,
    seen: Arc<Mutex<Vec<(Request, u16)>>>,
}

// === impl Answer ===

impl Answer {
    pub(crate) fn new(status: u16, body: &str) -> Self {
        Self {
            status,
            head: String::new(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// A login that holds so many seconds.
    pub(crate) fn login(secs: u64) -> Self {
        let token = Self::token(secs);
        Self::new(
            200,
            &format!(r#"{{"code":200,"expire":"2030-01-01T00:00:00Z","token":"{token}"}}"#),
        )
    }

    pub(crate) fn token(secs: u64) -> String {
        let claims = format!(r#"{{"exp":{},"id":"web-1","orig_iat":1000}}"#, 1_000 + secs);
        format!(
            "eyJhbGciOiJIUzI1NiJ9.{}.c2ln",
            BASE64_URL_SAFE_NO_PAD.encode(claims)
        )
    }
}

// === impl Fake ===

impl Fake {
    pub(crate) fn new(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (fake, handler) = Self::remembering(Some(address), handler);
        let seen = Arc::clone(&fake.seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let from = stream.peer_addr().ok().map(|peer| peer.ip());
                let writer = stream.try_clone().unwrap();
                serve(stream, writer, from, &*handler, &seen);
            }
        });
        fake
    }

    /// A server that takes everything, but for alerts on which `verdict` has an answer, and knows no usage metrics.
    pub(crate) fn taking(verdict: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self::answering(404, verdict)
    }

    /// The same with another answer to usage metrics.
    pub(crate) fn answering(
        usage: u16,
        verdict: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |request| match request.path.as_str() {
            "/v1/watchers/login" => Answer::login(3_600),
            "/v1/heartbeat" => Answer::new(200, ""),
            "/v1/usage-metrics" => Answer::new(usage, ""),
            "/v1/alerts" => verdict(&request.body).unwrap_or_else(|| Answer::new(201, "[\"1\"]")),
            other => panic!("{other}"),
        })
    }

    pub(crate) fn on_socket(
        path: &Path,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (fake, handler) = Self::remembering(None, handler);
        let seen = Arc::clone(&fake.seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let writer = stream.try_clone().unwrap();
                serve(stream, writer, None, &*handler, &seen);
            }
        });
        fake
    }

    fn remembering(
        address: Option<SocketAddr>,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> (Self, Arc<Handler>) {
        let fake = Self {
            address,
            seen: Arc::default(),
        };
        (fake, Arc::new(handler))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address.unwrap())
    }

    /// Whom the taken alerts name, in order.
    pub(crate) fn named(&self) -> Vec<String> {
        let mut found = Vec::new();
        for request in self.answered("/v1/alerts", 201) {
            let alerts: Vec<Value> = serde_json::from_str(&request.body).unwrap();
            let named = alerts
                .iter()
                .map(|alert| alert["source"]["value"].as_str().unwrap());
            found.extend(named.map(str::to_owned));
        }
        found
    }

    /// The requests for a path that were answered so.
    pub(crate) fn answered(&self, path: &str, status: u16) -> Vec<Request> {
        let seen = self.seen.lock().unwrap();
        let found = seen
            .iter()
            .filter(|(request, told)| request.path == path && *told == status);
        found.map(|(request, _)| request.clone()).collect()
    }
}

/// A client that goes away in between is no fault of the test.
fn serve(
    reader: impl Read,
    mut writer: impl Write,
    from: Option<IpAddr>,
    handler: &Handler,
    seen: &Mutex<Vec<(Request, u16)>>,
) {
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let before = seen
        .lock()
        .unwrap()
        .iter()
        .filter(|(request, _)| request.path == path)
        .count();
    let request = Request {
        path,
        body: String::from_utf8(body).unwrap(),
        from,
        before,
    };
    let answer = handler(&request);
    seen.lock().unwrap().push((request, answer.status));
    let head = format!(
        "HTTP/1.1 {} x\r\n{}content-length: {}\r\nconnection: close\r\n\r\n",
        answer.status,
        answer.head,
        answer.body.len()
    );
    drop(
        writer
            .write_all(head.as_bytes())
            .and_then(|()| writer.write_all(answer.body.as_bytes())),
    );
}
