//! A listener for syslog over UDP, TCP or TLS (RFC 3164, 5424, 5425, 5426, 6587).
//!
//! A message becomes the line that a syslog daemon would have written of it, so one parser reads both; for a type other
//! than `syslog` it is only what the program said. Over TCP a slow reader slows the sender down; over UDP what comes too
//! fast is dropped and counted, by us and by the kernel. Before: other machines. After: the inbox.
//! Deliberately absent: an acknowledgement, which the protocol has not; what the sender's kernel still holds when we
//! are killed is lost.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vigie_wire::Timestamp;

use super::Clock;
use super::file::splitter::clean;
use super::inbox::{Delivery, Inbox, Record};
use super::net::{Bound, Connection, Listen};

pub(crate) mod frames;
pub(crate) mod message;
pub(crate) mod udp;

use frames::{Budget, Frames};

/// Bytes read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// A connection that says nothing for so long is closed. Long, because senders lose a message when it is.
const IDLE: Duration = Duration::from_hours(1);
/// How long one message may take to arrive.
const MESSAGE: Duration = Duration::from_mins(1);

/// A listener for syslog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syslog {
    /// Where.
    pub listen: Listen,
    /// Over which protocol.
    pub transport: Transport,
}

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// One message a datagram.
    Udp,
    /// A stream of messages; with TLS if the listener has a certificate.
    Tcp,
}

/// What turns messages into records.
#[derive(Clone)]
pub(crate) struct Scribe {
    pub(crate) clock: Clock,
    /// The whole line of a syslog daemon is wanted, not only what the program said.
    pub(crate) whole: bool,
    pub(crate) inbox: Inbox,
}

/// A listener with its port open.
pub(crate) enum Listener {
    Udp(udp::Socket),
    Tcp(Bound),
}

/// The line that a syslog daemon would have written of a message from somebody, `now` if it tells no time.
pub fn line_of(message: &str, peer: IpAddr, now: Timestamp) -> String {
    message::line(message, peer, now, true)
}

// === impl Transport ===

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

// === impl Listener ===

impl Listener {
    pub(crate) fn bind(syslog: &Syslog, inbox: &Inbox) -> io::Result<Self> {
        Ok(match syslog.transport {
            Transport::Udp => Self::Udp(udp::Socket::bind(&syslog.listen)?),
            Transport::Tcp => Self::Tcp(Bound::new(&syslog.listen, Arc::clone(&inbox.stats))?),
        })
    }

    pub(crate) async fn run(self, scribe: Scribe, stop: CancellationToken) {
        match self {
            Self::Udp(socket) => socket.run(&scribe, &stop).await,
            Self::Tcp(bound) => {
                let budget = Arc::<Budget>::default();
                let talk = {
                    let stop = stop.clone();
                    move |connection| read(connection, scribe.clone(), Arc::clone(&budget), stop.clone())
                };
                bound.serve(stop, talk).await;
            }
        }
    }
}

/// Reads one connection to its end.
async fn read(mut connection: Connection, scribe: Scribe, budget: Arc<Budget>, stop: CancellationToken) {
    let mut frames = Frames::new(budget);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut begun = Instant::now();
    loop {
        let patience = if frames.is_empty() { IDLE } else { MESSAGE };
        let read = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            read = tokio::time::timeout_at(begun + patience, connection.stream.read(&mut buffer)) => read,
        };
        let stats = &scribe.inbox.stats;
        let mut messages = Vec::new();
        let (ended, torn) = match read {
            Ok(Ok(count)) if count > 0 => {
                let bytes = buffer.get(..count).unwrap_or_default();
                let torn = frames.feed(bytes, stats, &mut messages).is_err();
                (torn, torn)
            }
            // A reset, or nothing for too long.
            Ok(Err(_)) | Err(_) => (true, !frames.is_empty()),
            Ok(Ok(_)) => (true, !frames.finish(&mut messages)),
        };
        if torn {
            stats.malformed.add(1);
        }
        if !messages.is_empty() || frames.is_empty() {
            begun = Instant::now();
        }
        let records = messages
            .iter()
            .filter_map(|message| scribe.record(message, connection.peer));
        let records: Vec<_> = records.collect();
        if !records.is_empty() {
            let delivery = Delivery { records, taken: None };
            // Waits while the disk or the rules are slow: then the sender's window closes.
            if scribe.inbox.sender.send(delivery).await.is_err() {
                return;
            }
        }
        if ended {
            return;
        }
    }
}

// === impl Scribe ===

impl Scribe {
    /// `None` for a message with nothing in it.
    pub(crate) fn record(&self, message: &[u8], peer: IpAddr) -> Option<Record> {
        let text = clean(message.trim_ascii_end(), &self.inbox.stats)?;
        let now = (self.clock)();
        let text = message::line(&text, peer, now, self.whole);
        (!text.is_empty()).then(|| Record {
            at: now.as_millis(),
            number: 0,
            text,
        })
    }
}
