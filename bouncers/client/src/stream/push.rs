//! The node's push: `GET /v1/decisions/events`, an event `change` with a stream's body for each change, and an event `spared`
//! when the node spares others than it did.
//!
//! A plain CrowdSec knows no such path; then this stays closed, silently, and is tried again much later.

use std::collections::VecDeque;

use reqwest::Response;

use super::{PUSH_RETRY, PullError};
use crate::moment::{Clock, Moment};
use crate::source::{RequestError, Source};
use crate::sse::{Event, Events};

/// No event may be longer.
const EVENT_BYTES: usize = 16 * 1024 * 1024;

/// What is pushed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The body of a change.
    Change(Vec<u8>),
    /// Whom the node spares is to be asked for again.
    Spared,
    /// A sign of life.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Push {
    wanted: bool,
    not_before: Moment,
    open: Option<(Response, Events)>,
    waiting: VecDeque<Event>,
    last_id: String,
}

// === impl Push ===

impl Push {
    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            not_before: Moment::PAST,
            open: None,
            waiting: VecDeque::new(),
            last_id: String::new(),
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(crate) fn close(&mut self) {
        self.open = None;
        self.waiting.clear();
    }

    /// Opens the push, if there is one and it is not open yet. It is a convenience: whatever is wrong with it, the
    /// stream itself is asked all the same, and tells what is wrong with the node.
    pub(crate) async fn open(&mut self, source: &Source, scopes: Option<&str>, clock: Clock) {
        if !self.wanted || self.is_open() || clock.now() < self.not_before {
            return;
        }
        match source.events(&self.last_id, scopes).await {
            Ok(response) => self.open = Some((response, Events::new(EVENT_BYTES))),
            Err(RequestError::NotOffered { .. }) => self.not_before = clock.now().plus(PUSH_RETRY),
            Err(error) => tracing::debug!(error = crate::with_causes(&error), "no push for now"),
        }
    }

    /// What comes next. Safe to drop while waiting.
    pub(crate) async fn next(&mut self) -> Result<Pushed, PullError> {
        if self.waiting.is_empty() {
            let Some((response, events)) = &mut self.open else {
                return Err(PullError::Closed);
            };
            let Some(chunk) = response.chunk().await.map_err(PullError::Broken)? else {
                return Err(PullError::Closed);
            };
            let waiting = &mut self.waiting;
            events.push(&chunk, |event| waiting.push_back(event))?;
        }
        let Some(event) = self.waiting.pop_front() else {
            return Ok(Pushed::Nothing);
        };
        self.last_id = event.id;
        Ok(match event.name.as_str() {
            "change" => Pushed::Change(event.data),
            "spared" => Pushed::Spared,
            _ => Pushed::Nothing,
        })
    }
}
