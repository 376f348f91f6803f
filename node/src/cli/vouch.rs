//! `vigie vouch KEY`: our organisation's word for another one.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use vigie_wire::{Labels, NetworkId, PublicKey, Statement, Vouch as Terms};

use super::Global;
use super::control::{Control, escape};
use crate::clock;
use crate::identity::Identity;
use crate::terminal::say;

/// Vouch for an organisation: it is then admitted on our word, and we answer for it
#[derive(Debug, Args)]
pub(crate) struct Vouch {
    /// Its organisation key
    key: PublicKey,
    /// Its name for people, at most 64 bytes
    #[arg(long)]
    name: String,
    #[command(flatten)]
    labels: LabelArgs,
    /// For how many days, at most 366
    #[arg(long, default_value_t = 365)]
    days: u64,
}

/// What is attested of an organisation. Others weigh who shares a label as one.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct LabelArgs {
    /// Who operates its machines
    #[arg(long)]
    operator: Option<String>,
    /// Its country, two letters
    #[arg(long)]
    country: Option<String>,
    /// Its autonomous system
    #[arg(long)]
    asn: Option<u32>,
}

impl LabelArgs {
    pub(crate) fn labels(&self) -> anyhow::Result<Labels> {
        labels(self.operator.as_deref(), self.country.as_deref(), self.asn)
    }
}

/// Labels from words.
pub(crate) fn labels(
    operator: Option<&str>,
    country: Option<&str>,
    asn: Option<u32>,
) -> anyhow::Result<Labels> {
    let country = match country.map(|text| <[u8; 2]>::try_from(text.to_ascii_uppercase().as_bytes())) {
        None => [0, 0],
        Some(Ok(letters)) if letters.iter().all(u8::is_ascii_uppercase) => letters,
        Some(_) => bail!("a country is two letters, such as FR"),
    };
    Ok(Labels {
        operator: operator.map(Labels::operator_of).unwrap_or_default(),
        country,
        asn: asn.unwrap_or(0),
    })
}

impl Vouch {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let identity = Identity::load(&global.paths())?;
        let secret = identity
            .org_secret
            .as_ref()
            .context("the organisation key is not on this machine")?;
        let control = Control::reach(global).await?;
        let status = control.get("/status").await?;
        let network: NetworkId = status["network_id"]
            .as_str()
            .context("this node joined no network yet")?
            .parse()?;
        if status["standing"] == "newcomer" {
            bail!(
                "we are a newcomer ourselves: a vouch counts only if it is signed after the ten days of our probation"
            );
        }
        let us = control
            .get(&format!("/trust/{}", escape(&identity.org.to_string())))
            .await?;
        within_budget(&us["vouches"], &self.key)?;
        let now = clock::now();
        let serial = u64::try_from(now.as_millis()).unwrap_or_default();
        let terms = Terms {
            network,
            voucher: identity.org,
            subject: self.key,
            name: self.name.as_str().into(),
            labels: self.labels.labels()?,
            issued: now,
            expires: now + Duration::from_secs(self.days.saturating_mul(86_400)),
            serial,
        };
        let statement = Statement::Vouch(terms.sign(secret).context("this vouch cannot be signed")?);
        control
            .post(
                "/statements",
                &json!({"statement": hex::encode(statement.encode())}),
            )
            .await?;
        say(&format!(
            "We vouch for {} ({}) for {} days.\n",
            self.name, self.key, self.days
        ))
    }
}

/// A vouch beyond the budget would be signed, spread, and count for nothing anywhere.
fn within_budget(ours: &Value, key: &PublicKey) -> anyhow::Result<()> {
    let theirs = key.to_string();
    let given = ours["given"].as_array().map(Vec::as_slice).unwrap_or_default();
    if given
        .iter()
        .any(|vouch| vouch["key"] == theirs && vouch["counts"] == true)
    {
        return Ok(());
    }
    let number = |name: &str| ours[name].as_u64();
    for (spent, budget, when) in [
        ("live", "live_budget", "at one time"),
        ("quarter", "quarter_budget", "in a quarter"),
    ] {
        if let (Some(spent), Some(budget)) = (number(spent), number(budget))
            && spent >= budget
        {
            bail!(
                "this vouch would count for nothing: of {budget} organisations that we may vouch for {when}, {spent} are taken"
            );
        }
    }
    Ok(())
}
