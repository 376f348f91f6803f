//! HTTP as a bouncer speaks it, by TCP or unix socket, with nothing between the test and the bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where an API is reached.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    /// By TCP from this address of ours to that one.
    From(IpAddr, SocketAddr),
    Unix(PathBuf),
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A stream of pushed events.
pub(crate) struct Events(BufReader<Box<dyn Read>>);

trait Both: Read + Write {}
impl<T: Read + Write> Both for T {}

// === impl Place ===

impl Place {
    fn connect(&self) -> Box<dyn Both> {
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Box::new(stream)
            }
            Self::From(own, address) => {
                let stream = connected(*own, *address);
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Box::new(stream)
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Box::new(stream)
            }
        }
    }

    /// One request, with a key if there is one.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, key: Option<&str>) -> Answer {
        self.raw(request(method, path, key, "Connection: close\r\n").as_bytes())
    }

    /// A `GET` with a key, which must succeed.
    #[track_caller]
    pub(crate) fn get(&self, path: &str, key: &str) -> Value {
        let answer = self.ask("GET", path, Some(key));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body))
    }

    /// These bytes, whatever they are, and what came back until the end. No answer at all has status 0.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        let mut answer = Vec::new();
        // Whoever refuses may close before everything is written, and reset instead of closing.
        if stream.write_all(bytes).is_ok() {
            drop(stream.flush());
        }
        drop(stream.read_to_end(&mut answer));
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Answer {
            status: head
                .split(' ')
                .nth(1)
                .and_then(|code| code.parse().ok())
                .unwrap_or(0),
            head: head.to_lowercase(),
            body: if head.to_lowercase().contains("transfer-encoding: chunked") {
                joined(body)
            } else {
                body.to_owned()
            },
        }
    }

    /// Follows pushed events.
    pub(crate) fn follow(&self, path: &str, key: &str) -> Events {
        self.follow_all(1, path, key, "").remove(0)
    }

    /// The same for many who ask at once, with more headers.
    pub(crate) fn follow_all(&self, many: usize, path: &str, key: &str, more: &str) -> Vec<Events> {
        let request = request("GET", path, Some(key), more);
        let ask = |_| {
            let mut stream = self.connect();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        };
        let asked: Vec<_> = (0..many).map(ask).collect();
        asked.into_iter().map(Events::begun).collect()
    }
}

fn connected(own: IpAddr, address: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let stream = runtime.unwrap().block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((own, 0).into()).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
}

/// The chunks of a body as one; what is cut off stays so. Lengths count bytes, so chunks may end within a letter.
fn joined(body: &str) -> String {
    let (mut rest, mut whole) = (body.as_bytes(), Vec::new());
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        let chunk = &rest[end + 2..];
        whole.extend_from_slice(&chunk[..length.min(chunk.len())]);
        rest = chunk.get(length + 2..).unwrap_or_default();
    }
    String::from_utf8(whole).unwrap()
}

fn request(method: &str, path: &str, key: Option<&str>, more: &str) -> String {
    let key = key.map(|key| format!("X-Api-Key: {key}\r\n")).unwrap_or_default();
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test/1\r\n{key}{more}\r\n")
}

// === impl Events ===

impl Events {
    /// Reads the head: whatever changes from here on is told.
    fn begun(stream: Box<dyn Both>) -> Self {
        let mut events = BufReader::new(stream as Box<dyn Read>);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(events.read_line(&mut line).unwrap() > 0, "no head");
            assert!(!line.starts_with("HTTP/1.1 ") || line.contains(" 200 "), "{line}");
        }
        Self(events)
    }

    /// The next event's id.
    #[track_caller]
    pub(crate) fn id(&mut self) -> String {
        self.field("id: ").trim().to_owned()
    }

    /// The next event's body.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        serde_json::from_str(&self.field("data: ")).unwrap()
    }

    /// What follows this in the next line that begins with it.
    #[track_caller]
    fn field(&mut self, name: &str) -> String {
        let begun = Instant::now();
        let mut line = String::new();
        loop {
            line.clear();
            // The server keeps the connection alive with comments, so the socket's own deadline does not come.
            assert!(begun.elapsed() < PATIENCE, "nothing was pushed");
            assert!(
                self.0.read_line(&mut line).unwrap() > 0,
                "the stream of events ended"
            );
            if let Some(value) = line.strip_prefix(name) {
                return value.to_owned();
            }
        }
    }

    /// The next event in which one of the lists names this address.
    #[track_caller]
    pub(crate) fn until(&mut self, list: &str, value: &str) -> Value {
        loop {
            let event = self.next();
            if event[list]
                .as_array()
                .is_some_and(|rows| rows.iter().any(|row| row["value"] == value))
            {
                return event;
            }
        }
    }

    /// Whether the server ends the stream.
    pub(crate) fn ends(mut self) -> bool {
        let begun = Instant::now();
        let mut line = String::new();
        while begun.elapsed() < PATIENCE {
            line.clear();
            // The last chunk has no length, the connection may serve on.
            if self
                .0
                .read_line(&mut line)
                .is_ok_and(|bytes| bytes == 0 || line == "0\r\n")
            {
                return true;
            }
        }
        false
    }
}
