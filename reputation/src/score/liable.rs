//! Who vouches answers for those who said two things at one place, which is proven and no error.
//!
//! One voucher, the one by whom trust reaches them, and he alone: his own voucher knew him, not them. An anchor is the
//! operator's choice and answers to him; its record stays. Deliberately absent: liability for what gold refutes, which
//! was measured to mute honest vouchers and to spare nobody (docs/decisions/0012); and where equivocation is proven.

use vigie_wire::{OrgId, Timestamp};

use super::Scorer;
use crate::reporter::ReporterIndex;

// === impl Scorer ===

impl Scorer {
    /// An organisation's node signed two envelopes for one place in its chain, and no restored backup explains it: its
    /// word weighs nothing for half a year, and who vouched for it answers. `at` is the signed time. False if that is
    /// known. O(log members).
    pub fn equivocated(&mut self, org: OrgId, at: Timestamp) -> bool {
        let Some(index) = self.enrolled(org) else {
            return false;
        };
        let known = self.reporters.get_mut(index);
        let new = known.is_some_and(|known| known.record.equivocated(at));
        if new {
            self.hold_voucher_liable(index, at);
        }
        new
    }

    fn hold_voucher_liable(&mut self, liar: ReporterIndex, at: Timestamp) {
        let org = self.reporters.get(liar).map(|liar| liar.org);
        let place = org.and_then(|org| self.graph.place(org));
        let Some(parent) = place.and_then(|place| place.parent) else {
            return;
        };
        let is_anchor = self.graph.place(parent).is_some_and(|place| place.anchor);
        if is_anchor {
            return;
        }
        if let Some(voucher) = self
            .enrolled(parent)
            .and_then(|index| self.reporters.get_mut(index))
        {
            voucher.record.answer_for(at);
        }
    }
}
