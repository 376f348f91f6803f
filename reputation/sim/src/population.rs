//! Who there is: organisations that trust each other, innocents that do business with them, attackers day by day.
//!
//! Drawn from streams that neither the attack nor the scorer touches. Deliberately absent: what anybody says.

mod acquaintance;
mod attacker;
mod innocent;
mod organisation;

use std::sync::Arc;

use rand::Rng;
use vigie_reputation::wire::{OrgId, Timestamp};
use vigie_reputation::{Class, ClassLookup, Edge, Member, TrustGraph};

pub use acquaintance::{Acquaintance, Acquaintances};
pub use attacker::Attacker;
pub(crate) use attacker::Attackers;
pub use innocent::Innocent;
pub(crate) use innocent::MAX_INNOCENTS;
pub use organisation::{Organisation, Standing};

use crate::dice::Dice;
use crate::setup::Setup;
use crate::subject::{Org, Subject, index};

/// Everybody but the attackers.
#[derive(Clone, Debug)]
pub struct Population {
    /// By number: anchors, honest members, liars.
    pub organisations: Vec<Organisation>,
    /// How many of them are honest.
    pub honest: u32,
    /// By rank of popularity.
    pub innocents: Vec<Innocent>,
    /// Who does business with whom.
    pub acquaintances: Acquaintances,
    observers: Vec<Org>,
    history: u32,
}

// === impl Population ===

impl Population {
    pub(crate) fn draw(setup: &Setup, rng: &mut impl Rng) -> Self {
        // Liars have a stream of their own: the honest are the same however many lie.
        let (mut honest, mut liars) = (Dice::split(rng), Dice::split(rng));
        Self {
            organisations: organisation::draw(setup, &mut honest, &mut liars),
            honest: setup.orgs,
            innocents: innocent::draw(&setup.bystanders, &mut Dice::split(rng)),
            acquaintances: Acquaintances::new(setup.acquainted.clone(), Dice::split(rng).bits()),
            observers: observers(setup),
            history: setup.trust.history,
        }
    }

    /// Who is measured.
    pub fn observers(&self) -> &[Org] {
        &self.observers
    }

    /// Those who tell the truth as they see it.
    pub fn honest(&self) -> impl Iterator<Item = &Organisation> {
        self.organisations.iter().take(index(self.honest))
    }

    /// Those who do not.
    pub fn liars(&self) -> impl Iterator<Item = &Organisation> {
        self.organisations.iter().skip(index(self.honest))
    }

    /// The liar of that number among the liars.
    pub fn liar(&self, number: u32) -> Org {
        Org(self.honest.saturating_add(number))
    }

    /// Whether an organisation is honest.
    pub fn is_honest(&self, org: Org) -> bool {
        org.0 < self.honest
    }

    /// The innocent of that number.
    pub fn innocent(&self, number: u32) -> Option<&Innocent> {
        self.innocents.get(index(number))
    }

    /// How an innocent and an organisation stand to each other.
    pub fn acquaintance(&self, org: Org, innocent: u32) -> Acquaintance {
        let popularity = self
            .innocent(innocent)
            .map_or(0.0, |innocent| innocent.popularity);
        self.acquaintances.between(org, innocent, popularity)
    }

    /// The trust graph of every observer: all chose the same anchors.
    pub fn graph(&self, now: Timestamp) -> TrustGraph {
        let anchors: Vec<OrgId> = self
            .organisations
            .iter()
            .filter(|org| org.standing == Standing::Anchor)
            .map(|org| org.org.id())
            .collect();
        let members: Vec<Member> = self
            .organisations
            .iter()
            .map(|org| Member {
                org: org.org.id(),
                name: format!("organisation {}", org.org.0).into(),
                labels: org.labels,
                history: if self.is_honest(org.org) { self.history } else { 0 },
                seed: org.standing == Standing::Anchor,
            })
            .collect();
        let vouches: Vec<Edge> = self
            .organisations
            .iter()
            .filter_map(|org| {
                Some(Edge {
                    from: org.voucher?.id(),
                    to: org.org.id(),
                    expires: Timestamp::WIRE_MAX,
                })
            })
            .collect();
        TrustGraph::build(&anchors, &members, &vouches, now)
    }

    /// The warning lists that every node loads.
    pub fn warning_lists(&self) -> ClassLookup {
        let classes: Arc<[Class]> = self.innocents.iter().map(|innocent| innocent.listed).collect();
        Arc::new(move |indicator| {
            Subject::innocent_at(indicator)
                .and_then(|number| classes.get(index(number)).copied())
                .unwrap_or_default()
        })
    }
}

/// Spread evenly over the honest members that are not anchors.
fn observers(setup: &Setup) -> Vec<Org> {
    let members = u64::from(setup.orgs - setup.anchors);
    let observers = u64::from(setup.observers);
    (0..observers)
        .filter_map(|observer| u32::try_from((2 * observer + 1) * members / (2 * observers)).ok())
        .map(|member| Org(setup.anchors + member))
        .collect()
}
