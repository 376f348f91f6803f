//! What happens in the demo, in order. Every step ends when it is seen to have happened, and is timed by what the
//! nodes and the connections themselves say. Three acts, one file each.

mod attack;
mod lie;
mod setting;

use std::net::Ipv4Addr;
use std::time::Duration;

use futures::future::try_join_all;
use vigie_wire::Timestamp;

use super::attack::Attack;
use super::gate::{Gate, View as Seen};
use super::question;
use super::stage::Stage;
use super::world::World;

/// Somebody who did nothing: an address of a block that belongs to nobody any more (RFC 7526).
const INNOCENT: Ipv4Addr = Ipv4Addr::new(192, 88, 99, 200);

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
}

/// All of them, once all are there.
#[expect(clippy::unnecessary_wraps, reason = "it ends looks that may fail")]
fn all_of<const N: usize>(all: Vec<Option<Timestamp>>) -> anyhow::Result<Option<[Timestamp; N]>> {
    let all: Option<Vec<Timestamp>> = all.into_iter().collect();
    Ok(all.and_then(|all| all.try_into().ok()))
}

fn is_open_since(gate: &Gate, from: Ipv4Addr, since: Timestamp) -> bool {
    matches!(gate.seen_from(from), Seen::Open { last } if last > since)
}
