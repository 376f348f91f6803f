//! How long somebody is kept out, and by whose word. Pure.

use vigie_bouncer_origin::Origin;

use crate::moment::Moment;

/// How long somebody is kept out, and by whose word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// When it ends.
    pub until: Moment,
    /// Who decided.
    pub origin: Origin,
}
