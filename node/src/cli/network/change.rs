//! `vigie network change` and `sign`: the seeds add one of their own, or remove one, by as many signatures as have to agree.
//!
//! The change travels as a file from seed to seed, by whatever way they trust: each sees in words what it is before it
//! signs, and whoever completes it hands it to the mesh. What holds is decided by every node for itself, from the
//! signatures. Deliberately absent: a vote that anybody could withhold or count alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use vigie_wire::{NetworkId, PublicKey, SecretKey, SeedAction, SeedChange, Statement, Timestamp};

use super::super::Global;
use super::super::control::Control;
use super::super::join::ask;
use super::{founder, seeds};
use crate::clock::{self, rfc3339};
use crate::identity::Identity;
use crate::paths::write_private;
use crate::terminal::{printable, say};

/// How long a change may take from seed to seed.
const LONGEST_ROUND: Duration = Duration::from_hours(30 * 24);
/// How far the clock of whoever proposed it may be ahead.
const AHEAD: Duration = Duration::from_mins(2);

/// Propose a change of the seeds, and sign it: with the other seeds' signatures it takes effect everywhere
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// One more seed: `KEY,name=NAME`, then `,operator=`, `,country=` and `,asn=` as known
    #[arg(long, value_name = "FOUNDER", required_unless_present = "remove")]
    add: Option<String>,
    /// One seed less: its organisation key. Whom it admitted stays admitted
    #[arg(long, value_name = "KEY", conflicts_with = "add")]
    remove: Option<PublicKey>,
    /// The file for the other seeds to sign
    file: PathBuf,
}

/// Sign a change of the seeds that another seed proposed
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The file that `vigie network change` wrote
    file: PathBuf,
    /// Sign without being asked
    #[arg(long)]
    yes: bool,
}

/// The seeds in force, and what one more change of them must have.
struct InForce {
    network: NetworkId,
    quorum: u8,
    next: u64,
    seeds: Vec<(PublicKey, String)>,
}

// === impl Change ===

impl Change {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        let in_force = InForce::of(&control.get("/seeds").await?)?;
        let action = match (self.add, self.remove) {
            (Some(text), _) => add(&text)?,
            (None, Some(key)) => SeedAction::Remove { key },
            (None, None) => bail!("say whom to --add or --remove"),
        };
        in_force.check(&action)?;
        let change = SeedChange {
            network: in_force.network,
            sequence: in_force.next,
            at: clock::now(),
            action,
            signatures: Vec::new(),
        };
        let identity = Identity::load(&global.paths())?;
        in_force
            .sign_and_hand_on(&control, change, &identity, &self.file)
            .await
    }
}

fn add(text: &str) -> anyhow::Result<SeedAction> {
    let founder = founder(text).with_context(|| format!("the seed {text:?}"))?;
    ensure!(
        founder.history == 0,
        "a seed that is added has no history of its own"
    );
    ensure!(!founder.name.is_empty(), "a seed has a name: `KEY,name=NAME`");
    Ok(SeedAction::Add {
        key: founder.key,
        name: founder.name,
        labels: founder.labels,
    })
}

// === impl Sign ===

impl Sign {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        let in_force = InForce::of(&control.get("/seeds").await?)?;
        let change = read(&self.file)?;
        ensure!(
            change.network == in_force.network,
            "this changes the seeds of network {}, and this node joined {}",
            change.network,
            in_force.network
        );
        ensure!(
            change.sequence == in_force.next,
            "this is change {} of the seeds, and the next one is {}: they were changed meanwhile, so it has to be proposed anew",
            change.sequence,
            in_force.next
        );
        in_force.check(&change.action)?;
        in_force.verify(&change)?;
        check_time(change.at, clock::now())?;
        say(&in_force.words(&change))?;
        let identity = Identity::load(&global.paths())?;
        if !self.yes && !ask("Sign this as a seed?")? {
            bail!("not signed");
        }
        in_force
            .sign_and_hand_on(&control, change, &identity, &self.file)
            .await
    }
}

/// A change holds from the time that it names: one long past would have had a seed's word before anybody signed that.
fn check_time(at: Timestamp, now: Timestamp) -> anyhow::Result<()> {
    ensure!(
        at <= now + AHEAD,
        "this change is to hold from {}, which has not come: is this machine's clock right?",
        rfc3339(at)
    );
    ensure!(
        now.since(at) <= LONGEST_ROUND,
        "this change is to hold from {}, and the seeds have {} days to sign one: it has to be proposed anew",
        rfc3339(at),
        LONGEST_ROUND.as_secs() / 86_400
    );
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<SeedChange> {
    let parsed = seeds::read(file)?;
    let statement = parsed["statements"][0].as_str().unwrap_or_default();
    let bytes = hex::decode(statement).unwrap_or_default();
    match Statement::decode(&bytes) {
        Ok(Statement::SeedChange(change)) => Ok(change),
        _ => bail!("{} holds no change of seeds", file.display()),
    }
}

// === impl InForce ===

impl InForce {
    fn of(told: &Value) -> anyhow::Result<Self> {
        let rows = told["seats"].as_array().map(Vec::as_slice).unwrap_or_default();
        let seat = |row: &Value| -> anyhow::Result<(PublicKey, String)> {
            let key = row["key"].as_str().unwrap_or_default().parse()?;
            Ok((key, row["name"].as_str().unwrap_or_default().to_owned()))
        };
        Ok(Self {
            network: told["network"].as_str().unwrap_or_default().parse()?,
            quorum: u8::try_from(told["quorum"].as_u64().unwrap_or(u64::MAX))?,
            next: told["next_change"]
                .as_u64()
                .context("the node does not say which change is next")?,
            seeds: rows.iter().map(seat).collect::<Result<_, _>>()?,
        })
    }

    /// What every node would refuse is not signed in the first place.
    fn check(&self, action: &SeedAction) -> anyhow::Result<()> {
        match action {
            SeedAction::Add { key, .. } => ensure!(self.place(key).is_none(), "{key} is a seed already"),
            SeedAction::Remove { key } => {
                ensure!(self.place(key).is_some(), "{key} is no seed");
                ensure!(
                    self.seeds.len() > usize::from(self.quorum),
                    "{} seeds have to agree on a change, and there would be fewer than that: add one first",
                    self.quorum
                );
            }
        }
        Ok(())
    }

    /// One wrong signature would void the others with it.
    fn verify(&self, change: &SeedChange) -> anyhow::Result<()> {
        let keys: Vec<PublicKey> = self.seeds.iter().map(|(key, _)| *key).collect();
        for (place, signature) in &change.signatures {
            let (key, name) = self.seeds.get(usize::from(*place)).context("signed by nobody")?;
            let alone = SeedChange {
                signatures: vec![(*place, *signature)],
                ..change.clone()
            };
            alone
                .verify(&keys, 1)
                .with_context(|| format!("the signature of {} ({key})", printable(name)))?;
        }
        Ok(())
    }

    fn place(&self, key: &PublicKey) -> Option<u8> {
        let place = self.seeds.iter().position(|(seat, _)| seat == key)?;
        u8::try_from(place).ok()
    }

    fn words(&self, change: &SeedChange) -> String {
        let what = match &change.action {
            SeedAction::Add { key, name, labels } => {
                let country = String::from_utf8_lossy(&labels.country);
                let country = country.trim_matches('\0');
                format!(
                    "{} becomes a seed\n  key        {key}\n  country    {}\n  AS number  {}\n",
                    printable(name),
                    if country.is_empty() { "not told" } else { country },
                    if labels.asn == 0 {
                        "not told".to_owned()
                    } else {
                        labels.asn.to_string()
                    },
                )
            }
            SeedAction::Remove { key } => {
                let name = self
                    .place(key)
                    .and_then(|place| self.seeds.get(usize::from(place)));
                let name = name.map_or("", |(_, name)| name.as_str());
                format!("{} is no seed any more\n  key        {key}\n", printable(name))
            }
        };
        let signed = change.signatures.iter();
        let signed: Vec<&str> = signed
            .filter_map(|(place, _)| Some(self.seeds.get(usize::from(*place))?.1.as_str()))
            .collect();
        format!(
            "Change {} of the seeds of network {}: {what}  from       {}\n  signed by  {}; {} of {} have to agree\n",
            change.sequence,
            change.network,
            rfc3339(change.at),
            if signed.is_empty() {
                "nobody yet".to_owned()
            } else {
                printable(&signed.join(", "))
            },
            self.quorum,
            self.seeds.len(),
        )
    }

    async fn sign_and_hand_on(
        &self,
        control: &Control,
        mut change: SeedChange,
        identity: &Identity,
        file: &Path,
    ) -> anyhow::Result<()> {
        let place = self
            .place(&identity.org)
            .context("only seeds sign a change of seeds, and this organisation is none")?;
        let secret: &SecretKey = identity
            .org_secret
            .as_ref()
            .context("the organisation key is not on this machine")?;
        change.add_signature(place, change.sign(secret));
        change.check().context("such a change cannot be told")?;
        let signed = change.signatures.len();
        let statement = hex::encode(Statement::SeedChange(change.clone()).encode());
        let text = json!({"statements": [statement], "records": [], "words": self.words(&change)});
        write_private(file, &serde_json::to_string_pretty(&text)?)?;
        if signed < usize::from(self.quorum) {
            return say(&format!(
                "Signed: {signed} of {} that have to agree. Hand {} to another seed: vigie network sign FILE\n",
                self.quorum,
                file.display()
            ));
        }
        control
            .post("/statements", &json!({"statement": statement}))
            .await?;
        say(&format!(
            "Signed by {signed}, as many as have to agree: it is told to the mesh. {} holds it too: vigie network import FILE\n",
            file.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_signed_within_a_month_and_never_ahead_of_its_time() {
        let now = Timestamp::from_secs(1_795_305_600);
        let days = |days: u64| Duration::from_secs(days * 86_400);
        assert!(check_time(now, now).is_ok() && check_time(now - days(30), now).is_ok());
        assert!(check_time(now - days(31), now).is_err());
        assert!(check_time(now + days(1), now).is_err());
    }
}
