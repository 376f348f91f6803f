//! A Local API for tests, small enough to see through: the stream with its cursor, push on request, and faults.
//! Standard library and threads only; shared with the tests of the bouncers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub(crate) const KEY: &str = "s3cret-key-of-the-test";
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Default)]
pub(crate) struct Lapi {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
pub(crate) struct State {
    live: BTreeMap<String, String>,
    new: Vec<String>,
    deleted: Vec<String>,
    events: Vec<String>,
    /// Requests so far, as `METHOD target | user agent`.
    pub(crate) requests: Vec<String>,
    /// What `/v1/decisions/spared` says, if it exists.
    pub(crate) spared: Option<&'static str>,
    /// Whether `/v1/decisions/events` exists.
    pub(crate) push: bool,
    /// Answer everything with this status.
    pub(crate) status: Option<u16>,
    /// Break the next stream answers off in the middle.
    pub(crate) break_off: u32,
}

impl Lapi {
    pub(crate) fn on_unix(path: &Path) -> Self {
        let lapi = Self::default();
        let listener = UnixListener::bind(path).unwrap();
        let serve = lapi.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, serve) = (stream.unwrap(), serve.clone());
                std::thread::spawn(move || serve.answer(stream.try_clone().unwrap(), stream));
            }
        });
        lapi
    }

    pub(crate) fn on_tcp() -> (Self, SocketAddr) {
        let lapi = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = lapi.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, serve) = (stream.unwrap(), serve.clone());
                std::thread::spawn(move || serve.answer(stream.try_clone().unwrap(), stream));
            }
        });
        (lapi, address)
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.0.lock().unwrap());
        self.shared.1.notify_all();
    }

    pub(crate) fn add(&self, value: &str, duration: &str) {
        self.add_as(("cscli", "ban"), value, duration);
    }

    /// The same of another origin and with another remediation. One value has one at a time.
    pub(crate) fn add_as(&self, origin_and_kind: (&str, &str), value: &str, duration: &str) {
        let row = row(origin_and_kind, value, duration);
        self.set(|state| {
            state.live.insert(value.to_owned(), row.clone());
            state.events.push(format!(r#"{{"new":[{row}],"deleted":null}}"#));
            state.new.push(row);
        });
    }

    pub(crate) fn delete(&self, value: &str) {
        let row = row(("cscli", "ban"), value, "-1s");
        self.set(|state| {
            state.live.remove(value);
            state.events.push(format!(r#"{{"new":null,"deleted":[{row}]}}"#));
            state.deleted.push(row);
        });
    }

    /// Waits until this holds.
    pub(crate) fn wait(&self, mut until: impl FnMut(&State) -> bool) {
        let state = self.shared.0.lock().unwrap();
        let (state, late) = self
            .shared
            .1
            .wait_timeout_while(state, PATIENCE, |state| !until(state))
            .unwrap();
        assert!(
            !late.timed_out(),
            "waited in vain; requests: {:#?}",
            state.requests
        );
    }

    /// Waits for another request that contains this, after those there are now.
    pub(crate) fn wait_for_next(&self, what: &str) {
        let count = |state: &State| state.requests.iter().filter(|line| line.contains(what)).count();
        let before = count(&self.shared.0.lock().unwrap());
        self.wait(|state| count(state) > before);
    }

    fn answer(&self, input: impl Read, mut output: impl Write) {
        let mut lines = BufReader::new(input).lines().map_while(Result::ok);
        let Some(request) = lines.next() else { return };
        let headers: Vec<String> = lines
            .take_while(|line| !line.is_empty())
            .map(|line| line.to_lowercase())
            .collect();
        let header = |name: &str| {
            headers
                .iter()
                .find_map(|line| line.strip_prefix(&format!("{name}: ")))
                .unwrap_or_default()
                .to_owned()
        };
        let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut status, mut spared) = (200, None);
        self.set(|state| {
            spared = state.spared;
            state
                .requests
                .push(format!("GET {target} | {}", header("user-agent")));
            status = state.status.unwrap_or(200);
        });
        if header("x-api-key") != KEY {
            status = 403;
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        // Whoever asked may be gone by now; that is his affair.
        drop(match (status, path) {
            (200, "/v1/decisions/stream") => self.stream(query.contains("startup=true"), &mut output),
            (200, "/v1/decisions/events") => self.events(&mut output),
            (200, "/v1/decisions/spared") if spared.is_some() => {
                plain(&mut output, 200, spared.unwrap_or_default())
            }
            (200, _) => plain(&mut output, 404, ""),
            (status, _) => plain(&mut output, status, r#"{"message":"access forbidden"}"#),
        });
    }

    fn stream(&self, startup: bool, output: &mut impl Write) -> std::io::Result<()> {
        let mut body = String::new();
        let mut broken = false;
        self.set(|state| {
            let live = || state.live.values().cloned().collect::<Vec<_>>();
            let new = if startup { live() } else { state.new.clone() };
            let list = |rows: &[String]| {
                if rows.is_empty() {
                    "null".to_owned()
                } else {
                    format!("[{}]", rows.join(","))
                }
            };
            body = format!(r#"{{"new": {},"deleted": {}}}"#, list(&new), list(&state.deleted));
            broken = state.break_off > 0;
            state.break_off = state.break_off.saturating_sub(1);
            state.new.clear();
            state.deleted.clear();
        });
        write!(
            output,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        )?;
        let bytes = if broken {
            &body.as_bytes()[..body.len() / 2]
        } else {
            body.as_bytes()
        };
        for chunk in bytes.chunks(30_000) {
            write!(output, "{:x}\r\n", chunk.len())?;
            output.write_all(chunk)?;
            write!(output, "\r\n")?;
        }
        if broken {
            output.flush()
        } else {
            write!(output, "0\r\n\r\n")
        }
    }

    fn events(&self, output: &mut impl Write) -> std::io::Result<()> {
        let (lock, changed) = &*self.shared;
        let mut sent = {
            let state = lock.lock().unwrap();
            if !state.push {
                return plain(output, 404, "");
            }
            state.events.len()
        };
        write!(
            output,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: hello\n\n"
        )?;
        output.flush()?;
        loop {
            let state = lock.lock().unwrap();
            let state = changed
                .wait_while(state, |state| state.push && state.events.len() == sent)
                .unwrap();
            if !state.push {
                return Ok(());
            }
            let news: Vec<String> = state.events[sent..].to_vec();
            sent = state.events.len();
            drop(state);
            for (index, event) in news.iter().enumerate() {
                write!(output, "id: {index}\nevent: change\ndata: {event}\n\n")?;
            }
            output.flush()?;
        }
    }
}

fn row((origin, kind): (&str, &str), value: &str, duration: &str) -> String {
    let is_country = value.bytes().all(|byte| byte.is_ascii_uppercase());
    let scope = match value {
        _ if is_country => "Country",
        _ if value.contains('/') => "Range",
        _ if value.contains(['.', ':']) => "Ip",
        _ => "AS",
    };
    format!(
        r#"{{"id":1,"origin":"{origin}","type":"{kind}","scope":"{scope}","value":"{value}","duration":"{duration}","scenario":"test \"quoted\" }}]"}}"#
    )
}

fn plain(output: &mut impl Write, status: u16, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(
        output,
        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
