//! An explanation for whoever is woken by it: first what is so, then every number and the sum it is part of, then why,
//! and at the end what can be done.
//!
//! All numbers are nats with three decimals, which is all of them: whoever adds them up gets what is printed.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use vigie_reputation::{Class, Contribution, Group, Objector, PartitionSums, Rung, Tier, Verdict};
use vigie_store::{Alert, Decision, Origin};
use vigie_wire::Timestamp;
use vigie_wire::indicator::is_public;

use super::super::words::{nats, spell};
use crate::clock::rfc3339;
use crate::node::Node;
use crate::share::contains;

/// Statements, disputes and alerts that are printed one by one; `--json` has all.
const LISTED: usize = 20;
/// Alerts of our own that are printed.
const ALERTS: usize = 3;

/// All that is told of one address.
pub(super) struct Told<'a> {
    pub(super) node: &'a Node,
    pub(super) ip: IpAddr,
    pub(super) now: Timestamp,
    pub(super) blocked: bool,
    pub(super) own: &'a [Alert],
    pub(super) decisions: &'a [Arc<Decision>],
    pub(super) verdict: &'a Verdict,
    pub(super) partitions: &'a [PartitionSums],
}

// === impl Told ===

impl Told<'_> {
    pub(super) fn lines(&self) -> Vec<String> {
        let verdict = self.verdict;
        let mut lines = vec![format!(
            "{} is {}.",
            verdict.subject,
            if self.blocked { "acted upon" } else { "not blocked" }
        )];
        lines.extend(self.decided());
        lines.extend(self.here());
        lines.push(format!(
            "  The mesh: score {} of {} needed, {} of {} independent groups; that is: {}.",
            nats(verdict.score),
            nats(verdict.bar),
            verdict.groups,
            verdict.quorum,
            verdict.rung
        ));
        lines.extend(
            verdict
                .reasons
                .iter()
                .map(|reason| format!("    Because {reason}.")),
        );
        lines.extend(self.needed());
        lines.extend(self.disputed());
        lines.extend(self.said());
        lines.extend(self.counted());
        lines.extend(self.next());
        lines
    }

    fn decided(&self) -> Vec<String> {
        if self.decisions.is_empty() {
            return vec!["  Decisions: none.".to_owned()];
        }
        let spelled = self.decisions.iter().map(|held| {
            let decision = &held.decision;
            let simulated = if decision.simulated {
                ", simulated only"
            } else {
                ""
            };
            let left = spell(decision.until.since(self.now));
            format!(
                "  Decision {} on {}: {} by {} for another {left}{simulated}. {}",
                held.id, decision.value, decision.remediation, decision.origin, decision.reason
            )
        });
        spelled.collect()
    }

    /// What this node knows by itself.
    fn here(&self) -> Vec<String> {
        let (node, ip) = (self.node, self.ip);
        let mut lines = Vec::new();
        if contains(&node.spared(), ip.to_canonical()) {
            lines.push("  It is our own or on the allowlist: nothing is ever decided against it.".to_owned());
        }
        if !is_public(ip) {
            lines.push(
                "  It is no public address (private, reserved, or for documentation): what the sensor sees of it is \
                 shown, never enforced or shared."
                    .to_owned(),
            );
        }
        let lists = node.warnings.lists();
        let hits = lists.hits(&self.verdict.subject);
        lines.extend(hits.iter().map(|hit| {
            format!(
                "  It stands on the warning list {:?} ({}): on the mesh's word {} at most. Our own sensor decides as \
                 ever.",
                hit.list,
                hit.class,
                hit.class.hardest()
            )
        }));
        let overruled = node.overruled.until(&self.verdict.subject.to_string());
        if let Some(until) = overruled.filter(|until| *until > self.now) {
            lines.push(format!(
                "  The mesh is overruled by hand: its word decides nothing on it until {}.",
                rfc3339(until)
            ));
        }
        lines.push(format!("  Our own sensor: {} alerts.", self.own.len()));
        lines.extend(
            self.own
                .iter()
                .take(ALERTS)
                .map(|alert| format!("    {}  {}", rfc3339(alert.alert.last), alert.alert.message)),
        );
        let known = match self.verdict.known {
            Some(Tier::Authenticated) => "somebody logs in here from there",
            Some(Tier::Visitor) => "somebody visited us from there",
            None => "nobody whom we know comes from there",
        };
        lines.push(format!("  Our own users: {known}."));
        lines
    }

    /// The threshold, part by part.
    fn needed(&self) -> Vec<String> {
        let verdict = self.verdict;
        let parts = verdict.threshold;
        let own = verdict.own.map_or_else(String::new, |own| {
            format!(" ({} at {})", own.behaviour, rfc3339(own.at))
        });
        let base = if verdict.class == Class::Ordinary {
            "for the harm of a wrong block".to_owned()
        } else {
            format!("for what the address is: {}", verdict.class)
        };
        let hysteresis = verdict.bar - parts.total;
        let rows = [
            (parts.base, base),
            (parts.visitor, "somebody visited us from there".to_owned()),
            (parts.dispute, "others dispute it".to_owned()),
            (parts.own, format!("our own sensor saw it too{own}")),
            (
                parts.unanchored,
                "members say so whom our anchors do not reach".to_owned(),
            ),
            (
                hysteresis,
                "it is blocked already, and released later than blocked".to_owned(),
            ),
        ];
        let mut lines = vec!["  Needed for a block:".to_owned()];
        lines.extend(
            (rows.into_iter())
                .filter(|(value, _)| *value != 0)
                .map(|(value, why)| format!("    {:>8}  {why}", nats(value))),
        );
        lines.push(format!("    {:>8}  together", nats(verdict.bar)));
        lines
    }

    fn disputed(&self) -> Vec<String> {
        let disputes = &self.verdict.disputes;
        if disputes.is_empty() {
            return Vec::new();
        }
        let row = |one: &Objector| {
            format!(
                "    {:>8}  {}{}: weight {} x {} for age, at {}{}",
                nats(one.value),
                self.name(one.reporter),
                if one.proven {
                    ", whose disputes proved right"
                } else {
                    ""
                },
                nats(one.weight),
                percent(one.decay),
                rfc3339(one.at),
                cut(one.uncapped, one.value, None)
            )
        };
        let mut lines = vec!["  Disputed by:".to_owned()];
        lines.extend(disputes.iter().take(LISTED).map(row));
        lines.extend(more(disputes.len()));
        lines.push(format!(
            "    {:>8}  together",
            nats(self.verdict.threshold.dispute)
        ));
        lines
    }

    fn said(&self) -> Vec<String> {
        let verdict = self.verdict;
        if verdict.contributions.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![format!("  Said, and counted by {}:", verdict.partition)];
        let mut strongest: Vec<&Contribution> = verdict.contributions.iter().collect();
        strongest.sort_by_key(|one| std::cmp::Reverse(one.value));
        for one in strongest.iter().take(LISTED) {
            lines.push(format!(
                "    {:>8}  {}: {} at {} ({} ago), in the group {}",
                nats(one.value),
                self.name(one.reporter),
                one.behaviour,
                rfc3339(one.observed),
                spell(age(self.now, one.observed)),
                self.group(one.group)
            ));
            lines.push(format!(
                "              weight {} x {} % sure x {} for repetition x {} for age (halves in {}) = {}{}",
                nats(one.weight),
                one.confidence,
                nats(one.repetition),
                percent(one.decay),
                spell(Duration::from_millis(one.half_life.unsigned_abs())),
                nats(one.uncapped),
                cut(one.uncapped, one.value, one.cap)
            ));
        }
        lines.extend(more(strongest.len()));
        lines.push(format!("    {:>8}  together", nats(verdict.score)));
        lines
    }

    /// Every way of counting, since the least of them decides.
    fn counted(&self) -> Vec<String> {
        if self.verdict.contributions.is_empty() {
            return Vec::new();
        }
        let mut lines = vec!["  Counted in every way, of which the least decides:".to_owned()];
        for sums in self.partitions {
            let cut = sums.groups.iter().filter(|group| group.said > group.cap).count();
            let cut = match (cut, sums.groups.first()) {
                (1.., Some(first)) => format!(", {cut} cut at {}", nats(first.cap)),
                _ => String::new(),
            };
            let decides = if sums.partition == self.verdict.partition {
                "  <- decides"
            } else {
                ""
            };
            lines.push(format!(
                "    {:>8}  by {}: {} {}{cut}{decides}",
                nats(sums.score),
                sums.partition,
                sums.groups.len(),
                if sums.groups.len() == 1 { "group" } else { "groups" }
            ));
        }
        lines
    }

    /// What a person can do about it.
    fn next(&self) -> Vec<String> {
        let subject = &self.verdict.subject;
        let mut lines = vec!["  What you can do:".to_owned()];
        let mut can = |command: String, what: &str| lines.push(format!("    {command}\n        {what}"));
        let (on_it, around) = self.mistakable();
        if on_it {
            can(
                format!("vigie decisions delete --value {subject}"),
                "it is a mistake: release it, and let the mesh decide nothing on it for a day",
            );
        }
        for network in around {
            can(
                format!("vigie decisions delete --value {network}"),
                "it is a mistake: release the whole network, of which it is one",
            );
        }
        if !self.verdict.contributions.is_empty() {
            can(
                format!("vigie dispute {subject} --reason shared"),
                "it is a mistake: tell the others too (`vigie dispute --help` has the reasons)",
            );
            let first = self.verdict.contributions.iter().max_by_key(|one| one.value);
            if let Some(first) = first {
                can(
                    format!("vigie trust show {}", first.reporter),
                    "who says so, and why its word weighs what it weighs",
                );
            }
        }
        if self.blocked || self.verdict.rung > Rung::Observe {
            can(
                format!("vigie allowlist add {subject} --reason WHY"),
                "never act against it here",
            );
        } else {
            can(
                format!("vigie decisions add {subject} --reason WHY"),
                "block it here by your own word",
            );
        }
        can(
            format!("vigie explain {subject} --export FILE"),
            "keep this; `vigie explain --verify FILE` checks it on any machine",
        );
        lines
    }

    /// Whether there is something decided on the address itself that may be a mistake, and on which networks around it, but for
    /// those that are released with it.
    fn mistakable(&self) -> (bool, BTreeSet<&str>) {
        let subject = self.verdict.subject.to_string();
        let by_machines = |held: &&Arc<Decision>| held.decision.origin != Origin::Manual;
        let all = || self.decisions.iter().filter(by_machines);
        let on_it = |held: &Decision| *held.decision.value == *subject;
        let with_it: Vec<_> = all()
            .filter(|held| on_it(held))
            .filter_map(|held| held.alert)
            .collect();
        let stays =
            |held: &&Arc<Decision>| !on_it(held) && held.alert.is_none_or(|alert| !with_it.contains(&alert));
        let around = all().filter(stays).map(|held| &*held.decision.value);
        (all().any(|held| on_it(held)), around.collect())
    }

    fn name(&self, org: vigie_wire::OrgId) -> String {
        self.node.membership.name_of(org)
    }

    fn group(&self, group: Group) -> String {
        match group {
            Group::Voucher(org) | Group::Alone(org) => format!("of {}", self.name(org)),
            other => other.to_string(),
        }
    }
}

fn cut(uncapped: i64, value: i64, cap: Option<i64>) -> String {
    match cap {
        _ if uncapped == value => String::new(),
        Some(cap) => format!(", cut: its group has at most {}", nats(cap)),
        None => format!(", of which {} counts", nats(value)),
    }
}

fn more(all: usize) -> Option<String> {
    (all > LISTED).then(|| format!("         ...  and {} more, see --json", all - LISTED))
}

fn age(now: Timestamp, then: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.as_millis().saturating_sub(then.as_millis())).unwrap_or(0))
}

/// Parts per million as a percentage, all of it.
fn percent(ppm: i64) -> String {
    format!("{}.{:04} %", ppm / 10_000, (ppm % 10_000).unsigned_abs())
}
