//! Listeners with room for everybody who comes at once: when a node returns, all its bouncers do in the same second, and whoever
//! finds the queue full is only heard a second later, or three, or seven.
//!
//! Deliberately absent: how many are served at a time (`serve`).

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use axum::serve::{Listener, ListenerExt as _};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket, lookup_host};

/// Connections that may wait to be accepted; what `bind` of the standard library asks for is 128. The kernel takes
/// `net.core.somaxconn` if that is less, 4096 unless somebody changed it.
const WAITING: u32 = 4_096;

/// Listens at the first address of these that can be had, as [`TcpListener::bind`] does.
pub(crate) async fn tcp(wanted: &str) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "it names no address");
    for address in lookup_host(wanted).await? {
        match at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A node that restarts does not wait for the connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Listens at a path where nothing is, for those whom the mode lets in: nobody connects before it is set.
pub(crate) fn unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    socket.listen(WAITING)
}

/// What is written goes out, also the last piece of an answer that waited for the database.
pub(crate) fn at_once(tcp: TcpListener) -> impl Listener<Addr = SocketAddr> {
    tcp.tap_io(|io| {
        if let Err(error) = io.set_nodelay(true) {
            tracing::debug!(%error, "a connection sends when it likes");
        }
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use tokio::net::UnixStream;

    use super::*;

    /// More than the 128 of the standard library, fewer than any kernel's limit that somebody did not lower.
    const AT_ONCE: usize = 300;

    #[tokio::test]
    async fn many_connections_are_made_before_one_is_accepted() {
        let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        let limit: usize = limit.trim().parse().unwrap();
        let many = AT_ONCE.min(limit);
        let listener = tcp("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // Whoever finds the queue full waits for somebody to be accepted, and nobody is.
        let patience = Duration::from_secs(10);
        let connect = |_| TcpStream::connect_timeout(&address, patience);
        let made: Result<Vec<_>, _> = (0..many).map(connect).collect();
        assert_eq!(made.unwrap().len(), many);

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lapi.sock");
        let _listener = unix(&path, 0o600).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // A blocking one would wait for ever.
        let mut made = Vec::new();
        for _ in 0..many {
            made.push(UnixStream::connect(&path).await.unwrap());
        }
        assert_eq!(made.len(), many);
    }
}
