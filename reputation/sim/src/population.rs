//! Who there is: organisations that trust each other, innocents that do business with them, attackers day by day.
//!
//! Drawn from streams that neither the attack nor the scorer touches. Deliberately absent: what anybody says.

mod acquaintance;
mod attacker;
mod innocent;
mod organisation;

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::Rng;
use vigie_reputation::wire::{OrgId, Timestamp};
use vigie_reputation::{Class, ClassLookup, Edge, Member, TrustGraph};

pub use acquaintance::{Acquaintance, Acquaintances};
pub use attacker::Attacker;
pub(crate) use attacker::{Attackers, Visit};
pub use innocent::Innocent;
pub(crate) use innocent::MAX_INNOCENTS;
pub(crate) use organisation::Crew;
pub use organisation::{Organisation, Standing};

use crate::dice::Dice;
use crate::setup::Setup;
use crate::span::START;
use crate::subject::{Name, Org, index, number};

/// Everybody but the attackers.
#[derive(Clone, Debug)]
pub struct Population {
    /// By number: anchors, honest members, liars.
    pub organisations: Vec<Organisation>,
    /// How many of them are not liars. Stolen anchors are among these.
    pub honest: u32,
    /// Anchors, from the first, whose keys are stolen.
    pub stolen: u32,
    /// Whether the anchors only vouch.
    pub silent_anchors: bool,
    /// How many liars act at a time.
    pub liars: u32,
    /// By rank of popularity.
    pub innocents: Vec<Innocent>,
    /// Who does business with whom.
    pub acquaintances: Acquaintances,
    observers: Vec<Org>,
    history: u32,
    groups: Vec<u32>,
}

// === impl Population ===

impl Population {
    pub(crate) fn draw(setup: &Setup, rng: &mut impl Rng) -> Self {
        // Liars have a stream of their own: the honest are the same however many lie.
        let (mut honest, mut liars) = (Dice::split(rng), Dice::split(rng));
        let mut population = Self {
            organisations: organisation::draw(setup, &mut honest, &mut liars),
            honest: setup.orgs,
            stolen: setup.stolen(),
            silent_anchors: setup.trust.silent_anchors,
            liars: setup.liars(),
            innocents: innocent::draw(&setup.bystanders, &mut Dice::split(rng)),
            acquaintances: Acquaintances::new(setup.acquainted.clone(), Dice::split(rng).bits()),
            observers: observers(setup),
            history: setup.trust.history,
            groups: Vec::new(),
        };
        population.groups = population.number_groups();
        population
    }

    /// Who is measured.
    pub fn observers(&self) -> &[Org] {
        &self.observers
    }

    /// Those who tell the truth as they see it.
    pub fn honest(&self) -> impl Iterator<Item = &Organisation> {
        let stolen = index(self.stolen);
        self.organisations.iter().take(index(self.honest)).skip(stolen)
    }

    /// Those who do not, of one generation, and the stolen anchors. Generation 0 is there from the start.
    pub fn crew(&self, generation: u32) -> Vec<Org> {
        let first = self.honest.saturating_add(generation.saturating_mul(self.liars));
        let stolen = (0..self.stolen).map(Org);
        stolen
            .chain((first..first.saturating_add(self.liars)).map(Org))
            .filter(|org| org.index() < self.organisations.len())
            .collect()
    }

    /// Everybody who is a liar by profession: all generations, without stolen anchors.
    pub fn liars(&self) -> impl Iterator<Item = &Organisation> {
        self.organisations.iter().skip(index(self.honest))
    }

    /// Whether an organisation's sensor and its word are its own.
    pub fn is_honest(&self, org: Org) -> bool {
        (self.stolen..self.honest).contains(&org.0)
    }

    /// The number of the group that an organisation counts in, for every observer.
    pub fn group(&self, org: Org) -> u32 {
        self.groups.get(org.index()).copied().unwrap_or(0)
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
                name: "".into(),
                labels: org.labels,
                history: if org.established { self.history } else { 0 },
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
            Name::of(indicator)
                .and_then(Name::innocent)
                .and_then(|number| classes.get(index(number)).copied())
                .unwrap_or_default()
        })
    }

    fn number_groups(&self) -> Vec<u32> {
        let graph = self.graph(START);
        let mut numbers = BTreeMap::new();
        let group_of = |org: &Organisation| graph.place(org.org.id()).and_then(|place| place.group);
        self.organisations
            .iter()
            .map(|org| {
                let next = number(numbers.len());
                *numbers.entry(group_of(org)).or_insert(next)
            })
            .collect()
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
