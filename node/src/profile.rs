//! Profiles: what a detection or a verdict leads to under the organisation's own rules, and for how long.
//!
//! The first profile that fits decides; where none fits, the defaults of `decide` hold. Times of the day are those of UTC,
//! so that one file means the same on every machine. Deliberately absent: how a profile is written, see
//! `config/profile.rs`, and any way to be harder on somebody than the mesh's own verdict is.

use std::time::Duration;

use vigie_store::{Origin, Remediation};
use vigie_wire::Timestamp;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// The first of January 1970 was a Thursday, and a week begins on Monday.
const FIRST_WEEKDAY: i64 = 3;

/// One rule of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    /// For people: it stands in the reason of what it led to.
    pub(crate) name: String,
    /// Which words it is about.
    pub(crate) about: About,
    /// When.
    pub(crate) when: When,
    /// What follows.
    pub(crate) leads: Leads,
    /// How long it lasts; unsaid, what would hold anyway.
    pub(crate) length: Option<Duration>,
    /// It lasts so many times as long for each decision on the same address (of IPv6: the same /64) in the thirty days before.
    pub(crate) again: u32,
    /// But never longer.
    pub(crate) longest: Duration,
    /// What follows is shown and counted, not enforced.
    pub(crate) simulate: bool,
}

/// What follows under a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leads {
    /// What would follow anyway.
    #[default]
    Unsaid,
    Nothing,
    To(Remediation),
}

/// What a profile is about. An empty list means everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) origins: Vec<Origin>,
    /// By name, such as `ssh:bruteforce`.
    pub(crate) behaviours: Vec<String>,
    /// By name; a `*` at the end stands for any rest. Only our own alerts have one.
    pub(crate) scenarios: Vec<String>,
}

/// When a profile holds. Empty means always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct When {
    /// From and until, in minutes after midnight UTC; over midnight if the end comes first.
    pub(crate) hours: Option<(u16, u16)>,
    /// Monday is 0. Over midnight the day on which the hours began counts.
    pub(crate) days: Vec<u8>,
}

/// What somebody said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) origin: Origin,
    pub(crate) behaviour: Option<&'a str>,
    pub(crate) scenario: Option<&'a str>,
    pub(crate) at: Timestamp,
    /// Decisions on the same host in the thirty days before.
    pub(crate) before: u32,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Follows {
    pub(crate) remediation: Remediation,
    pub(crate) length: Duration,
    pub(crate) simulated: bool,
}

// === impl Profile ===

impl Profile {
    fn fits(&self, said: &Said<'_>) -> bool {
        self.about.names(said) && self.when.holds(said.at)
    }

    /// What follows where `otherwise` would. Of the mesh's word nothing harder and nothing longer.
    fn lead(&self, said: &Said<'_>, otherwise: Follows) -> Option<Follows> {
        let remediation = match self.leads {
            Leads::Unsaid => otherwise.remediation,
            Leads::Nothing => return None,
            Leads::To(remediation) => remediation,
        };
        let base = self.length.unwrap_or(otherwise.length);
        let times = self.again.max(1).saturating_pow(said.before);
        let length = base.saturating_mul(times).min(self.longest.max(base));
        let of_mesh = said.origin == Origin::Mesh;
        Some(Follows {
            remediation: if of_mesh {
                remediation.min(otherwise.remediation)
            } else {
                remediation
            },
            length: if of_mesh {
                length.min(otherwise.length)
            } else {
                length
            },
            simulated: otherwise.simulated || self.simulate,
        })
    }
}

/// What follows under these profiles where `otherwise` would without any, and the name of the one that decided.
pub(crate) fn follow<'a>(
    profiles: &'a [Profile],
    said: &Said<'_>,
    otherwise: Follows,
) -> (Option<Follows>, Option<&'a str>) {
    match profiles.iter().find(|profile| profile.fits(said)) {
        Some(profile) => (profile.lead(said, otherwise), Some(&profile.name)),
        None => (Some(otherwise), None),
    }
}

// === impl About, When ===

impl About {
    fn names(&self, said: &Said<'_>) -> bool {
        let is_scenario = |pattern: &String, scenario: &str| match pattern.strip_suffix('*') {
            Some(start) => scenario.starts_with(start),
            None => scenario == pattern,
        };
        let any_scenario = || {
            said.scenario
                .is_some_and(|name| self.scenarios.iter().any(|one| is_scenario(one, name)))
        };
        let any_behaviour = || {
            said.behaviour
                .is_some_and(|name| self.behaviours.iter().any(|one| one == name))
        };
        (self.origins.is_empty() || self.origins.contains(&said.origin))
            && (self.behaviours.is_empty() || any_behaviour())
            && (self.scenarios.is_empty() || any_scenario())
    }
}

impl When {
    fn holds(&self, at: Timestamp) -> bool {
        let secs = at.as_secs();
        let (mut day, minute) = (secs.div_euclid(DAY), secs.rem_euclid(DAY) / 60);
        if let Some((from, until)) = self.hours {
            let (from, until) = (i64::from(from), i64::from(until));
            let over_midnight = until <= from;
            if over_midnight && minute < until {
                day -= 1;
            } else if minute < from || !over_midnight && minute >= until {
                return false;
            }
        }
        let weekday = (day + FIRST_WEEKDAY).rem_euclid(7);
        self.days.is_empty() || self.days.iter().any(|one| i64::from(*one) == weekday)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn profile() -> Profile {
        Profile {
            name: "logins".to_owned(),
            about: About::default(),
            when: When::default(),
            leads: Leads::Unsaid,
            length: None,
            again: 1,
            longest: 72 * HOUR,
            simulate: false,
        }
    }

    /// On Monday, the 5th of January 2026, at this hour.
    fn said(origin: Origin, hour: i64) -> Said<'static> {
        Said {
            origin,
            behaviour: Some("ssh:bruteforce"),
            scenario: Some("vigie/ssh-bf"),
            at: Timestamp::from_secs(1_767_571_200 + 3_600 * hour),
            before: 0,
        }
    }

    fn ban(hours: u32) -> Follows {
        Follows {
            remediation: Remediation::Ban,
            length: hours * HOUR,
            simulated: false,
        }
    }

    #[test]
    fn the_first_that_fits_decides_and_without_one_nothing_changes() {
        let silent = Profile {
            about: About {
                scenarios: vec!["vigie/http-*".to_owned()],
                ..About::default()
            },
            leads: Leads::Nothing,
            ..profile()
        };
        let soft = Profile {
            about: About {
                origins: vec![Origin::Sensor],
                behaviours: vec!["ssh:bruteforce".to_owned()],
                scenarios: vec!["vigie/ssh*".to_owned()],
            },
            leads: Leads::To(Remediation::Challenge),
            ..profile()
        };
        let profiles = [silent, soft];
        let challenge = Follows {
            remediation: Remediation::Challenge,
            ..ban(4)
        };
        let seen = said(Origin::Sensor, 0);
        assert_eq!(
            follow(&profiles, &seen, ban(4)),
            (Some(challenge), Some("logins"))
        );
        assert_eq!(
            follow(&profiles, &said(Origin::Mesh, 0), ban(4)),
            (Some(ban(4)), None)
        );
        let crawl = Said {
            scenario: Some("vigie/http-crawl"),
            ..seen
        };
        assert_eq!(follow(&profiles, &crawl, ban(4)).0, None);
    }

    #[test]
    fn who_comes_again_is_kept_out_longer_up_to_a_bound() {
        let profiles = [Profile {
            length: Some(HOUR),
            again: 3,
            longest: 10 * HOUR,
            ..profile()
        }];
        for (before, hours) in [(0, 1), (1, 3), (2, 9), (3, 10), (u32::MAX, 10)] {
            let seen = Said {
                before,
                ..said(Origin::Sensor, 0)
            };
            assert_eq!(follow(&profiles, &seen, ban(4)).0, Some(ban(hours)));
        }
    }

    #[test]
    fn the_mesh_is_never_outdone() {
        let profiles = [Profile {
            leads: Leads::To(Remediation::Ban),
            length: Some(48 * HOUR),
            ..profile()
        }];
        let soft = Follows {
            remediation: Remediation::Throttle,
            ..ban(1)
        };
        assert_eq!(follow(&profiles, &said(Origin::Mesh, 0), soft).0, Some(soft));
        assert_eq!(follow(&profiles, &said(Origin::Sensor, 0), soft).0, Some(ban(48)));
        let trial = [Profile {
            simulate: true,
            ..profile()
        }];
        assert!(
            follow(&trial, &said(Origin::Mesh, 0), ban(1))
                .0
                .is_some_and(|follows| follows.simulated)
        );
    }

    #[test]
    fn quiet_hours_reach_over_midnight_and_belong_to_the_day_on_which_they_began() {
        let night = When {
            hours: Some((22 * 60, 6 * 60)),
            days: vec![0],
        };
        for (hour, holds) in [
            (21, false),
            (22, true),
            (29, true),
            (30, false),
            (5, false),
            (46, false),
        ] {
            assert_eq!(night.holds(said(Origin::Mesh, hour).at), holds, "{hour}");
        }
        let weekend = When {
            hours: None,
            days: vec![5, 6],
        };
        assert!(!weekend.holds(said(Origin::Mesh, 0).at));
        assert!(weekend.holds(said(Origin::Mesh, 24 * 5).at) && weekend.holds(said(Origin::Mesh, -1).at));
        let noon = When {
            hours: Some((12 * 60, 13 * 60)),
            days: Vec::new(),
        };
        assert!(noon.holds(said(Origin::Mesh, 12).at) && !noon.holds(said(Origin::Mesh, 13).at));
    }
}
