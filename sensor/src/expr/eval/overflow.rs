//! Fields of overflows, alerts and sources.
//!
//! Deliberately absent: which of them there are, which `types` says.

use std::borrow::Cow;

use crate::expr::code::Getter;
use crate::expr::value::{Object, Value};
use crate::parse::overflow::{NOBODY, Overflow, Source};

/// Of `evt.Overflow` and of its alert, which share an object.
pub(super) fn get(overflow: &Overflow, getter: Getter) -> Value<'_> {
    let alert = &overflow.alert;
    let rfc3339 = |at| Value::Text(Cow::Owned(crate::parse::date::render_rfc3339(at)));
    match getter {
        Getter::OverflowWhitelisted => Value::Bool(overflow.whitelisted),
        Getter::Reprocess => Value::Bool(overflow.reprocess),
        Getter::Sources => Value::Object(Object::Sources(&overflow.sources)),
        Getter::SourceKeys => {
            let keys = overflow.sources.iter();
            Value::List(keys.map(|source| Value::text(&source.value)).collect())
        }
        Getter::Source => Value::Object(Object::Source(overflow.source())),
        Getter::SourceScope => Value::text(&overflow.source().scope),
        Getter::SourceValue => Value::text(&overflow.source().value),
        Getter::Remediation => Value::Bool(alert.remediation),
        // A method of the original's that says whether the alert is more than a simulation.
        Getter::HasRemediation => Value::Bool(!alert.simulated && alert.remediation),
        Getter::Simulated => Value::Bool(alert.simulated),
        Getter::Scenario => Value::text(&alert.scenario),
        Getter::ScenarioVersion => Value::text(&alert.scenario_version),
        Getter::Message => Value::text(&alert.message),
        Getter::EventsCount => Value::Int(i64::from(alert.events_count)),
        Getter::Capacity => Value::Int(i64::from(alert.capacity)),
        Getter::Leakspeed => Value::text(&alert.leakspeed),
        Getter::StartAt => rfc3339(alert.start_at),
        Getter::StopAt => rfc3339(alert.stop_at),
        Getter::AlertEvents => Value::Events(&alert.events),
        _ => Value::Nil,
    }
}

/// Of one source.
pub(super) fn get_source(source: &Source, getter: Getter) -> Value<'_> {
    match getter {
        Getter::SourceIp => Value::text(&source.ip),
        Getter::SourceRange => Value::text(&source.range),
        Getter::SourceScope => Value::text(&source.scope),
        Getter::SourceValue => Value::text(&source.value),
        Getter::SourceAsNumber => Value::text(&source.as_number),
        Getter::SourceAsName => Value::text(&source.as_name),
        Getter::SourceCountry => Value::text(&source.country),
        Getter::SourceLatitude => Value::Float(f64::from(source.latitude)),
        Getter::SourceLongitude => Value::Float(f64::from(source.longitude)),
        _ => Value::Nil,
    }
}

/// Of the overflow of an event that is none: everything is empty.
pub(super) fn get_missing(getter: Getter) -> Value<'static> {
    match getter {
        Getter::Remediation
        | Getter::HasRemediation
        | Getter::Simulated
        | Getter::OverflowWhitelisted
        | Getter::Reprocess => Value::Bool(false),
        Getter::AlertEvents => Value::Events(&[]),
        Getter::EventsCount | Getter::Capacity => Value::Int(0),
        Getter::Sources => Value::Object(Object::Sources(&[])),
        Getter::SourceKeys => Value::List(Vec::new()),
        Getter::Source => Value::Object(Object::Source(&NOBODY)),
        _ => Value::text(""),
    }
}
