//! Syslog over UDP (RFC 5426): one message a datagram.
//!
//! A datagram cannot wait. What finds the inbox full is dropped and counted; so is what the kernel dropped because we
//! were not quick enough to ask, which it tells in /proc/net/udp. Deliberately absent: the peer's word for who he is,
//! which anybody can forge: list only networks where nobody can.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Scribe;
use crate::source::inbox::{Delivery, Record};
use crate::source::net::{Allowed, Listen};

/// The largest datagram.
const DATAGRAM_BYTES: usize = 65_536;
/// Datagrams that are taken, and handed in, at once.
const BATCH: usize = 256;
/// What we ask the kernel to hold for us; it may grant less.
const KERNEL_BYTES: usize = 8 << 20;
/// How often the kernel's counter is read.
const LOOK: Duration = Duration::from_secs(1);

/// A socket with its port open.
pub(crate) struct Socket {
    inner: UdpSocket,
    address: SocketAddr,
    allowed: Allowed,
}

// === impl Socket ===

impl Socket {
    pub(crate) fn bind(listen: &Listen) -> io::Result<Self> {
        let socket = UdpSocket::bind(listen.address)?;
        socket.set_nonblocking(true)?;
        if let Err(error) = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, KERNEL_BYTES) {
            tracing::debug!(%error, "the receive buffer stays as it is");
        }
        Ok(Self {
            address: socket.local_addr()?,
            inner: socket,
            allowed: Allowed::new(&listen.allow),
        })
    }

    pub(crate) async fn run(self, scribe: &Scribe, stop: &CancellationToken) {
        let Ok(socket) = tokio::net::UdpSocket::from_std(self.inner) else {
            tracing::error!("the datagram socket does not work");
            return;
        };
        let stats = &scribe.inbox.stats;
        let mut buffer = vec![0; DATAGRAM_BYTES];
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut dropped_before = kernel_drops(self.address).unwrap_or(0);
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = look.tick() => {
                    let dropped = kernel_drops(self.address).unwrap_or(dropped_before);
                    stats.dropped.add(dropped.saturating_sub(dropped_before));
                    dropped_before = dropped;
                    continue;
                }
                first = socket.recv_from(&mut buffer) => first,
            };
            let mut records = Vec::new();
            let mut next = first;
            // Counted by datagrams, not by records: of refused ones there is no end, and a stop must be seen.
            for received in 1..=BATCH {
                match next {
                    Ok((length, peer)) => {
                        let message = buffer.get(..length).unwrap_or_default();
                        records.extend(self.allowed.record(scribe, message, peer.ip().to_canonical()));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => {
                        // An answer to nothing we sent; the socket lives on.
                        stats.errors.add(1);
                        break;
                    }
                }
                if received == BATCH {
                    // Another one would have to be taken at once.
                    break;
                }
                next = socket.try_recv_from(&mut buffer);
            }
            hand_in(records, scribe);
            // Whoever floods us must not keep the counter from being read.
            tokio::task::yield_now().await;
        }
    }
}

impl Allowed {
    fn record(&self, scribe: &Scribe, message: &[u8], peer: IpAddr) -> Option<Record> {
        if !self.holds(peer) {
            scribe.inbox.stats.refused.add(1);
            return None;
        }
        scribe.record(message, peer)
    }
}

fn hand_in(records: Vec<Record>, scribe: &Scribe) {
    if records.is_empty() {
        return;
    }
    let delivery = Delivery { records, taken: None };
    if let Err(full) = scribe.inbox.sender.try_send(delivery) {
        let lost = full.into_inner().records.len() as u64;
        scribe.inbox.stats.dropped.add(lost);
    }
}

/// Datagrams that the kernel dropped at this socket.
fn kernel_drops(address: SocketAddr) -> Option<u64> {
    let path = if address.is_ipv4() {
        "/proc/net/udp"
    } else {
        "/proc/net/udp6"
    };
    let table = std::fs::read_to_string(Path::new(path)).ok()?;
    drops_of(&table, address.port())
}

/// The last column of the row with our port, which is the hexadecimal number behind the first colon of the second.
fn drops_of(table: &str, port: u16) -> Option<u64> {
    table.lines().skip(1).find_map(|row| {
        let mut columns = row.split_whitespace();
        let local = columns.nth(1)?;
        let (_, local) = local.split_once(':')?;
        if u16::from_str_radix(local, 16).ok()? != port {
            return None;
        }
        columns.last()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_it_dropped() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  \
                     100: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 0\n  \
                     101: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 17\n";
        assert_eq!(drops_of(table, 8080), Some(17));
        assert_eq!(drops_of(table, 514), Some(0));
        assert_eq!(drops_of(table, 1), None);
        assert_eq!(drops_of("", 1), None);
    }
}
