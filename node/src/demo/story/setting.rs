//! The first act: five nodes, their connections, their firewalls and an ordinary night. Nothing is attacked yet.

use anyhow::Context;
use vigie_wire::Timestamp;

use super::{INNOCENT, Story, is_open_since};
use crate::clock;
use crate::demo::dated::Dated;
use crate::demo::firewall::Firewall;
use crate::demo::gate::Gate;
use crate::demo::question;
use crate::demo::view::Row;
use crate::demo::world::World;

/// What an ordinary night looks like in a log.
const ORDINARY: &str = include_str!("../../../demo/sshd.log");

// === impl Story ===

impl Story<'_> {
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        self.stage.begin("starting five nodes");
        self.world.found(self.stage).await?;
        for organisation in self.world.members_mut() {
            self.stage.up(organisation).await?;
        }
        let details = [
            "a seed S, the organisations A, B and C, and D; each with its own keys, database and ports",
            "hearing = \"0s\": by default, words of organisations without a history here wait 20 minutes to be disputed",
        ];
        self.stage.done("five nodes run", &details.map(str::to_owned));
        Ok(())
    }

    pub(super) async fn connect(&mut self) -> anyhow::Result<()> {
        self.stage.begin("connecting over libp2p");
        let mut by = Vec::new();
        for organisation in self.world.members() {
            let look = async || question::transport(organisation).await;
            let what = format!("{} connects to the seed", organisation.name);
            let transport = self
                .stage
                .until(&what, &[organisation, &self.world.seed], look)
                .await?;
            by.push(format!("{} by {transport}", organisation.letter));
        }
        let all = async || Ok((question::peers(&self.world.seed).await? >= by.len()).then_some(()));
        self.stage
            .until("the seed sees all four", &[&self.world.seed], all)
            .await?;
        self.stage
            .done("all are connected to the seed over libp2p", &[by.join(", ")]);
        Ok(())
    }

    pub(super) async fn admit_liar(&mut self) -> anyhow::Result<()> {
        self.stage.begin("the seed vouches for D");
        self.world.vouch().await?;
        let World { seed, liar, .. } = &*self.world;
        let look = async || Ok(question::is_admitted(liar).await?.then_some(()));
        self.stage
            .until("D hears that it is admitted", &[liar, seed], look)
            .await?;
        self.stage.done("D is admitted on the seed's word", &[]);
        Ok(())
    }

    /// `Some` sentence if this machine cannot have them.
    pub(super) async fn raise_firewalls(&mut self) -> anyhow::Result<Option<String>> {
        self.stage.begin("raising firewalls");
        let outside = [self.attack.address, INNOCENT];
        let how = match self.world.raise_firewalls(outside).await {
            Ok(how) => how,
            Err(why) => {
                let why = format!("{why:#}");
                self.stage.done(
                    "no firewalls on this machine: decisions are shown instead",
                    std::slice::from_ref(&why),
                );
                return Ok(Some(why));
            }
        };
        let World {
            honest, firewalls, ..
        } = &mut *self.world;
        let rows = honest.iter().zip(firewalls.iter());
        let rows = rows.map(|(organisation, firewall)| Row {
            name: organisation.name,
            gate: firewall.gate.clone(),
        });
        self.stage.view.watch(rows.collect(), outside);
        let gates: Vec<Gate> = firewalls.iter().map(|firewall| firewall.gate.clone()).collect();
        let open = async || {
            firewalls.iter_mut().try_for_each(Firewall::check)?;
            let all = gates.iter().all(|gate| {
                outside
                    .iter()
                    .all(|from| is_open_since(gate, *from, Timestamp::ZERO))
            });
            Ok(all.then_some(()))
        };
        self.stage
            .until("both addresses reach all three targets", &[], open)
            .await?;
        let details = [
            format!("nftables in a network namespace each, {how}; nothing leaves them"),
            "the attacker and an innocent connect to all three targets: it works".to_owned(),
        ];
        self.stage.done("three firewalls stand", &details);
        Ok(None)
    }

    /// Ordinary lines until every sensor was seen to read them.
    pub(super) async fn read_logs(&mut self) -> anyhow::Result<()> {
        self.stage.begin("an ordinary night in four logs");
        let ordinary: Vec<Dated> = ORDINARY
            .lines()
            .filter(|line| !line.contains("sshd["))
            .filter_map(Dated::parse)
            .collect();
        let mut lines = ordinary.iter().cycle();
        for organisation in self.world.members() {
            let read = async || {
                let line = lines.next().context("our own log is empty")?;
                organisation.append(&line.told_at(clock::now()))?;
                Ok((question::lines_read(organisation).await? > 0).then_some(()))
            };
            self.stage
                .until("the sensor reads its log", &[organisation], read)
                .await?;
        }
        self.stage.done("four sensors read their logs", &[]);
        Ok(())
    }
}
