//! Who is certainly no stranger: people who logged in, and visitors who were served a page.
//!
//! The node remembers them and never blocks them on the word of others alone. Each address is told at most once a
//! minute. Deliberately absent: how long they are remembered.

use std::net::IpAddr;

use hashbrown::HashSet;
use vigie_wire::Timestamp;

use super::SensorEvent;
use crate::address;
use crate::parse::event::Event;

/// Addresses told in one minute, each of the two kinds.
const MAX_ADDRESSES: usize = 65_536;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Observer {
    authenticated: Minute,
    visitors: Minute,
    /// Observations not told because the minute already had too many.
    pub(super) dropped: u64,
}

#[derive(Debug, Default)]
struct Minute {
    of: Timestamp,
    told: HashSet<IpAddr>,
}

// === impl Observer ===

impl Observer {
    /// What an event tells of its address.
    pub(super) fn observe(&mut self, event: &Event) -> Option<SensorEvent> {
        let authenticated =
            event.meta("auth_status") == "success" || event.meta("log_type") == "ssh_success-auth";
        let visitor = event.meta("service") == "http" && event.meta("http_status").starts_with(['2', '3']);
        if !authenticated && !visitor {
            return None;
        }
        let ip = address::read(event.meta("source_ip"))?;
        let at = event.time();
        let minute = if authenticated {
            &mut self.authenticated
        } else {
            &mut self.visitors
        };
        match minute.is_first(ip, at) {
            Some(true) if authenticated => Some(SensorEvent::Authenticated { ip, at }),
            Some(true) => Some(SensorEvent::Visitor { ip, at }),
            Some(false) => None,
            None => {
                self.dropped += 1;
                None
            }
        }
    }
}

// === impl Minute ===

impl Minute {
    /// `None` if the minute is full.
    fn is_first(&mut self, ip: IpAddr, at: Timestamp) -> Option<bool> {
        if at.to_minute() != self.of {
            self.of = at.to_minute();
            self.told.clear();
        }
        if self.told.contains(&ip) {
            return Some(false);
        }
        (self.told.len() < MAX_ADDRESSES).then(|| self.told.insert(ip))
    }
}
