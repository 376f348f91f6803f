//! `vigie sensor register --lapi URL --machine NAME`: a new machine at somebody else's Local API.

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Args;
use secrecy::SecretString;

use super::lapi::Address;
use crate::agent::credentials::{Credentials, private};
use crate::agent::lapi::{Failure, Registered};
use crate::terminal::say;

/// Bytes of chance in a password.
const CHANCE: usize = 32;

/// Register this machine at a CrowdSec Local API, with a password of chance
///
/// Writes the file that `vigie sensor run --credentials` reads. Unless a registration token does it, somebody has to
/// accept the machine there: `cscli machines validate NAME`.
#[derive(Debug, Args)]
pub(crate) struct Register {
    #[command(flatten)]
    address: Address,
    /// What this machine is called there
    #[arg(long, value_name = "NAME")]
    machine: String,
    /// A file with the token by which the Local API accepts machines by itself
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Where to write address, name and password; must not be there yet
    #[arg(long, value_name = "FILE")]
    credentials: PathBuf,
}

// === impl Register ===

impl Register {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        if self.credentials.exists() {
            bail!(
                "{} is there already: its machine would be locked out",
                self.credentials.display()
            );
        }
        let lapi = self.address.open()?;
        let token = self.token_file.as_deref().map(private).transpose()?;
        let token: Option<SecretString> = token.map(|token| token.trim().into());
        let mut chance = [0; CHANCE];
        getrandom::fill(&mut chance).map_err(|error| anyhow!("the system gives no chance: {error}"))?;
        let password: SecretString = BASE64_URL_SAFE_NO_PAD.encode(chance).into();
        let written = Credentials {
            login: Some(self.machine.clone()),
            password: Some(password.clone()),
            ..self.address.to_credentials()
        };
        // Before anybody is asked: a password that cannot be kept is of no use.
        written.write(&self.credentials)?;
        let registered = lapi.register(&self.machine, &password, token.as_ref()).await;
        let registered = match registered {
            Ok(registered) => registered,
            Err(failure) => {
                // No answer is no refusal, nor is one of a server in trouble or of a proxy that waited too long for it:
                // then the machine may be there, and this is its password.
                let refused = matches!(
                    failure,
                    Failure::Answered {
                        status: 400..=499,
                        ..
                    } | Failure::Redirected { .. }
                );
                if refused && let Err(error) = std::fs::remove_file(&self.credentials) {
                    tracing::warn!(%error, "{} is left behind", self.credentials.display());
                }
                let error = anyhow::Error::new(failure).context(format!(
                    "the Local API at {lapi} does not register {:?}",
                    self.machine
                ));
                return Err(match refused {
                    true => error,
                    false => error.context(format!("{} is kept", self.credentials.display())),
                });
            }
        };
        let next = match registered {
            Registered::Valid => "It is accepted already.".to_owned(),
            Registered::Pending => format!(
                "Somebody has to accept it there: cscli machines validate {}",
                self.machine
            ),
        };
        say(&format!(
            "{:?} is registered at {lapi}. {next}\nThen: vigie sensor run --credentials {}\n",
            self.machine,
            self.credentials.display()
        ))
        .context("the machine is registered")
    }
}
