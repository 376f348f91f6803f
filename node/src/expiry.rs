//! Keys of bouncers that end within a week, or ended within the last one: told in the log once a day, by `vigie status` and
//! to Prometheus, because a bouncer that is refused says so where nobody looks.
//!
//! Deliberately absent: refusing such keys (`api/keys`), and certificates, which their authority watches.

use std::time::Duration;

use serde::Serialize;
use vigie_store::{Bouncer, StoreError};
use vigie_wire::Timestamp;

use crate::clock::rfc3339;
use crate::node::Node;

/// So long before the end, and after it.
const NEAR: Duration = Duration::from_secs(7 * 86_400);
/// How often the log says it.
const AGAIN: Duration = Duration::from_secs(86_400);

/// A key that ends soon or ended lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Ending {
    pub(crate) name: String,
    pub(crate) expires: Timestamp,
    /// Whether it has ended.
    pub(crate) over: bool,
}

/// When the log said it last.
#[derive(Debug, Default)]
pub(crate) struct Told(Option<Timestamp>);

// === impl Ending ===

impl Ending {
    /// In one sentence, with what to do about it.
    pub(crate) fn sentence(&self) -> String {
        let verb = if self.over { "ended" } else { "ends" };
        let (name, at) = (&self.name, rfc3339(self.expires));
        format!("the key of bouncer {name} {verb} at {at}: `vigie bouncers rotate {name} --expires 90d`")
    }
}

/// The keys that end soon or ended lately, in the order of their ends.
pub(crate) async fn near(node: &Node) -> Result<Vec<Ending>, StoreError> {
    Ok(among(node.store.bouncers().await?, node.now()))
}

/// Says it in the log, unless that was said within a day.
pub(crate) async fn tell(node: &Node, told: &mut Told) -> Result<(), StoreError> {
    let now = node.now();
    if told.0.is_some_and(|last| last <= now && now < last + AGAIN) {
        return Ok(());
    }
    for ending in near(node).await? {
        tracing::warn!(bouncer = ending.name, "{}", ending.sentence());
    }
    told.0 = Some(now);
    Ok(())
}

fn among(bouncers: Vec<Bouncer>, now: Timestamp) -> Vec<Ending> {
    let ending = bouncers.into_iter().filter_map(|bouncer| {
        let expires = bouncer.expires?;
        (now - NEAR <= expires && expires <= now + NEAR).then(|| Ending {
            name: bouncer.name,
            expires,
            over: expires <= now,
        })
    });
    let mut ending: Vec<_> = ending.collect();
    ending.sort_by_key(|one| one.expires);
    ending
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::bouncer;

    #[test]
    fn a_key_is_told_of_for_a_week_before_its_end_and_after_it() {
        let now = Timestamp::from_secs(1_790_000_000);
        let ends = |name: &str, expires| Bouncer {
            name: name.to_owned(),
            expires,
            ..bouncer()
        };
        let second = Duration::from_secs(1);
        let found = among(
            vec![
                ends("never", None),
                ends("late", Some(now + NEAR + second)),
                ends("soon", Some(now + NEAR)),
                ends("now", Some(now)),
                ends("over", Some(now - NEAR)),
                ends("forgotten", Some(now - NEAR - second)),
            ],
            now,
        );
        let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.over)).collect();
        assert_eq!(found, [("over", true), ("now", true), ("soon", false)]);
    }
}
