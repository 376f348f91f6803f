//! Attacks: what the liars say and do, and when. Each family is one file; the list of names is here.
//!
//! An adversary knows everything: the population, the parameters, and each public claim the moment it is made.
//! Deliberately absent: anything that would break a signature or forge a log of the observer's own.

mod adaptive;
mod backdate;
mod campaign;
mod copycat;
mod courtship;
mod farm;
mod flood;
mod framing;
mod network;
mod praise;
mod probe;
mod range;
mod spoof;
mod whitewash;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use vigie_reputation::Tier;
use vigie_reputation::wire::{Behaviour, Timestamp};

pub use adaptive::{Adaptive, Objective};
pub use backdate::Backdate;
pub use campaign::{Choice, Strike};
pub use copycat::Copycat;
pub use courtship::Court;
pub use farm::Farm;
pub use flood::Flood;
pub use framing::Framing;
pub use network::{Eclipse, Equivocate, Split};
pub use praise::Praise;
pub use probe::Probe;
pub use range::RangeCreep;
pub use spoof::Spoof;
pub use whitewash::Whitewash;

use crate::claim::{Claim, Deed};
use crate::dice::Dice;
use crate::population::{Crew, Population};
use crate::subject::Org;

/// What liars say of their victims: the behaviour that takes the least evidence.
const ACCUSATION: Behaviour = Behaviour(5);

/// Which attack, with its parameters. By name: `none`, `A01` to `A23`, `adaptive`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "id")]
pub enum Attack {
    /// The liars behave as the honest do.
    #[serde(rename = "none")]
    None,
    /// New identities behind few vouches name the same targets at once.
    #[serde(rename = "A01")]
    SybilFlash(Framing),
    /// The same, with identities that were active past probation.
    #[serde(rename = "A02")]
    SybilAged(Framing),
    /// Collude openly: corroborate each other on unused addresses, strike together.
    #[serde(rename = "A03")]
    ColludeOpen(Framing),
    /// Behave well, then strike with few.
    #[serde(rename = "A04")]
    SlowPoison(Framing),
    /// Lie in bursts, rebuild trust between them.
    #[serde(rename = "A05")]
    Oscillate(Framing),
    /// Frame resolvers and delivery networks.
    #[serde(rename = "A06")]
    FrameInfrastructure(Framing),
    /// Spend everything on one target of medium popularity.
    #[serde(rename = "A07")]
    FrameCompetitor(Framing),
    /// Really attack from behind shared addresses.
    #[serde(rename = "A08")]
    FrameShared(Spoof),
    /// Dispute every true attacker.
    #[serde(rename = "A09")]
    Praise(Praise),
    /// Echo others to earn credit, then strike.
    #[serde(rename = "A10")]
    Copycat(Copycat),
    /// Attack honest nodes with bots that colluders name first, then strike.
    #[serde(rename = "A11")]
    Farm(Farm),
    /// Flood with subjects that nobody else names, ranges among them.
    #[serde(rename = "A12")]
    Flood(Flood),
    /// Replay old sightings, date claims back and forth, renew them for ever.
    #[serde(rename = "A13")]
    Backdate(Backdate),
    /// Tell one half of the network another thing than the other.
    #[serde(rename = "A14")]
    Equivocate(Equivocate),
    /// Surround some nodes: disputes are dropped there, accusations arrive.
    #[serde(rename = "A15")]
    Eclipse(Eclipse),
    /// Steal anchors, let them vouch for newcomers, strike with all of them.
    #[serde(rename = "A16")]
    StolenAnchors(Framing),
    /// Name many addresses of one /24, and the /24 itself.
    #[serde(rename = "A17")]
    RangeCreep(RangeCreep),
    /// Make honest sensors report innocents, with forged sources, to have them struck.
    #[serde(rename = "A18")]
    Slander(Spoof),
    /// Strike, drop the keys, come back over the same vouches.
    #[serde(rename = "A19")]
    Whitewash(Whitewash),
    /// Probe with single reports whom nobody defends, then strike these.
    #[serde(rename = "A20")]
    Probe(Probe),
    /// Strike while a part of the network is cut off.
    #[serde(rename = "A21")]
    Split(Split),
    /// Attackers fetch a page everywhere before they attack.
    #[serde(rename = "A22")]
    FetchFirst(Court),
    /// Attackers log in where they can before they attack, and keep doing so.
    #[serde(rename = "A23")]
    LoginFirst(Court),
    /// Knows every parameter, tries strikes on worlds like this one, uses the best.
    #[serde(rename = "adaptive")]
    Adaptive(Adaptive),
}

/// A name that is no attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected none, A01 to A23, or adaptive")]
pub struct ParseAttackError;

/// The liars, acting together.
pub trait Adversary: fmt::Debug {
    /// What they decide at the start of a day. Deeds may lie in the future, never in the past.
    fn plan(&mut self, _day: &Day<'_>, _dice: &mut Dice) -> Vec<Deed> {
        Vec::new()
    }

    /// What they answer to a claim that somebody makes.
    fn hear(&mut self, _claim: &Claim, _population: &Population, _dice: &mut Dice) -> Vec<Claim> {
        Vec::new()
    }

    /// Under which name a liar tells what his sensor saw, if at all.
    fn speaker(&self, liar: Org, _now: Timestamp, _population: &Population) -> Option<Org> {
        Some(liar)
    }

    /// What becomes of a claim on its way to an observer, by the observer's place in the list.
    fn way(&self, _claim: &Claim, _place: u32, _population: &Population) -> Way {
        Way::Usual
    }

    /// Since when an organisation's heartbeats do not reach an observer, whatever it says.
    fn silent_since(
        &self,
        _org: Org,
        _place: u32,
        _population: &Population,
        _now: Timestamp,
    ) -> Option<Timestamp> {
        None
    }

    /// Since when an observer could not compare what it holds with any anchor; what was said before, it has.
    fn cut_off_since(&self, _place: u32, _now: Timestamp) -> Option<Timestamp> {
        None
    }

    /// How attackers behave before they attack.
    fn courtship(&self) -> Option<Courtship> {
        None
    }

    /// The innocents that they framed so far.
    fn targets(&self) -> Option<&BTreeSet<u32>> {
        None
    }
}

/// What becomes of a claim on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nothing.
    Usual,
    /// It is held back for so long.
    Held(std::time::Duration),
    /// It never arrives.
    Lost,
}

/// How attackers behave before they attack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Courtship {
    /// As whom they pass.
    pub tier: Tier,
    /// Share of the attackers that do so.
    pub attackers: f64,
    /// Share of the nodes where they can.
    pub nodes: f64,
    /// How often they come again.
    pub times: u32,
    /// Hours between.
    pub every_hours: f64,
}

/// The start of one day, as the adversary sees it.
#[derive(Clone, Copy, Debug)]
pub struct Day<'a> {
    /// Days since the start of the run.
    pub number: u32,
    /// When it begins.
    pub from: Timestamp,
    /// Whether it is the day of the strike or a later one.
    pub striking: bool,
    /// Whether it is the day of the strike.
    pub first_strike: bool,
    /// Everybody.
    pub population: &'a Population,
}

/// Liars that behave as the honest do.
#[derive(Clone, Copy, Debug)]
struct Peace;

// === impl Attack ===

impl Attack {
    /// All names.
    pub fn names() -> impl Iterator<Item = Box<str>> {
        let numbered = (1..=23).map(|number| format!("A{number:02}").into());
        ["none".into()]
            .into_iter()
            .chain(numbered)
            .chain(["adaptive".into()])
    }

    /// Its name.
    pub fn id(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SybilFlash(_) => "A01",
            Self::SybilAged(_) => "A02",
            Self::ColludeOpen(_) => "A03",
            Self::SlowPoison(_) => "A04",
            Self::Oscillate(_) => "A05",
            Self::FrameInfrastructure(_) => "A06",
            Self::FrameCompetitor(_) => "A07",
            Self::FrameShared(_) => "A08",
            Self::Praise(_) => "A09",
            Self::Copycat(_) => "A10",
            Self::Farm(_) => "A11",
            Self::Flood(_) => "A12",
            Self::Backdate(_) => "A13",
            Self::Equivocate(_) => "A14",
            Self::Eclipse(_) => "A15",
            Self::StolenAnchors(_) => "A16",
            Self::RangeCreep(_) => "A17",
            Self::Slander(_) => "A18",
            Self::Whitewash(_) => "A19",
            Self::Probe(_) => "A20",
            Self::Split(_) => "A21",
            Self::FetchFirst(_) => "A22",
            Self::LoginFirst(_) => "A23",
            Self::Adaptive(_) => "adaptive",
        }
    }

    /// Anchors that the attack itself steals.
    pub(crate) fn anchors_stolen(&self) -> u32 {
        match self {
            Self::StolenAnchors(framing) => framing.anchors_stolen,
            _ => 0,
        }
    }

    /// How the liars came into the network.
    pub(crate) fn crew(&self) -> Crew {
        match self {
            Self::SybilFlash(framing) | Self::SybilAged(framing) => Crew::Sybils { edges: framing.edges },
            Self::StolenAnchors(_) => Crew::StolenAnchors,
            Self::Whitewash(attack) => Crew::Reborn { times: attack.times },
            _ => Crew::Vouched,
        }
    }

    /// The search that comes before the run, if there is one.
    pub(crate) fn search(&self) -> Option<&Adaptive> {
        match self {
            Self::Adaptive(attack) => Some(attack),
            _ => None,
        }
    }

    /// The adaptive attacker with what he found.
    pub(crate) fn with_strike(&self, strike: Strike) -> Self {
        match self {
            Self::Adaptive(attack) => Self::Adaptive(Adaptive { strike, ..*attack }),
            other => other.clone(),
        }
    }

    pub(crate) fn adversary(&self, population: &Population) -> Box<dyn Adversary> {
        match self {
            Self::None => Box::new(Peace),
            Self::SybilFlash(attack)
            | Self::SybilAged(attack)
            | Self::ColludeOpen(attack)
            | Self::SlowPoison(attack)
            | Self::Oscillate(attack)
            | Self::FrameInfrastructure(attack)
            | Self::FrameCompetitor(attack)
            | Self::StolenAnchors(attack) => Box::new(framing::Framers::new(*attack, population)),
            Self::FrameShared(attack) | Self::Slander(attack) => {
                Box::new(spoof::Spoofers::new(*attack, population))
            }
            Self::Praise(attack) => Box::new(praise::Praisers::new(*attack)),
            Self::Copycat(attack) => Box::new(copycat::Copycats::new(*attack, population)),
            Self::Farm(attack) => Box::new(farm::Farmers::new(*attack, population)),
            Self::Flood(attack) => Box::new(flood::Flooders::new(*attack)),
            Self::Backdate(attack) => Box::new(backdate::Backdaters::new(*attack, population)),
            Self::Equivocate(attack) => Box::new(network::Equivocators::new(*attack, population)),
            Self::Eclipse(attack) => Box::new(network::Eclipsers::new(*attack, population)),
            Self::Split(attack) => Box::new(network::Splitters::new(*attack, population)),
            Self::RangeCreep(attack) => Box::new(range::Creepers::new(*attack, population)),
            Self::Whitewash(attack) => Box::new(whitewash::Whitewashers::new(*attack, population)),
            Self::Probe(attack) => Box::new(probe::Probers::new(*attack, population)),
            Self::FetchFirst(attack) | Self::LoginFirst(attack) => Box::new(courtship::Suitors::new(*attack)),
            Self::Adaptive(attack) => {
                let framing = Framing {
                    strike: attack.strike,
                    ..Framing::default()
                };
                Box::new(framing::Framers::new(framing, population))
            }
        }
    }
}

impl FromStr for Attack {
    type Err = ParseAttackError;
    fn from_str(text: &str) -> Result<Self, ParseAttackError> {
        Ok(match text {
            "none" => Self::None,
            "A01" => Self::SybilFlash(Framing::sybil_flash()),
            "A02" => Self::SybilAged(Framing::sybil_aged()),
            "A03" => Self::ColludeOpen(Framing::collude_open()),
            "A04" => Self::SlowPoison(Framing::default()),
            "A05" => Self::Oscillate(Framing::oscillate()),
            "A06" => Self::FrameInfrastructure(Framing::infrastructure()),
            "A07" => Self::FrameCompetitor(Framing::competitor()),
            "A08" => Self::FrameShared(Spoof::shared()),
            "A09" => Self::Praise(Praise::default()),
            "A10" => Self::Copycat(Copycat::default()),
            "A11" => Self::Farm(Farm::default()),
            "A12" => Self::Flood(Flood::default()),
            "A13" => Self::Backdate(Backdate::default()),
            "A14" => Self::Equivocate(Equivocate::default()),
            "A15" => Self::Eclipse(Eclipse::default()),
            "A16" => Self::StolenAnchors(Framing::stolen_anchors()),
            "A17" => Self::RangeCreep(RangeCreep::default()),
            "A18" => Self::Slander(Spoof::slander()),
            "A19" => Self::Whitewash(Whitewash::default()),
            "A20" => Self::Probe(Probe::default()),
            "A21" => Self::Split(Split::default()),
            "A22" => Self::FetchFirst(Court::fetch()),
            "A23" => Self::LoginFirst(Court::login()),
            "adaptive" => Self::Adaptive(Adaptive::default()),
            _ => return Err(ParseAttackError),
        })
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

// === impl Peace ===

impl Adversary for Peace {}
