//! Questions of expressions to the world beyond their event: stashes, places, names, decisions.
//!
//! What nobody gave to the rules is empty or nil, as with the original without its databases.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::functions::Want;
use super::value::Value;
use super::{Env, EvalError};
use crate::outside::{Asn, City, Outside};
use crate::parse::json::Json;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    FromStash,
    IntoStash,
    City,
    Asn,
    Range,
    Country,
    Addresses,
    Hostname,
    DecisionsCount,
    DecisionsSince,
    ActiveCount,
    ActiveTime,
}

/// Name, question, arguments, answer.
const QUESTIONS: &[(&str, Ask, &[Want], Want)] = &[
    (
        "GetFromStash",
        Ask::FromStash,
        &[Want::Text, Want::Text],
        Want::Text,
    ),
    (
        "SetInStash",
        Ask::IntoStash,
        &[Want::Text, Want::Text, Want::Text, Want::Any],
        Want::Any,
    ),
    ("GeoIPEnrich", Ask::City, &[Want::Text], Want::Any),
    ("GeoIPASNEnrich", Ask::Asn, &[Want::Text], Want::Any),
    ("GeoIPRangeEnrich", Ask::Range, &[Want::Text], Want::Any),
    ("IPToCountry", Ask::Country, &[Want::Text], Want::Text),
    ("LookupHost", Ask::Addresses, &[Want::Text], Want::Texts),
    ("Hostname", Ask::Hostname, &[], Want::Text),
    ("GetDecisionsCount", Ask::DecisionsCount, &[Want::Text], Want::Int),
    (
        "GetDecisionsSinceCount",
        Ask::DecisionsSince,
        &[Want::Text, Want::Text],
        Want::Int,
    ),
    (
        "GetActiveDecisionsCount",
        Ask::ActiveCount,
        &[Want::Text],
        Want::Int,
    ),
    (
        "GetActiveDecisionsTimeLeft",
        Ask::ActiveTime,
        &[Want::Text],
        Want::Duration,
    ),
];

/// The question of that name.
pub(super) fn find(name: &str) -> Option<(Ask, &'static [Want], Want)> {
    let found = QUESTIONS.iter().find(|(known, ..)| *known == name);
    found.map(|(_, ask, takes, gives)| (*ask, *takes, *gives))
}

fn text<'v>(args: &'v [Value<'_>], at: usize) -> Result<&'v str, EvalError> {
    args.get(at)
        .and_then(Value::as_str)
        .ok_or_else(|| "an argument is not a text".into())
}

fn owned<'a>(text: impl Into<String>) -> Value<'a> {
    Value::Text(Cow::Owned(text.into()))
}

/// Asks.
pub(super) fn run<'a>(
    ask: Ask,
    args: &[Value<'a>],
    outside: &Outside,
    env: &Env<'a>,
) -> Result<Value<'a>, EvalError> {
    let now = env.event.read_at;
    Ok(match ask {
        Ask::FromStash => {
            let stash = outside.stashes.find(text(args, 0)?);
            let value = stash.and_then(|stash| {
                let key = args.get(1)?.as_str()?;
                stash.get(key, now)
            });
            text(args, 1)?;
            owned(value.unwrap_or_default())
        }
        Ask::IntoStash => {
            let ttl = match args.get(3) {
                Some(Value::Duration(nanos)) => u64::try_from(*nanos).ok().map(Duration::from_nanos),
                _ => None,
            };
            if let Some(stash) = outside.stashes.find(text(args, 0)?) {
                stash.set(text(args, 1)?, text(args, 2)?, ttl, now);
            }
            Value::Nil
        }
        Ask::City | Ask::Asn | Ask::Range | Ask::Country => place(ask, text(args, 0)?, outside),
        Ask::Addresses => {
            let name = text(args, 0)?;
            let addresses = outside.resolver().map(|resolver| resolver.addresses(name));
            Value::List(addresses.unwrap_or_default().into_iter().map(owned).collect())
        }
        Ask::Hostname => owned(outside.hostname()),
        Ask::DecisionsCount => {
            let value = text(args, 0)?;
            count(outside.decisions().map(|known| known.count(value, None)))
        }
        Ask::DecisionsSince => {
            let since = crate::rules::duration::parse(text(args, 1)?);
            let value = text(args, 0)?;
            count(since.and_then(|since| Some(outside.decisions()?.count(value, Some(since)))))
        }
        Ask::ActiveCount => {
            let value = text(args, 0)?;
            count(outside.decisions().map(|known| known.active(value)))
        }
        Ask::ActiveTime => {
            let value = text(args, 0)?;
            let left = outside.decisions().map(|known| known.time_left(value));
            let nanos = left.map_or(0, |left| i64::try_from(left.as_nanos()).unwrap_or(i64::MAX));
            Value::Duration(nanos)
        }
    })
}

fn count<'a>(count: Option<u32>) -> Value<'a> {
    Value::Int(i64::from(count.unwrap_or(0)))
}

fn place<'a>(ask: Ask, address: &str, outside: &Outside) -> Value<'a> {
    let places = outside.places();
    let ip = address.parse::<IpAddr>().ok();
    let found = places.zip(ip);
    match ask {
        Ask::Country => {
            let city = found.and_then(|(places, ip)| places.city(ip));
            owned(city.map(|city| city.country).unwrap_or_default())
        }
        Ask::City => match found.and_then(|(places, ip)| places.city(ip)) {
            Some(city) => Value::Json(city_json(&city)),
            None => Value::Nil,
        },
        Ask::Asn => match found.and_then(|(places, ip)| places.asn(ip)) {
            Some(asn) => Value::Json(asn_json(&asn)),
            None => Value::Nil,
        },
        _ => match found.and_then(|(places, ip)| places.range(ip)) {
            Some(range) => owned(range.to_string()),
            None => Value::Nil,
        },
    }
}

fn object<const N: usize>(entries: [(&str, Json); N]) -> Json {
    Json::Map(
        entries
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    )
}

fn json_text(text: &str) -> Json {
    Json::Text(Arc::from(text))
}

/// In the names of the original's library.
fn city_json(city: &City) -> Json {
    let named = |name: &str| object([("en", json_text(name))]);
    object([
        ("City", object([("Names", named(&city.city_name))])),
        ("Continent", object([("Code", json_text(&city.continent))])),
        (
            "Country",
            object([
                ("IsoCode", json_text(&city.country)),
                ("IsInEuropeanUnion", Json::Bool(city.in_eu)),
                ("Names", named(&city.country_name)),
            ]),
        ),
        (
            "Location",
            object([
                ("Latitude", Json::Number(city.latitude)),
                ("Longitude", Json::Number(city.longitude)),
                ("TimeZone", json_text(&city.time_zone)),
            ]),
        ),
    ])
}

fn asn_json(asn: &Asn) -> Json {
    object([
        ("AutonomousSystemNumber", Json::Number(f64::from(asn.number))),
        ("AutonomousSystemOrganization", json_text(&asn.organization)),
    ])
}
