//! Starting the sources that come over the network: each a thread that talks, and where nobody else keeps the lines, one
//! that writes them down.
//!
//! Ports are opened and certificates read here, before anything runs, so that what is wrong with them is said at once.
//! Deliberately absent: the talking itself (`source`).

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{SensorConfig, SensorError, ignore, thread};
use crate::source::inbox::{self, Inbox};
use crate::source::syslog::Scribe;
use crate::source::{Http, Kafka, Nats, Outlet, Syslog, http, net, syslog};

type Died = mpsc::Sender<String>;

pub(super) fn syslog(
    config: &Syslog,
    name: &str,
    kind: &Arc<str>,
    sensor: &SensorConfig,
    outlet: &Outlet,
    died: &Died,
) -> Result<(), SensorError> {
    let inbox = inbox(name, kind, sensor, outlet, died)?;
    let listener = syslog::Listener::bind(config, &inbox).map_err(|source| cannot_open(name, source))?;
    let scribe = Scribe {
        clock: Arc::clone(&outlet.clock),
        whole: &**kind == "syslog",
        inbox,
    };
    let (label, stop) = (name.to_owned(), outlet.stop.clone());
    thread(name, died.clone(), move || {
        net::on_this_thread(&label, listener.run(scribe, stop));
    })
}

pub(super) fn http(
    config: &Http,
    name: &str,
    kind: &Arc<str>,
    sensor: &SensorConfig,
    outlet: &Outlet,
    died: &Died,
) -> Result<(), SensorError> {
    let inbox = inbox(name, kind, sensor, outlet, died)?;
    let listener =
        http::Listener::bind(config, &inbox, &outlet.clock).map_err(|source| cannot_open(name, source))?;
    // The listener has an inbox of its own; the lines end when both are gone.
    drop(inbox);
    let (label, stop) = (name.to_owned(), outlet.stop.clone());
    thread(name, died.clone(), move || {
        net::on_this_thread(&label, listener.run(stop));
    })
}

#[cfg(feature = "nats")]
pub(super) fn nats(
    config: &Nats,
    name: &str,
    kind: &Arc<str>,
    sensor: &SensorConfig,
    outlet: &Outlet,
    died: &Died,
) -> Result<(), SensorError> {
    use crate::source::nats::consume;
    let inbox = inbox(name, kind, sensor, outlet, died)?;
    let (config, start) = (config.clone(), sensor.start);
    let (label, stop) = (name.to_owned(), outlet.stop.clone());
    thread(name, died.clone(), move || {
        net::on_this_thread(&label, consume::run(config, start, inbox, stop));
    })
}

#[cfg(feature = "kafka")]
pub(super) fn kafka(
    config: &Kafka,
    name: &str,
    kind: &Arc<str>,
    sensor: &SensorConfig,
    outlet: &Outlet,
    died: &Died,
) -> Result<(), SensorError> {
    use crate::source::kafka::consume;
    let topic = consume::Topic {
        kafka: config.clone(),
        kind: Arc::clone(kind),
        start: sensor.start,
        resume: super::positions(sensor),
    };
    let (label, outlet) = (name.to_owned(), outlet.clone());
    thread(name, died.clone(), move || {
        net::on_this_thread(&label, consume::run(topic, outlet));
    })
}

#[cfg(not(feature = "nats"))]
pub(super) fn nats(
    _: &Nats,
    name: &str,
    _: &Arc<str>,
    _: &SensorConfig,
    _: &Outlet,
    _: &Died,
) -> Result<(), SensorError> {
    Err(SensorError::NotBuilt {
        what: name.to_owned(),
        feature: "nats",
    })
}

#[cfg(not(feature = "kafka"))]
pub(super) fn kafka(
    _: &Kafka,
    name: &str,
    _: &Arc<str>,
    _: &SensorConfig,
    _: &Outlet,
    _: &Died,
) -> Result<(), SensorError> {
    Err(SensorError::NotBuilt {
        what: name.to_owned(),
        feature: "kafka",
    })
}

/// Opens the inbox of a source and starts the thread that keeps it.
fn inbox(
    name: &str,
    kind: &Arc<str>,
    sensor: &SensorConfig,
    outlet: &Outlet,
    died: &Died,
) -> Result<Inbox, SensorError> {
    let resume = sensor.resume.get(name).map(|resume| &resume.position);
    let (inbox, keeper) = inbox::open(&sensor.spool, &name.into(), kind, resume, &sensor.kept, outlet)
        .map_err(|source| cannot_open(name, source))?;
    let outlet = outlet.clone();
    thread(name, died.clone(), move || ignore(keeper.run(&outlet)))?;
    Ok(inbox)
}

fn cannot_open(name: &str, source: std::io::Error) -> SensorError {
    SensorError::Source {
        what: name.to_owned(),
        source,
    }
}
