//! Policy: what may leave. An alert becomes a sighting, or a reason why it stays.
//!
//! Before this stop: `watch` (detections become alerts). After it: `outbox` (sightings become envelopes).
//! Deliberately absent: everything of an alert but who, what, when and how often (DESIGN 3 and 10).

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;
use vigie_store::NewAlert;
use vigie_wire::indicator::is_public;
use vigie_wire::{Behaviour, Count, Indicator, Sighting};

/// Our own detections carry full confidence, and so do those of a machine that may publish.
const CONFIDENCE: u8 = 100;

/// What the organisation said about sharing, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sharing {
    /// Whether anything is shared at all.
    pub(crate) enabled: bool,
    /// Behaviours that never leave.
    pub(crate) withheld: Vec<Behaviour>,
    /// Our own addresses and networks.
    pub(crate) own: Vec<IpNet>,
    /// The allowlist.
    pub(crate) allowed: Vec<IpNet>,
}

/// Why an alert stays here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Withheld {
    Off,
    Simulated,
    Unlabelled,
    Forgeable,
    Scope,
    NotPublic,
    Own,
    Allowlisted,
    KnownUser,
    Behaviour,
}

/// The sighting that would leave for this alert. `live` is false for replayed history,
/// `known` says whether the address belongs to somebody who logged in here.
pub(crate) fn to_sighting(alert: &NewAlert, sharing: &Sharing, known: bool) -> Result<Sighting, Withheld> {
    if alert.simulated {
        return Err(Withheld::Simulated);
    }
    let behaviour = alert.behaviour.ok_or(Withheld::Unlabelled)?;
    if is_forgeable(alert) {
        return Err(Withheld::Forgeable);
    }
    if !alert.scope.eq_ignore_ascii_case("ip") {
        return Err(Withheld::Scope);
    }
    let ip: IpAddr = alert.value.parse().map_err(|_| Withheld::Scope)?;
    let sighting = Sighting {
        indicator: Indicator::ip(ip),
        behaviour,
        rule: alert.rule,
        at: alert.last.to_minute(),
        count: Count::of(u64::from(alert.events_count)),
        confidence: CONFIDENCE,
    };
    permits(&sighting, sharing, known).map(|()| sighting)
}

/// Whether the scenario says of itself that strangers may have written what it saw: a datagram with a false sender, a
/// line of a log that a visitor made. Acted upon here, but told to nobody.
fn is_forgeable(alert: &NewAlert) -> bool {
    let spoofable = alert.labels.get("spoofable").map_or("", String::as_str);
    matches!(spoofable, "2" | "3")
}

/// Whether policy lets this sighting out, as it is now: asked again when it leaves.
pub(crate) fn permits(sighting: &Sighting, sharing: &Sharing, known: bool) -> Result<(), Withheld> {
    let ip = sighting.indicator.as_ip().ok_or(Withheld::Scope)?;
    let reasons = [
        (!sharing.enabled, Withheld::Off),
        (
            sharing.withheld.contains(&sighting.behaviour),
            Withheld::Behaviour,
        ),
        (!is_public(ip), Withheld::NotPublic),
        (contains(&sharing.own, ip), Withheld::Own),
        (contains(&sharing.allowed, ip), Withheld::Allowlisted),
        (known, Withheld::KnownUser),
    ];
    match reasons.into_iter().find(|(stays, _)| *stays) {
        Some((_, why)) => Err(why),
        None => Ok(()),
    }
}

/// The addresses of this machine, without those that every machine has. An address that a router translates to it is
/// not among them: `[policy] own` names that.
pub(crate) fn addresses_here() -> std::io::Result<Vec<IpNet>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let addresses = interfaces.iter().filter(|interface| !interface.is_loopback());
    Ok(addresses
        .map(|interface| interface.ip().to_canonical().into())
        .collect())
}

/// Whether one of the networks holds the address.
pub(crate) fn contains(nets: &[IpNet], ip: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&ip))
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "sharing is off (`vigie share on`)",
            Self::Simulated => "the scenario is in simulation",
            Self::Unlabelled => "the scenario names no behaviour of the network",
            Self::Forgeable => "the scenario is labelled spoofable: strangers may have made it up",
            Self::Scope => "only single addresses are shared",
            Self::NotPublic => "the address is not one of the public Internet",
            Self::Own => "the address is one of our own",
            Self::Allowlisted => "the address is on the allowlist",
            Self::KnownUser => "somebody logged in here from this address",
            Self::Behaviour => "policy withholds this behaviour",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::alert;

    fn sharing() -> Sharing {
        Sharing {
            enabled: true,
            ..Sharing::default()
        }
    }

    #[test]
    fn a_sighting_holds_who_what_when_and_how_often() {
        let alert = alert("192.88.99.7");
        let sighting = to_sighting(&alert, &sharing(), false).unwrap();
        assert_eq!(sighting.indicator.to_string(), "192.88.99.7");
        assert_eq!(sighting.at, alert.last.to_minute());
        assert_eq!(sighting.count.at_least(), 4, "six events are cut to four");
    }

    #[test]
    fn what_must_stay_stays_and_says_why() {
        let check =
            |alert: &NewAlert, sharing: &Sharing, known| to_sighting(alert, sharing, known).unwrap_err();
        let good = alert("192.88.99.7");
        assert_eq!(check(&good, &Sharing::default(), false), Withheld::Off);
        assert_eq!(check(&good, &sharing(), true), Withheld::KnownUser);
        assert_eq!(check(&alert("10.0.0.7"), &sharing(), false), Withheld::NotPublic);
        assert_eq!(
            check(&alert("::ffff:10.0.0.7"), &sharing(), false),
            Withheld::NotPublic
        );
        let nets = vec!["192.88.99.0/24".parse().unwrap()];
        assert_eq!(
            check(
                &good,
                &Sharing {
                    own: nets.clone(),
                    ..sharing()
                },
                false
            ),
            Withheld::Own
        );
        assert_eq!(
            check(
                &good,
                &Sharing {
                    allowed: nets,
                    ..sharing()
                },
                false
            ),
            Withheld::Allowlisted
        );
        for (spoofable, told) in [("0", true), ("1", true), ("2", false), ("3", false)] {
            let mut alert = good.clone();
            alert.labels.insert("spoofable".into(), spoofable.into());
            let result = to_sighting(&alert, &sharing(), false);
            assert_eq!(result.is_ok(), told, "{spoofable}");
            assert!(told || result == Err(Withheld::Forgeable));
        }
        let withheld = Sharing {
            withheld: vec![Behaviour(5)],
            ..sharing()
        };
        assert_eq!(check(&good, &withheld, false), Withheld::Behaviour);
        assert_eq!(
            check(
                &NewAlert {
                    simulated: true,
                    ..good.clone()
                },
                &sharing(),
                false
            ),
            Withheld::Simulated
        );
        assert_eq!(
            check(
                &NewAlert {
                    behaviour: None,
                    ..good.clone()
                },
                &sharing(),
                false
            ),
            Withheld::Unlabelled
        );
        assert_eq!(
            check(
                &NewAlert {
                    scope: "Country".into(),
                    ..good
                },
                &sharing(),
                false
            ),
            Withheld::Scope
        );
    }
}
