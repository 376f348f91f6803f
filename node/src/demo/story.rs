//! What happens in the demo, in order. Every step ends when it is seen to have happened, and is timed by what the
//! nodes and the connections themselves say.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::future::try_join_all;
use vigie_wire::Timestamp;

use super::attack::Attack;
use super::dated::Dated;
use super::firewall::Firewall;
use super::gate::{Gate, View as Seen};
use super::question;
use super::replay::Replay;
use super::stage::Stage;
use super::view::Row;
use super::world::World;
use crate::clock;

/// Somebody who did nothing: an address of a block that belongs to nobody any more (RFC 7526).
const INNOCENT: Ipv4Addr = Ipv4Addr::new(192, 88, 99, 200);
/// So long at least the innocent is watched after the lie arrived everywhere.
const WATCHED: Duration = Duration::from_secs(2);
/// What an ordinary night looks like in a log.
const ORDINARY: &str = include_str!("../../demo/sshd.log");

/// All that the story needs.
#[derive(Debug)]
pub(crate) struct Story<'a> {
    pub(crate) attack: &'a Attack,
    pub(crate) world: &'a mut World,
    pub(crate) stage: &'a mut Stage,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) organisations: usize,
    pub(crate) attacker: Ipv4Addr,
    pub(crate) innocent: Ipv4Addr,
    pub(crate) sightings: usize,
    pub(crate) blocked_by_all: bool,
    pub(crate) innocent_blocked: bool,
    pub(crate) detection_to_last_block: Duration,
    /// Why C does not block the innocent, in C's words.
    pub(crate) explanation: Vec<String>,
    /// Why there are decisions only.
    pub(crate) no_firewalls: Option<String>,
}

// === impl Story ===

impl Story<'_> {
    /// From founding the network to the last look at the innocent.
    pub(crate) async fn tell(mut self) -> anyhow::Result<Outcome> {
        self.start().await?;
        self.connect().await?;
        self.admit_liar().await?;
        let no_firewalls = self.raise_firewalls().await?;
        self.read_logs().await?;
        let first = self.attack().await?;
        let last = self.warn_c(first).await?;
        self.lie().await?;
        let innocent_blocked = self.watch_innocent(last.since(first)).await?;
        let c = &self.world.honest[2];
        let outcome = Outcome {
            organisations: self.world.honest.len(),
            attacker: self.attack.address,
            innocent: INNOCENT,
            sightings: question::sightings(c).await?,
            blocked_by_all: self.is_blocked_by_all().await?,
            innocent_blocked,
            detection_to_last_block: last.since(first),
            explanation: question::explanation(c, INNOCENT).await?,
            no_firewalls,
        };
        let text = if innocent_blocked {
            "somebody blocks the innocent"
        } else {
            "nobody blocks the innocent"
        };
        self.stage.done(&format!("{text} {INNOCENT}"), &[]);
        Ok(outcome)
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        self.stage.begin("starting five nodes");
        self.world.found(self.stage).await?;
        for organisation in self.world.members_mut() {
            self.stage.up(organisation).await?;
        }
        let details =
            ["a seed S, the organisations A, B and C, and D; each with its own keys, database and ports"];
        self.stage.done("five nodes run", &details.map(str::to_owned));
        Ok(())
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
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

    async fn admit_liar(&mut self) -> anyhow::Result<()> {
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
    async fn raise_firewalls(&mut self) -> anyhow::Result<Option<String>> {
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
    async fn read_logs(&mut self) -> anyhow::Result<()> {
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

    /// The attack on A and B, until both block it. The moment of the first detection.
    async fn attack(&mut self) -> anyhow::Result<Timestamp> {
        let attacker = self.attack.address;
        self.stage.begin(&format!("{attacker} attacks A and B"));
        let [a, b, _] = &self.world.honest;
        let attacked = [a, b];
        let replays = attacked.map(|victim| Replay::start(victim.log(), self.attack.lines.clone()));
        let look =
            async || both(try_join_all(attacked.map(|victim| question::detected(victim, attacker))).await?);
        let detected = self
            .stage
            .until("A and B detect the attack", &attacked, look)
            .await?;
        let first = detected[0].min(detected[1]);
        let [after_a, after_b] = detected.map(|at| at.since(first).as_millis());
        let origin = &self.attack.origin;
        let details = [
            format!("lines of {origin}, dated anew, appended to the logs of A and B"),
            format!("detected by A + {after_a} ms, by B + {after_b} ms; each decides by itself"),
        ];
        self.stage
            .done(&format!("{attacker} attacks A and B; both detect it"), &details);
        self.stage.begin("A and B close their firewalls");
        let (mut last, mut details) = (first, Vec::new());
        for (place, replay) in replays.into_iter().enumerate() {
            let closed = self.closed(place, "sensor").await?;
            let (letter, lines) = (self.world.honest[place].letter, replay.end().await?);
            details.push(format!(
                "{letter} + {} ms, after {lines} lines",
                closed.since(first).as_millis()
            ));
            last = last.max(closed);
        }
        let text = format!("A and B block it: {}", self.proof());
        self.stage.done_after(&text, last.since(first), &details);
        Ok(first)
    }

    /// C hears, decides and blocks, without ever having been attacked. The moment of the last block.
    async fn warn_c(&mut self, first: Timestamp) -> anyhow::Result<Timestamp> {
        let attacker = self.attack.address;
        let [a, b, c] = &self.world.honest;
        self.stage.begin("their sightings reach C");
        let look =
            async || both(try_join_all([a, b].map(|from| question::heard(c, attacker, from.name))).await?);
        let heard = self
            .stage
            .until(
                "the sightings of A and B reach C",
                &[a, b, &self.world.seed, c],
                look,
            )
            .await?;
        let [of_a, of_b] = heard.map(|at| at.since(first).as_millis());
        let details = [format!(
            "signed, over the mesh: of A + {of_a} ms, of B + {of_b} ms"
        )];
        let text = "their sightings reach C, which was never attacked";
        self.stage
            .done_after(text, heard[0].max(heard[1]).since(first), &details);

        self.stage.begin("C decides");
        let look = async || question::decided(c, attacker, "mesh").await;
        let decided = self
            .stage
            .until("C decides on the mesh's word", &[c], look)
            .await?;
        if question::alerts(c, attacker).await? > 0 {
            bail!("C's own sensor saw {attacker}, which was not to happen");
        }
        self.stage
            .done_after("C decides on the mesh's word", decided.since(first), &[]);

        self.stage.begin("C closes its firewall");
        let of_c = self.closed(2, "mesh").await?;
        self.stage.done_after(
            &format!("C blocks it before it ever came: {}", self.proof()),
            of_c.since(first),
            &[],
        );
        let mut last = of_c;
        for place in [0, 1] {
            last = last.max(self.closed(place, "sensor").await?);
        }
        Ok(last)
    }

    /// D writes an attack that never was into its own log; its node takes it for true and shares it.
    async fn lie(&mut self) -> anyhow::Result<()> {
        self.stage.begin(&format!("D lies about {INNOCENT}"));
        let [a, b, c] = &self.world.honest;
        let liar = &self.world.liar;
        let forged =
            format!("Feb 17 03:00:00 d sshd[666]: Failed password for root from {INNOCENT} port 40404 ssh2");
        let replay = Replay::start(liar.log(), Dated::parse(&forged).into_iter().collect());
        let look = async || {
            both(try_join_all([a, b, c].map(|hears| question::heard(hears, INNOCENT, liar.name))).await?)
        };
        let who = [liar, &self.world.seed, a, b, c];
        let arrived: [Timestamp; 3] = self
            .stage
            .until("D's sighting reaches A, B and C", &who, look)
            .await?;
        replay.end().await?;
        let details =
            ["forged lines in D's own log; its sighting is signed and admitted like any other".to_owned()];
        let last = arrived.iter().max().copied().unwrap_or_default();
        tracing::debug!(at = last.as_millis(), "the lie arrived everywhere");
        self.stage
            .done(&format!("D's lie about {INNOCENT} reaches A, B and C"), &details);
        Ok(())
    }

    /// Watches for longer than the real attack needed from detection to block, whether the lie has an effect.
    async fn watch_innocent(&mut self, needed: Duration) -> anyhow::Result<bool> {
        self.stage.begin(&format!("does anybody block {INNOCENT}?"));
        let until = clock::now() + WATCHED.max(needed * 2);
        let honest = &self.world.honest;
        let gates: Vec<Gate> = self
            .world
            .firewalls
            .iter()
            .map(|firewall| firewall.gate.clone())
            .collect();
        let look = async || {
            let banned = try_join_all(honest.iter().map(|one| question::bans(one, INNOCENT))).await?;
            let blocked = |gate: &Gate| matches!(gate.seen_from(INNOCENT), Seen::Blocked { .. });
            if banned.iter().any(|bans| !bans.is_empty()) || gates.iter().any(blocked) {
                return Ok(Some(true));
            }
            let open = gates.iter().all(|gate| is_open_since(gate, INNOCENT, until));
            Ok((clock::now() > until && open).then_some(false))
        };
        self.stage
            .until("the innocent still connects everywhere", &honest.each_ref(), look)
            .await
    }

    /// When the firewall of that place was first found closed to the attacker; without firewalls, when its node
    /// decided.
    async fn closed(&mut self, place: usize, origin: &str) -> anyhow::Result<Timestamp> {
        let attacker = self.attack.address;
        let organisation = &self.world.honest[place];
        let gate = self
            .world
            .firewalls
            .get(place)
            .map(|firewall| firewall.gate.clone());
        let look = async || match gate.as_ref().map(|gate| gate.seen_from(attacker)) {
            Some(Seen::Blocked { since }) => Ok(Some(since)),
            Some(_) => Ok(None),
            None => question::decided(organisation, attacker, origin).await,
        };
        self.stage
            .until(
                &format!("{} blocks the attacker", organisation.name),
                &[organisation],
                look,
            )
            .await
    }

    async fn is_blocked_by_all(&self) -> anyhow::Result<bool> {
        let attacker = self.attack.address;
        if !self.world.firewalls.is_empty() {
            let blocked = |gate: &Gate| matches!(gate.seen_from(attacker), Seen::Blocked { .. });
            return Ok(self
                .world
                .firewalls
                .iter()
                .all(|firewall| blocked(&firewall.gate)));
        }
        let bans = try_join_all(self.world.honest.iter().map(|one| question::bans(one, attacker))).await?;
        Ok(bans.iter().all(|bans| !bans.is_empty()))
    }

    /// How a block shows, in words.
    fn proof(&self) -> &'static str {
        if self.world.firewalls.is_empty() {
            "decisions hold"
        } else {
            "its connections fail"
        }
    }
}

/// All of them, once all are there.
#[expect(clippy::unnecessary_wraps, reason = "it ends looks that may fail")]
fn both<const N: usize>(all: Vec<Option<Timestamp>>) -> anyhow::Result<Option<[Timestamp; N]>> {
    let all: Option<Vec<Timestamp>> = all.into_iter().collect();
    Ok(all.and_then(|all| all.try_into().ok()))
}

fn is_open_since(gate: &Gate, from: Ipv4Addr, since: Timestamp) -> bool {
    matches!(gate.seen_from(from), Seen::Open { last } if last > since)
}
