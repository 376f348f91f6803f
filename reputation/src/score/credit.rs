//! Learning, from gold only: our own sensor confirms, our own regular users refute.
//!
//! Deliberately absent: popularity, the volume of disputes, and hits in the sketch of visitors. None of them teaches.

use std::cmp::Reverse;
use std::net::IpAddr;

use vigie_wire::{Behaviour, Indicator, OrgId, SightingId, Timestamp};

use super::Scorer;
use super::judge::Said;
use super::weigh::Weighed;
use crate::constants::{GROSS_ABOVE, KAPPA, MEMORY_LIVE, half_life};
use crate::evidence::surprise_left;
use crate::fixed::MILLI;
use crate::memory::Tier;
use crate::reporter::{Refutation, ReporterIndex};
use crate::subject::{Entry, Marks, Objection, Subject};

/// An address that users of ours come from, and what is said of it against their record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refuted {
    /// The address.
    pub ip: IpAddr,
    /// Who says so: the statements of those whom our anchors reach, by arrival.
    pub sightings: Vec<SightingId>,
}

/// Who named a subject.
struct Speaker {
    reporter: ReporterIndex,
    /// The most that he said it with, percent.
    confidence: u8,
    /// Gold has spoken on it already.
    settled: bool,
}

/// What the record of our users says against accusations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UsersWord {
    /// Nobody who counts accuses the address.
    Unasked,
    /// It was not a regular's when it was first accused.
    Young,
    /// It was, but many share it, or our own sensor saw it attack.
    Silent,
    /// It was: those who accuse it are wrong.
    Gold,
}

// === impl Scorer ===

impl Scorer {
    /// Our own sensor saw it. Lowers the threshold, lifts local primacy, and confirms those who said so before us: the
    /// first fully, each later one by what the earlier ones had left unforetold. O(statements of the subject).
    pub fn own_detection(&mut self, subject: &Indicator, behaviour: Behaviour, at: Timestamp) {
        let subject = super::judge::canonical(subject);
        let caught = self.own.catch(&subject, behaviour, at);
        let mut surprise = MILLI;
        for Speaker {
            reporter,
            confidence,
            settled,
        } in self.speakers_before(&subject, caught.first)
        {
            let Some(known) = self.reporters.get_mut(reporter) else {
                continue;
            };
            // What he staked on it is what he foretold.
            let staked = |whole: i64| whole * i64::from(confidence) / 100;
            let weight = if known.is_anchored() {
                staked(known.record.weight(at))
            } else {
                0
            };
            if !settled {
                known.record.confirm(staked(surprise), at);
                self.settle(&subject, reporter);
            }
            surprise = surprise_left(surprise, weight);
        }
        self.judge_disputers(&subject, false, at);
    }

    /// Somebody came from there; `at` is the node's clock, not what a log line says. An authenticated user who was a regular
    /// one before the first accusation refutes those who named his address in the last thirty days, unless our own
    /// sensor saw it too or many share it. Who became a user later refutes nobody, and his record begins anew: logging
    /// in costs an attacker nothing. It protects him all the same. O(statements of the subject).
    ///
    /// Whether the sketch of visitors changed: then whoever keeps it over a restart has something to note.
    pub fn remember(&mut self, ip: IpAddr, tier: Tier, at: Timestamp) -> bool {
        let subject = Indicator::ip(ip);
        let word = match tier {
            Tier::Visitor => UsersWord::Unasked,
            Tier::Authenticated => self.users_word(&subject, at),
        };
        let accusers = match word {
            UsersWord::Gold => self.accusers(ip, &subject, word, at),
            // Some may have said so and taken it back.
            UsersWord::Unasked if tier == Tier::Authenticated && !self.is_silent(&subject, at) => {
                self.accusers(ip, &subject, word, at)
            }
            UsersWord::Unasked | UsersWord::Young | UsersWord::Silent => Vec::new(),
        };
        let changed = self.memory.remember(ip, tier, at);
        if word == UsersWord::Young {
            self.memory.begin_anew(ip);
        }
        for (reporter, how) in accusers {
            if let Some(known) = self.reporters.get_mut(reporter) {
                known.record.refute(how, at);
            }
            self.settle(&subject, reporter);
        }
        if word == UsersWord::Gold {
            self.judge_disputers(&subject, true, at);
        }
        changed
    }

    /// Every address of our users whose record is gold against what is said of it now. Costs a walk over the table.
    pub fn refuted(&self, now: Timestamp) -> Vec<Refuted> {
        let subjects = self.subjects.iter();
        subjects
            .filter_map(|subject| self.refuted_of(subject, now))
            .collect()
    }

    /// The accusations of one address that our users' record is gold against now, the first to arrive first.
    pub fn refuted_at(&self, ip: IpAddr, now: Timestamp) -> Vec<SightingId> {
        let subject = self.subjects.get(&Indicator::ip(ip));
        let refuted = subject.and_then(|subject| self.refuted_of(subject, now));
        refuted.map_or_else(Vec::new, |refuted| refuted.sightings)
    }

    /// By the very rule by which such a user refutes them when he comes. Only of users who are still remembered, and
    /// nothing that our own sensor caught as long as that is remembered: to say it to others takes no less.
    fn refuted_of(&self, subject: &Subject, now: Timestamp) -> Option<Refuted> {
        let ip = subject.indicator.as_ip()?;
        let gold = self.memory.is_user(ip, now)
            && self.own.get(&subject.indicator).is_none()
            && self.users_word(&subject.indicator, now) == UsersWord::Gold;
        let accusing = || self.weigh(subject, now).into_iter().filter(counts);
        gold.then(|| Refuted {
            ip,
            sightings: accusing().map(|one| one.sighting).collect(),
        })
    }

    /// What the record of our users says against those who accuse an address at `at`.
    fn users_word(&self, subject: &Indicator, at: Timestamp) -> UsersWord {
        let (Some(ip), Some(since)) = (subject.as_ip(), self.accused_since(subject, at)) else {
            return UsersWord::Unasked;
        };
        if !self.memory.is_regular(ip, since) {
            return UsersWord::Young;
        }
        if self.is_silent(subject, at) {
            return UsersWord::Silent;
        }
        UsersWord::Gold
    }

    /// Whether many share it, or our own sensor saw it attack: then our users' record says nothing of it.
    fn is_silent(&self, subject: &Indicator, at: Timestamp) -> bool {
        (self.config.class)(subject).is_shared() || self.own.live(subject, at).is_some()
    }

    fn judge_disputers(&mut self, subject: &Indicator, rightly: bool, at: Timestamp) {
        let named = self.subjects.get_mut(subject);
        let disputers = named.map(|named| named.settle_objections(rightly));
        for reporter in disputers.into_iter().flatten() {
            if let Some(known) = self.reporters.get_mut(reporter) {
                known.record.disputed(rightly, at);
            }
        }
    }

    /// An organisation disputes what others say of a subject. Counts like a report, in its group, and all disputes
    /// together raise the threshold by 3 nats at most; those by organisations whose disputes gold confirmed before take
    /// back all that voices without gold say. False if it changes nothing: nobody names the subject, the
    /// organisation weighs nothing, or its group disputes already. What only our own sensor said is disputed in vain until
    /// others say it.
    pub fn dispute(&mut self, by: OrgId, subject: &Indicator, at: Timestamp) -> bool {
        let subject = super::judge::canonical(subject);
        let Ok(reporter) = self.reporters.enrol(by, &self.graph) else {
            return false;
        };
        let settled = self.was_settled(&subject, at);
        let Self {
            reporters,
            subjects,
            own,
            ..
        } = self;
        let (Some(known), Ok(seconds)) = (reporters.get(reporter), u32::try_from(at.as_secs())) else {
            return false;
        };
        if !known.is_anchored() || known.record.weight(at) == 0 {
            return false;
        }
        let objection = Objection::new(reporter, seconds, settled);
        let of = |index: ReporterIndex| reporters.get(index);
        let group = |index| reporters.voucher(index);
        let weight = |index| {
            of(index).map_or(0, |reporter| {
                // Who was wrong lately has his objection noted, so that he can prove himself again, in nobody's place.
                if reporter.record.disputes_badly(at) {
                    return 0;
                }
                let proven = reporter.record.disputes_well(at);
                reporter.record.weight(at) + if proven { KAPPA } else { 0 }
            })
        };
        if let Some(named) = subjects.get_mut(&subject) {
            return named.object(objection, group, weight);
        }
        own.object(&subject, objection, at, group, weight);
        false
    }

    /// Who named a subject before a moment, by arrival, each once.
    fn speakers_before(&self, subject: &Indicator, moment: Timestamp) -> Vec<Speaker> {
        let Some(known) = self.subjects.get(subject) else {
            return Vec::new();
        };
        let mut speakers: Vec<Speaker> = Vec::new();
        let mut weighed = self.weigh(known, moment);
        // Finer than a verdict needs: an echo of the same second is an echo.
        weighed.sort_unstable_by_key(|one| (one.entry.arrival(), one.sighting));
        // Who has no confidence in what he says foretells nothing: it costs him nothing if it is wrong.
        for one in weighed.iter().filter(|one| one.entry.confidence > 0) {
            let (reporter, confidence) = (one.entry.reporter, one.entry.confidence);
            if one.entry.arrival() > moment {
                continue;
            }
            match speakers.iter_mut().find(|known| known.reporter == reporter) {
                Some(known) => known.confidence = known.confidence.max(confidence),
                None => speakers.push(Speaker {
                    reporter,
                    confidence,
                    settled: one.entry.is_settled(),
                }),
            }
        }
        speakers
    }

    /// When the first live accusation by anybody whom our anchors reach arrived.
    fn accused_since(&self, subject: &Indicator, at: Timestamp) -> Option<Timestamp> {
        let known = self.subjects.get(subject)?;
        let weighed = self.weigh(known, at);
        weighed
            .iter()
            .filter(|one| counts(one))
            .map(|one| one.entry.arrival())
            .min()
    }

    /// Whom a regular user at `at` refutes, and how. Jointly all who took part at any moment when what was said could have
    /// blocked: their word was fresh then, not a half-life since they saw it or since they said it. So neither a backdated
    /// lie nor one more voice a day later makes a joint lie a lone one. The score rises only when somebody speaks, so the
    /// moments of arrival are enough.
    ///
    /// What was taken back meanwhile counted while it stood. It is refuted by who was a regular when it was said.
    fn accusers(
        &self,
        ip: IpAddr,
        subject: &Indicator,
        word: UsersWord,
        at: Timestamp,
    ) -> Vec<(ReporterIndex, Refutation)> {
        let Some(known) = self.subjects.get(subject) else {
            return Vec::new();
        };
        let recent = |entry: &Entry| {
            let recent = entry.observed().as_millis().abs_diff(at.as_millis()) < MEMORY_LIVE.unsigned_abs();
            !entry.is_settled() && recent && entry.is_live(subject, at)
        };
        if !known.entries().any(recent) {
            return Vec::new();
        }
        let refuted = |one: &Weighed<'_>, together: Refutation| {
            if !self.is_out(&one.sighting, at) {
                return (word == UsersWord::Gold).then_some(together);
            }
            let regular = || self.memory.is_regular(ip, one.entry.arrival());
            (together >= Refutation::Withdrawn && regular()).then_some(Refutation::Withdrawn)
        };
        let mut moments: Vec<Timestamp> = known.entries().map(|entry| entry.arrival().min(at)).collect();
        moments.sort_unstable();
        moments.dedup();
        let mut accusers: Vec<(ReporterIndex, Refutation)> = Vec::new();
        for moment in moments {
            let mut weighed = self.weigh(known, moment);
            weighed.retain(|one| one.entry.arrival() <= moment);
            let together = self.could_block(known, &mut weighed, moment);
            let accusing = weighed.iter().filter(|one| recent(one.entry));
            accusers.extend(accusing.filter_map(|one| {
                let spoke = one.entry.observed().max(one.entry.arrival());
                let age = moment.as_millis().saturating_sub(spoke.as_millis());
                let took_part = age < half_life(one.entry.behaviour, subject);
                let how = if took_part { together } else { Refutation::Alone };
                Some((one.entry.reporter, refuted(one, how)?))
            }));
        }
        // Of several statements and moments of one reporter the gravest counts.
        accusers.sort_unstable_by_key(|(reporter, how)| (*reporter, Reverse(*how)));
        accusers.dedup_by_key(|(reporter, _)| *reporter);
        accusers
    }

    /// What those did together who had spoken at a moment, and whose word still stood when its hearing was over: before that
    /// nobody was blocked, so what was taken back or held back by disputes meanwhile harmed nobody.
    fn could_block(
        &self,
        subject: &Subject,
        weighed: &mut Vec<Weighed<'_>>,
        moment: Timestamp,
    ) -> Refutation {
        let reckon = |weighed: &[Weighed<'_>]| {
            let base = super::judge::base((self.config.class)(&subject.indicator), weighed, None);
            (base, self.sums(weighed, moment, |_| true).score)
        };
        let (base, score) = reckon(weighed);
        if score < base {
            return Refutation::Alone;
        }
        let mut heard = moment;
        // It ends a little later for each voice, at most.
        for _ in 0..=weighed.len() {
            // By the clock: whoever can hold our watermark back must not choose for what he is liable.
            let Some(ends) = self.hearing((weighed, &[]), base, heard, 0) else {
                break;
            };
            heard = ends;
        }
        weighed.retain(|one| !self.is_out(&one.sighting, heard));
        let (base, score) = reckon(weighed);
        let mut objecting = self.objecting(subject, heard);
        objecting.retain(|one| one.at <= heard);
        // As the verdict reckons it.
        let raise = || self.raise(&Said { weighed, score }, &objecting, false, heard);
        match score {
            score if score < base => Refutation::Alone,
            score if score < base + raise() => Refutation::Contested,
            score if score >= base + GROSS_ABOVE => Refutation::Grossly,
            _ => Refutation::Jointly,
        }
    }

    /// Whether gold has spoken already on a statement that arrived then: so it is with what the store replays after a
    /// restart, and nobody is credited or refuted twice.
    pub(super) fn was_settled(&self, subject: &Indicator, arrived: Timestamp) -> bool {
        let caught = self
            .own
            .get(subject)
            .is_some_and(|caught| arrived <= caught.first);
        let known = subject.as_ip().and_then(|ip| self.memory.authenticated_at(ip));
        caught || known.is_some_and(|at| arrived <= at)
    }

    fn settle(&mut self, subject: &Indicator, reporter: ReporterIndex) {
        let Some(known) = self.subjects.get_mut(subject) else {
            return;
        };
        for entry in known.entries_mut().filter(|entry| entry.reporter == reporter) {
            entry.marks.set(Marks::SETTLED, true);
        }
    }
}

/// Whether it is an accusation at all: it weighs something, and our anchors reach whoever says so.
fn counts(one: &Weighed<'_>) -> bool {
    one.uncapped > 0 && one.reporter.is_anchored()
}
