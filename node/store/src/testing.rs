//! What every implementation must hold: one function per promise of the traits, run by each implementation's tests.
//!
//! A promise is given an empty store of its own. Deliberately absent: promises about one database, such as files,
//! kills and versions; they stand with that database.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests panic")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Store;

mod alerts;
mod decisions;
mod envelopes;
mod forgetting;
pub mod kill;
mod machines;
mod others;
pub mod random;
pub mod sample;
mod sightings;

/// A store as the node holds it.
pub type AnyStore = Arc<dyn Store>;

/// One promise.
pub struct Promise {
    /// What is promised.
    pub name: &'static str,
    /// Panics unless it is held. The store is empty and nobody else's.
    pub check: fn(AnyStore) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// All of them.
pub const PROMISES: &[Promise] = &[
    promise("an alert and its decisions come back", |s| {
        Box::pin(alerts::come_back(s))
    }),
    promise("a second alert of one detection changes nothing", |s| {
        Box::pin(alerts::once(s))
    }),
    promise("numbers of alerts and decisions rise and are never reused", |s| {
        Box::pin(alerts::numbers_rise(s))
    }),
    promise("alerts are found by each field of the filter", |s| {
        Box::pin(alerts::filters(s))
    }),
    promise("a deleted alert leaves its decisions", |s| {
        Box::pin(alerts::deleted(s))
    }),
    promise(
        "what waits to be shared waits in order, until it left or is withheld",
        |s| Box::pin(alerts::sharing(s)),
    ),
    promise("many decisions of one alert keep their order", |s| {
        Box::pin(alerts::many_decisions(s))
    }),
    promise("decisions are found by each field of the filter", |s| {
        Box::pin(decisions::filters(s))
    }),
    promise("the end of a decision is exclusive", |s| {
        Box::pin(decisions::end_is_exclusive(s))
    }),
    promise(
        "only active decisions are ended, and only those that match",
        |s| Box::pin(decisions::ended(s)),
    ),
    promise(
        "what was ended early is known with when it would have ended",
        |s| Box::pin(decisions::ended_early(s)),
    ),
    promise("many decisions are ended by their numbers, together", |s| {
        Box::pin(decisions::ended_by_number(s))
    }),
    promise("ending with a limit ends the newest", |s| {
        Box::pin(decisions::ended_with_limit(s))
    }),
    promise("an envelope is kept once", |s| Box::pin(envelopes::once(s))),
    promise("several envelopes are kept at once, each for itself", |s| {
        Box::pin(envelopes::several(s))
    }),
    promise(
        "another envelope at a place taken is a conflict and changes nothing",
        |s| Box::pin(envelopes::conflict(s)),
    ),
    promise(
        "an own envelope and its shared marks stand or fall together",
        |s| Box::pin(envelopes::own(s)),
    ),
    promise(
        "places are held in order, with the greatest numbers there are",
        |s| Box::pin(envelopes::held_in_order(s)),
    ),
    promise("a place is held with what its header says of it", |s| {
        Box::pin(envelopes::held_with_header(s))
    }),
    promise("a range comes newest first and stops at its bytes", |s| {
        Box::pin(envelopes::range(s))
    }),
    promise("a range of more than a page is whole", |s| {
        Box::pin(envelopes::long_range(s))
    }),
    promise(
        "dropped envelopes go with their sightings, others at their place stay",
        |s| Box::pin(envelopes::dropped(s)),
    ),
    promise("an erased row's sighting goes, its envelope stays", |s| {
        Box::pin(envelopes::erased(s))
    }),
    promise("a full envelope of sightings comes back", |s| {
        Box::pin(sightings::full_envelope(s))
    }),
    promise(
        "sightings of every family are found by their indicator alone",
        |s| Box::pin(sightings::by_indicator(s)),
    ),
    promise("sightings come newest arrival first", |s| {
        Box::pin(sightings::newest_first(s))
    }),
    promise(
        "the first retraction stays, also if it comes before its sighting",
        |s| Box::pin(sightings::retracted(s)),
    ),
    promise("statements come back once, in the order they came", |s| {
        Box::pin(others::statements(s))
    }),
    promise("bouncers are found by key and deleted with their cursors", |s| {
        Box::pin(others::bouncers(s))
    }),
    promise("cursors are kept for each address, up to a bound", |s| {
        Box::pin(others::cursors(s))
    }),
    promise("machines come back, are accepted, granted and deleted", |s| {
        Box::pin(machines::come_back(s))
    }),
    promise("machines that nobody accepted lapse, and no others", |s| {
        Box::pin(machines::lapse(s))
    }),
    promise("the last report of a client stays as long as the client", |s| {
        Box::pin(machines::reports(s))
    }),
    promise("one network has one entry in the allowlist", |s| {
        Box::pin(others::allowlist(s))
    }),
    promise("memory keeps the later time and the better tier", |s| {
        Box::pin(others::memory(s))
    }),
    promise("notes are found by the start of their name", |s| {
        Box::pin(others::notes(s))
    }),
    promise("a note belongs to one process or to everybody", |s| {
        Box::pin(others::owned_notes(s))
    }),
    promise("a chain has one holder, and its token rises", |s| {
        Box::pin(others::leases(s))
    }),
    promise("a holder that slept through its time writes nothing", |s| {
        Box::pin(others::fenced(s))
    }),
    promise("counts count", |s| Box::pin(others::counts(s))),
    promise("what is old is forgotten, and nothing else", |s| {
        Box::pin(forgetting::old(s))
    }),
    promise("the highest place of a chain is never forgotten", |s| {
        Box::pin(forgetting::heads_stay(s))
    }),
    promise(
        "a body goes before its header, and chain and signature hold",
        |s| Box::pin(forgetting::bodies_first(s)),
    ),
    promise(
        "a signed time keeps nothing longer, and an old one goes at once",
        |s| Box::pin(forgetting::dated(s)),
    ),
    promise("more bodies than a batch go, and nothing unreadable stays", |s| {
        Box::pin(forgetting::many_bodies(s))
    }),
    promise("a detection is remembered longer than its alert", |s| {
        Box::pin(forgetting::detections(s))
    }),
    promise("more than a batch is forgotten too", |s| {
        Box::pin(forgetting::many(s))
    }),
    promise("readers see whole transactions while others write", |s| {
        Box::pin(others::concurrent(s))
    }),
];

/// Runs every promise on an empty store each and panics with all that were broken.
pub async fn all<F: Future<Output = AnyStore>>(empty: impl Fn() -> F) {
    let mut broken = Vec::new();
    for promise in PROMISES {
        let check = (promise.check)(empty().await);
        let mut task = tokio::task::JoinSet::new();
        task.spawn(check);
        if task.join_next().await.is_some_and(|outcome| outcome.is_err()) {
            broken.push(promise.name);
        }
    }
    assert!(broken.is_empty(), "broken promises: {broken:#?}");
}

const fn promise(
    name: &'static str,
    check: fn(AnyStore) -> Pin<Box<dyn Future<Output = ()> + Send>>,
) -> Promise {
    Promise { name, check }
}

impl std::fmt::Debug for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
