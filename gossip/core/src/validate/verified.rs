//! An envelope that its publisher signed. Whether he has a say is another question.

use std::sync::Arc;

use super::unverified::is_cut;
use super::{Admitted, Ignored, Refusal, Unverified, asks_urgency};
use crate::chain::{ChainIndex, Held, Offer};
use crate::constants::{BODY_RETENTION, FRESH, HEAD_AGE};
use crate::directory::{Directory, Standing};
use crate::rate::Class;
use crate::wire::{Envelope, Header, Timestamp};

/// An envelope that its publisher signed. Only verification makes one; copies share it.
#[derive(Clone, Debug)]
pub struct Verified {
    envelope: Arc<Envelope>,
    bytes: Arc<[u8]>,
}

// === impl Verified ===

impl Verified {
    pub(super) fn new(unverified: Unverified) -> Self {
        Self {
            envelope: unverified.envelope,
            bytes: unverified.bytes,
        }
    }

    /// What its publisher signed.
    pub fn header(&self) -> &Header {
        self.envelope.header()
    }

    /// The envelope.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Its bytes, as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, to be kept beside others who keep them.
    pub fn shared_bytes(&self) -> std::sync::Arc<[u8]> {
        self.bytes.clone()
    }

    /// Checks admission at its signed time, age, duplicates, forks and rate, and notes it as on its way to the store:
    /// follow with [`ChainIndex::record`] once it is stored, or [`ChainIndex::release`] if it is not.
    pub fn admit(
        self,
        directory: &Directory,
        index: &mut ChainIndex,
        now: Timestamp,
    ) -> Result<Admitted, Refusal> {
        let header = *self.header();
        let timeline = directory.timeline(header.publisher);
        let standing = timeline.standing_in(header.epoch, header.time_base);
        let (class, org) = match (standing, timeline.org_in(header.epoch, header.time_base)) {
            (Standing::Outsider(why), _) => return Err(Ignored::Outsider(why).into()),
            (admitted, Some(org)) => (admitted.class().unwrap_or(Class::Newcomer), org),
            (_, None) => return Err(Ignored::UnknownPublisher(header.publisher).into()),
        };
        let fresh = now.since(header.time_base) <= FRESH;
        let cut = is_cut(&self.envelope);
        // A copy that lacks rows is no reason to refuse them, while rows are kept at all.
        let completes = !cut && index.is_cut(&header) && now.since(header.time_base) <= BODY_RETENTION;
        if fresh && cut {
            return Err(Ignored::Incomplete.into());
        }
        if header.kind.is_chained() {
            if !completes && let Err(ignored) = check_place(&self.envelope, index, class) {
                if matches!(ignored, Ignored::OverRate | Ignored::Expired) {
                    index.bar(&header);
                }
                return Err(ignored.into());
            }
        } else if now.since(header.time_base) > HEAD_AGE {
            return Err(Ignored::Stale.into());
        } else {
            index
                .note_head(self.envelope.signed_header())
                .map_err(Refusal::Ignored)?;
        }
        let urgent = fresh && asks_urgency(&header) && index.urgent_within_budget(&Held::of(&header), class);
        if header.kind.is_chained() && !index.reserve(self.envelope.signed_header(), class, cut) {
            return Err(Ignored::Busy.into());
        }
        Ok(Admitted::new(
            self.envelope,
            self.bytes,
            super::admitted::Terms {
                org,
                standing,
                urgent,
                fresh,
                completes,
            },
        ))
    }
}

fn check_place(envelope: &Envelope, index: &ChainIndex, class: Class) -> Result<(), Ignored> {
    match index.offer_as(envelope.signed_header(), class) {
        Offer::New => Ok(()),
        Offer::Duplicate => Err(Ignored::Duplicate),
        Offer::Fork(suspicion) => Err(Ignored::Fork(suspicion)),
        Offer::AfterFork => Err(Ignored::AfterFork),
        Offer::Expired => Err(Ignored::Expired),
        Offer::OverRate => Err(Ignored::OverRate),
    }
}
