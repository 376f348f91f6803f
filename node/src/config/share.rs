//! `[share]`: what is told beside detections, once sharing is on. `vigie share on` switches sharing itself.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{Section, Wrong, duration};

/// What is told of our users, once sharing is on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Share {
    /// Whether accusations of addresses that users of ours come from are disputed.
    pub(crate) disputes: bool,
    /// The longest that such a dispute waits; each waits a random time.
    pub(crate) delay: Spanned<String>,
}

const DELAY: Duration = Duration::from_secs(15 * 60);
/// Evidence of a scan has lost a third of its weight by then.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);

// === impl Share ===

impl Default for Share {
    fn default() -> Self {
        Self {
            disputes: true,
            delay: Spanned::new(0..0, "15m".to_owned()),
        }
    }
}

impl Share {
    pub(crate) fn delay(&self) -> Duration {
        duration(self.delay.get_ref()).unwrap_or(DELAY).min(LONGEST)
    }
}

impl Section for Share {
    fn check(&self) -> Vec<Wrong> {
        let allowed = Duration::from_secs(1)..=LONGEST;
        if duration(self.delay.get_ref()).is_some_and(|delay| allowed.contains(&delay)) {
            return Vec::new();
        }
        let message = format!(
            "{:?} is not a duration between 1s and 6h such as 15m",
            self.delay.get_ref()
        );
        vec![(self.delay.span(), message)]
    }
}
