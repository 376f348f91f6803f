//! What two neighbours say to each other on their stream: envelopes, the names of others, and which of those are wanted.
//!
//! An envelope travels without what its receiver can restore; who cannot asks for it whole. Nothing is kept from one
//! message to the next: both sides need only what they hold anyway. Deliberately absent: the stream and its frames, and
//! when to say what (`gossip/core/src/passing.rs`).

mod message;
mod packed;

pub use message::MAX_PARCEL_BYTES;
pub use packed::{Packed, restore_all};

use crate::{DecodeError, HeaderHash, NetworkId, PublisherId, Signature};

/// The name of an envelope between neighbours: the first 8 bytes of the second half of its signature, which both sides
/// see in every form of it. Anybody can write it into a forgery: a name says nothing before
/// the signature is known to hold. Two such envelopes with one name take 2^64 signatures, and one of them comes by sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub [u8; 8]);

/// What a neighbour wishes from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// As before.
    #[default]
    None,
    /// To be told names only: envelopes come from others sooner.
    Names,
    /// To be sent envelopes.
    Envelopes,
}

/// One message on the stream between two neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parcel {
    /// What the sender wishes.
    pub wish: Wish,
    /// Envelopes that the sender has and does not send; ascending, each once.
    pub named: Vec<Name>,
    /// Envelopes that the sender asks for.
    pub asked: Vec<Name>,
    /// Envelopes that the sender could not restore, and asks for as they are.
    pub asked_whole: Vec<Name>,
    /// Envelopes.
    pub envelopes: Vec<std::sync::Arc<Packed>>,
}

/// What both sides know: the network, its publishers, and the envelopes that are held.
pub trait Ground {
    /// The network.
    fn network(&self) -> NetworkId;
    /// The only publisher whose name begins with these bytes; none if there are none, or several.
    fn publisher(&self, short: [u8; 4]) -> Option<PublisherId>;
    /// The header that is held at a place.
    fn hash_at(&self, publisher: PublisherId, epoch: u32, seq: u64) -> Option<HeaderHash>;
}

/// Why an envelope was not restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrestored {
    /// Nobody's fault: it is to be asked for whole.
    #[error("no publisher, or several, are known by the short name")]
    Publisher,
    /// Nobody's fault: it is to be asked for whole.
    #[error("the envelope before it is not held")]
    Ancestor,
    /// The sender's fault, unless the error says that it is merely unknown.
    #[error("it does not decode: {0}")]
    Malformed(#[source] DecodeError),
}

// === impl Name ===

impl Name {
    /// Bytes of a name.
    pub const WIDTH: usize = 8;

    /// Of an envelope with this signature.
    pub fn of(signature: &Signature) -> Self {
        let mut name = [0; Self::WIDTH];
        let second_half = signature.as_bytes().iter().skip(32);
        name.iter_mut()
            .zip(second_half)
            .for_each(|(to, from)| *to = *from);
        Self(name)
    }
}

// === impl Parcel ===

impl Parcel {
    /// Reads a message. Envelopes that travel compact are checked but for what has to be restored; of whole ones, header
    /// and length.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        message::read(bytes)
    }

    /// The bytes. Names are sorted, and repeated ones are left out. To stay within [`MAX_PARCEL_BYTES`] is the caller's
    /// part: see [`Parcel::room`].
    pub fn encode(&self) -> Vec<u8> {
        message::write(self)
    }

    /// Bytes that it takes at most.
    pub fn room(&self) -> usize {
        let names = self.named.len() + self.asked.len() + self.asked_whole.len();
        let envelopes = self.envelopes.iter().map(|packed| packed.room());
        message::FRAME_ROOM + names * Name::WIDTH + envelopes.sum::<usize>()
    }

    /// Whether it says nothing. It must not be sent empty.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
