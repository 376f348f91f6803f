//! One envelope in a message between neighbours: compact where that loses nothing, else as it is.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Ground, Name, Unrestored};
use crate::codec::{Reader, put_prefixed};
use crate::envelope::compact::{COMPACT, Compact};
use crate::envelope::policy;
use crate::envelope::sightings::Pair;
use crate::{
    DecodeError, Envelope, HeaderHash, MAX_ENVELOPE_BYTES, NetworkId, PublisherId, Reason, SignedHeader,
    Timestamp,
};

/// The byte before an envelope that travels as it is.
const WHOLE: u8 = 0;
/// That byte, and the length.
const WHOLE_ROOM: usize = 4;

/// An envelope as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    name: Name,
    urgent: bool,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Compact(Box<Compact>),
    Whole(Arc<[u8]>),
}

// === impl Packed ===

impl Packed {
    /// An envelope that the sender holds, and its bytes.
    pub fn of(envelope: &Envelope, bytes: &Arc<[u8]>, ground: &impl Ground) -> Self {
        let form = match Compact::of(envelope, ground) {
            Some(compact) => Form::Compact(Box::new(compact)),
            None => Form::Whole(Arc::clone(bytes)),
        };
        Self {
            name: Name::of(envelope.signature()),
            urgent: policy::asks_urgency(envelope.header()),
            form,
        }
    }

    /// The same, for somebody who could not restore it.
    #[must_use]
    pub fn whole(&self, bytes: &Arc<[u8]>) -> Self {
        Self {
            name: self.name,
            urgent: self.urgent,
            form: Form::Whole(Arc::clone(bytes)),
        }
    }

    /// What neighbours call it.
    pub const fn name(&self) -> Name {
        self.name
    }

    /// Whether its publisher asks for it to be passed on at once.
    pub const fn asks_urgency(&self) -> bool {
        self.urgent
    }

    /// Whether what it becomes depends on what the receiver holds. If the signature of such an envelope does not hold, two
    /// stories may be told at the place before it, and whoever sent it is not to blame: it is to be asked for whole.
    pub fn borrows(&self) -> bool {
        matches!(&self.form, Form::Compact(compact) if compact.borrows())
    }

    /// Whether the hash of the envelope before it is left out.
    pub fn is_follower(&self) -> bool {
        matches!(&self.form, Form::Compact(compact) if compact.follows())
    }

    /// Bytes that it takes at most in a message.
    pub fn room(&self) -> usize {
        match &self.form {
            Form::Compact(compact) => compact.room(),
            Form::Whole(bytes) => WHOLE_ROOM + bytes.len(),
        }
    }

    /// The envelope that was sent, every byte of it. Its signature has not been looked at.
    pub fn restore(&self, ground: &impl Ground) -> Result<Envelope, Unrestored> {
        match &self.form {
            Form::Compact(compact) => compact.restore(ground),
            Form::Whole(bytes) => Envelope::decode(bytes).map_err(Unrestored::Malformed),
        }
    }

    pub(super) fn time_base(&self) -> Option<Timestamp> {
        match &self.form {
            Form::Compact(compact) => Some(compact.time_base),
            Form::Whole(_) => None,
        }
    }

    pub(super) fn pairs(&self) -> Vec<Pair> {
        match &self.form {
            Form::Compact(compact) => compact.pairs(),
            Form::Whole(_) => Vec::new(),
        }
    }

    pub(super) fn write(&self, base: Timestamp, table: &[Pair], out: &mut Vec<u8>) {
        match &self.form {
            Form::Compact(compact) => compact.write(base, table, out),
            Form::Whole(bytes) => {
                out.push(WHOLE);
                put_prefixed(out, bytes);
            }
        }
    }

    pub(super) fn read(
        reader: &mut Reader<'_>,
        base: Timestamp,
        table: &[Pair],
        used: &mut [bool],
    ) -> Result<Self, DecodeError> {
        let at = reader.at();
        let first = reader.u8()?;
        if first == WHOLE {
            let bytes = reader.prefixed(MAX_ENVELOPE_BYTES)?;
            let start = reader.at().saturating_sub(bytes.len());
            let signed = SignedHeader::read(&mut Reader::within(bytes, start))?;
            return Ok(Self {
                name: Name::of(signed.signature()),
                urgent: policy::asks_urgency(signed.header()),
                form: Form::Whole(bytes.into()),
            });
        }
        if first & COMPACT == 0 {
            return Err(DecodeError::new(at, Reason::Form));
        }
        let compact = Compact::read(reader, first, base, table, used)?;
        Ok(Self {
            name: Name::of(&compact.signature),
            urgent: compact.policy & policy::URGENT != 0,
            form: Form::Compact(Box::new(compact)),
        })
    }
}

/// Restores the envelopes of one message in their order: what stands earlier in it may be the one before.
pub fn restore_all(packed: &[Arc<Packed>], ground: &impl Ground) -> Vec<Result<Envelope, Unrestored>> {
    let among = Among {
        ground,
        earlier: RefCell::default(),
    };
    let restore = |packed: &Arc<Packed>| {
        let restored = packed.restore(&among);
        if let Ok(envelope) = &restored {
            let header = envelope.header();
            let place = (header.publisher, header.epoch, header.seq);
            among.earlier.borrow_mut().insert(place, envelope.header_hash());
        }
        restored
    };
    packed.iter().map(restore).collect()
}

/// What is held, and what stands earlier in the same message.
struct Among<'a, G> {
    ground: &'a G,
    earlier: RefCell<HashMap<(PublisherId, u32, u64), HeaderHash>>,
}

// === impl Among ===

impl<G: Ground> Ground for Among<'_, G> {
    fn network(&self) -> NetworkId {
        self.ground.network()
    }

    fn publisher(&self, short: [u8; 4]) -> Option<PublisherId> {
        self.ground.publisher(short)
    }

    fn hash_at(&self, publisher: PublisherId, epoch: u32, seq: u64) -> Option<HeaderHash> {
        let held = self.ground.hash_at(publisher, epoch, seq);
        held.or_else(|| self.earlier.borrow().get(&(publisher, epoch, seq)).copied())
    }
}
