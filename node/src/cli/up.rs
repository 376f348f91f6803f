//! `vigie up`: one real node for this machine, with no configuration file.

use anyhow::bail;
use clap::Args;
use toml::Spanned;

use super::Global;
use super::init::show_fresh;
use crate::clock;
use crate::identity::Identity;
use crate::node::Node;
use crate::terminal::say;
use crate::up::{self, Started};

/// Run a node: read this machine's logs, decide, serve bouncers and a web page
///
/// Contacts nobody and shares nothing until `vigie join`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Address and port of the Local API and the web page [default: 127.0.0.1:8480]; or, as a multiaddress, where other
    /// nodes reach this one
    #[arg(long, value_name = "ADDRESS:PORT|MULTIADDR")]
    listen: Vec<String>,
    /// A unix socket that serves the Local API too
    #[arg(long, value_name = "PATH")]
    socket: Option<std::path::PathBuf>,
    /// Address and port where bouncers that ask CrowdSec's application firewall are told to let everything pass [default: none]
    #[arg(long, value_name = "ADDRESS:PORT")]
    appsec_listen: Option<std::net::SocketAddr>,
    /// Where other nodes reach this one, such as /ip4/0.0.0.0/tcp/8481 or /ip4/0.0.0.0/udp/8481/quic-v1
    #[arg(long = "mesh", value_name = "MULTIADDR")]
    mesh: Vec<String>,
}

impl Up {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let mut config = global.config()?;
        let (reached, served): (Vec<_>, Vec<_>) = self
            .listen
            .into_iter()
            .partition(|address| address.starts_with('/'));
        if served.len() > 1 {
            bail!(
                "the API is served at one address: --listen names {}",
                served.join(" and ")
            );
        }
        if let Some(listen) = served.into_iter().next() {
            config.api.listen = Spanned::new(0..0, listen);
        }
        if let Some(socket) = self.socket {
            config.api.socket = socket;
        }
        if let Some(listen) = self.appsec_listen {
            config.appsec.listen = Spanned::new(0..0, listen.to_string());
        }
        for address in self.mesh.into_iter().chain(reached) {
            vigie_gossip::check_address(&address)?;
            config.mesh.listen.push(Spanned::new(0..0, address));
        }
        let paths = global.paths();
        paths.create()?;
        let _lock = paths.lock()?;
        if !Identity::exists(&paths) {
            let fresh = Identity::create(&paths, None, clock::now())?;
            show_fresh(&fresh, &paths)?;
        }
        let node = Node::open(paths, config).await?;
        let about = about(&node).await;
        up::run(node, move |started| announce(started, &about)).await
    }
}

struct About {
    data: String,
    network: Option<String>,
    scheme: &'static str,
    shares: bool,
    reach: String,
}

async fn about(node: &Node) -> About {
    About {
        data: node.paths.root().display().to_string(),
        network: node
            .membership
            .directory()
            .map(|directory| directory.genesis().name.to_string()),
        scheme: node.config.api.scheme(),
        shares: node.sharing().enabled,
        reach: node.reach().await.words,
    }
}

/// Five lines: what it does and where to look.
fn announce(started: &Started, about: &About) {
    let reads = if started.reads.is_empty() {
        "no log that this machine has".to_owned()
    } else {
        started.reads.join("; ")
    };
    let mesh = match (&about.network, about.shares) {
        (None, _) => "contacts nobody and shares nothing; `vigie join SEED` changes that".to_owned(),
        (Some(network), false) => format!("hears the network {network:?}; shares nothing; {}", about.reach),
        (Some(network), true) => format!(
            "hears the network {network:?} and shares detections with it; {}",
            about.reach
        ),
    };
    let text = format!(
        "Vigie is up, data in {}.\n  reads    {reads}\n  mesh     {mesh}\n  look     {}://{}/ or `vigie status`\n  enforce  `vigie bouncers add NAME` makes a key for a bouncer of this API\n",
        about.data, about.scheme, started.page
    );
    if let Err(error) = say(&text) {
        tracing::warn!(%error, "the first words were not heard");
    }
}
