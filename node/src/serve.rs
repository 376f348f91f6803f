//! Serves a router on a listener: whoever connects and says nothing, or says it slowly, or takes no answer, is let go.
//!
//! `axum::serve` has neither a time limit for heads nor a limit of connections, and their file descriptors are the
//! ones that the sensor and the database need. Deliberately absent: HTTP/2, and what is answered (`api`, `control`).

pub(crate) mod listen;
mod patient;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use self::patient::Patient;
use crate::tls::{Gate, Subject};

/// Most connections of one listener at a time, beside those that stay; further ones wait to be accepted.
pub(crate) const MOST_CONNECTIONS: usize = 512;
/// How long a new connection may take to send the head of its first request.
const FIRST_HEAD: Duration = Duration::from_millis(if cfg!(test) { 300 } else { 10_000 });
/// The same for those that follow. Longer, because bouncers keep a connection from poll to poll, often for 10 s or 60 s.
const NEXT_HEAD: Duration = Duration::from_secs(75);
/// Most bytes of a request's head, and of an answer that is buffered for a slow reader.
const BUFFER: usize = 32 << 10;

/// How connections of a listener come.
pub(crate) struct Way<A> {
    /// What handlers are told of an address.
    pub(crate) peer: fn(A) -> Option<SocketAddr>,
    /// With TLS, if there is one.
    pub(crate) tls: Option<Arc<Gate>>,
    /// So many at a time.
    pub(crate) most: usize,
}

/// What is known of a connection before its first request.
struct Known {
    peer: Option<SocketAddr>,
    subject: Option<Subject>,
}

/// Serves until `shutdown`, then lets the answers end that are under way.
pub(crate) async fn run<L: Listener>(
    mut listener: L,
    router: Router,
    way: Way<L::Addr>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let room = Arc::new(Semaphore::new(way.most));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            () = shutdown.cancelled() => break,
            (permit, (io, address)) = next => {
                let (router, shutdown) = (router.clone(), shutdown.clone());
                let (peer, tls) = ((way.peer)(address), way.tls.clone());
                connections.spawn(async move {
                    let io = Patient::new(io);
                    match tls {
                        None => connection(io, router, Known { peer, subject: None }, shutdown).await,
                        Some(tls) => secured(io, tls, router, peer, shutdown).await,
                    }
                    drop(permit);
                });
            }
            // Never `None` for long: an empty set disables this branch until the next connection.
            Some(ended) = connections.join_next() => said(ended),
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        said(ended);
    }
    Ok(())
}

/// The same behind a handshake, which has as much time as the first head.
async fn secured<I>(
    io: I,
    tls: Arc<Gate>,
    router: Router,
    peer: Option<SocketAddr>,
    shutdown: CancellationToken,
) where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let opened = tls.opened();
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(FIRST_HEAD, opened.acceptor().accept(io)) => shaken,
        () = shutdown.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) => {
            let subject = tls.subject(Arc::clone(&opened), stream.get_ref().1);
            connection(stream, router, Known { peer, subject }, shutdown).await;
        }
        Ok(Err(error)) => opened.tell_failed(&error),
        Err(_) => {}
    }
}

/// One connection from its first byte to its last.
async fn connection<I>(io: I, router: Router, known: Known, shutdown: CancellationToken)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let asked = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let asked = Arc::clone(&asked);
        move |mut request: hyper::Request<hyper::body::Incoming>| {
            asked.store(true, Ordering::Relaxed);
            if let Some(peer) = known.peer {
                request.extensions_mut().insert(ConnectInfo(peer));
            }
            if let Some(subject) = &known.subject {
                request.extensions_mut().insert(subject.clone());
            }
            router.clone().oneshot(request)
        }
    });
    let served = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(NEXT_HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(io), service);
    let mut served = pin!(served);
    let silent = async {
        tokio::time::sleep(FIRST_HEAD).await;
        if asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = silent => return,
        () = shutdown.cancelled() => {
            if !asked.load(Ordering::Relaxed) {
                // Half a head at most: nobody is owed an answer.
                return;
            }
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// A handler that panics costs its own connection and nothing else.
fn said(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// A server of one connection at a time.
    async fn server() -> (SocketAddr, JoinSet<anyhow::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let who = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() };
        let long = || async { vec![0; 64 << 20] };
        let router = Router::new().route("/", get(who)).route("/long", get(long));
        let mut tasks = JoinSet::new();
        let way = Way {
            peer: Some,
            tls: None,
            most: 1,
        };
        tasks.spawn(run(listener, router, way, CancellationToken::new()));
        (address, tasks)
    }

    /// What comes back for these bytes, until the server closes.
    async fn answer(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    const ASKED: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_handler_knows_who_asks() {
        let (address, _tasks) = server().await;
        let text = answer(address, ASKED).await;
        assert!(text.ends_with("\r\n\r\n127.0.0.1"), "{text}");
    }

    #[tokio::test]
    async fn who_does_not_finish_a_head_is_let_go() {
        let (address, _tasks) = server().await;
        let begun = tokio::time::Instant::now();
        assert_eq!(answer(address, b"GET / HTTP/1.1\r\nHost:").await, "");
        assert!(begun.elapsed() >= FIRST_HEAD);
    }

    #[tokio::test]
    async fn who_takes_no_answer_is_let_go() {
        let (address, _tasks) = server().await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        idle.readable().await.unwrap();
        // The only place is free again.
        let next = tokio::time::timeout(Duration::from_secs(60), answer(address, ASKED)).await;
        assert!(next.is_ok_and(|text| text.ends_with("127.0.0.1")));
    }
}
