//! Each step of a line, told to whoever wants to see it: tests of rules and explanations.
//!
//! Parser and detector are generic over a [`Trace`]; that of the ordinary path is `()`, which compiles to nothing.
//! Deliberately absent: what is kept of a step, which is up to who looks.

use crate::parse::Event;

/// Sees what happens to lines. Every method does nothing unless it is written.
pub trait Trace {
    /// An event came to a stage, whether or not it may take part in it.
    fn stage(&mut self, stage: &str) {
        let _ = stage;
    }

    /// A document of a parser file was tried on an event, which is now as the document left it.
    fn node(&mut self, stage: &str, name: &str, event: &Event, success: bool) {
        let _ = (stage, name, event, success);
    }

    /// Whether [`Trace::overflow`] is looked at: then the events that overflowed are put together for it.
    fn sees_overflows(&self) -> bool {
        true
    }

    /// A bucket overflowed, no filter held that back, and the postoverflows are done with it. It may be whitelisted.
    fn overflow(&mut self, event: &Event) {
        let _ = event;
    }
}

impl Trace for () {
    fn sees_overflows(&self) -> bool {
        false
    }
}
