//! Where somebody else's Local API is, as `vigie sensor run` and `register` are told.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::agent::credentials::Credentials;
use crate::agent::lapi::{Lapi, Tls};

/// See the module.
#[derive(Debug, Args)]
pub(crate) struct Address {
    /// The Local API: http://HOST:PORT, https://HOST:PORT, or the path of a unix socket
    #[arg(long, value_name = "URL")]
    pub(crate) lapi: Option<String>,
    /// Who signs for an https server, in PEM [default: the system's authorities]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Our certificate in PEM, where the server knows machines by certificate
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The certificate's private key in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

// === impl Address ===

impl Address {
    /// What flags do not say, a file of credentials may.
    pub(crate) fn or(self, file: &Credentials) -> Self {
        let pair = self.cert.is_none();
        let of_file = |path: &Option<PathBuf>| path.clone().filter(|_| pair);
        Self {
            lapi: self.lapi.or_else(|| file.url.clone()),
            ca: self.ca.or_else(|| file.ca.clone()),
            key: self.key.or_else(|| of_file(&file.key)),
            cert: self.cert.or_else(|| of_file(&file.certificate)),
        }
    }

    pub(crate) fn open(&self) -> anyhow::Result<Lapi> {
        let Some(lapi) = &self.lapi else {
            bail!("which Local API? Name it with --lapi URL, or --credentials FILE");
        };
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some([read(cert)?, b"\n".to_vec(), read(key)?].concat()),
            (None, None) => None,
            _ => bail!("a certificate goes with its key: `cert_path` and `key_path`"),
        };
        let ca = self.ca.as_deref().map(read).transpose()?;
        Lapi::open(lapi, Tls { ca, identity })
    }

    /// For a file of credentials.
    pub(crate) fn to_credentials(&self) -> Credentials {
        Credentials {
            url: self.lapi.clone(),
            ca: self.ca.clone(),
            certificate: self.cert.clone(),
            key: self.key.clone(),
            ..Credentials::default()
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
