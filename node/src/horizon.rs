//! Up to when we hear what those say whom we trust: asked of the mesh, told to the scorer and to people.
//!
//! Whoever surrounds a node lets accusations through and holds objections back. Chains then have gaps or fall silent, and
//! hearings wait (decision 0017). Deliberately absent: how far a chain is complete, which the mesh knows, and what
//! waits, which the scorer does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use vigie_gossip::Trusted;
use vigie_gossip_core::chain::Watermark;
use vigie_gossip_core::constants::HEAD_EVERY;
use vigie_wire::{OrgId, Timestamp};

use crate::clock::rfc3339;
use crate::control::spell;
use crate::ingest;
use crate::node::Node;

/// Between two questions.
const LOOK: Duration = Duration::from_secs(30);
/// Before the first one.
const FIRST: Duration = Duration::from_secs(2);
/// So far behind the scorer has us at most.
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// So far behind is worth a word: less is a head or two that got lost.
const BEHIND: Duration = Duration::from_secs(5 * 60);
/// After a start the heads of the others come first, one interval and some.
const SETTLING: Duration = Duration::from_secs(HEAD_EVERY.as_secs() + 60);

/// What we know of it.
#[derive(Debug, Default)]
pub(crate) struct Horizon {
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    mark: Watermark,
    asked: Option<Timestamp>,
    still: bool,
    told: bool,
}

/// We do not hear all that we should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Behind {
    /// Up to when we heard nearly all of those whom we trust; `None` if we wait for nobody any more.
    pub(crate) until: Option<Timestamp>,
    /// Groups of organisations that we trust and heard of within a day.
    pub(crate) voices: usize,
    /// Of how many of them something is missing.
    pub(crate) lacking: usize,
    /// Those that we trust and wait for no more: silent for a day.
    pub(crate) given_up: usize,
    /// Since when no node of an anchor or a seed answered; then what others tell us may be what somebody lets through.
    pub(crate) guides_missed: Option<Timestamp>,
}

/// What follows from an answer of the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Begins(Behind),
    Ends,
    Stays,
}

/// Before anything is judged after a start: we heard nobody yet. Else whoever makes a surrounded node start again would have
/// its hearings end by the clock.
pub(crate) fn begin(node: &Node) {
    if node.membership.joined() && !node.config.policy.hearing().is_zero() {
        node.opinion.set_watermark(Some(node.now() - DAY));
    }
}

/// Asks until shutdown.
pub(crate) async fn run(node: Arc<Node>, shutdown: CancellationToken) -> anyhow::Result<()> {
    // Who waits for no hearing needs no horizon.
    if node.config.policy.hearing().is_zero() {
        return Ok(());
    }
    let mut pause = FIRST;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
        pause = LOOK;
        if let Err(error) = look(&node).await {
            tracing::debug!(
                error = format!("{error:#}"),
                "nobody told how much of the mesh we hear"
            );
        }
    }
}

async fn look(node: &Node) -> anyhow::Result<()> {
    let Some(mesh) = node.mesh.get() else {
        return Ok(());
    };
    let now = node.now();
    let trusted = Trusted {
        voices: node.opinion.trusted(&others(node), now),
        anchors: node.settings.get().anchors.iter().copied().collect(),
    };
    let mark = mesh.watermark(trusted).await?;
    // Who waits for nobody any more hears nobody: then a hearing lasts a day.
    let until = mark.until.or((mark.given_up > 0).then(|| now - DAY));
    node.opinion.set_watermark(until.filter(|until| *until < now));
    let (turn, moved) = node
        .horizon
        .note(mark, now, now.since(node.started_at) >= SETTLING);
    match turn {
        Turn::Begins(behind) => tracing::warn!(
            until = behind.until.map(rfc3339),
            organisations = behind.voices,
            lacking = behind.lacking,
            given_up = behind.given_up,
            guides_missed = behind.guides_missed.map(rfc3339),
            "we do not hear all that those say whom we trust: what the mesh says without proof waits before it blocks"
        ),
        Turn::Ends => tracing::warn!("we hear again what those say whom we trust"),
        Turn::Stays => {}
    }
    if moved {
        // Hearings that stood still may be over.
        ingest::review(node).await?;
    }
    Ok(())
}

/// All organisations but ours.
fn others(node: &Node) -> Vec<OrgId> {
    let own = node.identity.org.org_id();
    let directory = node.membership.directory();
    let all = directory.iter().flat_map(|directory| directory.organisations());
    all.map(|org| org.key.org_id())
        .filter(|org| *org != own)
        .collect()
}

// === impl Horizon ===

impl Horizon {
    /// What we do not hear, for `vigie status`.
    pub(crate) fn behind(&self) -> Option<Behind> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.told.then_some(Behind::from(state.mark))
    }

    /// Takes the mesh's answer. Also says whether it moved after it had stood still, or is the first.
    fn note(&self, mark: Watermark, now: Timestamp, settled: bool) -> (Turn, bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *state;
        let is_behind = is_behind(&mark, now);
        let told = is_behind && (settled || before.told);
        *state = State {
            mark,
            asked: Some(now),
            still: before.asked.is_some() && mark.until == before.mark.until,
            told,
        };
        let turn = match (before.told, told) {
            (false, true) => Turn::Begins(Behind::from(mark)),
            (true, false) => Turn::Ends,
            _ => Turn::Stays,
        };
        let moved = before.still && mark.until != before.mark.until;
        (turn, moved || before.asked.is_none())
    }
}

/// Far behind, or more than a third of those whom we trust are not waited for any more.
fn is_behind(mark: &Watermark, now: Timestamp) -> bool {
    let late = mark.until.is_some_and(|until| now.since(until) > BEHIND);
    late || 3 * mark.given_up > mark.voices + mark.given_up
}

// === impl Behind ===

impl Behind {
    /// For people: what is, what it means, what to do.
    pub(crate) fn lines(&self, now: Timestamp) -> Vec<String> {
        let all = self.voices + self.given_up;
        let lacking = self.lacking + self.given_up;
        let first = match self.until.filter(|until| now.since(*until) > BEHIND) {
            Some(until) if self.guides_missed.is_some() => format!(
                "no node of an anchor or a seed answered since {} ({} ago); {lacking} of {all} groups that we trust are silent, or something of theirs is missing",
                rfc3339(until),
                spell(now.since(until)),
            ),
            Some(until) => format!(
                "incomplete since {} ({} ago): {lacking} of {all} groups that we trust are silent, or something of theirs is missing",
                rfc3339(until),
                spell(now.since(until)),
            ),
            None => format!(
                "{} of {all} groups that we trust were silent for a day",
                self.given_up
            ),
        };
        vec![
            format!("  hearing       {first}"),
            "                What the mesh says waits before it blocks, as objections may not reach us. What proven".to_owned(),
            "                organisations and our own sensor say blocks as ever. No wait is longer than a day.".to_owned(),
            "                Look at `vigie peers`: if they are few, or of one hand, add the address of a seed that".to_owned(),
            "                you know to [mesh] peers, or join again with an invitation from another member.".to_owned(),
        ]
    }
}

impl From<Watermark> for Behind {
    fn from(mark: Watermark) -> Self {
        Self {
            until: mark.until,
            voices: mark.voices,
            lacking: mark.lacking,
            given_up: mark.given_up,
            guides_missed: mark.guides_met.filter(|_| mark.guides_late),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_secs(1_795_305_600 + minute * 60)
    }

    fn mark(until: i64, lacking: usize) -> Watermark {
        Watermark {
            until: Some(at(until)),
            voices: 9,
            lacking,
            given_up: 0,
            ..Watermark::default()
        }
    }

    #[test]
    fn it_is_told_once_when_it_begins_and_once_when_it_ends() {
        let horizon = Horizon::default();
        let mut turns = Vec::new();
        for (minute, until) in [(0, 0), (1, 0), (5, 0), (6, 0), (7, 0), (8, 1), (9, 9), (10, 10)] {
            let (turn, moved) = horizon.note(mark(until, 4), at(minute), true);
            let told = match turn {
                Turn::Begins(_) => "begins",
                Turn::Ends => "ends",
                Turn::Stays => "",
            };
            turns.push((minute, told, moved));
        }
        let expected = [
            (0, "", true),
            (1, "", false),
            (5, "", false),
            (6, "begins", false),
            (7, "", false),
            (8, "", true),
            (9, "ends", false),
            (10, "", false),
        ];
        assert_eq!(turns, expected);
        assert_eq!(horizon.behind(), None);
    }

    #[test]
    fn right_after_a_start_nothing_is_told() {
        let horizon = Horizon::default();
        assert_eq!(horizon.note(mark(-60, 9), at(0), false).0, Turn::Stays);
        assert_eq!(horizon.behind(), None);
        assert!(matches!(
            horizon.note(mark(-60, 9), at(6), true).0,
            Turn::Begins(_)
        ));
    }

    #[test]
    fn people_are_told_how_many_since_when_and_what_to_do() {
        let lines = Behind::from(mark(-90, 4)).lines(at(0));
        assert!(
            lines[0].contains("4 of 9 groups") && lines[0].contains("incomplete since 2026-"),
            "{lines:?}"
        );
        assert!(lines.concat().contains("vigie peers"));
        let surrounded = Watermark {
            guides_met: Some(at(-90)),
            guides_late: true,
            ..mark(-90, 4)
        };
        let first = Behind::from(surrounded).lines(at(0)).remove(0);
        assert!(
            first.contains("no node of an anchor or a seed answered since 2026-"),
            "{first}"
        );
        let given_up = Watermark {
            given_up: 5,
            ..Watermark::default()
        };
        assert!(is_behind(&given_up, at(0)));
        assert!(
            Behind::from(given_up).lines(at(0))[0].contains("5 of 5 groups"),
            "{lines:?}"
        );
        assert!(!is_behind(&mark(0, 3), at(0)) && !is_behind(&Watermark::default(), at(0)));
    }
}
