//! Policy: what is enforced, for how long. Pure: alerts and verdicts come in, decisions go out.
//!
//! Before this stop: `watch` for our own detections, `opinion` for what the mesh says. After it: `table`, which
//! serves bouncers. Deliberately absent: scores, which `reputation` makes, and the database.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::{IpNet, Ipv6Net};
use vigie_reputation::{Rung, Verdict};
use vigie_store::{NewAlert, NewDecision, Origin, Remediation, Word};
use vigie_wire::indicator::is_public;
use vigie_wire::{Behaviour, Indicator, Timestamp};

use crate::config::Remote;
use crate::profile::{Follows, Profile, Said, follow};
use crate::share::contains;

/// Decisions of the mesh that are not bans: as long as the shortest ban.
const SOFT: Duration = Duration::from_secs(3_600);

/// What the organisation said about enforcing, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Enforcing {
    /// How long our own detections ban.
    pub(crate) ban: Duration,
    /// What an IPv6 address is taken for a part of, as the length of a prefix, 48 to 128: whoever has one of them has all of
    /// that network, and 128 says that he has not.
    pub(crate) ipv6_prefix: u8,
    /// What verdicts of the mesh lead to.
    pub(crate) remote: Remote,
    /// Our own addresses and the allowlist: never decided against.
    pub(crate) spared: Vec<IpNet>,
    /// Rules of its own: the first that fits decides.
    pub(crate) profiles: Arc<[Profile]>,
}

/// What our own detection leads to: own detections are enforced at once. `before` says how often its address was decided upon
/// in the last thirty days. That of an IPv6 address is followed by one on its network, by policy; it stands all the same,
/// because there are bouncers that cannot hold a network (docs/lapi.md).
pub(crate) fn on_detection(alert: &NewAlert, enforcing: &Enforcing, before: u32) -> Vec<NewDecision> {
    let address = on_address(alert, enforcing, before);
    let network = address
        .as_ref()
        .and_then(|address| on_network(address, enforcing));
    address.into_iter().chain(network).collect()
}

fn on_address(alert: &NewAlert, enforcing: &Enforcing, before: u32) -> Option<NewDecision> {
    if !alert.remediation || !alert.scope.eq_ignore_ascii_case("ip") {
        return None;
    }
    let ip: IpAddr = alert.value.parse().ok()?;
    if is_spared(ip, enforcing) {
        return None;
    }
    let said = Said {
        origin: Origin::Sensor,
        behaviour: alert.behaviour.and_then(Behaviour::name),
        scenario: Some(&alert.scenario),
        at: alert.created_at,
        before,
    };
    let otherwise = Follows {
        remediation: Remediation::Ban,
        length: enforcing.ban,
        simulated: alert.simulated,
    };
    let (follows, profile) = follow(&enforcing.profiles, &said, otherwise);
    let follows = follows?;
    // The time of the lines counts: what is read late, after an outage or from an old log, may be over already.
    let until = alert.last.min(alert.created_at) + follows.length;
    if until <= alert.created_at {
        return None;
    }
    Some(NewDecision {
        origin: Origin::Sensor,
        remediation: follows.remediation,
        scope: "Ip".into(),
        value: ip.to_canonical().to_string().into(),
        scenario: alert.scenario.as_str().into(),
        created_at: alert.created_at,
        until,
        simulated: follows.simulated,
        reason: because(alert.message.clone(), profile),
    })
}

/// The same on the network that an IPv6 address stands for, unless somebody in it is spared.
fn on_network(address: &NewDecision, enforcing: &Enforcing) -> Option<NewDecision> {
    let ip: Ipv6Addr = address.value.parse().ok()?;
    let net = Ipv6Net::new(ip, enforcing.ipv6_prefix).ok()?.trunc();
    let all = net.prefix_len() == 128 || touches(net.into(), &enforcing.spared);
    (!all).then(|| NewDecision {
        scope: "Range".into(),
        value: net.to_string().into(),
        ..address.clone()
    })
}

/// What our own detection proves to the scorer. A scenario on trial proves nothing, neither against an address nor for
/// who named it, and an address that we never act against is nobody's merit.
pub(crate) fn proven(alert: &NewAlert, spared: &[IpNet]) -> Option<(Indicator, Behaviour)> {
    let ip: IpAddr = alert.value.parse().ok()?;
    let counts = !alert.simulated && !contains(spared, ip.to_canonical());
    counts.then_some((Indicator::ip(ip), alert.behaviour?))
}

/// The decision that a verdict of the mesh leads to.
pub(crate) fn on_verdict(verdict: &Verdict, enforcing: &Enforcing, now: Timestamp) -> Option<NewDecision> {
    let Indicator::Ip(ip) = verdict.subject else {
        return None;
    };
    if enforcing.remote == Remote::Off || is_spared(ip, enforcing) {
        return None;
    }
    let (remediation, length) = match verdict.rung {
        Rung::Observe => return None,
        Rung::Challenge => (Remediation::Challenge, SOFT),
        Rung::Throttle => (Remediation::Throttle, SOFT),
        Rung::Ban1h => (Remediation::Ban, Duration::from_secs(3_600)),
        Rung::Ban24h => (Remediation::Ban, Duration::from_secs(24 * 3_600)),
    };
    let scenario = heaviest(verdict);
    let (follows, profile) = on_mesh(&scenario, (remediation, length), enforcing, now);
    let follows = follows?;
    Some(NewDecision {
        origin: Origin::Mesh,
        remediation: follows.remediation,
        scope: "Ip".into(),
        value: ip.to_string().into(),
        scenario: scenario.into(),
        created_at: now,
        until: now + follows.length,
        simulated: follows.simulated,
        reason: because(sentence(verdict), profile),
    })
}

/// What the mesh's word leads to here where its verdict is this, and the profile that says so.
pub(crate) fn on_mesh<'a>(
    behaviour: &str,
    (remediation, length): (Remediation, Duration),
    enforcing: &'a Enforcing,
    at: Timestamp,
) -> (Option<Follows>, Option<&'a str>) {
    let said = Said {
        origin: Origin::Mesh,
        behaviour: Some(behaviour),
        scenario: None,
        at,
        before: 0,
    };
    let otherwise = Follows {
        remediation,
        length,
        simulated: enforcing.remote == Remote::Simulate,
    };
    follow(&enforcing.profiles, &said, otherwise)
}

/// A reason, and the profile that decided.
pub(crate) fn because(reason: String, profile: Option<&str>) -> Word {
    match profile {
        Some(name) => format!("{reason} (profile {name})").into(),
        None => reason.into(),
    }
}

/// The behaviour that weighs most.
fn heaviest(verdict: &Verdict) -> String {
    let heaviest = verdict.contributions.iter().max_by_key(|said| said.value);
    heaviest.map_or_else(|| "mesh".to_owned(), |said| said.behaviour.to_string())
}

fn sentence(verdict: &Verdict) -> String {
    let reasons: Vec<String> = verdict.reasons.iter().map(ToString::to_string).collect();
    format!(
        "{} independent groups of the mesh name it: {}",
        verdict.groups,
        reasons.join("; ")
    )
}

/// Whether a decision by a person is refused, and why. Whatever it names must not cut the node off.
pub(crate) fn refusal(target: IpNet, spared: &[IpNet]) -> Option<String> {
    let (shortest, here) = match target {
        IpNet::V4(_) => (8, IpNet::new_assert(Ipv4Addr::new(127, 0, 0, 0).into(), 8)),
        IpNet::V6(_) => (16, IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST))),
    };
    if target.prefix_len() < shortest {
        return Some(format!("no network is named that is larger than a /{shortest}"));
    }
    if overlap(target, here) || target.addr().is_unspecified() || target.addr().is_multicast() {
        return Some(format!("{target} is not an address of another host"));
    }
    let hit = spared.iter().find(|net| overlap(target, **net))?;
    Some(format!("{hit} is on the allowlist or our own"))
}

/// Whether it holds one of the networks, or is held by one.
pub(crate) fn touches(target: IpNet, nets: &[IpNet]) -> bool {
    nets.iter().any(|net| overlap(target, *net))
}

fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other) || other.contains(&one)
}

fn is_spared(ip: IpAddr, enforcing: &Enforcing) -> bool {
    spares(ip, &enforcing.spared)
}

/// Whether nothing is decided against an address: it is ours, or means something else elsewhere.
pub(crate) fn spares(ip: IpAddr, spared: &[IpNet]) -> bool {
    !is_public(ip) || contains(spared, ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::alert;

    fn enforcing() -> Enforcing {
        Enforcing {
            ban: Duration::from_secs(600),
            ipv6_prefix: 64,
            remote: Remote::Enforce,
            spared: vec!["192.88.99.8/32".parse().unwrap()],
            profiles: Arc::new([]),
        }
    }

    fn only(alert: &NewAlert) -> NewDecision {
        let [decision] = <[_; 1]>::try_from(on_detection(alert, &enforcing(), 0)).unwrap();
        decision
    }

    #[test]
    fn own_detections_are_enforced_at_once() {
        let alert = alert("192.88.99.7");
        let decision = only(&alert);
        assert_eq!(
            (decision.remediation, &*decision.value),
            (Remediation::Ban, "192.88.99.7")
        );
        assert_eq!(decision.until, alert.created_at + Duration::from_secs(600));
    }

    #[test]
    fn what_was_read_late_bans_for_what_is_left_of_the_ban() {
        let mut alert = alert("192.88.99.7");
        alert.created_at = alert.last + Duration::from_secs(400);
        assert_eq!(only(&alert).until, alert.last + Duration::from_secs(600));
        alert.created_at = alert.last + Duration::from_secs(600);
        assert_eq!(on_detection(&alert, &enforcing(), 0), []);
        // A log whose clock is ahead bans no longer for it.
        alert.created_at = alert.last - Duration::from_secs(60);
        assert_eq!(only(&alert).until, alert.created_at + Duration::from_secs(600));
    }

    #[test]
    fn an_ipv6_address_takes_its_network_with_it() {
        let values = |ip: &str, ipv6_prefix: u8, spared: &[&str]| {
            let enforcing = Enforcing {
                ipv6_prefix,
                spared: spared.iter().map(|net| net.parse().unwrap()).collect(),
                ..enforcing()
            };
            let made = on_detection(&alert(ip), &enforcing, 0);
            let named = |one: &NewDecision| format!("{} {}", one.scope, one.value);
            made.iter().map(named).collect::<Vec<_>>()
        };
        let ip = "2A00:1450:4001:0829:0::200e";
        let alone = ["Ip 2a00:1450:4001:829::200e"];
        assert_eq!(values(ip, 64, &[]), [alone[0], "Range 2a00:1450:4001:829::/64"]);
        assert_eq!(values(ip, 48, &[]), [alone[0], "Range 2a00:1450:4001::/48"]);
        assert_eq!(values(ip, 128, &[]), alone);
        // Somebody in it is never blocked: then whoever attacks is blocked alone.
        assert_eq!(values(ip, 64, &["2a00:1450:4001:829::1/128"]), alone);
        assert_eq!(values(ip, 64, &["2a00:1450:4001:82a::1/128"]).len(), 2);
        assert_eq!(values(ip, 64, &["2a00:1450::/32"]), [""; 0]);
        assert_eq!(values("192.88.99.7", 64, &[]), ["Ip 192.88.99.7"]);
        assert_eq!(values("::ffff:192.88.99.7", 64, &[]), ["Ip 192.88.99.7"]);
    }

    #[test]
    fn a_scenario_on_trial_and_a_spared_address_prove_nothing() {
        let spared = enforcing().spared;
        assert!(proven(&alert("192.88.99.7"), &spared).is_some());
        assert!(proven(&alert("::ffff:192.88.99.8"), &spared).is_none());
        let trial = NewAlert {
            simulated: true,
            ..alert("192.88.99.7")
        };
        assert!(proven(&trial, &spared).is_none());
    }

    #[test]
    fn own_private_and_allowlisted_addresses_are_spared() {
        for ip in [
            "192.88.99.8",
            "10.1.2.3",
            "127.0.0.1",
            "::ffff:192.88.99.8",
            "not an address",
        ] {
            assert_eq!(on_detection(&alert(ip), &enforcing(), 0), [], "{ip}");
        }
        let silent = NewAlert {
            remediation: false,
            ..alert("192.88.99.7")
        };
        assert_eq!(on_detection(&silent, &enforcing(), 0), []);
    }

    #[test]
    fn a_decision_that_would_cut_us_off_is_refused() {
        let spared = ["192.88.99.8/32".parse().unwrap()];
        for wrong in [
            "0.0.0.0/0",
            "::/0",
            "127.0.0.1/32",
            "192.88.99.8/32",
            "192.88.99.0/24",
            "126.0.0.0/7",
            "64.0.0.0/2",
            "127.8.0.0/16",
            "::/1",
            "::/16",
            "::1/128",
        ] {
            assert!(refusal(wrong.parse().unwrap(), &spared).is_some(), "{wrong}");
        }
        assert_eq!(refusal("192.88.99.7/32".parse().unwrap(), &spared), None);
    }
}
