//! What the measures mean, for `--help`, and one run as people read it.

use std::fmt::Write as _;

use vigie_sim::Course;
use vigie_sim::table::Measured;

/// Definitions; the same as in the documentation of `vigie_sim::Outcome`.
pub(super) const MEASURES: &str = "\
MEASURES (shares are 0 to 1; nodes are the observers, a sample of the honest members)
  targets                  innocents that the liars set out to frame
  framed_share             framed innocents hard-blocked at half of the nodes or more, at any time, over the larger of
                           targets and 100
  innocents_blocked        different innocents hard-blocked at 1 % of the nodes or more (one node at least)
  known_innocents_blocked  pairs of a node and an innocent who logged in there within 30 days, hard-blocked there on
                           remote word alone: the node's own sensor had not seen it for 3 days
  harm                     of a node's own legitimate traffic, the share kept out by hard blocks from the strike to the
                           end; mean over the nodes. Traffic is what its clients bring, each as much as it is popular
  prevented                of the hits that the oracle would have prevented, the share that met a hard block. The oracle
                           blocks an attacker at the first report that arrives. Every hit on an honest organisation
                           after the strike is a trial of every node that has heard of the attacker and whose own sensor
                           has not seen it
  soft_harm, soft_prevented  the same for traffic challenged or throttled; never counted in harm or prevented
  ttp50_hours              from the first report anywhere until half of the nodes hard-block the attacker; median over
                           attackers of five victims or more. null: half of these were never blocked
  honest_struck_share      honest organisations struck at any time: in the common pool, or below half of their own best
                           weight; looked at once a day, mean over the nodes. 0 for scorers that weigh nobody
  honest_days_down         days until these were back at 90 % of their best, 95th percentile. null: nobody struck
  liars_struck_share       liars struck, by the same rule
  recovery_hours           from the first hour after the strike with more harm than twice the mean before it (and than
                           one visitor in a million) until a whole day without such an hour begins. 0: no such hour;
                           null: it never ends
  oracle                   blocks each true attacker at the first report and nobody else: what nobody can do better

ATTACKS
  A01 sybil flash        A07 frame one target        A13 dates that lie        A19 whitewash
  A02 sybils, aged       A08 from shared addresses   A14 equivocate            A20 probe, then strike
  A03 collude openly     A09 praise attackers        A15 eclipse               A21 strike in a split
  A04 slow poison        A10 copycat                 A16 stolen anchors        A22 fetch a page, then attack
  A05 oscillate          A11 own botnet as proof     A17 range creep           A23 log in, then attack
  A06 frame infrastructure  A12 flood                A18 slander by spoofing   adaptive: searches for the best strike";

/// One run, for people.
pub(super) fn for_people(course: &Course, seed: u64) -> String {
    let outcome = &course.outcome;
    let mut text = format!(
        "{} under {}, {:.0} % liars: {} honest organisations, {} days, struck on day {}, {} observers, seed {seed}\n\n",
        outcome.scorer,
        outcome.attack,
        100.0 * outcome.liars,
        outcome.orgs,
        outcome.days,
        outcome.strike_day,
        outcome.observers,
    );
    // Writing to a string cannot fail.
    writeln!(text, "  {:24} {}", "targets", outcome.targets).ok();
    for measured in Measured::ALL {
        let value = measured.of(outcome).filter(|value| value.is_finite());
        writeln!(text, "  {:24} {}", measured.to_string(), measured.text(value)).ok();
    }
    if let Some(found) = &outcome.found {
        writeln!(text, "\nThe strike that was found best: {found:?}").ok();
    }
    text.push_str("\nWhat each means: vigie sim --help\n");
    text
}
