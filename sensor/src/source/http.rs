//! Lines over HTTP: `POST /lines` with a token and JSON lines, plain or gzip.
//!
//! A port of its own and not a route of the node's API: log shippers come from other machines, with other secrets and
//! in other amounts than bouncers, and the sensor runs without a node too. A request is answered once its lines are on
//! disk, so a sender that repeats what was not answered loses nothing; and if he says which body it is, doubles nothing
//! either. Before: log shippers. After: the inbox.
//! Deliberately absent: arrays and other framings; every shipper can write one object a line.

use std::convert::Infallible;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use super::inbox::{self, Delivery, Inbox};
use super::net::{Bound, Connection, Listen};
use super::{Clock, payload};

/// Largest body as it is sent.
const MAX_BODY: usize = 8 << 20;
/// Largest body when it is unpacked.
const MAX_UNPACKED: u64 = 32 << 20;
/// Most lines of one body: a short line takes many times its length in memory.
const MAX_LINES: usize = 65_536;
/// How long headers may take.
const HEADERS: Duration = Duration::from_secs(10);
/// How long a body may take.
const BODY: Duration = Duration::from_secs(30);
/// Bodies in memory at once.
const MAX_BODIES: usize = 8;
/// One that is packed counts as so many: it may get four times as large.
const PACKED: u32 = 4;
/// How long a request waits for its turn before it is asked to come again.
const TURN: Duration = Duration::from_secs(20);
/// What a sender names a body with that he may send again. The name of draft-ietf-httpapi-idempotency-key-header.
const KEY: &str = "idempotency-key";
/// The longest such name.
const MAX_KEY: usize = 256;
/// A token that is shorter can be guessed.
const MIN_TOKEN: usize = 16;

/// A listener for JSON lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// Where.
    pub listen: Listen,
    /// A file with the token that senders must show: `Authorization: Bearer TOKEN`.
    pub token: PathBuf,
    /// The field of each object that holds the line. Without one, the object is the line.
    pub field: Option<String>,
}

/// A listener with its port open and its token read.
pub(crate) struct Listener {
    bound: Bound,
    desk: Arc<Desk>,
}

/// What all requests share.
struct Desk {
    /// Only hashes are compared, which takes as long for a good guess as for a bad one.
    token: blake3::Hash,
    field: Option<String>,
    inbox: Inbox,
    clock: Clock,
    bodies: Semaphore,
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("POST your lines to /lines")]
    NotHere,
    #[error("only POST is understood here")]
    NotPost,
    #[error("a token is needed: Authorization: Bearer TOKEN")]
    NoToken,
    #[error("an Idempotency-Key has 1 to {MAX_KEY} bytes, and there is one")]
    Key,
    #[error("Content-Encoding may be gzip, or absent")]
    Encoding,
    #[error("the body is larger than {MAX_BODY} bytes, or than {MAX_UNPACKED} unpacked")]
    TooLarge,
    #[error("the body did not arrive whole, in time")]
    Torn,
    #[error("{0}")]
    NoLine(#[from] payload::NoLine),
    #[error("too much is waiting; send it again later")]
    Busy,
    #[error("the lines could not be written to disk: {0}; send them again later")]
    Disk(io::ErrorKind),
}

// === impl Listener ===

impl Listener {
    pub(crate) fn bind(http: &Http, inbox: &Inbox, clock: &Clock) -> io::Result<Self> {
        let desk = Desk {
            token: read_token(&http.token)?,
            field: http.field.clone(),
            inbox: inbox.clone(),
            clock: Arc::clone(clock),
            bodies: Semaphore::new(MAX_BODIES),
        };
        Ok(Self {
            bound: Bound::new(&http.listen, Arc::clone(&inbox.stats))?,
            desk: Arc::new(desk),
        })
    }

    pub(crate) async fn run(self, stop: CancellationToken) {
        let talk = {
            let stop = stop.clone();
            move |connection| talk(connection, Arc::clone(&self.desk), stop.clone())
        };
        self.bound.serve(stop, talk).await;
    }
}

fn read_token(path: &std::path::Path) -> io::Result<blake3::Hash> {
    let wrong = |kind, reason: String| io::Error::new(kind, format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.kind(), error.to_string()))?;
    let token = text.trim();
    if token.len() < MIN_TOKEN {
        return Err(wrong(
            io::ErrorKind::InvalidInput,
            format!("a token has at least {MIN_TOKEN} characters"),
        ));
    }
    Ok(blake3::hash(token.as_bytes()))
}

async fn talk(connection: Connection, desk: Arc<Desk>, stop: CancellationToken) {
    let Connection { stream, peer } = connection;
    let service = service_fn(|request| answer(Arc::clone(&desk), request, peer));
    let conversation = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut conversation = std::pin::pin!(conversation);
    let ended = tokio::select! {
        ended = conversation.as_mut() => ended,
        () = stop.cancelled() => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a conversation was cut short");
    }
}

async fn answer<B>(
    desk: Arc<Desk>,
    request: Request<B>,
    peer: IpAddr,
) -> Result<Response<Full<Bytes>>, Infallible>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (status, body) = match desk.take(request).await {
        Ok(count) => (StatusCode::OK, serde_json::json!({ "taken": count })),
        Err(refusal) => {
            let status = refusal.status();
            tracing::debug!(%peer, %refusal, "lines were not taken");
            desk.count(&refusal);
            (status, serde_json::json!({ "message": refusal.to_string() }))
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    if !status.is_success() && status != StatusCode::SERVICE_UNAVAILABLE {
        // The rest of a body that nobody wants is not read.
        headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    Ok(response)
}

// === impl Desk ===

impl Desk {
    /// All lines of a request or none; how many.
    async fn take<B>(&self, request: Request<B>) -> Result<usize, Refusal>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if !self.is_known(request.headers()) {
            return Err(Refusal::NoToken);
        }
        if request.uri().path() != "/lines" {
            return Err(Refusal::NotHere);
        }
        if request.method() != Method::POST {
            return Err(Refusal::NotPost);
        }
        let packed = match request.headers().get(header::CONTENT_ENCODING) {
            None => false,
            Some(encoding) if encoding == "gzip" => true,
            Some(encoding) if encoding == "identity" => false,
            Some(_) => return Err(Refusal::Encoding),
        };
        let key = key(request.headers())?;
        let weight = if packed { PACKED } else { 1 };
        // Its turn before its body: what waits is not held in memory.
        let turn = tokio::time::timeout(TURN, self.bodies.acquire_many(weight)).await;
        let _turn = turn
            .map_err(|_late| Refusal::Busy)?
            .map_err(|_closed| Refusal::Busy)?;
        let body = read_body(request.into_body()).await?;
        let body = if packed { unpack(&body)? } else { body };
        let texts = payload::json_lines(&body, self.field.as_deref(), MAX_LINES, &self.inbox.stats)?;
        let count = texts.len();
        if count == 0 {
            return Ok(0);
        }
        // With the body: a key that is used twice by mistake loses nothing.
        let number = key.map_or(0, |key| inbox::number_of("http", &[&key, &body]));
        drop(body);
        let (taken, on_disk) = oneshot::channel();
        let delivery = Delivery {
            records: inbox::numbered(texts, (self.clock)().as_millis(), number),
            taken: Some(taken),
        };
        let handed_in = self.inbox.sender.send_timeout(delivery, TURN).await;
        handed_in.map_err(|_full| Refusal::Busy)?;
        match on_disk.await {
            Ok(Ok(())) => Ok(count),
            Ok(Err(error)) => Err(Refusal::Disk(error.kind())),
            Err(_ended) => Err(Refusal::Busy),
        }
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let shown = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        shown.is_some_and(|token| blake3::hash(token) == self.token)
    }

    fn count(&self, refusal: &Refusal) {
        let stats = &self.inbox.stats;
        match refusal {
            Refusal::NoToken | Refusal::Busy => stats.refused.add(1),
            Refusal::Disk(_) => {}
            _ => stats.malformed.add(1),
        }
    }
}

/// Under which name a sender sends this body, this time and again.
fn key(headers: &HeaderMap) -> Result<Option<Vec<u8>>, Refusal> {
    let mut keys = headers.get_all(KEY).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) if (1..=MAX_KEY).contains(&key.len()) => Ok(Some(key.as_bytes().to_vec())),
        _ => Err(Refusal::Key),
    }
}

async fn read_body<B>(body: B) -> Result<Vec<u8>, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let collected = tokio::time::timeout(BODY, Limited::new(body, MAX_BODY).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes().into()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Refusal::TooLarge),
        Ok(Err(_)) | Err(_) => Err(Refusal::Torn),
    }
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::new();
    let read = MultiGzDecoder::new(packed)
        .take(MAX_UNPACKED + 1)
        .read_to_end(&mut body);
    match read {
        Ok(_) if body.len() as u64 > MAX_UNPACKED => Err(Refusal::TooLarge),
        Ok(_) => Ok(body),
        Err(_) => Err(Refusal::Torn),
    }
}

// === impl Refusal ===

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotHere => StatusCode::NOT_FOUND,
            Self::NotPost => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge | Self::NoLine(payload::NoLine::TooMany { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Torn | Self::Key | Self::NoLine(_) => StatusCode::BAD_REQUEST,
            Self::Busy | Self::Disk(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
