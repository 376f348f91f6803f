//! One organisation of the demo: the data directory of its node, the log that the node reads, and the node itself.
//!
//! All is done by real `vigie` commands, as an operator would; only questions go straight to the node's socket.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use super::child::{Child, Line, text};
use crate::cli::{Control, query};
use crate::paths::{Paths, write_private};

/// An organisation.
#[derive(Debug)]
pub(crate) struct Organisation {
    /// One letter, for tables.
    pub(crate) letter: &'static str,
    /// What the network calls it.
    pub(crate) name: &'static str,
    /// Where its node's page is, once it runs.
    pub(crate) page: String,
    paths: Paths,
    /// What its node logs.
    log_filter: String,
    node: Option<Child>,
}

// === impl Organisation ===

impl Organisation {
    pub(crate) fn new(root: &Path, log_filter: &str, letter: &'static str, name: &'static str) -> Self {
        let paths = Paths::new(Some(root.join(letter)), None);
        Self {
            letter,
            name,
            page: String::new(),
            paths,
            log_filter: log_filter.to_owned(),
            node: None,
        }
    }

    /// A file in its data directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.paths.root().join(name)
    }

    /// The log that its sensor reads.
    pub(crate) fn log(&self) -> PathBuf {
        self.file("auth.log")
    }

    /// The socket at which bouncers ask.
    pub(crate) fn lapi(&self) -> PathBuf {
        self.file("lapi.sock")
    }

    /// The file that holds the bouncer's key.
    pub(crate) fn bouncer_key(&self) -> PathBuf {
        self.file("bouncer.key")
    }

    /// The line of a command on this node, for people.
    pub(crate) fn example(&self, words: &str) -> String {
        let this = std::env::args_os().next().unwrap_or_default();
        format!(
            "{} --data {} {words}",
            this.display(),
            self.paths.root().display()
        )
    }

    /// Runs a command on this node.
    pub(crate) async fn vigie(&self, words: &[&str]) -> anyhow::Result<String> {
        self.line()?.and(words).output().await
    }

    fn line(&self) -> anyhow::Result<Line> {
        Ok(Line::vigie()?.and(&["--data", &text(self.paths.root())?, "--log", &self.log_filter]))
    }

    /// Makes its identity; its organisation key.
    pub(crate) async fn found(&self, reads_log: bool) -> anyhow::Result<String> {
        self.paths.create()?;
        self.vigie(&["init"]).await?;
        let sources = if reads_log {
            self.append("")?;
            let file = toml::Value::String(text(&self.log())?);
            format!("[{{ type = \"syslog\", file = {file} }}]")
        } else {
            "\"none\"".to_owned()
        };
        // Nobody has a history here; by default such words wait for those who know better.
        let config = format!("[sensor]\nsources = {sources}\n[policy]\nhearing = \"0s\"\n");
        write_private(&self.paths.config(), &config)?;
        let id: Value = serde_json::from_str(&self.vigie(&["id", "--json"]).await?)?;
        Ok(id["organisation_key"]
            .as_str()
            .context("`vigie id` names no organisation key")?
            .to_owned())
    }

    /// Makes a key for the bouncer.
    pub(crate) async fn add_bouncer(&self) -> anyhow::Result<()> {
        let key = self.vigie(&["bouncers", "add", "firewall", "--raw"]).await?;
        write_private(&self.bouncer_key(), &key)
    }

    /// Starts the node on free ports.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let lapi = text(&self.lapi())?;
        let line = self
            .line()?
            .and(&["up", "--listen", "127.0.0.1:0", "--socket", &lapi]);
        let line = line.and(&[
            "--mesh",
            "/ip4/127.0.0.1/tcp/0",
            "--mesh",
            "/ip4/127.0.0.1/udp/0/quic-v1",
        ]);
        self.node = Some(Child::start(&line.guarded()?, &self.file("node.journal"))?);
        Ok(())
    }

    /// Whether the node said its first words; learns where its page is.
    pub(crate) fn is_up(&mut self) -> anyhow::Result<bool> {
        self.check()?;
        let Some(node) = &self.node else { return Ok(false) };
        let journal = node.journal();
        let Some(page) = journal
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
        else {
            return Ok(false);
        };
        page.clone_into(&mut self.page);
        Ok(true)
    }

    /// That the node runs.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        if self.node.as_mut().is_some_and(Child::has_ended) {
            bail!("the node of {} ended by itself\n{}", self.name, self.last_words());
        }
        Ok(())
    }

    /// What the node logged last.
    pub(crate) fn last_words(&self) -> String {
        let words = self.node.as_ref().map(Child::last_words).unwrap_or_default();
        format!("  the last lines of the node of {}:\n{words}", self.name)
    }

    /// Asks the running node.
    pub(crate) async fn get(&self, path: &str, parts: &[(&str, String)]) -> anyhow::Result<Value> {
        let parts: Vec<_> = parts
            .iter()
            .map(|(name, value)| (*name, Some(value.clone())))
            .collect();
        let answer = Control::Running(self.paths.socket())
            .get(&query(path, &parts))
            .await;
        answer.with_context(|| format!("asking the node of {}", self.name))
    }

    /// The rows of a list of the running node.
    pub(crate) async fn rows(&self, path: &str, parts: &[(&str, String)]) -> anyhow::Result<Vec<Value>> {
        match self.get(path, parts).await? {
            Value::Array(rows) => Ok(rows),
            _ => bail!("the node of {} gave no list of {path}", self.name),
        }
    }

    /// Writes to the end of the log that the sensor reads, as a syslog daemon does.
    pub(crate) fn append(&self, text: &str) -> anyhow::Result<()> {
        append(&self.log(), text)
    }

    /// Ends the node.
    pub(crate) async fn end(&mut self) {
        if let Some(node) = self.node.take() {
            node.end().await;
        }
    }
}

/// Writes to the end of a log.
pub(crate) fn append(log: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    Ok(file.write_all(text.as_bytes())?)
}
