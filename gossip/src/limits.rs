//! Every bound of the adapter, and the token bucket that holds peers to theirs.
//!
//! The constants of the network (envelope sizes, rates along a chain) stand in the core: those must be
//! equal everywhere, these may differ from node to node.

use std::time::Duration;

use tokio::time::Instant;

/// Commands waiting for the swarm task.
pub const COMMANDS: usize = 256;
/// Events waiting for the node in the channel.
pub const EVENTS: usize = 1_024;
/// Events waiting for room in the channel; an envelope is refused from the first one on.
pub const OUTBOX: usize = 8_192;
/// Envelopes handed to the node and not yet stored.
pub const STORING: usize = 512;
/// How long the node may take to store one before it counts as refused; gossipsub forgets after ten seconds.
pub const STORING_TIMEOUT: Duration = Duration::from_secs(8);
/// Requests of peers being answered from the store.
pub const SERVING: usize = 32;
/// How long the node may take to read one range.
pub const SERVING_TIMEOUT: Duration = Duration::from_secs(10);
/// Own sync sessions running at once.
pub const SESSIONS: usize = 8;
/// Of those, with peers that are no members.
pub const OUTSIDER_SESSIONS: usize = 2;
/// How long a session goes on while others wait for theirs. A peer that takes all the time it is given for each of its
/// answers would keep one for two hours.
pub const SESSION_TURN: Duration = Duration::from_mins(2);
/// Signatures verified together.
pub const BATCH: usize = 64;
/// Envelopes out of bundles that wait together with what sessions brought.
pub const UNASKED: usize = 256;
/// Statements heard from a peer that is no member and came by itself, in one session.
pub const STRANGERS_STATEMENTS: usize = 256;
/// Requests on their way to one peer and from it.
pub const STREAMS_PER_CONNECTION: usize = 8;

/// A gossip message, protobuf around it included.
pub const GOSSIP_BYTES: usize = 64 * 1_024;
/// From this size on a duplicate is worth an IDONTWANT.
pub const IDONTWANT_BYTES: usize = 4 * 1_024;
/// A hello of either side.
pub const HELLO_BYTES: usize = 4 * 1_024;
/// A sync request: the longest names 16 384 statements by eight bytes each.
pub const SYNC_REQUEST_BYTES: usize = 192 * 1_024;
/// A sync response.
pub const SYNC_RESPONSE_BYTES: usize = 1_024 * 1_024;

/// Connections being set up, in each direction.
pub const PENDING_CONNECTIONS: u32 = 64;
/// Handshakes that one address may begin in a minute, and at once: an office behind one address comes back together.
pub const HANDSHAKES_PER_MINUTE: f64 = 32.0;
/// Addresses that are counted one by one. The rest share the allowance that follows.
pub const HANDSHAKE_SOURCES: usize = 4_096;
/// Handshakes in a minute of all whose address is not counted.
pub const HANDSHAKES_OF_OTHERS: f64 = 256.0;
/// Connections with one peer: two, so that a simultaneous dial does no harm.
pub const CONNECTIONS_PER_PEER: u32 = 2;
/// Connections in which we dialled, hole punches and seeds of circuits included.
pub const ESTABLISHED_OUTGOING: u32 = 256;
/// Incoming connections of a member.
pub const MEMBER_INBOUND: u32 = 60;
/// Of these so many in any case. Beyond, a member takes as many as it dialled itself.
pub const INBOUND_IN_ANY_CASE: usize = 24;
/// Of ten connections so many more are let in for as long as it takes to see who calls, and who goes for it.
pub const INBOUND_SPARE_TENTHS: u32 = 2;
/// Incoming connections of a seed.
pub const SEED_INBOUND: u32 = 2_000;
/// Incoming connections that the nodes of one organisation may have in any case; more if an eighth of all is more.
pub const ORGANISATION_INBOUND: usize = 4;
/// Share of the machine's memory beyond which no connection is taken.
pub const MEMORY_SHARE: f64 = 0.7;
/// Addresses kept for redialling.
pub const DIAL_ADDRESSES: usize = 256;
/// Addresses kept of one peer.
pub const ADDRESSES_PER_PEER: usize = 16;
/// Of these so many are dialled or connected at once.
pub const OUTBOUND: usize = 32;

/// Records of where nodes are called.
pub const RECORDS: usize = 4_096;
/// Of these so many of one organisation.
pub const RECORDS_OF_ORGANISATION: usize = 16;
/// Records that a peer hands out at once.
pub const RECORDS_AT_ONCE: usize = 32;
/// One record, and a list of all that are handed out at once.
pub const RECORD_BYTES: usize = 3 + crate::addresses::MAX_RECORD_BYTES;
/// A list of records.
pub const RECORDS_BYTES: usize = 1 + RECORDS_AT_ONCE * (2 + crate::addresses::MAX_RECORD_BYTES);
/// A question for records costs a peer as much as so many sync requests.
pub const EXCHANGE_COST: f64 = 8.0;
/// Members that are dialled on the word of records until so many are connected that we dialled.
pub const EXCHANGED_OUTBOUND: usize = 8;
/// Seeds are dialled first while fewer than this are connected.
pub const SEEDS_WANTED: usize = 3;
/// Who has fewer connections asks ten times as often who can be called where.
pub const FEW_PEERS: usize = 8;
/// Dials on the word of records: at once.
pub const HINTS_AT_ONCE: usize = 4;
/// In a minute, and in a burst.
pub const HINTS_A_MINUTE: f64 = 20.0;
/// On the word of one organisation in a burst; one more every five minutes.
pub const HINTS_OF_ORGANISATION: f64 = 6.0;
/// At one address (of IPv6, one /64) in a burst; one more every ten minutes.
pub const HINTS_AT_ADDRESS: f64 = 3.0;
/// Into one network (/16, of IPv6 /32) in a burst; one more every minute.
pub const HINTS_INTO_NETWORK: f64 = 16.0;
/// Organisations, addresses and networks of which it is remembered.
pub const HINT_RATIONS: usize = 4_096;

/// Peers of the same network segment that are remembered.
pub const NEARBY: usize = 64;
/// Addresses of each.
pub const NEARBY_ADDRESSES: usize = 4;

/// So long a call tells that we can be called.
pub(crate) const CALLED_LATELY: Duration = Duration::from_hours(1);
/// Seeds through which a member that nobody calls can be called.
pub const RESERVATIONS: usize = 2;
/// How long a reservation lasts unless it is renewed, which it is after three quarters of that.
pub const RESERVATION: Duration = Duration::from_hours(1);
/// Reservations that a member may ask for at once; one comes back every minute.
pub const RESERVATIONS_PER_MEMBER: u32 = 8;
/// Circuits that a member may ask for at once; one comes back every minute.
pub const CIRCUITS_PER_MEMBER: u32 = 30;
/// Hole punches that others may have us try in a minute, and at once.
pub const PUNCHES: f64 = 16.0;
/// Addresses of one hole punch. Honest ends name up to twenty: what each of their peers saw of them.
pub const PUNCH_ADDRESSES: usize = 24;
/// How long a circuit stays beside a direct connection with the same peer.
pub const CIRCUIT_LINGER: Duration = Duration::from_secs(5);

/// Relay neighbours that a node chooses, as long as it has fewer.
pub const RELAY_NEIGHBOURS: usize = 8;
/// Neighbours of a node's own choice that it has in any case, whoever else chose it.
pub const RELAY_OWN: usize = 3;
/// Neighbours of a member; who comes then is refused.
pub const MEMBER_RELAY: usize = 16;
/// Neighbours of a seed: who cannot be called by anybody may have no others.
pub const SEED_RELAY: usize = 128;
/// Bytes of frames on their way to one neighbour. What comes then is dropped and counted.
pub const RELAY_SENDING_BYTES: usize = 512 * 1_024;
/// Frames of one neighbour that are read before the first of them is judged.
pub const RELAY_UNJUDGED: usize = 2;
/// Envelopes of a neighbour that did not verify as restored, and are asked for whole; then he is none for a while.
pub const RELAY_DOUBTS: f64 = 64.0;
/// So many of these are forgotten per second.
pub const RELAY_DOUBT_RATE: f64 = 1.0;
/// Frames a neighbour may send at once.
pub const RELAY_FRAME_BURST: f64 = 1_024.0;
/// Frames a neighbour may send per second in the long run; five come in quiet times.
pub const RELAY_FRAME_RATE: f64 = 512.0;
/// Bytes a neighbour may send at once.
pub const RELAY_BYTES_BURST: f64 = 8.0 * 1_048_576.0;
/// Bytes a neighbour may send per second in the long run.
pub const RELAY_BYTES_RATE: f64 = 4.0 * 1_048_576.0;
/// Streams that a neighbour may open in a minute.
pub const RELAY_KNOCKS: f64 = 8.0;

/// Gossip frames kept of a peer that has not proven itself, and given to gossipsub once it has.
pub const GATE_FRAMES: usize = 8;
/// Gossip frames dropped at the gate before the connection is.
pub const GATE_DROPS: u32 = 512;
/// Peers remembered as banned.
pub const BANS: usize = 1_024;
/// How long a ban lasts.
pub const BAN: Duration = Duration::from_mins(10);
/// Faults, forgiven at that many an hour, at which a peer loses its connection.
pub const FAULTS: f64 = 50.0;
/// One of fifty.
pub const FAULT_LOW: f64 = 1.0;
/// One of five.
pub const FAULT_HIGH: f64 = 10.0;
/// Sync requests a peer may send at once.
pub const REQUEST_BURST: f64 = 64.0;
/// Sync requests a peer may send per second in the long run.
pub const REQUEST_RATE: f64 = 8.0;
/// Bytes a peer may draw at once.
pub const BYTES_BURST: f64 = 8.0 * 1_048_576.0;
/// Bytes a peer may draw per second in the long run.
pub const BYTES_RATE: f64 = 1_048_576.0;

/// A median clock difference beyond this is reported.
pub const SKEW_LIMIT_MILLIS: u64 = 30_000;

/// Incoming connections.
pub const fn inbound(seed: bool) -> u32 {
    if seed { SEED_INBOUND } else { MEMBER_INBOUND }
}

/// Relay neighbours at most.
pub const fn relay_neighbours(seed: bool) -> usize {
    if seed { SEED_RELAY } else { MEMBER_RELAY }
}

/// A number of bytes as a bucket counts them.
pub(crate) fn as_tokens(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}

/// What may be spent now, refilled at a steady rate.
#[derive(Debug, Clone, Copy)]
pub struct TokenBucket {
    tokens: f64,
    burst: f64,
    rate: f64,
    refilled: Instant,
}

// === impl TokenBucket ===

impl TokenBucket {
    /// A full bucket.
    pub fn new(burst: f64, rate: f64, now: Instant) -> Self {
        Self {
            tokens: burst,
            burst,
            rate,
            refilled: now,
        }
    }

    /// Takes `amount` if it is there.
    pub fn take(&mut self, amount: f64, now: Instant) -> bool {
        self.refill(now);
        let enough = self.tokens >= amount;
        if enough {
            self.tokens -= amount;
        }
        enough
    }

    /// Takes `amount` whether it is there or not: for costs known only afterwards. Debt delays what follows.
    pub fn charge(&mut self, amount: f64, now: Instant) {
        self.refill(now);
        self.tokens = (self.tokens - amount).max(-self.burst);
    }

    /// How long until `amount` is there.
    pub fn until(&mut self, amount: f64, now: Instant) -> Duration {
        self.refill(now);
        Duration::try_from_secs_f64((amount - self.tokens) / self.rate).unwrap_or_default()
    }

    /// Whether nothing was taken for so long that all of it is there.
    pub fn is_full(&self, now: Instant) -> bool {
        let mut then = *self;
        then.refill(now);
        then.tokens >= then.burst
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.tokens = elapsed.mul_add(self.rate, self.tokens).min(self.burst);
        self.refilled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_then_its_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(2.0, 1.0, start);
        assert!(bucket.take(1.0, start) && bucket.take(1.0, start));
        assert!(!bucket.take(1.0, start));
        assert!(bucket.take(1.0, start + Duration::from_secs(1)));
        assert!(!bucket.take(1.0, start + Duration::from_secs(1)));
    }

    #[test]
    fn debt_is_bounded_and_paid_back() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(2.0, 1.0, start);
        bucket.charge(1_000.0, start);
        assert_eq!(bucket.until(0.0, start), Duration::from_secs(2));
        assert!(!bucket.take(1.0, start + Duration::from_secs(2)));
        assert!(bucket.take(1.0, start + Duration::from_secs(4)));
        assert_eq!(bucket.until(0.0, start), Duration::ZERO);
    }
}
