//! `[[policy.profiles]]`: how a profile is written, and what it may say.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use vigie_store::{Origin, Remediation};
use vigie_wire::Behaviour;

use super::policy::LONGEST;
use super::{Wrong, duration};
use crate::profile::{About, Leads, Profile, When};

/// Profiles in one file: each decision looks through them.
pub(super) const MOST: usize = 64;
/// The largest factor for who comes again.
const AGAIN: u32 = 10;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// One, as it stands in the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    name: Spanned<String>,
    #[serde(default)]
    origins: Vec<Spanned<String>>,
    #[serde(default)]
    behaviours: Vec<Spanned<String>>,
    #[serde(default)]
    scenarios: Vec<String>,
    hours: Option<Spanned<String>>,
    #[serde(default)]
    days: Vec<Spanned<String>>,
    remediation: Option<Spanned<String>>,
    #[serde(rename = "for")]
    length: Option<Spanned<String>>,
    again: Option<Spanned<u32>>,
    longest: Option<Spanned<String>>,
    #[serde(default)]
    simulate: bool,
}

/// A value as it is read, or what is wrong with it.
type Read<T> = Result<T, Wrong>;

// === impl Written ===

impl Written {
    /// What it means, or every mistake in it.
    pub(super) fn read(&self) -> Result<Profile, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let about = About {
            origins: keep(self.origins.iter().map(origin), &mut wrong),
            behaviours: keep(self.behaviours.iter().map(behaviour), &mut wrong),
            scenarios: self.scenarios.clone(),
        };
        let when = When {
            hours: keep(self.hours.iter().map(hours), &mut wrong).pop(),
            days: keep(self.days.iter().map(day), &mut wrong),
        };
        let profile = Profile {
            name: keep([name(&self.name)], &mut wrong).pop().unwrap_or_default(),
            about,
            when,
            leads: keep(self.remediation.iter().map(leads), &mut wrong)
                .pop()
                .unwrap_or_default(),
            length: keep(self.length.iter().map(length), &mut wrong).pop(),
            again: keep(self.again.iter().map(again), &mut wrong).pop().unwrap_or(1),
            longest: keep(self.longest.iter().map(length), &mut wrong)
                .pop()
                .unwrap_or(LONGEST),
            simulate: self.simulate,
        };
        if wrong.is_empty() { Ok(profile) } else { Err(wrong) }
    }
}

fn keep<T>(read: impl IntoIterator<Item = Read<T>>, wrong: &mut Vec<Wrong>) -> Vec<T> {
    let mut good = Vec::new();
    for one in read {
        match one {
            Ok(value) => good.push(value),
            Err(mistake) => wrong.push(mistake),
        }
    }
    good
}

fn name(text: &Spanned<String>) -> Read<String> {
    let name = text.get_ref();
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err((text.span(), format!("{name:?} is not a name of 1 to 64 bytes")));
    }
    Ok(name.clone())
}

fn origin(text: &Spanned<String>) -> Read<Origin> {
    match text.get_ref().as_str() {
        "sensor" => Ok(Origin::Sensor),
        "mesh" => Ok(Origin::Mesh),
        other => Err((text.span(), format!("{other:?} is not one of sensor, mesh"))),
    }
}

fn behaviour(text: &Spanned<String>) -> Read<String> {
    let name = text.get_ref();
    if Behaviour::by_name(name).is_none() {
        let known: Vec<_> = Behaviour::all().map(|(_, known)| known).collect();
        let message = format!("no behaviour is called {name:?}; there are {}", known.join(", "));
        return Err((text.span(), message));
    }
    Ok(name.clone())
}

fn leads(text: &Spanned<String>) -> Read<Leads> {
    match text.get_ref().as_str() {
        "observe" => Ok(Leads::Nothing),
        "challenge" => Ok(Leads::To(Remediation::Challenge)),
        "throttle" => Ok(Leads::To(Remediation::Throttle)),
        "ban" => Ok(Leads::To(Remediation::Ban)),
        other => {
            let message = format!("{other:?} is not one of observe, challenge, throttle, ban");
            Err((text.span(), message))
        }
    }
}

fn length(text: &Spanned<String>) -> Read<Duration> {
    let allowed = Duration::from_secs(60)..=LONGEST;
    let read = duration(text.get_ref()).filter(|length| allowed.contains(length));
    read.ok_or_else(|| {
        let message = format!(
            "{:?} is not a duration between 1m and 72h such as 30m or 4h",
            text.get_ref()
        );
        (text.span(), message)
    })
}

fn again(factor: &Spanned<u32>) -> Read<u32> {
    let times = *factor.get_ref();
    if (1..=AGAIN).contains(&times) {
        return Ok(times);
    }
    Err((factor.span(), format!("{times} is not between 1 and {AGAIN}")))
}

fn day(text: &Spanned<String>) -> Read<u8> {
    let place = DAYS.iter().position(|day| day == text.get_ref());
    let number = place.and_then(|place| u8::try_from(place).ok());
    number.ok_or_else(|| {
        let message = format!("{:?} is not one of {}", text.get_ref(), DAYS.join(", "));
        (text.span(), message)
    })
}

/// `22:00-06:00`, in minutes.
fn hours(text: &Spanned<String>) -> Read<(u16, u16)> {
    let minutes = |clock: &str| {
        let (hour, minute) = clock.split_once(':')?;
        let two = |digits: &str, below: u16| {
            let is_two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            let number: u16 = digits.parse().ok()?;
            (is_two && number < below).then_some(number)
        };
        Some(two(hour, 24)? * 60 + two(minute, 60)?)
    };
    let span = text.get_ref().split_once('-');
    let read = span.and_then(|(from, until)| Some((minutes(from)?, minutes(until)?)));
    read.filter(|(from, until)| from != until).ok_or_else(|| {
        let message = format!(
            "{:?} is not a span of the day such as 22:00-06:00, in UTC",
            text.get_ref()
        );
        (text.span(), message)
    })
}
