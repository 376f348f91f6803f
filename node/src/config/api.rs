//! `[api]`: where bouncers, agents and browsers reach the node.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::{Section, Wrong};

/// Where the node answers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Api {
    /// Address and port of the Local API and the web page.
    pub(crate) listen: Spanned<String>,
    /// A unix socket that serves the Local API too, for bouncers in other namespaces. Empty: none.
    pub(crate) socket: PathBuf,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: Spanned::new(0..0, "127.0.0.1:8480".to_owned()),
            socket: PathBuf::new(),
        }
    }
}

impl Section for Api {
    fn check(&self) -> Vec<Wrong> {
        match self.listen.get_ref().parse::<SocketAddr>() {
            Ok(_) => Vec::new(),
            Err(_) => vec![(
                self.listen.span(),
                format!(
                    "{:?} is not an address and port such as 127.0.0.1:8480",
                    self.listen.get_ref()
                ),
            )],
        }
    }
}
