//! The circuit breaker: when the word of others would suddenly block far more than usual, it is only simulated.
//!
//! Caps and quorums bound what few can do; this bounds what many can do at once, whatever they are. Three rules, each
//! with a floor, so that a quiet node does not trip over small numbers:
//!
//! - **bans**: more new ones in a clock hour than five times the 99th percentile of the hours of fourteen days, and more
//!   than 200. Of hours that were missed while the node was away, the first hour may bring as many, 24 at most.
//! - **users**: three addresses within a day from which one of our own users logged in while such a ban stood on it.
//! - **traffic**: of a thousand visits or more in a clock hour, more than 2 % from addresses under such a ban, and more
//!   than five times the 99th percentile of that share.
//!
//! Rules that compare with what is usual wait for 24 whole hours of it, and hours in which the breaker was open teach
//! nothing. It stays open for six hours, then until an hour is as usual again, or until a person closes it. Source: the
//! global collateral budget of the design, with its 5 x 14-day p99, 2 % and 6 h. Deliberately absent: what being open
//! leads to, which is the node's.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use vigie_wire::Timestamp;

use crate::constants::{DAY, HOUR};

/// Times the usual that is too much.
const TIMES: u64 = 5;
/// Hours that say what is usual.
const USUAL_HOURS: i64 = 14 * 24;
/// Fewer whole hours say nothing.
const LEAST_HOURS: usize = 24;
/// New bans in an hour that are never too many.
const BANS_FLOOR: u64 = 200;
/// Missed hours that are made up for.
const MOST_AWAY: i64 = 24;
/// Addresses of users within a day that are too many.
const USERS: usize = 3;
/// Of these, so many are remembered.
const MOST_USERS: usize = 1_024;
/// Visits in an hour below which their shares say nothing.
const LEAST_VISITS: u32 = 1_000;
/// A share of visits, per mille, that is never too large.
const SHARE_FLOOR: u64 = 20;
/// How long it stays open at least.
const OPEN_FOR: i64 = 6 * HOUR;

/// Why the breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "rule")]
pub enum Trip {
    /// Too many new bans in an hour.
    Bans {
        /// In this hour.
        new: u64,
        /// The most that would have been usual enough.
        limit: u64,
    },
    /// Our own users would be blocked.
    Users {
        /// Their addresses within a day.
        addresses: usize,
    },
    /// Too large a share of our own visits would be blocked.
    Traffic {
        /// Visits of this hour, per mille, from addresses under a ban.
        share: u64,
        /// The most that would have been usual enough, per mille.
        limit: u64,
    },
}

/// The breaker while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Since when.
    pub since: Timestamp,
    /// Not before this does it close by itself.
    pub until: Timestamp,
    /// Why.
    pub why: Trip,
}

/// What happened in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Hour {
    /// Its number since the epoch.
    number: i64,
    bans: u32,
    visits: u32,
    hits: u32,
    /// The breaker was open in it, or closed by hand.
    open: bool,
}

/// Counts, and opens. Its whole state is a value that can be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    hours: VecDeque<Hour>,
    /// Missed before the present hour.
    away: i64,
    /// Addresses of users under a ban, and when the last login there was.
    users: BTreeMap<IpAddr, Timestamp>,
    open: Option<Open>,
}

// === impl Breaker ===

impl Breaker {
    /// Whether it is open, and why.
    pub fn open(&self) -> Option<Open> {
        self.open
    }

    /// A ban that is new: none stood on that address for a day. Returns why the breaker opened, if it did now; it opens
    /// only where verdicts are `enforced`, and counts anyhow.
    pub fn banned(&mut self, now: Timestamp, enforced: bool) -> Option<Trip> {
        let hour = self.hour(now);
        hour.bans = hour.bans.saturating_add(1);
        let new = u64::from(hour.bans);
        let limit = self.bans_limit()?;
        (enforced && new > limit).then(|| self.trip(Trip::Bans { new, limit }, now))?
    }

    /// A visit to us; `hit`: from an address under a ban. Returns as [`Breaker::banned`] does.
    pub fn visited(&mut self, hit: bool, now: Timestamp, enforced: bool) -> Option<Trip> {
        let hour = self.hour(now);
        hour.visits = hour.visits.saturating_add(1);
        hour.hits = hour.hits.saturating_add(u32::from(hit));
        let share = hour.share().filter(|_| hit && enforced)?;
        let limit = self.share_limit()?;
        (share > limit).then(|| self.trip(Trip::Traffic { share, limit }, now))?
    }

    /// One of our users logged in from an address under a ban that is enforced. Returns as [`Breaker::banned`] does.
    pub fn user_hit(&mut self, ip: IpAddr, now: Timestamp) -> Option<Trip> {
        self.users
            .retain(|_, at| now.as_millis().saturating_sub(at.as_millis()) < DAY);
        if self.users.len() < MOST_USERS {
            self.users.insert(ip, now);
        }
        let addresses = self.users.len();
        (addresses >= USERS).then(|| self.trip(Trip::Users { addresses }, now))?
    }

    /// To be called every minute or so: an hour in which nothing happens counts too. Whether the breaker closed now.
    pub fn tick(&mut self, now: Timestamp) -> bool {
        let hour = *self.hour(now);
        let Some(open) = self.open else { return false };
        if now < open.until {
            return false;
        }
        let much = |hour: &Hour| {
            let bans = self
                .bans_limit()
                .is_some_and(|limit| u64::from(hour.bans) > limit);
            let share = self
                .share_limit()
                .zip(hour.share())
                .is_some_and(|(limit, share)| share > limit);
            bans || share
        };
        let before = self
            .hours
            .iter()
            .rev()
            .nth(1)
            .filter(|before| before.number + 1 == hour.number);
        if much(&hour) || before.is_some_and(much) {
            return false;
        }
        self.open = None;
        self.users.clear();
        true
    }

    /// A person closes it. What was counted in this hour is forgiven, so that it does not open again for the same.
    pub fn close(&mut self, now: Timestamp) {
        self.open = None;
        self.users.clear();
        let hour = self.hour(now);
        (hour.bans, hour.visits, hour.hits, hour.open) = (0, 0, 0, true);
    }

    fn trip(&mut self, why: Trip, now: Timestamp) -> Option<Trip> {
        if self.open.is_some() {
            return None;
        }
        self.hour(now).open = true;
        self.open = Some(Open {
            since: now,
            until: Timestamp::from_millis(now.as_millis().saturating_add(OPEN_FOR)),
            why,
        });
        Some(why)
    }

    /// The present hour; begins it if it is new. A clock that goes back stays in the hour it was in.
    #[expect(
        clippy::expect_used,
        reason = "an hour was pushed one line before, if there was none"
    )]
    fn hour(&mut self, now: Timestamp) -> &mut Hour {
        let number = now.as_millis().div_euclid(HOUR);
        // A clock that goes back a little stays in the hour it was in; one that was days ahead for a moment was wrong.
        while self.hours.back().is_some_and(|hour| hour.number > number + 1) {
            self.hours.pop_back();
        }
        let last = self.hours.back().map(|hour| hour.number);
        if last.is_none_or(|last| last < number) {
            self.away = last.map_or(0, |last| (number - last - 1).min(MOST_AWAY));
            self.hours.push_back(Hour {
                number,
                open: self.open.is_some(),
                ..Hour::default()
            });
            while self
                .hours
                .front()
                .is_some_and(|hour| hour.number < number - USUAL_HOURS)
            {
                self.hours.pop_front();
            }
        }
        self.hours.back_mut().expect("invariant: there is an hour")
    }

    fn bans_limit(&self) -> Option<u64> {
        let usual = self.usual(|hour| Some(u64::from(hour.bans)))?;
        let away = u64::try_from(self.away).unwrap_or(0);
        Some((TIMES * usual).max(BANS_FLOOR) * (1 + away))
    }

    fn share_limit(&self) -> Option<u64> {
        Some((TIMES * self.usual(Hour::share)?).max(SHARE_FLOOR))
    }

    /// The 99th percentile over the whole hours before this one; `None` if there are too few.
    fn usual(&self, of: impl Fn(&Hour) -> Option<u64>) -> Option<u64> {
        let past = self.hours.len().saturating_sub(1);
        let whole = self.hours.iter().take(past).filter(|hour| !hour.open);
        let mut numbers: Vec<u64> = whole.filter_map(of).collect();
        if numbers.len() < LEAST_HOURS {
            return None;
        }
        numbers.sort_unstable();
        let place = (numbers.len() * 99).div_ceil(100).saturating_sub(1);
        numbers.get(place).copied()
    }
}

// === impl Hour ===

impl Hour {
    /// Per mille of the visits that came from addresses under a ban; `None` if there were too few visits.
    fn share(&self) -> Option<u64> {
        let share = || u64::from(self.hits) * 1_000 / u64::from(self.visits);
        (self.visits >= LEAST_VISITS).then(share)
    }
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bans { new, limit } => {
                write!(
                    f,
                    "the mesh's word made {new} new bans within an hour, {limit} are the most"
                )
            }
            Self::Users { addresses } => write!(
                f,
                "our own users logged in from {addresses} addresses within a day while the mesh's word banned them"
            ),
            Self::Traffic { share, limit } => write!(
                f,
                "{}.{} % of our visits came from addresses that the mesh's word bans, {}.{} % are the most",
                share / 10,
                share % 10,
                limit / 10,
                limit % 10
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_millis(500_000 * HOUR + hour * HOUR)
    }

    /// So many hours with so many bans and visits each, one hit in a hundred.
    fn after(hours: i64, bans: u32, visits: u32) -> Breaker {
        let mut breaker = Breaker::default();
        for hour in 0..hours {
            breaker.tick(at(hour));
            for _ in 0..bans {
                assert_eq!(breaker.banned(at(hour), true), None);
            }
            for visit in 0..visits {
                assert_eq!(breaker.visited(visit % 100 == 0, at(hour), true), None);
            }
        }
        breaker
    }

    fn flood(breaker: &mut Breaker, bans: u64, now: Timestamp) -> Option<(u64, Trip)> {
        (1..=bans).find_map(|number| Some((number, breaker.banned(now, true)?)))
    }

    #[test]
    fn far_more_bans_than_usual_open_it_and_it_closes_when_an_hour_is_usual_again() {
        let mut breaker = after(48, 100, 0);
        let limit = 500;
        assert_eq!(
            flood(&mut breaker, 10_000, at(48)),
            Some((501, Trip::Bans { new: 501, limit }))
        );
        let open = breaker.open().unwrap();
        assert_eq!((open.since, open.until), (at(48), at(54)));
        assert_eq!(flood(&mut breaker, 1_000, at(49)), None, "it opens once");
        for hour in 49..=54 {
            // The strike goes on: six hours are not enough, and it teaches nothing.
            flood(&mut breaker, 1_000, at(hour));
            assert!(!breaker.tick(at(hour)));
        }
        assert!(!breaker.tick(at(55)), "the hour before was not usual");
        assert!(breaker.tick(at(56)) && breaker.open().is_none());
        assert_eq!(
            flood(&mut breaker, 501, at(57)).unwrap().1,
            Trip::Bans { new: 501, limit }
        );
    }

    #[test]
    fn a_quiet_node_a_new_one_and_one_that_only_simulates_do_not_open() {
        assert_eq!(flood(&mut after(48, 1, 0), 200, at(48)), None);
        assert!(flood(&mut after(48, 1, 0), 201, at(48)).is_some());
        assert_eq!(
            flood(&mut after(24, 1, 0), 100_000, at(23)),
            None,
            "23 whole hours"
        );
        let mut simulating = after(48, 1, 0);
        assert!((0..10_000).all(|_| simulating.banned(at(48), false).is_none()));
    }

    #[test]
    fn hours_that_were_missed_may_be_made_up_for() {
        let mut breaker = after(48, 100, 0);
        assert_eq!(flood(&mut breaker, 500 * 10, at(57)), None);
        let mut breaker = after(48, 100, 0);
        assert_eq!(flood(&mut breaker, 500 * 25, at(100)), None);
        assert!(flood(&mut breaker, 1, at(100)).is_some());
    }

    #[test]
    fn three_addresses_of_our_users_within_a_day_open_it() {
        let mut breaker = Breaker::default();
        let ip = |last: u8| IpAddr::from([20, 0, 0, last]);
        for (user, hour) in [(1, 0), (1, 1), (2, 2), (3, 26)] {
            assert_eq!(breaker.user_hit(ip(user), at(hour)), None);
        }
        assert_eq!(breaker.user_hit(ip(4), at(27)), None);
        assert_eq!(
            breaker.user_hit(ip(5), at(28)),
            Some(Trip::Users { addresses: 3 })
        );
        assert!(!breaker.tick(at(33)) && breaker.tick(at(34)));
    }

    #[test]
    fn a_share_of_our_own_visits_that_is_far_from_usual_opens_it() {
        let mut breaker = after(48, 0, 2_000);
        let mut opened = (0..2_000).filter_map(|visit| breaker.visited(visit % 10 == 0, at(48), true));
        let limit = 50;
        assert_eq!(opened.next(), Some(Trip::Traffic { share: 100, limit }));
        let mut quiet = after(48, 0, 2_000);
        assert!((0..900).all(|_| quiet.visited(true, at(48), true).is_none()));
    }

    #[test]
    fn a_person_closes_it_and_it_can_be_kept() {
        let mut breaker = after(48, 100, 0);
        flood(&mut breaker, 1_000, at(48)).unwrap();
        let kept = serde_json::to_string(&breaker).unwrap();
        assert_eq!(serde_json::from_str::<Breaker>(&kept).unwrap(), breaker);
        breaker.close(at(48));
        assert_eq!((breaker.open(), flood(&mut breaker, 500, at(48))), (None, None));
        assert!(flood(&mut breaker, 1, at(48)).is_some());
        assert_eq!(
            flood(&mut after(400, 1, 0), 1_000, at(400)).unwrap().0,
            201,
            "what is older than a fortnight is forgotten"
        );
        assert!(after(400, 1, 0).hours.len() <= 337);
    }
}
