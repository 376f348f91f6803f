//! Organisations: how much they see, how often they err, who vouches for them, what is attested.
//!
//! Liars are vouched for as the honest are: nothing in the graph tells them apart. Deliberately absent: what they do.

use vigie_reputation::Labels;

use crate::dice::Dice;
use crate::setup::Setup;
use crate::subject::{Org, index, number};

/// Longest way from an anchor on which trust travels; nobody is vouched for beyond it.
const MAX_DEPTH: u8 = 4;

/// What an organisation is to the observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Chosen by every observer; honest.
    Anchor,
    /// Honest.
    Member,
    /// A member that serves the attack.
    Liar,
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
    depth: u8,
}

pub(super) fn draw(setup: &Setup, honest: &mut Dice, liars: &mut Dice) -> Vec<Organisation> {
    let mut all: Vec<Organisation> = Vec::new();
    for number in 0..setup.orgs + setup.liars() {
        let standing = match number {
            _ if number < setup.anchors => Standing::Anchor,
            _ if number < setup.orgs => Standing::Member,
            _ => Standing::Liar,
        };
        let dice = if standing == Standing::Liar {
            &mut *liars
        } else {
            &mut *honest
        };
        let next = organisation(setup, Org(number), standing, &all, dice);
        all.push(next);
    }
    all
}

fn organisation(
    setup: &Setup,
    org: Org,
    standing: Standing,
    earlier: &[Organisation],
    dice: &mut Dice,
) -> Organisation {
    let boost = if standing == Standing::Anchor {
        setup.traffic.anchor_visibility
    } else {
        1.0
    };
    let voucher = (standing != Standing::Anchor).then(|| voucher(setup, earlier, dice));
    let depth_of = |org: Org| earlier.get(org.index()).map_or(0, |voucher| voucher.depth);
    Organisation {
        org,
        standing,
        visibility: boost * dice.lognormal(1.0, setup.traffic.visibility_sigma),
        slips_per_day: slips_per_day(setup, dice),
        voucher,
        labels: labels(setup, org, dice),
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
