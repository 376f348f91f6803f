//! The five nodes of the demo, founded and started as five organisations would: one network, one directory each.

use std::fs::DirBuilder;
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use anyhow::Context;
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};

use super::child::{Child, Line, text};
use super::firewall::Firewall;
use super::organisation::Organisation;
use super::space::Tools;
use super::stage::Stage;
use crate::paths::write_private;

/// Sightings that the genesis grants to the founding members as confirmed.
const HISTORY: u32 = 400;
/// A socket's path has at most 107 bytes, so the directory that it stands in must not be deep.
const LONGEST: usize = 60;
/// How the names of the demo's directories begin.
pub(crate) const ROOT: &str = "vigie-demo-";

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) root: PathBuf,
    /// Removes the directory; none if it is to be kept.
    sweeper: Option<Child>,
    pub(crate) seed: Organisation,
    /// A, B and C.
    pub(crate) honest: [Organisation; 3],
    /// D.
    pub(crate) liar: Organisation,
    liar_key: String,
    /// One for each of the honest, or none.
    pub(crate) firewalls: Vec<Firewall>,
}

// === impl World ===

impl World {
    /// A new, private directory, and nothing in it yet.
    pub(crate) fn new(keep: bool, log: &str) -> anyhow::Result<Self> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).context("the system gives no random bytes")?;
        let mut place = std::env::temp_dir();
        if place.as_os_str().len() > LONGEST {
            place = PathBuf::from("/tmp");
        }
        let root = place.join(format!("{ROOT}{}", hex::encode(random)));
        let made = DirBuilder::new().mode(0o700).create(&root);
        made.with_context(|| format!("cannot make {}", root.display()))?;
        let sweep = Line::vigie()?.and(&["demo-part", "sweep", &text(&root)?]);
        let sweeper = (!keep).then(|| Child::start_part(&sweep, &root.join("sweep.journal")));
        Ok(Self {
            sweeper: sweeper.transpose()?.map(|(sweeper, _)| sweeper),
            seed: Organisation::new(&root, log, "S", "Seed S"),
            honest: [
                Organisation::new(&root, log, "A", "Hospital A"),
                Organisation::new(&root, log, "B", "University B"),
                Organisation::new(&root, log, "C", "Town hall C"),
            ],
            liar: Organisation::new(&root, log, "D", "Company D"),
            liar_key: String::new(),
            firewalls: Vec::new(),
            root,
        })
    }

    /// Identities, the genesis, and everybody's joining.
    pub(crate) async fn found(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let [a, b, c] = &self.honest;
        let reading = [a, b, c, &self.liar].map(|organisation| organisation.found(true));
        let (seed, keys) = tokio::try_join!(self.seed.found(false), try_join_all(reading))?;
        let founder = |key: &str, organisation: &Organisation, more: &str| {
            format!(
                "{key},name={},operator={}{more}",
                organisation.name, organisation.name
            )
        };
        let file = text(&self.root.join("network"))?;
        let mut words = vec![
            "network".to_owned(),
            "found".to_owned(),
            "--name".to_owned(),
            "Demo".to_owned(),
        ];
        words.extend(["--seed".to_owned(), founder(&seed, &self.seed, "")]);
        for (organisation, key) in self.honest.iter().zip(&keys) {
            words.extend([
                "--member".to_owned(),
                founder(key, organisation, &format!(",history={HISTORY}")),
            ]);
        }
        words.push(file.clone());
        self.seed
            .vigie(&words.iter().map(String::as_str).collect::<Vec<_>>())
            .await?;
        self.liar_key = keys.last().cloned().unwrap_or_default();
        self.seed
            .vigie(&["join", &file, "--yes", "--share", "no", "--anchor", "yes"])
            .await?;
        self.seed.start()?;
        let addresses = self.seed_addresses(stage).await?;
        self.join(&addresses).await?;
        self.members_mut().try_for_each(Organisation::start)
    }

    /// Where the seed is reached: by TCP, and by QUIC.
    async fn seed_addresses(&mut self, stage: &mut Stage) -> anyhow::Result<[String; 2]> {
        stage.up(&mut self.seed).await?;
        let seed = &self.seed;
        stage
            .until("the seed listens by TCP and QUIC", &[seed], async || {
                let peers = seed.get("/network", &[]).await?["peers"].clone();
                let peers: Vec<String> = serde_json::from_value(peers)?;
                let with = |part: &str| peers.iter().find(|peer| peer.contains(part)).cloned();
                Ok(with("/tcp/").zip(with("/quic")).map(<[String; 2]>::from))
            })
            .await
    }

    /// A, B, C and D join; half of them reach the seed by TCP, half by QUIC.
    async fn join(&self, addresses: &[String; 2]) -> anyhow::Result<()> {
        let invitation = std::fs::read_to_string(self.root.join("network"))?;
        let mut invitation: Value = serde_json::from_str(&invitation)?;
        let mut joining = Vec::new();
        for (organisation, address) in self.members().zip(addresses.iter().cycle()) {
            invitation["peers"] = json!([address]);
            let file = organisation.file("invitation");
            write_private(&file, &invitation.to_string())?;
            joining.push(async move {
                organisation
                    .vigie(&[
                        "join",
                        &text(&file)?,
                        "--yes",
                        "--share",
                        "yes",
                        "--anchor",
                        "yes",
                    ])
                    .await?;
                organisation.vigie(&["policy", "enforce", "--now"]).await?;
                organisation.add_bouncer().await
            });
        }
        try_join_all(joining).await.map(drop)
    }

    /// The seed vouches for D.
    pub(crate) async fn vouch(&self) -> anyhow::Result<()> {
        let words = [
            "vouch",
            &self.liar_key,
            "--name",
            self.liar.name,
            "--operator",
            self.liar.name,
        ];
        self.seed.vigie(&words).await.map(drop)
    }

    /// A firewall for each of the honest, with those addresses outside.
    pub(crate) async fn raise_firewalls(&mut self, outside: [Ipv4Addr; 2]) -> anyhow::Result<&'static str> {
        let tools = Tools::find().await?;
        let raised = self
            .honest
            .iter()
            .map(|organisation| Firewall::raise(&tools, outside, organisation));
        self.firewalls = try_join_all(raised).await?;
        Ok(tools.describe())
    }

    /// A, B, C and D.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Organisation> {
        self.honest.iter().chain([&self.liar])
    }

    /// The same, to change them.
    pub(crate) fn members_mut(&mut self) -> impl Iterator<Item = &mut Organisation> {
        self.honest.iter_mut().chain([&mut self.liar])
    }

    /// Ends everything that runs, and removes what it wrote.
    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        join_all(self.firewalls.drain(..).map(Firewall::end)).await;
        let [a, b, c] = &mut self.honest;
        join_all([&mut self.seed, a, b, c, &mut self.liar].map(Organisation::end)).await;
        match self.sweeper.take() {
            Some(sweeper) => sweeper.finish().await,
            None => Ok(()),
        }
    }
}
