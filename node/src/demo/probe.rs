//! The attacker's side: real TCP connections, again and again, from each address; one line for each attempt.
//!
//! Deliberately absent: any judgement. The other end of the pipe (`gate`) says what is open and what is blocked.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use vigie_wire::Timestamp;

use crate::clock;

/// Time between the end of one attempt and the next.
const PAUSE: Duration = Duration::from_millis(40);
/// A connection that takes so long does not work: neighbours answer within a millisecond.
const PATIENCE: Duration = Duration::from_millis(400);

/// One attempt.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// Whose.
    pub(crate) from: Ipv4Addr,
    /// When it began.
    pub(crate) at: Timestamp,
    /// Whether the target greeted.
    pub(crate) open: bool,
}

pub(crate) async fn run(target: SocketAddrV4, from: Vec<Ipv4Addr>) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "ready")?;
    let mut all = JoinSet::new();
    for address in from {
        all.spawn(knock(target, address));
    }
    while let Some(ended) = all.join_next().await {
        ended??;
    }
    Ok(())
}

async fn knock(target: SocketAddrV4, from: Ipv4Addr) -> anyhow::Result<()> {
    loop {
        let at = clock::now();
        let reached = tokio::time::timeout(PATIENCE, connect(target, from)).await;
        let attempt = Attempt {
            from,
            at,
            open: matches!(reached, Ok(Ok(()))),
        };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&attempt)?)?;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Connects and hears the greeting.
async fn connect(target: SocketAddrV4, from: Ipv4Addr) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
    let mut stream = socket.connect(SocketAddr::V4(target)).await?;
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).await?;
    Ok(())
}
