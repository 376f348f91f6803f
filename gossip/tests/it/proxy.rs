//! A cable that can be cut: a TCP relay between two nodes.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What becomes of bytes.
#[derive(Clone, Copy, PartialEq)]
enum Line {
    Up,
    Cut,
    Frozen,
}

pub(crate) struct Proxy {
    address: String,
    line: Arc<watch::Sender<Line>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Listens on a port of its own and relays to a node's TCP multiaddress.
    pub(crate) async fn before(node: &str) -> Self {
        let port = node.split('/').nth(4).unwrap();
        let target: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().unwrap().port());
        let (line, _) = watch::channel(Line::Up);
        let line = Arc::new(line);
        let mut tasks = JoinSet::new();
        tasks.spawn(relay(listener, target, Arc::clone(&line)));
        Self {
            address,
            line,
            _tasks: tasks,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    pub(crate) fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Nothing goes through and nobody is told, as when a machine loses its power.
    pub(crate) fn freeze(&self) {
        self.line.send_replace(Line::Frozen);
    }

    pub(crate) fn heal(&self) {
        self.line.send_replace(Line::Up);
    }
}

async fn relay(listener: TcpListener, target: SocketAddr, line: Arc<watch::Sender<Line>>) {
    let mut lines = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        if *line.borrow() == Line::Up {
            lines.spawn(carry(near, target, line.subscribe()));
        }
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut line: watch::Receiver<Line>) {
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => return,
        _ = line.wait_for(|line| *line != Line::Up) => {}
    }
    // Both ends stay open, and silent, until the line is cut or comes back.
    drop(line.wait_for(|line| *line != Line::Frozen).await);
}
