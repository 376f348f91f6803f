//! Every number of the scorer, with its reason. Milli-nats throughout: 1000 is one nat of log-odds.
//!
//! Deliberately absent: bounds on memory, which are configuration (`ScorerConfig`).

use vigie_wire::{Behaviour, Indicator};

/// The most that one independent group can weigh: log-odds 2.44 (a precision of 92 %) times 1.6.
pub const KAPPA: i64 = 3_900;

/// What one nat of a reporter's log-odds is worth: weight = 1.6 x logit(lower bound of his precision).
pub const LOGIT_FACTOR_MILLI: i64 = 1_600;

/// H for scans and brute force: two groups, also two established ones without learned gold (3.64 nats each, more for
/// repetition) of which the first spoke a day ago. At 7.5 these needed a third nearly always. One group never reaches it.
pub const H_LOW_HARM: i64 = 6_000;
/// H for everything else: two good groups whose words are fresh, usually three.
pub const H_DEFAULT: i64 = 7_000;
/// H for addresses that many share: carrier NAT, VPN, cloud egress. Four groups.
pub const H_SHARED: i64 = 11_750;
/// H next to infrastructure. Five groups, and more than one country, network or rule set can bring alone.
pub const H_INFRASTRUCTURE: i64 = 19_500;

/// Cap of one country: four groups' worth. It carries the worst ordinary case (H 8.0 + disputes 3.0 + a visitor 3.9 =
/// 14.9), so a hundred honest organisations of one country do block; and it stays under H next to infrastructure, so
/// one state alone cannot cut anybody off from that.
pub const CAP_COUNTRY: i64 = 4 * KAPPA;
/// Cap of one rule set, by the same sum: a fault in a rule that everybody runs never reaches infrastructure.
pub const CAP_RULE: i64 = 4 * KAPPA;
/// Cap of one autonomous system: three groups' worth. It carries H 8.0 with disputes (11.0) and stays under shared
/// egress (11.75): the customers of one hosting company often share one view, sometimes one attacker.
pub const CAP_ASN: i64 = 3 * KAPPA;

/// The most that disputes can raise H, all together, unless proven disputers meet voices without gold: less than one group.
pub const DISPUTE_CAP: i64 = 3_000;
/// So long what is said without gold stands in public before it blocks. Of a few hundred organisations that know an
/// address ten speak within it; challenge and throttle do not wait.
pub const HEARING: i64 = 20 * MINUTE;
/// What a proven disputer weighs against voices without gold, in thousandths of his weight: he was right here, they
/// were not yet.
pub const PROVEN_DISPUTE_MILLI: i64 = 2_000;
/// Disputes of an organisation that gold confirmed, and none refuted since, from which on it is proven as a disputer.
pub const PROVEN_DISPUTES: u8 = 2;
/// Right disputes from which on a first wrong one in [`DISPUTE_STRUCK_FOR`] is forgiven, and halves them instead: our own
/// sensor errs too.
pub const FORGIVING_DISPUTES: u8 = 4;
/// So long after a refuted dispute an organisation is not proven again.
pub const DISPUTE_STRUCK_FOR: i64 = STRUCK_FOR;
/// Learned successes, in thousandths, from which on a voice stands on gold: proven disputers weigh twice against others, and
/// once against such voices and anchors.
pub const GOLD_VOICE: i64 = 2_000;
/// What a mere visitor's memory raises H by: fresher words are needed, or a group more. A whole group was the immunity
/// that every attacker could buy with one page view.
pub const VISITOR_RAISE: i64 = 1_500;
/// What our own sensor's word takes off H.
pub const OWN_RELIEF: i64 = 5_000;
/// So much the others must say all the same: one good group, not a newcomer.
pub const OWN_FLOOR: i64 = 2_500;

/// Below H by so much: challenge. Nowhere enough for one group alone (6.0 less 2.0 is above kappa).
pub const CHALLENGE_BELOW: i64 = 2_000;
/// Below H by so much: throttle. Also the hysteresis: a block is released only this much below H.
pub const THROTTLE_BELOW: i64 = 1_500;
/// Above H by so much: the long ban.
pub const LONG_BAN_ABOVE: i64 = KAPPA;

/// One minute, hour and day in milliseconds.
pub const MINUTE: i64 = 60_000;
/// One hour in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// One day in milliseconds.
pub const DAY: i64 = 24 * HOUR;

/// How old a sighting may be when it arrives.
pub const MAX_AGE: i64 = 24 * HOUR;
/// How far in the future a sighting may lie.
pub const FUTURE_SKEW: i64 = 2 * MINUTE;
/// Evidence is forgotten after so many half-lives (a 64th is left: 0.08 nats at most).
pub const LIVE_HALF_LIVES: i64 = 6;
/// Without evidence newer than this, an address is not blocked on remote word.
pub const ADDRESS_FRESH: i64 = 72 * HOUR;
/// So long our own detection counts.
pub const OWN_LIVE: i64 = 72 * HOUR;
/// And so long against somebody who was a user of ours before it saw him: sensors err, and he is the one who suffers for it.
pub const OWN_LIVE_OF_USERS: i64 = 24 * HOUR;
/// So long an authenticated user is remembered; two generations of visitors span the same time.
pub const MEMORY_LIVE: i64 = 30 * DAY;
/// Half-life of a dispute: as long as a decision on an address lives without new evidence. Nobody disputes the same
/// again every day, and liars would wait for that.
pub const DISPUTE_HALF_LIFE: i64 = 3 * DAY;

/// Days of activity until a newcomer weighs fully.
pub const PROBATION_DAYS: i64 = 10;
/// Longest way from an anchor on which trust travels.
pub const MAX_DEPTH: u8 = 4;

/// Prior successes of a vouched member and of an anchor, and the failures of both, in thousandths of an observation.
pub const PRIOR_MEMBER: i64 = 12_000;
/// See [`PRIOR_MEMBER`].
pub const PRIOR_ANCHOR: i64 = 60_000;
/// See [`PRIOR_MEMBER`].
pub const PRIOR_FAILURE: i64 = 500;
/// Half-life of a reporter's confirmed claims, in days.
pub const RECORD_HALF_LIFE_DAYS: i64 = 30;
/// Half-life of his refuted claims, in days: an honest slip is forgiven in a week or two. What is not forgiven so
/// soon are joint refutations, which count for [`STRUCK_FOR`].
pub const FAILURE_HALF_LIFE_DAYS: i64 = 7;
/// Learned successes are bounded, so that no past buys a licence to lie: in thousandths.
pub const MAX_LEARNED: i64 = 1_000_000;
/// A claim that gold refutes and that could not have blocked, as failures in thousandths: it harmed nobody.
pub const REFUTED_ALONE: i64 = 200;
/// One that could have blocked, had not those who know the subject disputed it within its hearing: as harmless.
pub const REFUTED_CONTESTED: i64 = REFUTED_ALONE;
/// One that could have blocked, and was withdrawn before gold spoke: less than what stands, and no strike at the first.
pub const REFUTED_WITHDRAWN: i64 = 500;
/// The first joint one of an established reporter: the honest, who slip on popular addresses, meet there at times.
pub const REFUTED_ONCE: i64 = 1_000;
/// Above H by so much a joint claim is gross: one group more than was needed. The honest do not meet so by chance, so
/// only a long-standing reporter survives it once.
pub const GROSS_ABOVE: i64 = KAPPA;
/// Confirmed sightings, granted or learned, in thousandths, from which on a reporter is long-standing.
pub const LONG_STANDING: i64 = 25_000;
/// A joint one that strikes.
pub const REFUTED_JOINTLY: i64 = 4_000;
/// Days of activity from which on a reporter is established, as those are to whom genesis grants history: it takes two
/// joint refutations to strike him. Three times probation, so that who comes back under new names never gets there.
pub const ESTABLISHED_DAYS: i64 = 3 * PROBATION_DAYS;
/// A user's record is gold against an accusation if it began so long before it: attackers who log in first would have to
/// keep still for a week, and start anew whenever somebody saw them attack.
pub const GOLD_AGE: i64 = 7 * DAY;
/// On so many different days he must have come until then.
pub const GOLD_DAYS: u8 = 3;
/// So long a struck reporter stays in the common pool, and so long a joint refutation is held against him.
pub const STRUCK_FOR: i64 = 45 * DAY;
/// Of what a strike costs, whoever vouched for one who equivocated pays one in so many.
pub const LIABLE_FOR_ONE_IN: i64 = 4;
/// So long the word of one who signed two things for one place weighs nothing. It is proven, so nobody learns it by error.
pub const VOID_FOR: i64 = 180 * DAY;
/// Share of later reporters' surprise that a reporter of full weight takes: his precision, in thousandths.
pub const FORETOLD_MILLI: i64 = 920;

/// Claims that follow another group's, without which nobody is blocked, that a voucher group may make in a day before gold
/// confirmed anything it said. What gold confirmed of a reporter covers one more each.
pub const EXPOSURE_BASE: i64 = 20;
/// So long a claim waits that no record covers: as long as those who know an address take to dispute it, in the mean.
pub const EXPOSED_HEARING: i64 = 6 * HOUR;

/// Half-life of evidence, by behaviour and type of indicator, in milliseconds.
pub fn half_life(behaviour: Behaviour, subject: &Indicator) -> i64 {
    match subject {
        Indicator::Sha256(_) => 365 * DAY,
        Indicator::Domain(_) => 14 * DAY,
        Indicator::Url(_) => 2 * DAY,
        Indicator::Ip(_) | Indicator::Range(_) | Indicator::Asn(_) | Indicator::Unknown { .. } => {
            match behaviour.0 {
                1 | 4 => 12 * HOUR,
                11 | 16 | 37 | 40 => 48 * HOUR,
                38 | 39 => 7 * DAY,
                12 | 41 => 6 * HOUR,
                _ => 24 * HOUR,
            }
        }
    }
}

/// Whether a wrong block for this behaviour does little harm: scans and guessing of passwords.
pub fn is_low_harm(behaviour: Behaviour) -> bool {
    behaviour
        .name()
        .is_some_and(|name| name.ends_with(":scan") || name.ends_with(":bruteforce"))
}
