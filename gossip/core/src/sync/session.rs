//! One peer, one session: what to ask, what to answer, what to hand on. It does nothing itself.
//!
//! A session begins with a digest and has one request under way at a time. It ends when nothing is missing, when it has
//! sent its share of requests, or when the peer talks nonsense. Answers need no session: they depend on the view only.

use super::answer::{Fetch, answer, begin, digest};
use super::codec::SyncError;
use super::fits::fits;
use super::heads::{compare, pieces};
use super::message::{Digest, Message, Range, Request, Response};
use super::plan::Plan;
use crate::chain::{ChainIndex, Gap, Place};
use crate::constants::{HASHES_PER_MESSAGE, REQUESTS_PER_SESSION, SYNC_MESSAGE_BYTES};
use crate::directory::Directory;
use crate::validate::{Refusal, Unverified};
use crate::wire::{EquivocationProof, Header, HeaderHash, PublisherId, Statement, Timestamp};

/// A response this near its bound is taken to be full.
const FULL_BYTES: usize = SYNC_MESSAGE_BYTES / 2;

/// What a session may look at, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What is held.
    pub index: &'a ChainIndex,
    /// Who is admitted.
    pub directory: &'a Directory,
    /// Our own publisher, if we have one.
    pub own: Option<PublisherId>,
    /// Our clock.
    pub now: Timestamp,
    /// What other sessions of ours ask for, see [`Session::asks_for`].
    pub elsewhere: &'a [Range],
}

/// Who the peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Admitted: CLEAR and GREEN.
    Members,
    /// Anybody: CLEAR only.
    Public,
}

/// What the shell has to do, in order.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send this: a request, or the response to the request just handled.
    Send(Message),
    /// Get these from the store and send [`Fetch::reply`] as the response.
    FetchFromStore(Fetch),
    /// Hand these on, before the peer's next message is handled.
    Deliver(Delivery),
    /// The peer holds an envelope of our own chain, signed by us, beyond what we hold: a backup was restored. Take the
    /// higher, and raise the epoch.
    OwnHead {
        /// Its epoch.
        epoch: u32,
        /// Its seq.
        seq: u64,
        /// Its hash.
        hash: HeaderHash,
    },
    /// The peer's clock, as it said just now.
    PeerClock(Timestamp),
    /// The peer did what no honest one does. The session is over.
    Blame(Fault),
    /// Nothing is left to ask.
    Done(Outcome),
}

/// What a session hands on.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// For [`Directory::insert`].
    Statements(Vec<Statement>),
    /// For [`ChainIndex::convict`].
    Proofs(Vec<EquivocationProof>),
    /// To be verified and admitted, newest first.
    Envelopes(Vec<Unverified>),
}

/// What no honest peer does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A response that does not fit the request, or came without one.
    #[error("the response does not fit the request")]
    Unasked,
    /// An envelope that does not decode.
    #[error("an envelope in the response is refused: {0}")]
    Envelope(#[source] Refusal),
    /// Bytes that are no message: for the shell, which decodes.
    #[error("the message does not decode: {0}")]
    Message(#[from] SyncError),
}

/// How a session ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Requests sent.
    pub requests: u32,
    /// Envelopes handed on.
    pub envelopes: u64,
    /// Whether everything was compared, and everything planned asked for.
    pub complete: bool,
}

/// One peer.
#[derive(Clone, Debug)]
pub struct Session {
    audience: Audience,
    asked: Option<Request>,
    plan: Plan,
    outcome: Outcome,
    /// What the last response was asked for.
    got: Vec<Range>,
    /// Only for what is known to be missing.
    repairing: bool,
}

// === impl Session ===

impl Session {
    /// With a peer of whom nothing is asked yet.
    pub fn new(audience: Audience) -> Self {
        Self {
            audience,
            asked: None,
            plan: Plan::default(),
            outcome: Outcome::default(),
            got: Vec::new(),
            repairing: false,
        }
    }

    /// What it has asked for and not got, and what it has got and is perhaps not admitted yet: for [`View::elsewhere`] of
    /// the others.
    pub fn asks_for(&self) -> impl Iterator<Item = Range> + '_ {
        let asked = match &self.asked {
            Some(Request::Ranges(ranges)) => &ranges[..],
            _ => &[],
        };
        asked.iter().chain(&self.got).copied()
    }

    /// Begins to compare: on connect, and every [`crate::constants::SYNC_INTERVAL`]. Does nothing while the last
    /// comparison is under way.
    pub fn start(&mut self, view: &View<'_>) -> Vec<Action> {
        if self.asked.is_some() {
            return Vec::new();
        }
        self.plan = Plan::default();
        self.outcome = Outcome::default();
        self.got = Vec::new();
        self.repairing = false;
        self.send(Request::Digest(digest(view)))
    }

    /// Asks for what is missing in these chains and for nothing else: to find one lost envelope, comparing everything
    /// costs a head for every publisher. It is no comparison, so its outcome is never complete.
    pub fn repair(&mut self, gaps: &[Gap], view: &View<'_>) -> Vec<Action> {
        if self.asked.is_some() {
            return Vec::new();
        }
        self.plan = Plan::default();
        self.outcome = Outcome::default();
        self.got = Vec::new();
        self.repairing = true;
        for gap in gaps {
            let range = Range {
                publisher: gap.publisher,
                epoch: gap.epoch,
                from: gap.from,
                to: gap.to,
            };
            for piece in pieces(range) {
                self.plan.want(piece);
            }
        }
        self.go_on(view)
    }

    /// Forgets a request that got no response: the peer is gone, or took too long.
    pub fn give_up(&mut self) {
        self.asked = None;
        self.got = Vec::new();
        self.plan = Plan::default();
    }

    /// Whether a request is under way.
    pub const fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    /// Handles a message. A request gives exactly one `Send` or `FetchFromStore`.
    pub fn on_message(&mut self, message: Message, view: &View<'_>) -> Vec<Action> {
        match message {
            Message::Request(request) => vec![answer(request, view, self.audience)],
            Message::Response(response) => self.on_response(response, view),
        }
    }

    fn on_response(&mut self, response: Response, view: &View<'_>) -> Vec<Action> {
        let Some(asked) = self.asked.take().filter(|asked| fits(asked, &response)) else {
            self.give_up();
            return vec![Action::Blame(Fault::Unasked)];
        };
        let handled = match (asked, response) {
            (Request::Digest(_), Response::Equal { clock }) => Ok(vec![Action::PeerClock(clock)]),
            (Request::Digest(ours), Response::Differs(theirs)) => Ok(self.on_digest(&ours, &theirs, view)),
            (Request::Statements { from, to, have }, Response::Statements { statements, more }) => {
                Ok(self.on_statements((from, to), have, (statements, more)))
            }
            (Request::Heads { .. }, Response::Heads { heads, forks, more }) => {
                if let Some(last) = heads.last().filter(|_| more) {
                    self.plan.want_heads(Some((last.publisher, last.epoch)));
                }
                for (publisher, epoch, name) in forks {
                    self.on_fork(view, (publisher, epoch), name);
                }
                for theirs in &heads {
                    self.plan.want_missing(theirs, compare(theirs, view.index));
                }
                Ok(Vec::new())
            }
            (Request::Hashes(range), Response::Hashes(hashes)) => {
                self.on_hashes(range, &hashes, view);
                Ok(Vec::new())
            }
            (Request::Ranges(ranges), Response::Envelopes(envelopes)) => {
                let handled = self.on_envelopes(&ranges, &envelopes, view);
                self.got = ranges;
                handled
            }
            (Request::Proofs(_), Response::Proofs(proofs)) => {
                Ok(vec![Action::Deliver(Delivery::Proofs(proofs))])
            }
            _ => Err(Fault::Unasked),
        };
        match handled {
            Ok(mut actions) => {
                actions.extend(self.go_on(view));
                actions
            }
            Err(fault) => {
                self.give_up();
                vec![Action::Blame(fault)]
            }
        }
    }

    fn on_digest(&mut self, ours: &Digest, theirs: &Digest, view: &View<'_>) -> Vec<Action> {
        if ours.statements != theirs.statements {
            self.plan
                .want_statements(view.directory.statements_by_id().map(|(id, _)| *id));
        }
        if ours.heads != theirs.heads {
            self.plan.want_heads(None);
        }
        vec![Action::PeerClock(theirs.clock)]
    }

    fn on_statements(
        &mut self,
        (from, to): ([u8; 8], [u8; 8]),
        mut have: Vec<[u8; 8]>,
        (statements, more): (Vec<Statement>, bool),
    ) -> Vec<Action> {
        if more && let Some(last) = statements.last() {
            // Statements come in the order of their ids, so the rest lies after the last.
            let last = super::plan::prefix(&last.id());
            let next = u64::from_be_bytes(last).saturating_add(1).to_be_bytes();
            have.retain(|prefix| *prefix >= next);
            if from < next && next <= to {
                self.plan
                    .want_statements_page(Request::Statements { from: next, to, have });
            }
        }
        vec![Action::Deliver(Delivery::Statements(statements))]
    }

    fn on_fork(&mut self, view: &View<'_>, (publisher, epoch): (PublisherId, u32), name: [u8; 16]) {
        if view.index.proof_name(publisher, epoch) != Some(name) {
            self.plan.want_proof(publisher, epoch);
        }
    }

    /// Fetches what stands otherwise at the peer's, and what is missing where nothing is asked for. What else is missing was
    /// asked for before.
    fn on_hashes(&mut self, range: Range, hashes: &[(u64, [u8; 16])], view: &View<'_>) {
        let mut differing = hashes
            .iter()
            .filter(|(seq, hash)| {
                let place = Place {
                    epoch: range.epoch,
                    seq: *seq,
                };
                match view.index.hash_at(range.publisher, place) {
                    Some(ours) => begin(&ours.0) != *hash,
                    None => view.index.lies_below(range.publisher, place),
                }
            })
            .peekable();
        if differing.peek().is_none()
            && hashes.len() == HASHES_PER_MESSAGE
            && let Some((lowest, _)) = hashes.last().filter(|(lowest, _)| *lowest > range.from)
        {
            self.plan.look(Range {
                to: lowest.saturating_sub(1),
                ..range
            });
        }
        for (seq, _) in differing {
            self.plan.want_differing(Range {
                from: *seq,
                to: *seq,
                ..range
            });
        }
    }

    fn on_envelopes(
        &mut self,
        asked: &[Range],
        envelopes: &[Vec<u8>],
        view: &View<'_>,
    ) -> Result<Vec<Action>, Fault> {
        let mut parsed = Vec::with_capacity(envelopes.len());
        for bytes in envelopes {
            match Unverified::parse(bytes) {
                Ok(one) => parsed.push(one),
                // The peer may know more than we do.
                Err(Refusal::Ignored(_)) => {}
                Err(refusal) => return Err(Fault::Envelope(refusal)),
            }
        }
        let headers: Vec<Header> = parsed.iter().map(|one| *one.header()).collect();
        // A head stands at no place, though it names one: taken for an envelope it would keep the true one out.
        let fits = |header: &Header| {
            header.kind.is_chained()
                && header.network == view.directory.network()
                && asked
                    .iter()
                    .any(|range| range.contains(header.publisher, header.epoch, header.seq))
        };
        if !headers.iter().all(fits) {
            return Err(Fault::Unasked);
        }
        let bytes: usize = envelopes.iter().map(Vec::len).sum();
        self.plan.came(envelopes.len(), bytes);
        self.plan.carry_on(asked, &headers, bytes >= FULL_BYTES);
        self.outcome.envelopes += u64::try_from(parsed.len()).unwrap_or(0);
        let own = own_head(&parsed, view);
        Ok(own
            .into_iter()
            .chain([Action::Deliver(Delivery::Envelopes(parsed))])
            .collect())
    }

    fn go_on(&mut self, view: &View<'_>) -> Vec<Action> {
        let next = if self.outcome.requests < REQUESTS_PER_SESSION {
            self.plan.next(view.index, view.elsewhere)
        } else {
            None
        };
        let Some(request) = next else {
            self.outcome.complete = !self.repairing && self.plan.is_done();
            self.plan = Plan::default();
            return vec![Action::Done(self.outcome)];
        };
        self.send(request)
    }

    fn send(&mut self, request: Request) -> Vec<Action> {
        self.outcome.requests += 1;
        self.asked = Some(request.clone());
        vec![Action::Send(Message::Request(request))]
    }
}

/// Our own highest envelope among these, if we hold none as high. A peer's word is not enough: the signature must be ours,
/// and for this network's chain, since the key may have another one elsewhere.
fn own_head(parsed: &[Unverified], view: &View<'_>) -> Option<Action> {
    let own = view.own?;
    let key = view.directory.key_of(own)?;
    let held = view.index.highest(own).map(|head| (head.epoch, head.seq));
    let highest = parsed
        .iter()
        .filter(|one| one.header().publisher == own && one.header().network == view.directory.network())
        .filter(|one| one.header().kind.is_chained())
        .filter(|one| Some((one.header().epoch, one.header().seq)) > held)
        .filter(|one| one.is_signed_by(&key))
        .map(Unverified::header)
        .max_by_key(|header| (header.epoch, header.seq))?;
    Some(Action::OwnHead {
        epoch: highest.epoch,
        seq: highest.seq,
        hash: highest.hash(),
    })
}
