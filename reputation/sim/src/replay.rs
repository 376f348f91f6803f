//! Real attackers instead of drawn ones: what nine honeypots saw over 189 days, or who stands on which blocklists.
//!
//! Each sensor or list is one honest organisation; innocents, mistakes and liars are those of the model. Deliberately
//! absent: files. The caller hands over the text of a CSV.

use std::collections::BTreeMap;

use rand::Rng;
use vigie_reputation::wire::{Behaviour, Timestamp};

use crate::dice::{Dice, Weights};
use crate::population::{Attacker, Visit};
use crate::setup::Setup;
use crate::span::{START, days, hours};
use crate::subject::{Org, index, number};

/// What a sensor without labels saw: password guessing, as most of both data sets.
const SEEN: Behaviour = Behaviour(5);
const MINUTES_PER_DAY: u32 = 24 * 60;

/// Attackers by day.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    sensors: u32,
    anchors: u32,
    by_day: Vec<Vec<(Attacker, Vec<Visit>)>>,
}

/// Why a text is no recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct RecordingRefused {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

// === impl Recording ===

impl Recording {
    /// Of lines `minute,sensor,subject,events` after a heading, ordered by time.
    pub fn honeypots(text: &str, anchors: u32) -> Result<Self, RecordingRefused> {
        let mut rows = Vec::new();
        for (line, row) in numbered(text) {
            let refused = |reason| RecordingRefused { line, reason };
            let mut fields = row.split(',').map(|field| field.trim().parse::<u32>().ok());
            let mut next = |reason| fields.next().flatten().ok_or(refused(reason));
            let minute = next("expected a minute")?;
            let sensor = next("expected the number of a sensor after the minute")?;
            let subject = next("expected the number of a subject after the sensor")?;
            if minute > 3_650 * MINUTES_PER_DAY || sensor >= 1_000 || subject >= 1 << 24 {
                return Err(refused("a number is too large"));
            }
            rows.push((START + minutes(minute), sensor, subject));
        }
        Ok(Self::of_rows(rows, anchors))
    }

    /// Of lines `reporters,addresses` after a heading, reporters joined by `+`: so many addresses a day are drawn from
    /// the whole, each listed by its reporters after a time of the model's, since lists do not tell when.
    pub fn lists(
        text: &str,
        setup: &Setup,
        per_day: u32,
        rng: &mut impl Rng,
    ) -> Result<Self, RecordingRefused> {
        let (mut sets, mut counts) = (Vec::new(), Vec::new());
        for (line, row) in numbered(text) {
            let refused = |reason| RecordingRefused { line, reason };
            let (set, count) = row
                .split_once(',')
                .ok_or(refused("expected reporters,addresses"))?;
            let sensors: Option<Vec<u32>> = set.split('+').map(|one| one.trim().parse().ok()).collect();
            let sensors = sensors.ok_or(refused("expected numbers of reporters joined by +"))?;
            if sensors.iter().any(|sensor| *sensor >= 1_000) {
                return Err(refused("a number is too large"));
            }
            let count: u32 = count.trim().parse().map_err(|_| refused("expected a count"))?;
            sets.push(sensors);
            counts.push(f64::from(count));
        }
        let mut dice = Dice::split(rng);
        let counts = Weights::new(counts);
        let mut rows = Vec::new();
        for address in 0..setup.days.saturating_mul(per_day).min(1 << 24) {
            let start = START + days(address / per_day.max(1)) + hours(24.0 * dice.unit());
            let set = dice.pick(&counts).and_then(|place| sets.get(index(place)));
            for sensor in set.into_iter().flatten() {
                let at = start + hours(dice.exponential(setup.traffic.hours_to_victim));
                rows.push((at, *sensor, address));
            }
        }
        rows.sort_unstable();
        Ok(Self::of_rows(rows, setup.anchors))
    }

    /// The setup's numbers that the recording decides: one organisation for each sensor, all of them observers. The
    /// anchors are silent: they only vouch.
    pub fn fit(&self, setup: &mut Setup) {
        setup.orgs = self.sensors + self.anchors;
        setup.observers = self.sensors;
        setup.traffic.attackers_per_org_day = 0.0;
        setup.trust.direct_share = 1.0;
        setup.trust.silent_anchors = true;
        setup.days = setup.days.min(number(self.by_day.len()));
    }

    /// How many sensors or lists.
    pub fn sensors(&self) -> u32 {
        self.sensors
    }

    /// How many days.
    pub fn days(&self) -> u32 {
        number(self.by_day.len())
    }

    pub(crate) fn of_day(&self, day: u32, _now: Timestamp) -> Vec<(Attacker, Vec<Visit>)> {
        self.by_day.get(index(day)).cloned().unwrap_or_default()
    }

    fn of_rows(rows: Vec<(Timestamp, u32, u32)>, anchors: u32) -> Self {
        let mut attackers: BTreeMap<u32, (Timestamp, Vec<u32>)> = BTreeMap::new();
        let mut sensors = 0;
        for (at, sensor, subject) in &rows {
            sensors = sensors.max(sensor + 1);
            let (_, seen_by) = attackers.entry(*subject).or_insert((*at, Vec::new()));
            if !seen_by.contains(sensor) {
                seen_by.push(*sensor);
            }
        }
        let mut by_day: Vec<BTreeMap<u32, Vec<Visit>>> = Vec::new();
        for (at, sensor, subject) in rows {
            let day = at.since(START).as_secs() / (24 * 3_600);
            let day = usize::try_from(day).unwrap_or(usize::MAX).min(4_000);
            if by_day.len() <= day {
                by_day.resize_with(day + 1, BTreeMap::new);
            }
            if let Some(today) = by_day.get_mut(day) {
                today.entry(subject).or_default().push(Visit {
                    at,
                    victim: Org(anchors + sensor),
                    noticed: true,
                });
            }
        }
        let attacker = |subject: u32| {
            let (start, breadth) = attackers
                .get(&subject)
                .map_or((START, 1), |(start, seen_by)| (*start, number(seen_by.len())));
            Attacker {
                number: Some(subject),
                start,
                breadth,
                behaviour: SEEN,
            }
        };
        let named = |today: BTreeMap<u32, Vec<Visit>>| {
            let visits = today.into_iter();
            visits
                .map(|(subject, visits)| (attacker(subject), visits))
                .collect()
        };
        Self {
            sensors,
            anchors,
            by_day: by_day.into_iter().map(named).collect(),
        }
    }
}

/// Lines that say something, after the heading, with their numbers.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().skip(1);
    lines
        .map(|(line, row)| (line + 1, row))
        .filter(|(_, row)| !row.trim().is_empty())
}

fn minutes(count: u32) -> std::time::Duration {
    std::time::Duration::from_secs(60 * u64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_attackers_by_day_and_a_wrong_row_is_named() {
        let text = "minute,sensor,subject,events\n0,0,0,7\n5,3,0,1\n1500,1,0,1\n1501,1,1,2\n";
        let recording = Recording::honeypots(text, 2).unwrap();
        assert_eq!((recording.sensors(), recording.days()), (4, 2));
        let second = recording.of_day(1, START);
        assert_eq!(second.len(), 2);
        assert_eq!(second[0].0.breadth, 3);
        assert_eq!(second[0].1[0].victim, Org(3));
        let error = Recording::honeypots("minute,sensor\n1,2\n", 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2: expected the number of a subject after the sensor"
        );
        assert!(Recording::honeypots("h\n4294967295,0,0,0", 2).is_err());
    }

    #[test]
    fn lists_draw_addresses_as_often_as_they_stand_there() {
        let setup = Setup {
            days: 10,
            ..Setup::default()
        };
        let text = "reporters,addresses\n0,90\n1+2,10\n";
        let recording = Recording::lists(text, &setup, 100, &mut crate::generator(1)).unwrap();
        let attackers: Vec<_> = recording.by_day.iter().flatten().collect();
        let broad = attackers.iter().filter(|(one, _)| one.breadth == 2).count();
        assert!((60..260).contains(&broad), "{broad}");
    }
}
