//! The interface that all scorers share, and the list of scorers by name.
//!
//! A scorer sees what a node sees: claims of the mesh as they arrive, its own sensor, its own users. Deliberately
//! absent: who is honest. Only the oracle is built with that knowledge.

mod beta;
mod count;
mod crowdsec;
mod dawid_skene;
mod eigentrust;
mod fides;
mod ledger;
mod nerd;
mod oracle;
mod shared;
mod vigie;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vigie_reputation::wire::{Behaviour, OrgId, Timestamp};
use vigie_reputation::{ClassLookup, Rung, Tier, TrustGraph};

use crate::claim::Statement;
use crate::population::Population;
use crate::span::START;
use crate::subject::{Name, Org, index, number};

/// One observer's scorer.
pub trait Baseline: fmt::Debug {
    /// A claim of the mesh arrives. False if it certainly changes no decision.
    fn hear(&mut self, statement: &Statement) -> bool;

    /// The observer's own sensor saw it.
    fn own_detection(&mut self, name: Name, behaviour: Behaviour, now: Timestamp);

    /// Legitimate traffic came from there, at a moment that may lie in the past. Most scorers have no memory of that.
    fn remember(&mut self, _name: Name, _tier: Tier, _at: Timestamp) {}

    /// An hour has passed: the time for what is computed now and then.
    fn tick(&mut self, _now: Timestamp) {}

    /// The network proved that an organisation equivocated.
    fn void(&mut self, _org: Org) {}

    /// What it decides now. `held`: the subject is hard-blocked at the moment.
    fn rung(&self, name: Name, now: Timestamp, held: bool) -> Rung;

    /// When it would decide otherwise although nothing is heard, if it knows.
    fn wakes(&self, _name: Name, _now: Timestamp) -> Option<Timestamp> {
        None
    }

    /// What an organisation's word weighs, in a unit of the scorer's own; `None` if it weighs nobody.
    fn weight(&self, _org: Org, _now: Timestamp) -> Option<f64> {
        None
    }

    /// The group in which an organisation's silence tells it something, if it does. Most scorers know nobody.
    fn voice(&self, _org: Org, _now: Timestamp) -> Option<OrgId> {
        None
    }

    /// Up to when it has heard what those said whom it trusts; `None` if it hears everything.
    fn set_watermark(&mut self, _until: Option<Timestamp>) {}

    /// Whether it holds an organisation for a proven liar.
    fn is_struck(&self, _org: Org, _now: Timestamp) -> bool {
        false
    }
}

/// A scorer by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scorers {
    /// Ours.
    Vigie,
    /// Block at so many reporters, less those who dispute.
    Count(u8),
    /// Only seasoned reporters count, five of them from three networks; the most popular are never blocked.
    CrowdSec,
    /// Beta reputation, judged by the consensus.
    Beta,
    /// Global trust from agreement, with the anchors as pre-trusted.
    EigenTrust,
    /// Fides as shipped.
    Fides,
    /// Fides in the best configuration of its own evaluation.
    FidesBest,
    /// Noisy-or of daily scores.
    Nerd,
    /// Expectation maximisation over everybody's confusion matrix.
    DawidSkene,
    /// Block true attackers at the first report, and nobody else: what nobody can do better.
    Oracle,
}

/// A name that is no scorer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected vigie, count-K with K from 1 to 99, crowdsec, beta, eigentrust, fides, fides-best, nerd, dawid-skene or oracle"
)]
pub struct ParseScorerError;

/// What scorers are made from.
#[derive(Debug)]
pub(crate) struct Makers {
    organisations: usize,
    anchors: Vec<Org>,
    /// A quarter of the honest, anchors among them: whom the best configuration of Fides trusts beforehand.
    trusted: Vec<Org>,
    networks: Vec<u32>,
    graph: TrustGraph,
    lists: Lists,
    /// Those computed once for all observers.
    shared: RefCell<Option<Rc<RefCell<dyn Baseline>>>>,
}

/// The warning lists, behind a name so that they can be printed.
#[derive(Clone)]
struct Lists(ClassLookup);

// === impl Makers ===

impl Makers {
    pub(crate) fn new(population: &Population) -> Self {
        let organisations = &population.organisations;
        let anchors = organisations
            .iter()
            .filter(|org| org.standing == crate::population::Standing::Anchor);
        // Where anchors only vouch, nobody could agree with them: a third of those who speak stand in for them.
        let silent = if population.silent_anchors {
            anchors.clone().count()
        } else {
            0
        };
        let speaking = organisations
            .iter()
            .take(index(population.honest))
            .skip(silent)
            .map(|org| org.org);
        let count = index(population.honest) - silent;
        Self {
            organisations: organisations.len(),
            anchors: match silent {
                0 => anchors.map(|org| org.org).collect(),
                _ => speaking.clone().take(count.div_ceil(3)).collect(),
            },
            trusted: speaking.take(count.div_ceil(4)).collect(),
            networks: organisations.iter().map(|org| org.labels.asn).collect(),
            graph: population.graph(START),
            lists: Lists(population.warning_lists()),
            shared: RefCell::new(None),
        }
    }

    /// One computation for everybody: the first observer feeds it, the others only ask.
    fn share(&self, make: impl FnOnce() -> Rc<RefCell<dyn Baseline>>) -> Box<dyn Baseline> {
        let mut slot = self.shared.borrow_mut();
        let leads = slot.is_none();
        let inner = Rc::clone(slot.get_or_insert_with(make));
        Box::new(shared::Shared::new(inner, leads))
    }
}

impl fmt::Debug for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lists")
    }
}

// === impl Scorers ===

impl Scorers {
    /// Those of the table.
    pub const ALL: [Self; 12] = [
        Self::Vigie,
        Self::Count(2),
        Self::Count(3),
        Self::Count(5),
        Self::CrowdSec,
        Self::Beta,
        Self::EigenTrust,
        Self::Fides,
        Self::FidesBest,
        Self::Nerd,
        Self::DawidSkene,
        Self::Oracle,
    ];

    /// One for this observer.
    pub(crate) fn build(self, makers: &Makers, observer: Org) -> Box<dyn Baseline> {
        let everybody = makers.organisations;
        match self {
            Self::Vigie => Box::new(vigie::Vigie::new(makers.graph.clone(), makers.lists.0.clone())),
            Self::Count(needed) => Box::new(count::Count::new(number(usize::from(needed)), observer)),
            Self::CrowdSec => Box::new(crowdsec::CrowdSec::new(makers.networks.clone(), observer)),
            Self::Beta => Box::new(beta::Beta::new(everybody, observer)),
            Self::EigenTrust => makers.share(|| {
                let trust = eigentrust::EigenTrust::new(everybody, &makers.anchors, observer);
                Rc::new(RefCell::new(trust))
            }),
            Self::Fides => Box::new(fides::Fides::shipped(everybody, &makers.anchors, observer)),
            Self::FidesBest => Box::new(fides::Fides::best(everybody, &makers.trusted, observer)),
            Self::Nerd => Box::new(nerd::Nerd::new(observer)),
            Self::DawidSkene => {
                makers.share(|| Rc::new(RefCell::new(dawid_skene::DawidSkene::new(everybody, observer))))
            }
            Self::Oracle => Box::new(oracle::Oracle::new(Name::is_attacker)),
        }
    }
}

impl FromStr for Scorers {
    type Err = ParseScorerError;
    fn from_str(text: &str) -> Result<Self, ParseScorerError> {
        Ok(match text {
            "vigie" => Self::Vigie,
            "crowdsec" => Self::CrowdSec,
            "beta" => Self::Beta,
            "eigentrust" => Self::EigenTrust,
            "fides" => Self::Fides,
            "fides-best" => Self::FidesBest,
            "nerd" => Self::Nerd,
            "dawid-skene" => Self::DawidSkene,
            "oracle" => Self::Oracle,
            _ => {
                let needed = text.strip_prefix("count-").and_then(|needed| needed.parse().ok());
                let needed = needed.filter(|needed| (1..=99).contains(needed));
                Self::Count(needed.ok_or(ParseScorerError)?)
            }
        })
    }
}

impl fmt::Display for Scorers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vigie => "vigie",
            Self::Count(needed) => return write!(f, "count-{needed}"),
            Self::CrowdSec => "crowdsec",
            Self::Beta => "beta",
            Self::EigenTrust => "eigentrust",
            Self::Fides => "fides",
            Self::FidesBest => "fides-best",
            Self::Nerd => "nerd",
            Self::DawidSkene => "dawid-skene",
            Self::Oracle => "oracle",
        })
    }
}

impl Serialize for Scorers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scorers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
