//! `[appsec]`: whether bouncers that ask an `AppSec` engine of CrowdSec find something that answers.

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Spanned;

use super::{Section, Wrong};

/// Where requests are let pass.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Appsec {
    /// Address and port. Empty: nowhere.
    pub(crate) listen: Spanned<String>,
}

impl Default for Appsec {
    fn default() -> Self {
        Self {
            listen: Spanned::new(0..0, String::new()),
        }
    }
}

impl Section for Appsec {
    fn check(&self) -> Vec<Wrong> {
        let listen = self.listen.get_ref();
        if listen.is_empty() || listen.parse::<SocketAddr>().is_ok() {
            return Vec::new();
        }
        vec![(
            self.listen.span(),
            format!("{listen:?} is not an address and port such as 127.0.0.1:7422, nor empty"),
        )]
    }
}
