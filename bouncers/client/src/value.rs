//! What a decision is about, brought into one form: an address, a range or a place.
//!
//! `::ffff:192.0.2.1` is 192.0.2.1, a range of one address is that address, host bits of a range are cut.
//! Ranges stay ranges. Also here: what no bouncer of ours ever blocks, whoever asks for it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::place::Place;

/// An address, a range or a place, normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A single address.
    Address(IpAddr),
    /// A range of more than one address.
    Range(IpNet),
    /// Whoever is there.
    Place(Place),
}

/// Why a value could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A user name and the like: nothing a packet filter can match.
    #[error("the scope is neither an address nor a range nor a place")]
    Scope,
    /// Not an address or range.
    #[error("neither an address nor a range")]
    Syntax,
    /// Not a place.
    #[error("neither the two letters of a country nor the number of an AS")]
    Place,
}

/// Why a value is never blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// Wider than /8 (IPv4) or /16 (IPv6).
    #[error("the range is too wide")]
    TooWide,
    /// A place beyond [`crate::table::MOST_LOCATED`].
    #[error("it and the other places that are blocked have too many ranges")]
    TooMany,
    /// The machine itself.
    #[error("it holds loopback or unspecified addresses")]
    Loopback,
    /// Neighbours, without whom IPv6 does not work at all.
    #[error("it holds link-local addresses")]
    LinkLocal,
    /// Groups and broadcast are no senders.
    #[error("it holds multicast or broadcast addresses")]
    Multicast,
}

/// Nothing wider is blocked.
pub(crate) const WIDEST_V4: u8 = 8;
/// Nothing wider is blocked.
pub(crate) const WIDEST_V6: u8 = 16;

// === impl Value ===

impl Value {
    /// Reads the value of a decision of this scope.
    pub fn parse(scope: &str, text: &str) -> Result<Self, ValueError> {
        if Place::is_scope(scope) {
            let place = Place::parse(scope, text).ok_or(ValueError::Place)?;
            return Ok(Self::Place(place));
        }
        if !scope.eq_ignore_ascii_case("ip") && !scope.eq_ignore_ascii_case("range") {
            return Err(ValueError::Scope);
        }
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        text.parse::<IpNet>()
            .map(Self::from)
            .map_err(|_| ValueError::Syntax)
    }

    /// The range that holds exactly this value; of a place only an atlas knows them.
    pub fn net(self) -> Option<IpNet> {
        match self {
            Self::Address(address) => Some(IpNet::from(address)),
            Self::Range(net) => Some(net),
            Self::Place(_) => None,
        }
    }

    /// Why this value may not be blocked, if so.
    pub fn refused(self) -> Option<Refused> {
        let net = self.net()?;
        let widest = if net.addr().is_ipv4() {
            WIDEST_V4
        } else {
            WIDEST_V6
        };
        if net.prefix_len() < widest {
            return Some(Refused::TooWide);
        }
        protected()
            .into_iter()
            .find(|(other, _)| overlap(*other, net))
            .map(|(_, why)| why)
    }
}

impl From<IpNet> for Value {
    fn from(net: IpNet) -> Self {
        let net = unmapped(net.trunc());
        if net.prefix_len() == net.max_prefix_len() {
            Self::Address(net.addr())
        } else {
            Self::Range(net)
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Range(net) => net.fmt(f),
            Self::Place(place) => place.fmt(f),
        }
    }
}

/// IPv4 in the clothes of IPv6 is IPv4.
pub(crate) fn unmapped(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let Some(v4) = v6.addr().to_ipv4_mapped() else {
        return net;
    };
    let Some(prefix) = v6.prefix_len().checked_sub(96) else {
        return net;
    };
    Ipv4Net::new(v4, prefix).map_or(net, IpNet::V4)
}

/// Whether two ranges have an address in common.
fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

fn protected() -> [(IpNet, Refused); 9] {
    let v4 = |a, b, prefix| IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), prefix));
    let v6 = |first, last, prefix| {
        IpNet::V6(Ipv6Net::new_assert(
            Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last),
            prefix,
        ))
    };
    [
        (v4(0, 0, 8), Refused::Loopback),
        (v4(127, 0, 8), Refused::Loopback),
        (v4(169, 254, 16), Refused::LinkLocal),
        (v4(224, 0, 4), Refused::Multicast),
        (v4(240, 0, 4), Refused::Multicast),
        (v6(0, 0, 128), Refused::Loopback),
        (v6(0, 1, 128), Refused::Loopback),
        (v6(0xfe80, 0, 10), Refused::LinkLocal),
        (v6(0xff00, 0, 8), Refused::Multicast),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scope: &str, text: &str, expected: &str) {
        let got = match Value::parse(scope, text) {
            Ok(value) => match value.refused() {
                Some(why) => why.to_string(),
                None => value.to_string(),
            },
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected, "{scope} {text}");
    }

    #[test]
    fn values_have_one_form() {
        check("Ip", "1.2.3.4", "1.2.3.4");
        check("ip", "::ffff:1.2.3.4", "1.2.3.4");
        check("RANGE", "1.2.3.77/24", "1.2.3.0/24");
        check("Range", "1.2.3.4/32", "1.2.3.4");
        check("Ip", "1.2.3.0/24", "1.2.3.0/24");
        check("Range", "::ffff:1.2.3.0/120", "1.2.3.0/24");
        check("Range", "2001:db8::1/64", "2001:db8::/64");
        check("Range", "2001:db8::1/128", "2001:db8::1");
    }

    #[test]
    fn what_is_no_address_is_told() {
        check(
            "User",
            "FR",
            "the scope is neither an address nor a range nor a place",
        );
        check("Country", "fr", "country FR");
        check(
            "AS",
            "FR",
            "neither the two letters of a country nor the number of an AS",
        );
        check("Ip", "1.2.3.4.5", "neither an address nor a range");
        check("Range", "1.2.3.4/33", "neither an address nor a range");
    }

    #[test]
    fn nobody_can_ask_for_the_whole_world() {
        check("Range", "0.0.0.0/0", "the range is too wide");
        check("Range", "64.0.0.0/7", "the range is too wide");
        check("Range", "::/0", "the range is too wide");
        check("Range", "::ffff:0:0/96", "the range is too wide");
        check("Ip", "0.0.0.0", "it holds loopback or unspecified addresses");
        check("Ip", "127.0.0.1", "it holds loopback or unspecified addresses");
        check(
            "Ip",
            "::ffff:127.0.0.1",
            "it holds loopback or unspecified addresses",
        );
        check("Ip", "::1", "it holds loopback or unspecified addresses");
        check("Range", "::/64", "it holds loopback or unspecified addresses");
        check("Range", "fe80::/64", "it holds link-local addresses");
        check(
            "Range",
            "224.0.0.0/8",
            "it holds multicast or broadcast addresses",
        );
        check(
            "Ip",
            "255.255.255.255",
            "it holds multicast or broadcast addresses",
        );
        check("Range", "8.0.0.0/8", "8.0.0.0/8");
        check("Ip", "10.0.0.1", "10.0.0.1");
    }
}
