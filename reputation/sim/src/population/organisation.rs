//! Organisations: how much they see, how often they err, who vouches for them, what is attested.
//!
//! Liars are vouched for as the honest are, unless the attack says otherwise ([`Crew`]): nothing in the graph tells
//! them apart. Deliberately absent: what they do.

use vigie_reputation::Labels;

use crate::dice::Dice;
use crate::setup::Setup;
use crate::subject::{Org, index, number};

/// Longest way from an anchor on which trust travels; nobody is vouched for beyond it.
const MAX_DEPTH: u8 = 4;
/// Living vouches of one member.
const VOUCHES: u32 = 20;

/// What an organisation is to the observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Chosen by every observer.
    Anchor,
    /// Honest.
    Member,
    /// A member that serves the attack.
    Liar,
}

/// How the liars came into the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crew {
    /// Vouched for like the honest, and as long in the network.
    Vouched,
    /// New identities behind so many vouches by fooled members, in trees below these.
    Sybils { edges: u32 },
    /// New identities for whom stolen anchors vouch.
    StolenAnchors,
    /// Vouched for like the honest; so often they drop their keys and come back as newcomers over the same vouches.
    Reborn { times: u32 },
}

/// One organisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Organisation {
    /// Its number.
    pub org: Org,
    /// What it is.
    pub standing: Standing,
    /// How likely attackers find it, against others.
    pub visibility: f64,
    /// Innocents that it reports per day, by mistake.
    pub slips_per_day: f64,
    /// Who vouches for it; nobody for anchors.
    pub voucher: Option<Org>,
    /// What the voucher attests.
    pub labels: Labels,
    /// Whether it was in the network, and past probation, before the run.
    pub established: bool,
    depth: u8,
}

pub(super) fn draw(setup: &Setup, honest: &mut Dice, liars: &mut Dice) -> Vec<Organisation> {
    let mut all: Vec<Organisation> = Vec::new();
    let crew = setup.attack.crew();
    for number in 0..setup.orgs {
        let standing = if number < setup.anchors {
            Standing::Anchor
        } else {
            Standing::Member
        };
        let voucher = (standing == Standing::Member).then(|| voucher(setup, &all, honest));
        all.push(organisation(setup, Org(number), standing, voucher, &all, honest));
    }
    for place in 0..setup.liars() {
        let org = Org(setup.orgs + place);
        let voucher = match crew {
            Crew::Vouched | Crew::Reborn { .. } => voucher(setup, &all, liars),
            Crew::Sybils { edges } => sybil_voucher(setup, place, edges.max(1), &all, liars),
            Crew::StolenAnchors => Org(place % setup.stolen().max(1)),
        };
        let mut next = organisation(setup, org, Standing::Liar, Some(voucher), &all, liars);
        next.established = matches!(crew, Crew::Vouched | Crew::Reborn { .. });
        all.push(next);
    }
    if let Crew::Reborn { times } = crew {
        reborn(setup, times, &mut all);
    }
    all
}

/// The same liars again, with new keys.
fn reborn(setup: &Setup, times: u32, all: &mut Vec<Organisation>) {
    let first: Vec<Organisation> = all.iter().skip(index(setup.orgs)).cloned().collect();
    for _ in 0..times {
        for liar in &first {
            all.push(Organisation {
                org: Org(number(all.len())),
                established: false,
                ..liar.clone()
            });
        }
    }
}

fn organisation(
    setup: &Setup,
    org: Org,
    standing: Standing,
    voucher: Option<Org>,
    earlier: &[Organisation],
    dice: &mut Dice,
) -> Organisation {
    let boost = if standing == Standing::Anchor {
        setup.traffic.anchor_visibility
    } else {
        1.0
    };
    let depth_of = |org: Org| earlier.get(org.index()).map_or(0, |voucher| voucher.depth);
    Organisation {
        org,
        standing,
        visibility: boost * dice.lognormal(1.0, setup.traffic.visibility_sigma),
        slips_per_day: slips_per_day(setup, dice),
        voucher,
        labels: labels(setup, org, dice),
        established: true,
        depth: voucher.map_or(0, |voucher| depth_of(voucher) + 1),
    }
}

/// An anchor, or an earlier member that is near enough to one.
fn voucher(setup: &Setup, earlier: &[Organisation], dice: &mut Dice) -> Org {
    let anchor = Org(dice.below(setup.anchors));
    let any = Org(dice.below(number(earlier.len())));
    let near = earlier
        .get(index(any.0))
        .is_some_and(|member| member.depth < MAX_DEPTH);
    if dice.chance(setup.trust.direct_share) || !near {
        anchor
    } else {
        any
    }
}

/// The first Sybils are vouched for by fooled members, each by one drawn anew; the rest by earlier Sybils, as many each
/// as a member may vouch for.
fn sybil_voucher(setup: &Setup, place: u32, edges: u32, earlier: &[Organisation], dice: &mut Dice) -> Org {
    if let Some(rest) = place.checked_sub(edges) {
        return Org(setup.orgs + rest / VOUCHES);
    }
    // A fooled member with room for trees below the Sybil.
    let members = setup.orgs - setup.anchors;
    let mut fooled = Org(setup.anchors + dice.below(members));
    for _ in 0..64 {
        if earlier.get(fooled.index()).is_some_and(|one| one.depth <= 1) {
            break;
        }
        fooled = Org(setup.anchors + dice.below(members));
    }
    fooled
}

fn slips_per_day(setup: &Setup, dice: &mut Dice) -> f64 {
    let usual = dice.lognormal(setup.noise.slips_per_day, setup.noise.slips_sigma);
    if dice.chance(setup.noise.broken_share) {
        setup.noise.broken_per_day
    } else {
        usual
    }
}

/// An operator of its own; of countries and networks the first are the largest (an even draw below an even draw).
fn labels(setup: &Setup, org: Org, dice: &mut Dice) -> Labels {
    let mut skewed = |limit: u32| {
        let bound = dice.below(limit) + 1;
        dice.below(bound)
    };
    let country = skewed(setup.trust.countries.min(26 * 26));
    let letter = |place: u32| b'A' + u8::try_from(place % 26).unwrap_or(0);
    Labels {
        operator: u64::from(org.0 + 1).to_be_bytes(),
        country: [letter(country / 26), letter(country)],
        asn: skewed(setup.trust.networks) + 1,
    }
}
