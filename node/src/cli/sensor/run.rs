//! `vigie sensor run --lapi URL`: an agent of somebody else's CrowdSec Local API, with no node.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use secrecy::SecretString;
use vigie_sensor::source::{From, SourceConfig, Start};

use super::lapi::Address;
use super::rules::Rules;
use crate::agent::credentials::{Credentials, private};
use crate::agent::lapi::Who;
use crate::agent::usage::About;
use crate::agent::writer::Writer;
use crate::agent::{Agent, State};
use crate::asked::Asked;
use crate::cli::Global;
use crate::hub::installed::Installed;
use crate::terminal::say;
use crate::{share, sources};

/// Watch this machine's logs and tell somebody else's CrowdSec Local API, in place of its agent
///
/// Logs in, sends alerts and a heartbeat; what to do about an alert is decided there, by its profiles. Without --file,
/// the logs are those that the configuration names as sources of the sensor, or those that this machine has. Alerts are
/// on disk until the Local API has taken them, and how far a log was read is noted after them, so nothing is lost when
/// either side is killed or away.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    address: Address,
    /// The machine's name there, as in `cscli machines add NAME`
    #[arg(long, value_name = "NAME")]
    login: Option<String>,
    /// Its password. Every user of this machine can read it here, in the list of processes: prefer one of the others
    #[arg(
        long,
        env = "VIGIE_LAPI_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    password: Option<SecretString>,
    /// A file that holds the password; before --password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The credentials of CrowdSec's own agent, `local_api_credentials.yaml`, for what is not said here: url, login,
    /// password, certificates
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// A log, or a pattern such as /var/log/nginx/*.log; with its --type behind it
    #[arg(long, value_name = "LOG", requires = "kind")]
    file: Vec<PathBuf>,
    /// What kind of log it is: syslog, nginx, apache2. One for each --file, or one for all
    #[arg(long = "type", value_name = "TYPE", requires = "file")]
    kind: Vec<String>,
    /// Read a log that was never read before from its first line, and not from what is written from now on
    #[arg(long)]
    from_start: bool,
    #[command(flatten)]
    rules: Rules,
    /// A scenario that is only being tried: its alerts say so, and nobody acts on them
    #[arg(long, value_name = "SCENARIO")]
    simulate: Vec<String>,
    /// Where positions and undelivered alerts are kept [default: agent, in the data directory]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Print status as JSON, one object at the start, each minute, and at the end
    #[arg(long)]
    json: bool,
}

// === impl Run ===

impl Run {
    pub(crate) async fn run(self: Box<Self>, global: &Global) -> anyhow::Result<()> {
        let config = global.config()?;
        let rules = self.rules.load(global, Asked::names(&config)?)?;
        let mut simulate = config.sensor.simulate.clone();
        simulate.extend(self.simulate.iter().cloned());
        sources::can_be_tried(&simulate, &rules).context("--simulate or [sensor] simulate")?;
        let (sources, reads) = if self.file.is_empty() {
            sources::chosen(&config.sensor.sources)?
        } else {
            self.files()?
        };
        if sources.is_empty() {
            bail!("there is no log to read: name one with --file LOG --type TYPE, or in [sensor] sources");
        }
        let mut spared = config.policy.own();
        match share::addresses_here() {
            Ok(here) => spared.extend(here),
            Err(error) => {
                tracing::warn!(%error, "this machine does not tell its addresses: name them in [policy] own");
            }
        }
        let installed = if self.rules.is_hub() {
            Installed::open(&PathBuf::new())
        } else {
            Installed::open(&global.paths().hub())
        };
        let installed = installed?;
        let writer = Writer::new(spared, &rules, &installed);
        let about_us = About::new(&rules, &installed, &sources);
        let state = State::open(self.state.clone().unwrap_or_else(|| self.usual_state(global)))?;
        let json = self.json;
        let start = if self.from_start {
            Start::Beginning
        } else {
            Start::End
        };
        let (address, who) = self.reach()?;
        let lapi = address.open()?;
        let about = format!(
            "Vigie tells {lapi} as {who}, state in {}.\n  reads    {}\n",
            state.root().display(),
            reads.join("; ")
        );
        let agent = Agent {
            lapi,
            who,
            rules,
            sources,
            simulate: simulate.into_iter().collect::<HashSet<_>>(),
            writer,
            about: about_us,
            state,
            start,
            limits: sources::limits(&config),
            json,
        };
        Box::pin(agent.run(move |waiting, answers| {
            let heard = if answers {
                "the Local API answers"
            } else {
                "the Local API does NOT answer yet"
            };
            let text = format!("{about}  tells    {heard}; {waiting} alerts wait from before\n");
            if !json && let Err(error) = say(&text) {
                tracing::warn!(%error, "the first words were not heard");
            }
        }))
        .await
    }

    fn files(&self) -> anyhow::Result<(Vec<SourceConfig>, Vec<String>)> {
        let kinds: Vec<&String> = match self.kind.as_slice() {
            [one] => self.file.iter().map(|_| one).collect(),
            several if several.len() == self.file.len() => several.iter().collect(),
            several => bail!(
                "{} logs and {} types: each --file has its --type, or there is one --type for all",
                self.file.len(),
                several.len()
            ),
        };
        let mut seen = HashSet::new();
        let mut sources = Vec::new();
        for (file, kind) in self.file.iter().zip(kinds) {
            // Positions are kept by this name.
            let file =
                std::path::absolute(file).with_context(|| format!("no log is called {}", file.display()))?;
            if !seen.insert(file.clone()) {
                bail!("{} is named twice", file.display());
            }
            sources.push(SourceConfig {
                kind: kind.clone(),
                from: From::File(file),
            });
        }
        let lines = sources
            .iter()
            .map(|source| format!("{} ({})", source.from.name(), source.kind));
        let lines = lines.collect();
        Ok((sources, lines))
    }

    /// With --hub, --data names the rules' data, which is nobody's place for state.
    fn usual_state(&self, global: &Global) -> PathBuf {
        let paths = if self.rules.is_hub() {
            global.usual_paths()
        } else {
            global.paths()
        };
        paths.root().join("agent")
    }

    /// Where, and who we are there: flags first, then the file.
    fn reach(self) -> anyhow::Result<(Address, Who)> {
        let file = self.credentials.as_deref().map(Credentials::read);
        let file = file.transpose()?.unwrap_or_default();
        let address = self.address.or(&file);
        let password = match (&self.password_file, self.password) {
            (Some(path), _) => Some(private(path)?.trim_end_matches(['\r', '\n']).into()),
            (None, said) => said.or(file.password),
        };
        let who = match (self.login.or(file.login), password) {
            (Some(login), Some(password)) => Who::Machine { login, password },
            (None, _) if address.cert.is_some() => Who::Certificate,
            (None, _) => bail!(
                "who are we there? Give --login and --password-file, or --credentials; \
                 `vigie sensor register` or `cscli machines add` makes them"
            ),
            (Some(login), None) => bail!(
                "the password of {login:?} is missing: give --password-file, --credentials or VIGIE_LAPI_PASSWORD"
            ),
        };
        Ok((address, who))
    }
}
