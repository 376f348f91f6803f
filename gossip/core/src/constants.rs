//! The numbers that every node of a network shares, because admission, rates and sync would diverge without them.
//!
//! Stands here: DESIGN's table as far as it concerns the mesh, and the bounds on what a remote party can make us keep.
//! Deliberately absent: what the scorer alone uses (kappa, H, decay), and what an operator may choose.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

// --- Time ---

/// How far in the future a signed time may lie. A later envelope is ignored until its time comes, never refused for good.
pub const FUTURE_SKEW: Duration = Duration::from_secs(2 * MINUTE);
/// A node whose clock is this far off its peers' median stops publishing.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);
/// An envelope older than this is no news: it is stored, and neither urgent nor scored.
pub const FRESH: Duration = Duration::from_secs(24 * HOUR);
/// Headers are held for this many whole UTC days after the day of their signed time.
pub const RETENTION_DAYS: i64 = 30;
/// Bodies are held for so long; after that the header, the signature and the Merkle root stay.
pub const BODY_RETENTION: Duration = Duration::from_secs(7 * DAY);
/// Heads of one publisher that are signed sooner after each other than this are not passed on.
pub const HEAD_INTERVAL: Duration = Duration::from_secs(10);
/// Heads that were signed longer ago than this are not passed on: they name what sync brings anyway.
pub const HEAD_AGE: Duration = Duration::from_secs(10 * MINUTE);
/// A publisher who said nothing more for so long names his latest envelope, so that everybody knows whether it came.
pub const HEAD_AFTER: Duration = Duration::from_secs(MINUTE);
/// He does so again every so often while he lives. At 10,000 publishers that is 33 messages a second, which at 300 us
/// each is one hundredth of a core.
pub const HEAD_EVERY: Duration = Duration::from_secs(5 * MINUTE);
/// Never sooner after the last one: whoever says one thing every 61 s has a head for every second of them only.
pub const HEAD_APART: Duration = Duration::from_secs(2 * MINUTE);
/// Who was heard of in so many intervals, envelope or head, is not silent: two heads in a row may be lost.
pub const HEARD_WITHIN: Duration = Duration::from_secs(3 * 5 * MINUTE);
/// What is missing for less than this is on its way: a queue, a retransmission, one round of sync.
pub const GAP_GRACE: Duration = Duration::from_secs(MINUTE);
/// Who is silent, or lacks a piece, for longer is not waited for any more.
pub const AWAITED: Duration = Duration::from_secs(24 * HOUR);
/// Places of one chain remembered as kept out by the rules: they are no gaps.
pub const BARRED_PER_CHAIN: usize = 256;
/// Milliseconds of one UTC day.
pub const DAY_MILLIS: i64 = 86_400_000;

// --- Admission ---

/// Longest life of a node certificate.
pub const CERTIFICATE_LIFE: Duration = Duration::from_secs(90 * DAY);
/// Longest life of a vouch.
pub const VOUCH_LIFE: Duration = Duration::from_secs(366 * DAY);
/// A quarter, for budgets: 91 days, counted from the Unix epoch, so that nobody needs a calendar.
pub const QUARTER_MILLIS: i64 = 91 * DAY_MILLIS;
/// Organisations that a member may vouch for in one quarter.
pub const MEMBER_VOUCHES_PER_QUARTER: usize = 5;
/// Organisations that a seed may vouch for in one quarter.
pub const SEED_VOUCHES_PER_QUARTER: usize = 200;
/// Organisations that a member may be vouching for at any one time.
pub const MEMBER_VOUCHES_LIVE: usize = 20;
/// Members whose vouches admit together; one seed's vouch admits alone.
pub const MEMBERS_TO_ADMIT: usize = 2;
/// Admitted time after which a newcomer is a member.
pub const PROBATION: Duration = Duration::from_secs(10 * DAY);

// --- Rates along the chain, in rows of one slot of signed time ---

/// Length of a slot for members and seeds: their hourly rate comes in six bursts.
pub const SLOT_MILLIS: i64 = 600_000;
/// Slots of one hour: a newcomer's budget is for the hour.
pub const SLOTS_PER_HOUR: i64 = 6;
/// Rows of a newcomer in an hour.
pub const NEWCOMER_ROWS_PER_HOUR: u32 = 60;
/// Rows of a member in a slot: 3,600 an hour, 600 in a burst.
pub const MEMBER_ROWS_PER_SLOT: u32 = 600;
/// Rows of a seed in a slot: 36,000 an hour.
pub const SEED_ROWS_PER_SLOT: u32 = 6_000;
/// Of the rows of a budget, one in so many may be urgent.
pub const URGENT_ONE_IN: u32 = 10;

/// The bit of a header's policy by which its publisher asks for urgency: the first own-confirmed sighting of an address.
pub const POLICY_URGENT: u8 = crate::wire::envelope::policy::URGENT;

// --- Forks ---

/// A fork is an accident if a higher epoch starts within this time.
pub const ACCIDENT_GRACE: Duration = Duration::from_secs(24 * HOUR);
/// A second fork within this time is equivocation.
pub const ACCIDENT_MEMORY: Duration = Duration::from_secs(90 * DAY);

// --- What we let others make us keep ---

/// Statements of one organisation and kind; beyond it the kind's own order decides which stay.
pub const STATEMENTS_PER_SIGNER: usize = 64;
/// Vouches and withdrawals of one organisation: a seed's four quarters, and some.
pub const VOUCHES_PER_SIGNER: usize = 1_024;
/// Statements by organisations that nobody admitted yet, all together.
pub const STATEMENTS_OF_STRANGERS: usize = 4_096;
/// Statements of one such organisation.
pub const STATEMENTS_PER_STRANGER: usize = 16;
/// Statements all together.
pub const STATEMENTS: usize = 250_000;
/// Revocations and withdrawals beyond that: what ends something always finds room.
pub const STATEMENTS_THAT_END: usize = 65_536;
/// While statements come, answers are computed anew after at least one in so many of those that are kept.
pub const DERIVE_AT_MOST_ONE_IN: usize = 32;
/// Changes of the seeds that contradict each other under one sequence number.
pub const SEED_CHANGES_PER_SEQUENCE: usize = 8;
/// How far ahead of the last applied one a change of the seeds is kept.
pub const SEED_CHANGES_AHEAD: u64 = 64;
/// An hour's envelopes of one publisher are held while there are at most so many of later hours. With the hour that
/// reaches beyond it, whose envelopes the rate bounds, that is 65,040 of a member and 97,440 of a seed.
pub const HELD_OF_LATER_HOURS: usize = 61_440;
/// Envelopes held all together; beyond it the fullest publisher's lowest places go.
pub const HELD: usize = 4_000_000;
/// Envelopes admitted and not yet stored.
pub const IN_FLIGHT: usize = 4_096;
/// Epochs of one publisher whose forks are remembered; the last of so many is equivocation, however long ago the others were.
pub const FORKS_PER_PUBLISHER: usize = 8;
/// Envelopes remembered as held without all their rows, whose rows are taken when they come.
pub const HELD_CUT: usize = 65_536;
/// Gaps told of one chain.
pub const GAPS_PER_CHAIN: usize = 64;
/// Largest envelope of an unknown kind or version that is relayed.
pub const OPAQUE_BYTES: usize = 4 * 1_024;

// --- Sync ---

/// How often the heads are compared with a peer, beside every new connection.
pub const SYNC_INTERVAL: Duration = Duration::from_secs(30);
/// How long a gap seen on live traffic may close by itself: twice what gossip takes to reach everybody, and its repair.
pub const GAP_WAIT: Duration = Duration::from_secs(2);
/// Chains watched because a place was jumped over.
pub const GAPS_WATCHED: usize = 1_024;
/// Of these, those of one publisher: he may leave gaps in all of his epochs.
pub const GAPS_WATCHED_OF_ONE: usize = 4;
/// Largest sync message.
pub const SYNC_MESSAGE_BYTES: usize = 1_024 * 1_024;
/// Heads in one message.
pub const HEADS_PER_MESSAGE: usize = 8_192;
/// Statements named in one request.
pub const STATEMENT_IDS_PER_MESSAGE: usize = 16_384;
/// Ranges in one request.
pub const RANGES_PER_MESSAGE: usize = 256;
/// Places of one range.
pub const RANGE_PLACES: u64 = 65_536;
/// Hashes in one message.
pub const HASHES_PER_MESSAGE: usize = 16_384;
/// Envelopes in one message.
pub const ENVELOPES_PER_MESSAGE: usize = 16_384;
/// Proofs in one message.
pub const PROOFS_PER_MESSAGE: usize = 256;
/// Requests that one session sends before it ends; what is left waits for the next.
pub const REQUESTS_PER_SESSION: u32 = 256;

// --- Passing on ---

/// Between two messages for one neighbour, if nothing in them is urgent.
pub const RELAY_DISTANCE: Duration = Duration::from_millis(200);
/// And if something is.
pub const RELAY_URGENT_DISTANCE: Duration = Duration::from_millis(10);
/// What is urgent goes so much later to neighbours who are not sent everything: most have it by then, and have said so.
pub const RELAY_URGENT_LATER: Duration = Duration::from_millis(20);
/// Names wait at most so long for a message to go with.
pub const RELAY_NAMING: Duration = Duration::from_millis(600);
/// Neighbours that an envelope is named to, of those that it is not sent to.
pub const RELAY_NAMED_TO: usize = 2;
/// How long what was named is waited for before it is asked for.
pub const RELAY_PATIENCE: Duration = Duration::from_millis(500);
/// How long what was asked for is waited for before the next who named it is asked.
pub const RELAY_PROMISE: Duration = Duration::from_secs(1);
/// Between two changes that a node makes of who sends it envelopes.
pub const RELAY_SETTLING: Duration = Duration::from_millis(500);
/// New neighbours exchange envelopes with each other until there are so many who do, and names beyond that.
pub const RELAY_SENDERS_FIRST: usize = 4;
/// Neighbours that go on sending, however often others are sooner.
pub const RELAY_SENDERS_LEAST: usize = 2;
/// A neighbour who comes to so many points is to name rather than send: two for an envelope that others had brought
/// already, one less for a new one.
pub const RELAY_TOO_LATE: i32 = 16;
/// Envelopes that one neighbour named and nobody brought, before he is to send again.
pub const RELAY_LACKED: u32 = 3;
/// Bytes of envelopes that wait for one neighbour; what waits for several is held once. What has no room is named, and
/// asked for half a second later, when a fast mesh may have forgotten it ([`RELAY_KEPT_BYTES`]).
pub const RELAY_WAITING_BYTES: usize = 1_024 * 1_024;
/// Names that wait for one neighbour.
pub const RELAY_WAITING_NAMES: usize = 4_096;
/// Bytes of envelopes that one neighbour is given within a second because he asked.
pub const RELAY_ASKED_BYTES: usize = 256 * 1_024;
/// Envelopes that neighbours may ask for: of the last so long, and no more bytes than these.
pub const RELAY_KEPT: Duration = Duration::from_secs(20);
/// See [`RELAY_KEPT`].
pub const RELAY_KEPT_BYTES: usize = 2 * 1_024 * 1_024;
/// Names remembered of what is held, or is not wanted: in each of two generations.
pub const RELAY_KNOWN: usize = 32_768;
/// Envelopes waited for.
pub const RELAY_MISSING: usize = 8_192;
/// Of these, those that one neighbour's announcements may account for.
pub const RELAY_MISSING_OF_ONE: usize = RELAY_MISSING / 16;

// --- The outbox's window ---

/// A new (indicator, behaviour) waits at most so long in a quiet mesh.
pub const WINDOW_NEW: Duration = Duration::from_millis(250);
/// And at most so long in a busy one.
pub const WINDOW_NEW_BUSY: Duration = Duration::from_secs(10);
/// How busy it is: by the envelopes of others within this span.
pub const WINDOW_TRAFFIC: Duration = Duration::from_secs(10);
/// Waiting for each of these. 20 ms for each envelope a second: a mesh in which n organisations always have something to
/// say settles where each speaks every `sqrt(n / 50)` seconds.
pub const WINDOW_PER_ENVELOPE: Duration = Duration::from_millis(2);
/// Repeats are counted for at least so long.
pub const WINDOW_REPEATS: Duration = Duration::from_secs(5);
/// Repeats are counted for at most so long, when there are many.
pub const WINDOW_REPEATS_BUSY: Duration = Duration::from_secs(10);
/// Rows waiting in the window.
pub const WINDOW_ROWS: usize = 16_384;
/// (Indicator, behaviour) pairs remembered as already told, in each of two generations.
pub const WINDOW_TOLD: usize = 65_536;
/// How long a generation of those lasts.
pub const WINDOW_TOLD_FOR: Duration = Duration::from_secs(HOUR);

// --- The watermark ---

/// More than one in so many of those who are trusted lack something, and at least two, or all: then something is amiss.
pub const WATERMARK_AMISS_ONE_IN: usize = 4;
/// And everything has been heard up to when all but one in so many are complete.
pub const WATERMARK_WHOLE_BUT_ONE_IN: usize = 10;
