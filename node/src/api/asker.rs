//! From where somebody asks: what is for people on this machine is shown to nobody else.
//!
//! A loopback address alone proves little: a website can make the browser on this machine ask in its own name (DNS
//! rebinding), and a proxy here asks for everybody. So the name that was asked for must be this machine's too.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::uri::Authority;
use vigie_wire::indicator::is_public;

use crate::node::Node;

/// Whoever asks without a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Asker {
    /// Somebody on this machine, by a name of this machine.
    Here,
    /// Another machine of a private network.
    Near,
    /// Anybody: the Internet, a website in a browser here, whoever opened the unix socket.
    Anywhere,
}

impl FromRequestParts<Arc<Node>> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let mut names = parts.headers.get_all("host").iter();
        let name = match (names.next(), names.next()) {
            (Some(name), None) => name.to_str().unwrap_or_default(),
            _ => "",
        };
        let listen = node.config.api.listen.get_ref().parse::<SocketAddr>();
        Ok(Self::of(
            peer.map(|peer| peer.0.ip()),
            name,
            listen.ok().map(|listen| listen.ip()),
        ))
    }
}

// === impl Asker ===

impl Asker {
    /// By the address of the peer (none over a unix socket), the `Host` header and the address that the API listens on.
    fn of(peer: Option<IpAddr>, host: &str, listen: Option<IpAddr>) -> Self {
        match peer.map(|peer| peer.to_canonical()) {
            Some(peer) if peer.is_loopback() && is_ours(host, listen) => Self::Here,
            Some(peer) if !peer.is_loopback() && !is_public(peer) => Self::Near,
            _ => Self::Anywhere,
        }
    }

    /// Whether an address of ours, as the mesh writes it, is any use to who asks, and none of an inner network's business.
    pub(super) fn may_know(self, address: &str) -> bool {
        let mut parts = address.split('/').skip(1);
        let ip = match (parts.next(), parts.next()) {
            (Some("ip4" | "ip6"), Some(ip)) => ip.parse::<IpAddr>().ok(),
            (Some("dns" | "dns4" | "dns6" | "dnsaddr"), Some(_)) => return true,
            _ => None,
        };
        match self {
            Self::Here => true,
            Self::Near => ip.is_some_and(|ip| !ip.to_canonical().is_loopback()),
            Self::Anywhere => ip.is_some_and(is_public),
        }
    }
}

/// Whether this is a name of this machine that no one else's name server can point here; the port does not matter.
fn is_ours(host: &str, listen: Option<IpAddr>) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let ip = name
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    let here = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    name.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| here.contains(&ip) || listen == Some(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: Option<&str>, host: &str, expected: Asker) {
        let peer = peer.map(|peer| peer.parse().unwrap());
        let listen = "127.0.0.9".parse().ok();
        assert_eq!(Asker::of(peer, host, listen), expected, "{peer:?} {host}");
    }

    #[test]
    fn only_this_machine_by_its_own_name_is_here() {
        for host in [
            "localhost",
            "LOCALHOST:8480",
            "127.0.0.1:80",
            "[::1]:8480",
            "127.0.0.9",
        ] {
            check(Some("127.0.0.1"), host, Asker::Here);
            check(Some("::ffff:127.0.0.1"), host, Asker::Here);
            check(Some("::1"), host, Asker::Here);
            check(Some("10.0.0.7"), host, Asker::Near);
            check(Some("fd00::7"), host, Asker::Near);
            check(Some("192.88.99.7"), host, Asker::Anywhere);
            check(None, host, Asker::Anywhere);
        }
        for host in [
            "",
            "vigie.example",
            "localhost.example",
            "127.0.0.2",
            "0.0.0.0:8480",
            "localhost@a.example",
            "a b",
        ] {
            check(Some("127.0.0.1"), host, Asker::Anywhere);
        }
    }

    #[test]
    fn inner_addresses_are_told_to_those_who_can_use_them() {
        let told = |asker: Asker| {
            let all = [
                "/ip4/127.0.0.1/tcp/1",
                "/ip4/10.0.0.1/tcp/1",
                "/ip4/192.88.99.1/udp/1/quic-v1",
                "/ip6/::1/tcp/1",
                "/dns/a.example/tcp/1",
            ];
            all.map(|address| asker.may_know(address))
        };
        assert_eq!(told(Asker::Here), [true; 5]);
        assert_eq!(told(Asker::Near), [false, true, true, false, true]);
        assert_eq!(told(Asker::Anywhere), [false, false, true, false, true]);
    }
}
