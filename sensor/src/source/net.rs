//! Listening: who may connect, how many at once, and TLS where it is asked for.
//!
//! Whoever can send us lines can have anybody blocked, so without a list of networks only this machine may. Each
//! connection is a task of the source's own small runtime, so that a flood here does not slow the node's API down.
//! Before: other machines. After: `syslog` and `http`, which read the connections. Deliberately absent: what is said.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto, server::WebPkiClientVerifier};
use tokio_util::sync::CancellationToken;

use crate::stats::SourceStats;

/// Connections of one listener at once.
const MAX_CONNECTIONS: usize = 512;
/// Of these, from one address.
const MAX_PER_PEER: usize = 64;
/// Connections that may wait to be accepted. The standard library asks for 128: when a sensor was away, all who send to
/// it come back at once, and whoever finds no room is heard a second later, or three, or seven.
const WAITING: i32 = 512;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long connections may take to hand in what they have read, at the end.
const FAREWELL: Duration = Duration::from_secs(2);
/// After an accept that failed, because too many files are open.
const BREATH: Duration = Duration::from_millis(100);

/// Where to listen, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// The address and port.
    pub address: SocketAddr,
    /// Networks that may send. Empty: only this machine.
    pub allow: Vec<IpNet>,
    /// With TLS, if there is a certificate.
    pub tls: Option<TlsFiles>,
}

/// Files in PEM for TLS. They are read at the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFiles {
    /// Our certificate and those between it and its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates of those who sign for senders: then a sender needs a certificate of theirs.
    pub clients: Option<PathBuf>,
}

/// What a connection is read from and written to.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One connection of somebody who may send.
pub(crate) struct Connection {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) peer: IpAddr,
}

/// Whose word is taken.
#[derive(Debug, Clone)]
pub(crate) struct Allowed(Arc<[IpNet]>);

/// A socket that listens, not served yet.
pub(crate) struct Bound {
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    allowed: Allowed,
    stats: Arc<SourceStats>,
}

/// Connections by address.
#[derive(Debug, Default)]
struct Seats(Mutex<HashMap<IpAddr, usize>>);

/// A connection's place among them, given back at its end.
struct Seat(Arc<Seats>, IpAddr);

/// Runs a listener on a runtime of this thread.
pub(crate) fn on_this_thread(source: &str, body: impl Future<Output = ()>) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(body),
        Err(error) => tracing::error!(%error, source, "no runtime for the source"),
    }
}

// === impl Allowed ===

impl Allowed {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    pub(crate) fn holds(&self, peer: IpAddr) -> bool {
        if self.0.is_empty() {
            peer.is_loopback()
        } else {
            self.0.iter().any(|network| network.contains(&peer))
        }
    }
}

// === impl Bound ===

impl Bound {
    /// Opens the port and reads the certificates.
    pub(crate) fn new(listen: &Listen, stats: Arc<SourceStats>) -> io::Result<Self> {
        let acceptor = listen.tls.as_ref().map(acceptor).transpose()?;
        let listener = TcpListener::bind(listen.address)?;
        // Again, on the same socket: its queue grows.
        rustix::net::listen(&listener, WAITING)?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            acceptor,
            allowed: Allowed::new(&listen.allow),
            stats,
        })
    }

    /// Gives each connection to `talk`, until told to stop; then waits a little for those that are open.
    pub(crate) async fn serve<F, T>(self, stop: CancellationToken, talk: T)
    where
        F: Future<Output = ()> + Send + 'static,
        T: Fn(Connection) -> F + Clone + Send + 'static,
    {
        let listener = match tokio::net::TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "the listener does not work");
                return;
            }
        };
        let seats = Arc::<Seats>::default();
        let mut talks = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(_) = talks.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
                Err(error) => {
                    self.stats.errors.add(1);
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let seat = self.allowed.holds(peer).then(|| seats.take(peer)).flatten();
            let Some(seat) = seat else {
                self.stats.refused.add(1);
                continue;
            };
            let (talk, acceptor, stats) = (talk.clone(), self.acceptor.clone(), Arc::clone(&self.stats));
            talks.spawn(async move {
                let _seat = seat;
                match shake_hands(stream, acceptor).await {
                    Ok(stream) => talk(Connection { stream, peer }).await,
                    Err(error) => {
                        stats.refused.add(1);
                        tracing::debug!(%error, "TLS was not agreed on");
                    }
                }
            });
        }
        let ended = tokio::time::timeout(FAREWELL, async { while talks.join_next().await.is_some() {} });
        if ended.await.is_err() {
            tracing::warn!("connections were cut; what was not acknowledged comes again");
        }
    }
}

async fn shake_hands(
    stream: tokio::net::TcpStream,
    acceptor: Option<TlsAcceptor>,
) -> io::Result<Box<dyn Stream>> {
    let Some(acceptor) = acceptor else {
        return Ok(Box::new(stream));
    };
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(stream) => Ok(Box::new(stream?)),
        Err(_late) => Err(io::ErrorKind::TimedOut.into()),
    }
}

// === impl Seats ===

impl Seats {
    /// A place for one more connection, if there is one.
    fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.values().sum::<usize>() >= MAX_CONNECTIONS {
            return None;
        }
        let of_peer = seats.entry(peer).or_default();
        if *of_peer >= MAX_PER_PEER {
            return None;
        }
        *of_peer += 1;
        Some(Seat(Arc::clone(self), peer))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_peer) = seats.get_mut(&self.1) {
            *of_peer -= 1;
            if *of_peer == 0 {
                seats.remove(&self.1);
            }
        }
    }
}

// === TLS ===

fn acceptor(files: &TlsFiles) -> io::Result<TlsAcceptor> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match &files.clients {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| wrong(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| wrong(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, &error))?;
    let config = builder
        .with_single_cert(certificates(&files.certificate)?, key)
        .map_err(|error| wrong(&files.certificate, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What we speak TLS with to a broker whose certificate is signed by one of those in a file.
#[cfg(any(feature = "nats", feature = "kafka"))]
pub(crate) fn client(authorities: &Path) -> io::Result<tokio_rustls::rustls::ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authorities)? {
        roots
            .add(certificate)
            .map_err(|error| wrong(authorities, &error))?;
    }
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(wrong(path, &"there is no certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(path, &error)),
    }
}

fn wrong(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{}: {error}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn many_connections_are_made_before_one_is_accepted() {
        let listen = Listen {
            address: "127.0.0.1:0".parse().unwrap(),
            allow: Vec::new(),
            tls: None,
        };
        let bound = Bound::new(&listen, Arc::default()).unwrap();
        let address = bound.listener.local_addr().unwrap();
        // More than 128; whoever finds the queue full waits for somebody to be accepted, and nobody is.
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_secs(10));
        let made: io::Result<Vec<_>> = (0..300).map(connect).collect();
        assert_eq!(made.unwrap().len(), 300);
    }
}
