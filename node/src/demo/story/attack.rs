//! The second act: a real attack on A and B, and what C makes of their word.

use anyhow::bail;
use futures::future::try_join_all;
use vigie_wire::Timestamp;

use super::{Story, all_of};
use crate::demo::gate::View as Seen;
use crate::demo::question;
use crate::demo::replay::Replay;

// === impl Story ===

impl Story<'_> {
    /// The attack on A and B, until both block it. The moment of the first detection.
    pub(super) async fn attack(&mut self) -> anyhow::Result<Timestamp> {
        let attacker = self.attack.address;
        self.stage.begin(&format!("{attacker} attacks A and B"));
        let [a, b, _] = &self.world.honest;
        let attacked = [a, b];
        let replays = attacked.map(|victim| Replay::start(victim.log(), self.attack.lines.clone()));
        let look =
            async || all_of(try_join_all(attacked.map(|victim| question::detected(victim, attacker))).await?);
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
    pub(super) async fn warn_c(&mut self, first: Timestamp) -> anyhow::Result<Timestamp> {
        let attacker = self.attack.address;
        let [a, b, c] = &self.world.honest;
        self.stage.begin("their sightings reach C");
        let look =
            async || all_of(try_join_all([a, b].map(|from| question::heard(c, attacker, from.name))).await?);
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
            &format!("C blocks it before it attacked C: {}", self.proof()),
            of_c.since(first),
            &[],
        );
        let mut last = of_c;
        for place in [0, 1] {
            last = last.max(self.closed(place, "sensor").await?);
        }
        Ok(last)
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

    /// How a block shows, in words.
    fn proof(&self) -> &'static str {
        if self.world.firewalls.is_empty() {
            "decisions hold"
        } else {
            "its connections fail"
        }
    }
}
