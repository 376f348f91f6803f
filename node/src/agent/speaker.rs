//! Tells the Local API what waits in the outbox, and that we live.
//!
//! One request at a time: login when there is no token or it ends soon, a heartbeat each minute, alerts as they come;
//! what piles up meanwhile goes together. After a failure everything waits, longer each time. An alert that the other
//! side will never take, alone among others that it takes, is given up, counted and said. Before: `outbox`.
//! Deliberately absent: the requests themselves (`lapi`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Counts;
use super::backoff::Backoff;
use super::lapi::{Failure, Lapi, Token, Who};
use super::outbox::{Batch, Outbox};
use super::usage::Usage;
use crate::clock;

/// How long the first login may take before the logs are read.
const INTRODUCTION: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(60);
/// A token is renewed so long before it ends, or after half of a shorter life.
const MARGIN: Duration = Duration::from_secs(60);
/// Alerts in one request.
const TOGETHER: usize = 100;
/// After so many failures of one alert alone, the next one is tried.
const STRIKES: u32 = 3;

/// See the module.
pub(crate) struct Speaker {
    lapi: Lapi,
    who: Who,
    /// Names of our scenarios, which a login tells.
    scenarios: Vec<String>,
    outbox: Arc<Outbox>,
    counts: Arc<Counts>,
    usage: Option<Usage>,
    token: Option<Pass>,
    /// When the next heartbeat is due.
    heartbeat: Instant,
    backoff: Backoff,
    /// How many alerts go together now.
    together: usize,
    /// How often the first alert failed alone since a later one was taken.
    strikes: u32,
}

/// A token and until when it is used.
struct Pass {
    token: Token,
    until: Instant,
}

// === impl Speaker ===

impl Speaker {
    pub(crate) fn new(
        lapi: Lapi,
        who: Who,
        scenarios: Vec<String>,
        outbox: Arc<Outbox>,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            lapi,
            who,
            scenarios,
            outbox,
            counts,
            usage: None,
            token: None,
            heartbeat: Instant::now(),
            backoff: Backoff::default(),
            together: TOGETHER,
            strikes: 0,
        }
    }

    /// Tells of the agent itself, too.
    pub(crate) fn telling(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// The first login. A refusal is for the user to hear; that nobody answers is not: machines start in any order.
    pub(crate) async fn introduce(&mut self) -> anyhow::Result<bool> {
        let Ok(login) = tokio::time::timeout(INTRODUCTION, self.login()).await else {
            tracing::warn!(address = %self.lapi, "the Local API says nothing: alerts wait on disk");
            self.backoff.failed();
            return Ok(false);
        };
        match login {
            Ok(()) => {
                self.counts.up.store(true, Ordering::Relaxed);
                Ok(true)
            }
            Err(failure) if failure.is_refusal() => Err(anyhow!(
                "the Local API at {} refuses the login of {}: {failure}; \
                 is the machine registered and validated (`cscli machines list`), and the password right?",
                self.lapi,
                self.who
            )),
            Err(Failure::Answered {
                status: status @ (404 | 405),
                ..
            }) => Err(anyhow!(
                "{} has no login for agents (HTTP {status}): is that the address of a CrowdSec Local API?",
                self.lapi
            )),
            Err(failure @ (Failure::Redirected { .. } | Failure::Odd(_))) => {
                Err(anyhow!("the Local API at {}: {failure}", self.lapi))
            }
            Err(failure) => {
                self.complain(failure);
                self.backoff.failed();
                Ok(false)
            }
        }
    }

    /// Until `hush`; then what waits is said, if it is heard at once.
    pub(crate) async fn run(mut self, hush: CancellationToken) -> anyhow::Result<()> {
        let mut pause = Duration::ZERO;
        while !hush.is_cancelled() {
            let due = Instant::now() + pause;
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = hush.cancelled() => break,
            }
            pause = match self.speak().await {
                Ok(()) => {
                    self.well();
                    tokio::select! {
                        () = self.report() => {}
                        () = hush.cancelled() => {}
                    }
                    tokio::select! {
                        () = self.outbox.filled.notified() => {}
                        () = tokio::time::sleep_until(self.heartbeat) => {}
                        () = hush.cancelled() => {}
                    }
                    Duration::ZERO
                }
                Err(failure) => {
                    let asked = failure.asked_wait().unwrap_or_default();
                    self.complain(failure);
                    self.backoff.failed().max(asked)
                }
            };
        }
        if let Err(failure) = self.speak().await {
            self.complain(failure);
        }
        Ok(())
    }

    /// Everything that is to be said now.
    async fn speak(&mut self) -> Result<(), Failure> {
        if self.heartbeat <= Instant::now() {
            self.beat().await?;
            self.heartbeat = Instant::now() + self.backoff.about(HEARTBEAT);
        }
        loop {
            let most = self.together;
            let batch = self.outbox(move |outbox| outbox.batch(most));
            if batch.is_empty() {
                return Ok(());
            }
            match self.send(&batch).await {
                Ok(()) => {
                    self.settle(&batch);
                    self.together = (self.together * 2).min(TOGETHER);
                    self.strikes = 0;
                }
                Err(failure) if self.may_be_the_alerts(&failure) => self.doubt(&batch, failure).await?,
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Tells of the agent itself, when that is due. It is nothing that anybody waits for.
    async fn report(&mut self) {
        let Some(pass) = &self.token else { return };
        let Some(usage) = self.usage.as_mut().filter(|usage| usage.is_due()) else {
            return;
        };
        let report = usage.report(clock::now());
        let answer = self.lapi.usage(&pass.token, report.body.clone()).await;
        usage.answered(report, answer);
    }

    async fn beat(&mut self) -> Result<(), Failure> {
        self.log_in_if_needed().await?;
        match self.heard(self.lapi.heartbeat(&self.pass()?.token).await) {
            Err(failure) if failure.is_refusal() => {
                self.login().await?;
                self.lapi.heartbeat(&self.pass()?.token).await
            }
            answer => answer,
        }
    }

    async fn send(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.log_in_if_needed().await?;
        let stored = match self.heard(self.lapi.alerts(&self.pass()?.token, batch.body()).await) {
            Err(failure) if failure.is_refusal() => {
                // The token ended early: another secret after a restart, or a machine that was added anew.
                self.login().await?;
                self.lapi.alerts(&self.pass()?.token, batch.body()).await?
            }
            answer => answer?,
        };
        self.counts.sent.add(batch.len() as u64);
        tracing::info!(
            alerts = batch.len(),
            stored,
            detection.ids = batch.ids(),
            "told the Local API"
        );
        Ok(())
    }

    /// Whether it was the alerts that were answered so. A login that fails leaves no token.
    fn may_be_the_alerts(&self, failure: &Failure) -> bool {
        self.token.is_some() && failure.may_be_the_alerts()
    }

    /// The alerts themselves may be what the other side does not take. They are tried in smaller company, at last alone,
    /// and one that is refused alone, for what it is or right after a later one was taken, is given up.
    async fn doubt(&mut self, batch: &Batch, failure: Failure) -> Result<(), Failure> {
        if batch.len() > 1 {
            self.together = batch.len() / 2;
            return if failure.is_final() { Ok(()) } else { Err(failure) };
        }
        if failure.is_final() {
            self.give_up(batch, &failure);
            return Ok(());
        }
        self.strikes += 1;
        if self.strikes < STRIKES {
            return Err(failure);
        }
        // The next one, and one further each time: an attack makes many alerts that something on the way forbids.
        let further = usize::try_from(self.strikes - STRIKES).unwrap_or(TOGETHER);
        let some = self.outbox(|outbox| outbox.batch((further + 2).min(TOGETHER)));
        if some.len() < 2 {
            return Err(failure);
        }
        let is_next = some.len() == 2;
        let later = some.last();
        self.send(&later).await?;
        self.strikes = 0;
        // It was not the server's health, then, unless that has just come back or went.
        match self.send(batch).await {
            Ok(()) => self.settle(batch),
            Err(failure) if self.may_be_the_alerts(&failure) => self.give_up(batch, &failure),
            // The later one will be told twice: better than this one never.
            Err(failure) => return Err(failure),
        }
        // One further away is told again in its turn.
        if is_next {
            self.settle(&later);
        }
        self.backoff.succeeded();
        Ok(())
    }

    fn give_up(&mut self, batch: &Batch, failure: &Failure) {
        self.counts.refused.add(batch.len() as u64);
        tracing::error!(detection.ids = batch.ids(), %failure, "the Local API does not take this alert: it is given up");
        self.settle(batch);
    }

    fn settle(&self, batch: &Batch) {
        self.outbox(|outbox| outbox.settle(batch));
    }

    /// It reads and writes files; the other tasks go on meanwhile.
    fn outbox<T>(&self, act: impl FnOnce(&Outbox) -> T) -> T {
        tokio::task::block_in_place(|| act(&self.outbox))
    }

    // === the token ===

    async fn log_in_if_needed(&mut self) -> Result<(), Failure> {
        match &self.token {
            Some(pass) if Instant::now() < pass.until => Ok(()),
            _ => self.login().await,
        }
    }

    async fn login(&mut self) -> Result<(), Failure> {
        self.token = None;
        let token = self.lapi.login(&self.who, &self.scenarios).await?;
        tracing::debug!(life_s = token.life.as_secs(), "logged in");
        let until = Instant::now() + used(token.life);
        self.token = Some(Pass { token, until });
        Ok(())
    }

    fn pass(&self) -> Result<&Pass, Failure> {
        let missing = || Failure::Odd("there is no token".to_owned());
        self.token.as_ref().ok_or_else(missing)
    }

    fn heard<T>(&mut self, answer: Result<T, Failure>) -> Result<T, Failure> {
        if answer.as_ref().is_err_and(Failure::is_refusal) {
            self.token = None;
        }
        answer
    }

    // === words for people ===

    fn well(&mut self) {
        self.backoff.succeeded();
        if !self.counts.up.swap(true, Ordering::Relaxed) {
            tracing::warn!(address = %self.lapi, "the Local API is there again");
        }
    }

    /// Once for each outage.
    fn complain(&mut self, failure: Failure) {
        let first = self.counts.up.swap(false, Ordering::Relaxed) || self.backoff.is_fresh();
        let refused = failure.is_refusal();
        let error = format!("{:#}", anyhow::Error::new(failure));
        let (address, who) = (&self.lapi, &self.who);
        if first && refused {
            tracing::error!(%address, %who, error, "the Local API refuses us: alerts wait on disk");
        } else if first {
            tracing::warn!(%address, error, "the Local API takes nothing: alerts wait on disk");
        } else {
            tracing::debug!(%address, error, "the Local API still takes nothing");
        }
    }
}

/// How long a token is used. One that is said to end at once is used for a while: a login each time would be worse.
fn used(life: Duration) -> Duration {
    let used = life.saturating_sub(MARGIN).max(life / 2);
    used.clamp(Duration::from_secs(5), Duration::from_secs(86_400))
}

// === impl Failure ===

impl Failure {
    /// Password or token are not accepted.
    fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Answered {
                status: 401 | 403,
                ..
            }
        )
    }

    /// What is asked may be at fault, and not the way or the server's health. What stands before a server, such as a
    /// filter of web attacks, forbids an alert that quotes one, or hides that there is anything.
    fn may_be_the_alerts(&self) -> bool {
        self.is_final()
            || matches!(
                self,
                Self::Answered {
                    status: 403..=406 | 451 | 500,
                    ..
                }
            )
    }

    /// It will be the same however often it is asked. The original says 500 for what it finds invalid, too.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Answered {
                status: 400 | 413 | 422,
                ..
            } => true,
            Self::Answered {
                status: 500, said, ..
            } => said.starts_with("validation failure"),
            _ => false,
        }
    }

    fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::Answered { wait, .. } => *wait,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        for (life, expected) in [
            (0, 5),
            (20, 10),
            (100, 50),
            (120, 60),
            (3_600, 3_540),
            (u64::MAX, 86_400),
        ] {
            assert_eq!(
                used(Duration::from_secs(life)),
                Duration::from_secs(expected),
                "{life}"
            );
        }
    }

    #[test]
    fn what_may_come_right_is_not_given_up() {
        let answered = |status: u16, said: &str| Failure::Answered {
            status,
            said: said.to_owned(),
            wait: None,
        };
        for (failure, of_the_alerts, is_final) in [
            (answered(400, ""), true, true),
            (answered(413, ""), true, true),
            (answered(500, "validation failure list:\nx"), true, true),
            (answered(500, "database is locked"), true, false),
            (answered(401, ""), false, false),
            (answered(403, ""), true, false),
            (answered(404, ""), true, false),
            (answered(406, ""), true, false),
            (answered(451, ""), true, false),
            (answered(429, ""), false, false),
            (answered(503, ""), false, false),
            (Failure::Odd(String::new()), false, false),
        ] {
            let found = (failure.may_be_the_alerts(), failure.is_final());
            assert_eq!(found, (of_the_alerts, is_final), "{failure}");
        }
    }
}
