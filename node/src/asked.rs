//! What rules may ask beyond their lines, and who answers: this machine's name, this node's decisions, and names of
//! addresses where the configuration wants them.
//!
//! Before: `sources`, which loads the rules. After: the sensor, which asks while it works. Deliberately absent: places of
//! addresses, which the rules' data directory answers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use vigie_sensor::outside::dns::Dns;
use vigie_sensor::outside::{Decisions, Resolver};
use vigie_sensor::rules::Loader;
use vigie_store::Decision;
use vigie_wire::Timestamp;

use crate::config::Config;
use crate::node::Node;

/// Who answers.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    decisions: Option<Box<dyn Decisions>>,
    names: Option<Box<dyn Resolver>>,
}

/// The decisions that a running node holds: those that hold, and those that ended within a day.
struct Held(Arc<Node>);

// === impl Asked ===

impl Asked {
    /// Nobody: decisions are none, and addresses have no name. This machine has its own. For what reads history.
    pub(crate) fn nobody() -> Self {
        Self::default()
    }

    /// Names, where the configuration wants them; earlier decisions are somebody else's to know.
    pub(crate) fn names(config: &Config) -> anyhow::Result<Self> {
        let names: Option<Box<dyn Resolver>> = if config.sensor.names {
            let dns = Dns::of_machine().context("[sensor] names: no DNS server can be asked")?;
            Some(Box::new(dns))
        } else {
            None
        };
        Ok(Self {
            decisions: None,
            names,
        })
    }

    /// The running node.
    pub(crate) fn of(node: &Arc<Node>) -> anyhow::Result<Self> {
        Ok(Self {
            decisions: Some(Box::new(Held(Arc::clone(node)))),
            ..Self::names(&node.config)?
        })
    }

    /// Tells whoever loads rules.
    pub(crate) fn answer(self, loader: &mut Loader) {
        loader.hostname(&rustix::system::uname().nodename().to_string_lossy());
        if let Some(decisions) = self.decisions {
            loader.decisions(decisions);
        }
        if let Some(names) = self.names {
            loader.resolver(names);
        }
    }
}

// === impl Held ===

impl Decisions for Held {
    fn count(&self, value: &str, since: Option<Duration>) -> u32 {
        let from = since.map(|since| self.0.now() - since);
        number(&self.0.table.around(value), |held| {
            from.is_none_or(|from| held.decision.created_at >= from)
        })
    }

    fn active(&self, value: &str) -> u32 {
        let now = self.0.now();
        number(&self.0.table.around(value), |held| holds(held, now))
    }

    fn time_left(&self, value: &str) -> Duration {
        let now = self.0.now();
        let around = self.0.table.around(value);
        let left = around.iter().filter(|held| holds(held, now));
        left.map(|held| held.decision.until.since(now))
            .max()
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

/// What is only tried is not in force.
fn holds(held: &Decision, now: Timestamp) -> bool {
    held.decision.until > now && !held.decision.simulated
}

/// How many there are. What one alert decided, on an address and on the network around it, is one.
fn number(all: &[Arc<Decision>], counts: impl Fn(&Decision) -> bool) -> u32 {
    let mut alerts = HashSet::new();
    let mut is_another = |held: &Decision| held.alert.is_none_or(|alert| alerts.insert(alert));
    let count = all.iter().filter(|held| counts(held) && is_another(held)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
