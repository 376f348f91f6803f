//! The node that a bouncer follows, as it was configured. Before: a program's own settings. After: [`crate::Crew`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use vigie_bouncer_client::{About, Databases, Guide, Source, SourceConfig};

use crate::settings::{SettingsError, poll};

/// What was set about it, nothing of it checked.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// `http://host:port`, `https://host:port` or `unix:///path`.
    pub url: Option<String>,
    /// File that holds the bouncer's API key.
    pub key_file: Option<PathBuf>,
    /// PEM file of certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How often to ask, where the node does not push.
    pub poll: Option<String>,
    /// Whether not to use the node's push even if it offers one.
    pub no_push: Option<bool>,
    /// Databases of places.
    pub databases: Databases,
}

/// All of it, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    url: String,
    key_file: PathBuf,
    ca_file: Option<PathBuf>,
    /// Between two questions, 1 s to 1 h.
    pub poll: Duration,
    /// Whether to use the node's push.
    pub push: bool,
    databases: Databases,
}

// === impl Said ===

impl Said {
    /// Fills in the defaults and checks everything that can be without opening a file.
    pub fn checked(self) -> Result<Node, SettingsError> {
        Ok(Node {
            url: self.url.unwrap_or_else(|| "http://127.0.0.1:8480".to_owned()),
            key_file: self.key_file.ok_or(SettingsError::NoKey)?,
            ca_file: self.ca_file,
            poll: poll(self.poll)?,
            push: !self.no_push.unwrap_or(false),
            databases: self.databases,
        })
    }
}

// === impl Node ===

impl Node {
    /// Reads the key and the certificates, and finds the databases. Does not connect yet.
    pub fn open(&self, about: About) -> anyhow::Result<(Source, Guide)> {
        let key = read("key_file", &self.key_file)?;
        let key = String::from_utf8(key).with_context(|| format!("key_file {}", self.key_file.display()))?;
        let ca_pem = self.ca_file.as_deref().map(|path| read("ca_file", path));
        let source = Source::new(SourceConfig {
            url: self.url.clone(),
            key: SecretString::from(key.trim()),
            user_agent: format!("{}/{}", about.program, about.version),
            ca_pem: ca_pem.transpose()?,
        })?;
        Ok((source, Guide::open(self.databases.clone())?))
    }
}

fn read(what: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{what} {}", path.display()))
}
