//! Whom an event speaks of, in the scope of a scenario.
//!
//! Rules of the original: `Ip` and `Range` need an address, any other scope its expression; an overflow that is poured
//! again brings its sources along. Deliberately absent: what is said of them, which is `overflow`.

use std::net::IpAddr;
use std::sync::Arc;

use crate::address;
use crate::expr::Env;
use crate::parse::event::Event;
use crate::parse::names::Common;
use crate::parse::overflow::Source;
use crate::rules::ScopeRule;

/// Everybody that one event speaks of. Small, because buckets keep this of each event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Whos {
    /// The address that the event's `Meta` names, if it is one, of which nothing else is known: nearly every event.
    Logged,
    /// Anybody else: one, but for overflows.
    Known(Arc<[Who]>),
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Who {
    value: Arc<str>,
    /// The address as the log wrote it, often the value itself; empty in scopes that are none of addresses.
    ip: Arc<str>,
    range: Box<str>,
    origin: Option<Box<Origin>>,
}

/// What enrichment knows of an address.
#[derive(Debug, Clone, PartialEq)]
struct Origin {
    as_number: Box<str>,
    as_name: Box<str>,
    country: Box<str>,
    latitude: f32,
    longitude: f32,
}

/// Where enrichment says something of an address.
const ENRICHED: [Common; 7] = [
    Common::SourceRange,
    Common::AsNumber,
    Common::AsnNumber,
    Common::AsnOrg,
    Common::IsoCode,
    Common::Latitude,
    Common::Longitude,
];

// === impl Whos ===

impl Whos {
    /// The bytes it takes beside itself.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Logged => 0,
            Self::Known(known) => known.iter().map(Who::bytes).sum(),
        }
    }

    /// How many they are; `None` if the address that the log wrote is none.
    pub(crate) fn count(&self, logged: &str) -> Option<usize> {
        match self {
            Self::Logged => logged.parse::<IpAddr>().ok().map(|_| 1),
            Self::Known(known) => Some(known.len()),
        }
    }

    /// Tells `add` of each: its value, and how to make a source of it in a scenario's scope.
    pub(crate) fn sources(
        &self,
        logged: &str,
        scope: &ScopeRule,
        mut add: impl FnMut(&str, &dyn Fn() -> Source),
    ) {
        match self {
            Self::Logged => add(logged, &|| Source {
                scope: scope.kind.to_string(),
                value: logged.to_owned(),
                ip: logged.to_owned(),
                ..Source::default()
            }),
            Self::Known(known) => known
                .iter()
                .for_each(|who| add(&who.value, &|| who.source(scope))),
        }
    }
}

impl From<Who> for Whos {
    fn from(who: Who) -> Self {
        Self::Known(Arc::from([who]))
    }
}

// === impl Who ===

impl Who {
    fn bytes(&self) -> usize {
        let origin = self.origin.as_ref().map_or(0, |origin| {
            size_of::<Origin>() + origin.as_number.len() + origin.as_name.len() + origin.country.len()
        });
        size_of::<Self>() + self.value.len() + self.ip.len() + self.range.len() + origin
    }

    fn source(&self, scope: &ScopeRule) -> Source {
        let mut source = Source {
            scope: scope.kind.to_string(),
            value: self.value.to_string(),
            ip: self.ip.to_string(),
            range: self.range.to_string(),
            ..Source::default()
        };
        if let Some(origin) = &self.origin {
            source.as_number = origin.as_number.to_string();
            source.as_name = origin.as_name.to_string();
            source.country = origin.country.to_string();
            source.latitude = origin.latitude;
            source.longitude = origin.longitude;
        }
        source
    }
}

impl From<&Source> for Who {
    fn from(source: &Source) -> Self {
        Self {
            value: source.value.as_str().into(),
            ip: source.ip.as_str().into(),
            range: source.range.as_str().into(),
            origin: Some(Box::new(Origin {
                as_number: source.as_number.as_str().into(),
                as_name: source.as_name.as_str().into(),
                country: source.country.as_str().into(),
                latitude: source.latitude,
                longitude: source.longitude,
            })),
        }
    }
}

/// Everybody an event speaks of; `None` if it does not say.
pub(crate) fn of(event: &Event, scope: &ScopeRule) -> Option<Whos> {
    if event.overflow().is_some() {
        return of_overflow(event, scope);
    }
    if scope.is_ip() && ENRICHED.iter().all(|what| event.common(*what).is_empty()) {
        return Some(Whos::Logged);
    }
    let said = match &scope.expression {
        Some(expression) if !scope.is_ip() => Some(expression.text(Env::of(event)).ok()?),
        _ => None,
    };
    if !scope.is_ip() && !scope.is_range() {
        return Some(Whos::from(Who {
            value: (*said?).into(),
            ip: Arc::default(),
            range: Box::default(),
            origin: None,
        }));
    }
    let ip = event.common(Common::SourceIp);
    address::read(ip)?;
    let ip: Arc<str> = ip.into();
    let range: Box<str> = match event.common(Common::SourceRange) {
        "" => Box::default(),
        text => text.parse::<ipnet::IpNet>().ok()?.trunc().to_string().into(),
    };
    let origin = origin(event);
    let value = match said {
        Some(said) => (*said).into(),
        None if scope.is_range() => (*range).into(),
        None => Arc::clone(&ip),
    };
    Some(Whos::from(Who {
        value,
        ip,
        range,
        origin,
    }))
}

/// The sources of an overflow that is poured again, in the scope of this scenario.
fn of_overflow(event: &Event, scope: &ScopeRule) -> Option<Whos> {
    let mut whos = Vec::new();
    for source in &event.overflow()?.sources {
        let mut who = Who::from(source);
        if source.scope != *scope.kind {
            if !scope.is_range() || !source.scope.eq_ignore_ascii_case("ip") {
                continue;
            }
            who.value = match &scope.expression {
                Some(expression) => (*expression.text(Env::of(event)).ok()?).into(),
                None => (*who.range).into(),
            };
            if who.value.is_empty() {
                continue;
            }
        }
        whos.push(who);
    }
    Some(Whos::Known(whos.into()))
}

fn origin(event: &Event) -> Option<Box<Origin>> {
    let number = match event.common(Common::AsNumber) {
        "" => event.common(Common::AsnNumber),
        number => number,
    };
    let (name, country) = (event.common(Common::AsnOrg), event.common(Common::IsoCode));
    let (latitude, longitude) = (event.common(Common::Latitude), event.common(Common::Longitude));
    let all = [number, name, country, latitude, longitude];
    if all.iter().all(|text| text.is_empty()) {
        return None;
    }
    Some(Box::new(Origin {
        as_number: number.into(),
        as_name: name.into(),
        country: country.into(),
        latitude: latitude.parse().unwrap_or(0.0),
        longitude: longitude.parse().unwrap_or(0.0),
    }))
}

/// The address that an event names, whatever the scope.
pub(crate) fn address(event: &Event) -> Option<IpAddr> {
    let text = match event.overflow() {
        Some(overflow) => overflow.source().ip.as_str(),
        None => event.common(Common::SourceIp),
    };
    address::read(text)
}
