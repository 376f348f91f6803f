//! A cable that can be cut: a TCP relay between two nodes.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub struct Proxy {
    address: String,
    cut: Arc<watch::Sender<bool>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Listens on a port of its own and relays to a node's TCP multiaddress.
    pub async fn before(node: &str) -> Self {
        let port = node.split('/').nth(4).unwrap();
        let target: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().unwrap().port());
        let (cut, _) = watch::channel(false);
        let cut = Arc::new(cut);
        let mut tasks = JoinSet::new();
        tasks.spawn(relay(listener, target, Arc::clone(&cut)));
        Self { address, cut, _tasks: tasks }
    }

    pub fn address(&self) -> String {
        self.address.clone()
    }

    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub fn heal(&self) {
        self.cut.send_replace(false);
    }
}

async fn relay(listener: TcpListener, target: SocketAddr, cut: Arc<watch::Sender<bool>>) {
    let mut lines = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        if *cut.borrow() {
            continue;
        }
        let mut cut = cut.subscribe();
        lines.spawn(async move {
            let Ok(mut far) = TcpStream::connect(target).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => {}
                _ = cut.wait_for(|cut| *cut) => {}
            }
        });
    }
}
