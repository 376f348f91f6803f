//! The third act: D lies about somebody who did nothing, and everybody watches what comes of it.

use std::time::Duration;

use futures::future::try_join_all;
use vigie_wire::Timestamp;

use super::{INNOCENT, Story, all_of, is_open_since};
use crate::clock;
use crate::demo::dated::Dated;
use crate::demo::gate::{Gate, View as Seen};
use crate::demo::question;
use crate::demo::replay::Replay;

/// So long at least the innocent is watched after the lie arrived everywhere.
const WATCHED: Duration = Duration::from_secs(2);

// === impl Story ===

impl Story<'_> {
    /// D writes an attack that never was into its own log; its node takes it for true and shares it.
    pub(super) async fn lie(&mut self) -> anyhow::Result<()> {
        self.stage.begin(&format!("D lies about {INNOCENT}"));
        let [a, b, c] = &self.world.honest;
        let liar = &self.world.liar;
        let forged =
            format!("Feb 17 03:00:00 d sshd[666]: Failed password for root from {INNOCENT} port 40404 ssh2");
        let replay = Replay::start(liar.log(), Dated::parse(&forged).into_iter().collect());
        let look = async || {
            all_of(try_join_all([a, b, c].map(|hears| question::heard(hears, INNOCENT, liar.name))).await?)
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
    pub(super) async fn watch_innocent(&mut self, needed: Duration) -> anyhow::Result<bool> {
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
}
