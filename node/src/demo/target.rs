//! The target: a service that greets, as sshd does. It holds its network namespace, with the bouncer's firewall.

use std::io::Write;
use std::net::SocketAddrV4;

use anyhow::Context;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// What it says to whoever reaches it.
const GREETING: &[u8] = b"SSH-2.0-vigie_demo\r\n";

pub(crate) async fn run(address: SocketAddrV4) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    writeln!(std::io::stdout(), "ready")?;
    loop {
        let (mut visitor, _) = listener.accept().await?;
        // Whoever went away already does not end the service for the others.
        if let Err(error) = visitor.write_all(GREETING).await {
            tracing::debug!(%error, "a visitor left");
        }
    }
}
