//! Trust, which is this node's own: its anchors, where everybody stands for it, and what would change without somebody.

mod anchors;
mod given;
mod show;
mod simulate;
mod tree;

use vigie_wire::{OrgId, PublicKey};

use super::words::Problem;
use crate::node::Node;

pub(super) use anchors::{change as change_anchors, list as list_anchors};
pub(super) use show::show;
pub(super) use simulate::simulate;
pub(super) use tree::tree;

/// Longest name of an organisation in a request, in bytes: that of a key, or of a name.
const LONGEST: usize = 64;

/// An organisation by its key, by its short name in the network, or by the name that people know it by.
fn named(node: &Node, text: &str) -> Result<OrgId, Problem> {
    if let Ok(key) = text.parse::<PublicKey>() {
        return Ok(key.org_id());
    }
    if let Ok(org) = text.parse::<OrgId>() {
        return Ok(org);
    }
    if text.is_empty() || text.len() > LONGEST {
        return Err(Problem::wrong(
            "an organisation is named by its key, its id or its name",
        ));
    }
    let Some(directory) = node.membership.directory() else {
        return Err(Problem::conflict("this node joined no network yet"));
    };
    let mut found = directory.organisations().filter(|org| &*org.name == text);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.key.org_id()),
        (Some(_), Some(_)) => Err(Problem::wrong(format!(
            "several organisations are called {text:?}: name the one you mean by its key"
        ))),
        (None, _) => Err(Problem::not_found(format!("no organisation is called {text:?}"))),
    }
}
