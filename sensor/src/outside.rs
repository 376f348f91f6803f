//! What rules may ask of the world beyond their line: stashes, places of addresses, names, decisions.
//!
//! One for a set of rules, shared by all its parsers. Whoever loads rules says what there is; what nobody
//! gave is empty, as with the original without its databases. Deliberately absent: any connection of its own.

pub mod dns;
pub mod mmdb;
pub(crate) mod stash;

use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

pub(crate) use self::stash::{Stash, Stashes};

/// Where addresses are, and whose.
pub trait Places: Debug + Send + Sync {
    /// The country and the coordinates of an address.
    fn city(&self, ip: IpAddr) -> Option<City>;
    /// The network that announces an address.
    fn asn(&self, ip: IpAddr) -> Option<Asn>;
    /// The range that an address belongs to.
    fn range(&self, ip: IpAddr) -> Option<IpNet>;
}

/// Names of addresses, and addresses of names. Whoever implements it bounds the time it takes.
pub trait Resolver: Debug + Send + Sync {
    /// The name of an address, with its final dot.
    fn name(&self, address: &str) -> Option<String>;
    /// The addresses of a name.
    fn addresses(&self, name: &str) -> Vec<String>;
    /// How many questions got no answer in time; rules then took it that there is none.
    fn unanswered(&self) -> u64 {
        0
    }
}

/// What has been decided about somebody.
pub trait Decisions: Debug + Send + Sync {
    /// How many decisions there were, in all or in the last so much time.
    fn count(&self, value: &str, since: Option<Duration>) -> u32;
    /// How many hold now.
    fn active(&self, value: &str) -> u32;
    /// For how long the longest of them still holds.
    fn time_left(&self, value: &str) -> Duration;
}

/// The place of an address.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct City {
    /// ISO 3166 code of the country, `""` if it is not known.
    pub country: String,
    /// Whether the country is in the European Union.
    pub in_eu: bool,
    /// The country's name in English.
    pub country_name: String,
    /// The city's name in English.
    pub city_name: String,
    /// Code of the continent.
    pub continent: String,
    /// Degrees, north is positive.
    pub latitude: f64,
    /// Degrees, east is positive.
    pub longitude: f64,
    /// Such as `Europe/Berlin`.
    pub time_zone: String,
}

/// Who announces an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asn {
    /// The number of the autonomous system.
    pub number: u32,
    /// Who runs it.
    pub organization: String,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Outside {
    pub(crate) stashes: Stashes,
    places: Option<Box<dyn Places>>,
    resolver: Option<Box<dyn Resolver>>,
    decisions: Option<Box<dyn Decisions>>,
    hostname: String,
}

// === impl Outside ===

impl Outside {
    pub(crate) fn set_places(&mut self, places: Box<dyn Places>) {
        self.places = Some(places);
    }

    pub(crate) fn set_resolver(&mut self, resolver: Box<dyn Resolver>) {
        self.resolver = Some(resolver);
    }

    pub(crate) fn set_decisions(&mut self, decisions: Box<dyn Decisions>) {
        self.decisions = Some(decisions);
    }

    pub(crate) fn set_hostname(&mut self, name: &str) {
        name.clone_into(&mut self.hostname);
    }

    pub(crate) fn places(&self) -> Option<&dyn Places> {
        self.places.as_deref()
    }

    pub(crate) fn resolver(&self) -> Option<&dyn Resolver> {
        self.resolver.as_deref()
    }

    pub(crate) fn decisions(&self) -> Option<&dyn Decisions> {
        self.decisions.as_deref()
    }

    pub(crate) fn hostname(&self) -> &str {
        &self.hostname
    }
}
