//! `[policy]`: what the organisation decides for itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;
use vigie_reputation::Class;
use vigie_wire::Behaviour;

use super::profile::{MOST, Written};
use super::{Section, Wrong, duration};
use crate::profile::Profile;

/// Longest life of a decision on an address without new evidence (DESIGN 7).
pub(super) const LONGEST: Duration = Duration::from_secs(72 * 3_600);

/// What the organisation decides for itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policy {
    /// How long an address is banned that our own sensor caught.
    pub(crate) ban: Spanned<String>,
    /// What an IPv6 address that our own sensor caught is taken for a part of, as the length of a prefix.
    pub(crate) ipv6_prefix: Spanned<u8>,
    /// What verdicts of the mesh lead to. `None`: simulation until `vigie policy enforce`.
    pub(crate) remote: Option<Remote>,
    /// How long what nobody confirmed here says of an address stands in public before it blocks.
    pub(crate) hearing: Spanned<String>,
    /// Behaviours that never leave.
    pub(crate) withhold: Vec<Spanned<String>>,
    /// Addresses and networks that are ours: never shared, never blocked.
    pub(crate) own: Vec<Spanned<String>>,
    /// A directory of warning lists in MISP's format, beside those that every node has. Empty: none.
    pub(crate) warning_lists: PathBuf,
    /// What the addresses of a list are, by its name or that of its file or directory.
    pub(crate) classes: BTreeMap<String, Class>,
    /// Whether whole networks are blocked on the mesh's word, by a rule of their own.
    pub(crate) block_networks: bool,
    /// Addresses of our own users that are remembered for thirty days.
    pub(crate) remember_users: Spanned<usize>,
    /// Visitors that are remembered, in fifteen days.
    pub(crate) remember_visitors: Spanned<usize>,
    /// What follows from what, and for how long: the first that fits decides.
    pub(super) profiles: Vec<Spanned<Written>>,
}

/// A site has a /64 at least, since hosts make their addresses up in it (RFC 4291, 7421), and hardly any has more than the /48 that
/// RFC 3177 gave to all and RFC 6177 leaves to the provider: what is shorter is several sites.
const NETWORKS: std::ops::RangeInclusive<u8> = 48..=128;
const SITE: u8 = 64;

/// How many addresses may be remembered of each kind: with less, ordinary users of a small site would be forgotten; with
/// more, the memory alone would take gigabytes.
const REMEMBERED: std::ops::RangeInclusive<usize> = 1_000..=100_000_000;

/// What verdicts of the mesh lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Remote {
    /// Nothing.
    Off,
    /// Decisions that are shown and counted, not enforced.
    Simulate,
    /// Decisions that are enforced.
    Enforce,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            ban: Spanned::new(0..0, "4h".to_owned()),
            ipv6_prefix: Spanned::new(0..0, SITE),
            remote: None,
            hearing: Spanned::new(0..0, "20m".to_owned()),
            withhold: Vec::new(),
            own: Vec::new(),
            warning_lists: PathBuf::new(),
            classes: BTreeMap::new(),
            block_networks: false,
            remember_users: Spanned::new(0..0, 1_000_000),
            remember_visitors: Spanned::new(0..0, 1_000_000),
            profiles: Vec::new(),
        }
    }
}

impl Policy {
    pub(crate) fn ban(&self) -> Duration {
        duration(self.ban.get_ref())
            .unwrap_or(Duration::from_secs(4 * 3_600))
            .min(LONGEST)
    }

    pub(crate) fn ipv6_prefix(&self) -> u8 {
        *self.ipv6_prefix.get_ref()
    }

    pub(crate) fn hearing(&self) -> Duration {
        duration(self.hearing.get_ref())
            .unwrap_or(Duration::from_secs(20 * 60))
            .min(LONGEST)
    }

    /// Those that are without a mistake; a file with one is not loaded.
    pub(crate) fn profiles(&self) -> Vec<Profile> {
        let read = self.profiles.iter();
        read.filter_map(|written| written.get_ref().read().ok()).collect()
    }

    pub(crate) fn withheld(&self) -> Vec<Behaviour> {
        self.withhold
            .iter()
            .filter_map(|name| Behaviour::by_name(name.get_ref()))
            .collect()
    }

    pub(crate) fn warning_lists(&self) -> Option<PathBuf> {
        (!self.warning_lists.as_os_str().is_empty()).then(|| self.warning_lists.clone())
    }

    pub(crate) fn own(&self) -> Vec<IpNet> {
        self.own
            .iter()
            .filter_map(|text| network(text.get_ref()))
            .collect()
    }
}

/// A network, or a single address as a network of one.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let Ok(net) = text.parse::<IpNet>() else {
        return Some(text.parse::<std::net::IpAddr>().ok()?.to_canonical().into());
    };
    // IPv4 in the clothes of IPv6 is IPv4.
    let mapped = match net.trunc() {
        IpNet::V6(net) if net.prefix_len() >= 96 => net.addr().to_ipv4_mapped(),
        _ => None,
    };
    match mapped {
        Some(v4) => IpNet::new(v4.into(), net.prefix_len() - 96).ok(),
        None => Some(net.trunc()),
    }
}

/// Its one name: an address alone, or a network.
pub(crate) fn canonical(net: IpNet) -> String {
    match net.prefix_len() == net.max_prefix_len() {
        true => net.addr().to_string(),
        false => net.to_string(),
    }
}

impl Section for Policy {
    fn check(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if !duration(self.ban.get_ref()).is_some_and(|ban| (Duration::from_secs(60)..=LONGEST).contains(&ban))
        {
            let message = format!(
                "{:?} is not a duration between 1m and 72h such as 30m or 4h",
                self.ban.get_ref()
            );
            wrong.push((self.ban.span(), message));
        }
        if !NETWORKS.contains(self.ipv6_prefix.get_ref()) {
            let message = format!(
                "{} is not the length of a prefix from {} to {}",
                self.ipv6_prefix.get_ref(),
                NETWORKS.start(),
                NETWORKS.end()
            );
            wrong.push((self.ipv6_prefix.span(), message));
        }
        for number in [&self.remember_users, &self.remember_visitors] {
            if !REMEMBERED.contains(number.get_ref()) {
                let message = format!(
                    "{} is not between {} and {}",
                    number.get_ref(),
                    REMEMBERED.start(),
                    REMEMBERED.end()
                );
                wrong.push((number.span(), message));
            }
        }
        if duration(self.hearing.get_ref()).is_none_or(|hearing| hearing > LONGEST) {
            let message = format!(
                "{:?} is not a duration up to 72h such as 20m or 0s",
                self.hearing.get_ref()
            );
            wrong.push((self.hearing.span(), message));
        }
        for name in &self.withhold {
            if Behaviour::by_name(name.get_ref()).is_none() {
                let known: Vec<_> = Behaviour::all().map(|(_, known)| known).collect();
                let message = format!(
                    "no behaviour is called {:?}; there are {}",
                    name.get_ref(),
                    known.join(", ")
                );
                wrong.push((name.span(), message));
            }
        }
        for written in &self.profiles {
            wrong.extend(written.get_ref().read().err().into_iter().flatten());
        }
        if let Some(first) = self.profiles.get(MOST) {
            wrong.push((first.span(), format!("more than {MOST} profiles")));
        }
        for net in &self.own {
            if network(net.get_ref()).is_none() {
                let message = format!(
                    "{:?} is neither an address nor a network such as 192.0.2.0/24",
                    net.get_ref()
                );
                wrong.push((net.span(), message));
            }
        }
        wrong
    }
}
