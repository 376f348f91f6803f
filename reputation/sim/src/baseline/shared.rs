//! One computation that several observers ask: for algorithms that are global by design.
//!
//! The first observer's ears feed it. Deliberately absent: differences between observers, which such algorithms have
//! none of but a few seconds' delay.

use std::cell::RefCell;
use std::rc::Rc;

use vigie_reputation::Rung;
use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Baseline;
use crate::claim::Statement;
use crate::subject::{Name, Org};

/// One observer's view of it.
#[derive(Debug)]
pub(super) struct Shared {
    inner: Rc<RefCell<dyn Baseline>>,
    leads: bool,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(inner: Rc<RefCell<dyn Baseline>>, leads: bool) -> Self {
        Self { inner, leads }
    }
}

impl Baseline for Shared {
    fn hear(&mut self, statement: &Statement) -> bool {
        !self.leads || self.inner.borrow_mut().hear(statement)
    }

    fn own_detection(&mut self, name: Name, behaviour: Behaviour, now: Timestamp) {
        if self.leads {
            self.inner.borrow_mut().own_detection(name, behaviour, now);
        }
    }

    fn tick(&mut self, now: Timestamp) {
        if self.leads {
            self.inner.borrow_mut().tick(now);
        }
    }

    fn void(&mut self, org: Org) {
        if self.leads {
            self.inner.borrow_mut().void(org);
        }
    }

    fn rung(&self, name: Name, now: Timestamp, held: bool) -> Rung {
        self.inner.borrow().rung(name, now, held)
    }

    fn wakes(&self, name: Name, now: Timestamp) -> Option<Timestamp> {
        self.inner.borrow().wakes(name, now)
    }

    fn weight(&self, org: Org, now: Timestamp) -> Option<f64> {
        self.inner.borrow().weight(org, now)
    }
}
