//! How far the word of those whom the node trusts has come here.
//!
//! The core computes it from the chains. Whom the node trusts is the node's affair, so it says so each time.

use std::collections::BTreeSet;

use vigie_gossip_core::chain::Watermark;
use vigie_gossip_core::wire::OrgId;

use super::Task;

impl Task {
    pub(super) fn watermark(&self, trusted: &BTreeSet<OrgId>) -> Watermark {
        let now = self.now();
        self.chains.watermark(now, |publisher| {
            let org = self.directory.org_of(publisher)?.org_id();
            let speaks = trusted.contains(&org) && self.directory.standing(publisher, now).is_admitted();
            speaks.then_some(org)
        })
    }
}
