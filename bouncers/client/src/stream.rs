//! Follows the decision stream of one node, through whatever happens to it. Before: [`crate::source`].
//! After: the bouncer, through a bounded channel of [`Update`]s.
//!
//! A full picture once, then differences: pushed where the node offers `GET /v1/decisions/events`, asked for
//! every poll interval elsewhere. While the node is away nothing is taken back; when it returns, one
//! difference catches up. Deliberately absent: what the decisions mean (that is [`crate::table`]).

mod body;
mod push;
mod spared;

use std::time::Duration;

use reqwest::Response;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::atlas::Guide;
use crate::backoff::Backoff;
use crate::causes::with_causes;
use crate::change::{Change, Update};
use crate::moment::{Clock, since_boot};
use crate::pulse::Pulse;
use crate::source::{RequestError, Source};
use crate::split::SplitError;
use crate::sse::EventTooLong;

use body::Body;
use push::{Push, Pushed};
use spared::Spared;

/// Most changes in one [`Update::Changes`].
pub const BATCH: usize = 1_000;

/// How to follow.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    /// Between two questions, where nothing is pushed.
    pub poll: Duration,
    /// Whether to use the node's push where it offers one.
    pub push: bool,
    /// Fetch one full picture, then end.
    pub once: bool,
    /// How long a node remembers what ended early: who did not hear it for longer asks for a full picture.
    pub remembered: Duration,
    /// No answer may be longer.
    pub max_response_bytes: u64,
    /// Where places are: decisions on those that it can find are asked for.
    pub guide: Guide,
    /// Told whenever the node is heard.
    pub pulse: Pulse,
}

/// Why following ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The very first answer was a refusal: the configuration is wrong.
    #[error(transparent)]
    Denied(RequestError),
    /// `once` was asked for and did not succeed.
    #[error("the decisions could not be fetched")]
    Once(#[source] PullError),
}

/// Why one question brought no complete answer.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The connection broke within the answer.
    #[error("the connection broke within the answer")]
    Broken(#[source] reqwest::Error),
    /// The answer is not a decision stream.
    #[error("the answer is not a decision stream")]
    Malformed(#[from] SplitError),
    /// The answer does not end.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The bound.
        limit: u64,
    },
    /// An event does not end.
    #[error(transparent)]
    EventTooLong(#[from] EventTooLong),
    /// Whom the node spares cannot be read, or does not end.
    #[error("whom the node spares is not a list of networks")]
    Spared,
    /// Whoever listened has gone, or we are told to stop.
    #[error("nobody listens any more")]
    Closed,
}

// === impl StreamConfig ===

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(10),
            push: true,
            once: false,
            remembered: REMEMBERED,
            max_response_bytes: 512 * 1024 * 1024,
            guide: Guide::default(),
            pulse: Pulse::default(),
        }
    }
}

/// While changes are pushed, ask all the same every so many poll intervals: a difference costs little, and it
/// moves the node's cursor on.
const POLLS_PER_CHECK: u32 = 6;
/// A Vigie node remembers it for longer, and a CrowdSec server as long as its `flush` says, which may be a day.
const REMEMBERED: Duration = Duration::from_hours(23);
/// A node without push is asked again after this long; it may have been upgraded.
const PUSH_RETRY: Duration = Duration::from_mins(10);

/// Follows the stream until `shutdown`, sending what changes to `out`. Ends by itself only if the node refuses
/// the key at the first contact, or with `once`.
pub async fn follow(
    config: StreamConfig,
    source: Source,
    (clock, shutdown): (Clock, CancellationToken),
    out: mpsc::Sender<Update>,
) -> Result<(), FollowError> {
    let follower = Follower {
        push: Push::new(config.push && !config.once),
        spared: Spared::default(),
        config,
        source,
        clock,
        out,
    };
    let worker = follower.run();
    tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        ended = worker => ended,
    }
}

struct Follower {
    config: StreamConfig,
    source: Source,
    clock: Clock,
    out: mpsc::Sender<Update>,
    push: Push,
    spared: Spared,
}

// === impl Follower ===

impl Follower {
    async fn run(mut self) -> Result<(), FollowError> {
        let mut backoff = Backoff::new();
        let mut known = false;
        let mut startup = true;
        // A node forgets while we sleep.
        let mut heard = since_boot();
        loop {
            startup |= since_boot().saturating_sub(heard) > self.config.remembered;
            // The push is opened before the question, so that nothing falls between the two.
            let scopes = self.config.guide.scopes();
            self.push.open(&self.source, scopes, self.clock).await;
            match self.pull(startup).await {
                Ok(()) if self.config.once => return Ok(()),
                Ok(()) => {
                    if backoff.failures() > 0 || startup {
                        tracing::info!(
                            push = self.push.is_open(),
                            full = startup,
                            "following the decisions of the node"
                        );
                    }
                    (known, startup, heard) = (true, false, since_boot());
                    self.config.pulse.beat();
                    backoff.succeeded();
                }
                Err(PullError::Closed) => return Ok(()),
                Err(PullError::Request(error @ RequestError::Denied { .. })) if !known => {
                    return Err(FollowError::Denied(error));
                }
                Err(error) if self.config.once => return Err(FollowError::Once(error)),
                Err(error) => {
                    // The node may believe that we have what never arrived: only a full picture is safe then.
                    startup |= !matches!(error, PullError::Request(_));
                    let wait = backoff.failed();
                    report(&error, wait);
                    tokio::time::sleep(wait).await;
                    continue;
                }
            }
            if self.wait(&backoff).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Passes on what is pushed, until it is time to ask again.
    async fn wait(&mut self, backoff: &Backoff) -> Result<(), PullError> {
        if !self.push.is_open() {
            tokio::time::sleep(self.config.poll).await;
            return Ok(());
        }
        let check = tokio::time::sleep(self.config.poll.saturating_mul(POLLS_PER_CHECK));
        tokio::pin!(check);
        loop {
            let body = tokio::select! {
                () = &mut check => return Ok(()),
                body = self.push.next() => body,
            };
            if body.is_ok() {
                self.config.pulse.beat();
            }
            match body {
                Ok(Pushed::Change(data)) => self.pushed(&data).await?,
                // To be asked for before the next question, which is now.
                Ok(Pushed::Spared) => return Ok(()),
                Ok(Pushed::Nothing) => {}
                Err(error) => {
                    self.push.close();
                    tracing::debug!(error = with_causes(&error), "the push ended, opening another");
                    // A node that restarts loses all its bouncers at once: they come back one by one.
                    tokio::time::sleep(backoff.between_half_and(Duration::from_secs(1))).await;
                    return Ok(());
                }
            }
        }
    }

    async fn pushed(&mut self, data: &[u8]) -> Result<(), PullError> {
        let mut body = Body::new(false, self.clock.now());
        let read = body.push(data).and_then(|()| body.finish());
        match read {
            Ok(changes) => self.send(changes).await,
            Err(error) => {
                tracing::warn!(
                    error = with_causes(&error),
                    "an event that is no decision stream was left out"
                );
                Ok(())
            }
        }
    }

    async fn pull(&mut self, startup: bool) -> Result<(), PullError> {
        self.places().await?;
        let response = self.source.stream(startup, self.config.guide.scopes()).await?;
        if startup {
            self.tell(Update::Begin).await?;
        }
        let body = Body::new(startup, self.clock.now());
        let rest = self.read(response, body).await?;
        self.send(rest).await?;
        if startup {
            self.tell(Update::End).await?;
        }
        Ok(())
    }

    /// Where places are and who is spared in them stands before the decisions on them.
    async fn places(&mut self) -> Result<(), PullError> {
        if let Some(atlas) = self.config.guide.news().await {
            self.tell(Update::Atlas(atlas)).await?;
        }
        if self.config.guide.scopes().is_some()
            && let Some(nets) = self.spared.news(&self.source).await?
        {
            self.tell(Update::Spared(nets)).await?;
        }
        Ok(())
    }

    async fn tell(&self, update: Update) -> Result<(), PullError> {
        self.out.send(update).await.map_err(|_| PullError::Closed)
    }

    /// Reads an answer. A full picture is passed on while it arrives; what is left at the end is returned.
    async fn read(&mut self, mut response: Response, mut body: Body) -> Result<Vec<Change>, PullError> {
        let limit = self.config.max_response_bytes;
        let mut total: u64 = 0;
        while let Some(chunk) = response.chunk().await.map_err(PullError::Broken)? {
            total = total.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if total > limit {
                return Err(PullError::TooLong { limit });
            }
            body.push(&chunk)?;
            while let Some(batch) = body.ready() {
                self.tell(Update::Changes(batch)).await?;
            }
        }
        Ok(body.finish()?)
    }

    async fn send(&mut self, changes: Vec<Change>) -> Result<(), PullError> {
        let mut rest = changes;
        while !rest.is_empty() {
            let after = rest.split_off(rest.len().min(BATCH));
            self.tell(Update::Changes(rest)).await?;
            rest = after;
        }
        Ok(())
    }
}

fn report(error: &PullError, wait: Duration) {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    tracing::warn!(
        error = with_causes(error),
        retry_in_ms = wait_ms,
        "no decisions from the node; what is blocked stays blocked until it expires"
    );
}
