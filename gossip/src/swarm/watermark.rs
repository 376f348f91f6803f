//! How far the word of those whom the node trusts has come here, and whom to ask when it is behind.
//!
//! The core computes it from the chains. Whom the node trusts is the node's affair, so it says so each time.

use vigie_gossip_core::chain::Watermark;
use vigie_gossip_core::wire::Timestamp;

use super::Task;
use crate::command::Trusted;

impl Task {
    pub(super) fn watermark(&mut self, trusted: Trusted) -> Watermark {
        let now = self.now();
        let mut mark = self.heard_until(&trusted, now);
        self.anchors = trusted.anchors;
        // Who speaks to nobody but a few that surround him hears what they like, without a hole in any chain.
        mark.guides_met = self.guides_met(now);
        mark.guides_late = self.guides_late(mark.guides_met, now);
        if let Some(met) = mark.guides_met.filter(|_| mark.guides_late) {
            mark.until = Some(mark.until.map_or(met, |until| until.min(met)));
        }
        if mark.until.is_some_and(|until| until < now) {
            self.ask_guides_soon();
        }
        mark
    }

    fn heard_until(&self, trusted: &Trusted, now: Timestamp) -> Watermark {
        self.chains.watermark(now, |publisher| {
            let org = self.directory.org_of(publisher)?.org_id();
            let group = trusted.voices.get(&org)?;
            let admitted = self.directory.standing(publisher, now).is_admitted();
            admitted.then_some((*group, org))
        })
    }
}
