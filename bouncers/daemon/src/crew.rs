//! The tasks of a program, which end together: one follows the node, one tells how it goes, one reports to the node, and
//! the program's own puts in force what they hear.

use std::future::Future;
use std::path::PathBuf;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vigie_bouncer_client::{About, Clock, Guide, Pulse, Source, StreamConfig, Update, follow, report};

use crate::ending::{Ending as _, Failure, Outcome};
use crate::node::Node;

/// Updates on their way, each with up to a thousand changes. Few: where putting them in force is slow, so is the download.
const ON_THE_WAY: usize = 16;

/// See the module.
#[derive(Debug)]
pub struct Crew {
    tasks: JoinSet<Outcome>,
    pulse: Pulse,
    shutdown: CancellationToken,
}

// === impl Crew ===

impl Crew {
    /// Nobody yet. All are to end with `shutdown`.
    pub fn new(pulse: Pulse, shutdown: CancellationToken) -> Self {
        Self {
            tasks: JoinSet::new(),
            pulse,
            shutdown,
        }
    }

    /// One more task.
    pub fn add(&mut self, task: impl Future<Output = Outcome> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Follows the node: for one full picture if `once`. Returns what it says.
    pub fn follow(
        &mut self,
        node: &Node,
        (source, guide): (Source, Guide),
        clock: Clock,
        once: bool,
    ) -> mpsc::Receiver<Update> {
        let stream = StreamConfig {
            poll: node.poll,
            push: node.push,
            once,
            guide,
            pulse: self.pulse.clone(),
            ..StreamConfig::default()
        };
        let (tx, rx) = mpsc::channel(ON_THE_WAY);
        let following = follow(stream, source, (clock, self.shutdown.clone()), tx);
        self.add(async {
            following
                .await
                .map_err(|error| (Failure::of(&error), error.into()))
        });
        rx
    }

    /// Keeps a file of metrics, if one is named.
    pub fn tell(&mut self, metrics: Option<PathBuf>, bouncer: &'static str) {
        let telling = self.pulse.clone().tell(metrics, bouncer, self.shutdown.clone());
        self.add(async {
            telling.await;
            Ok(())
        });
    }

    /// Reports to the node.
    pub fn report(&mut self, about: About, source: Source) {
        let reporting = report(about, source, self.pulse.clone(), self.shutdown.clone());
        self.add(async {
            reporting.await;
            Ok(())
        });
    }

    /// Puts in force what is heard. When this ends the others have nothing left to do; `false` is a failure.
    pub fn enforce(&mut self, work: impl Future<Output = bool> + Send + 'static, what: &'static str) {
        let shutdown = self.shutdown.clone();
        self.add(async move {
            let in_step = work.await;
            shutdown.cancel();
            let behind = || anyhow::anyhow!("{what} is not in step with the decisions");
            if in_step {
                Ok(())
            } else {
                Err(behind()).means(Failure::Force)
            }
        });
    }

    /// Waits for all of them. The first failure counts.
    pub async fn end(mut self) -> Outcome {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            outcome = outcome.and(ended.context("a task died").means(Failure::Force)?);
        }
        outcome
    }
}

/// A token that is cancelled by SIGTERM or SIGINT.
pub fn stop_signals() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let cancel = token.clone();
    #[expect(
        clippy::disallowed_methods,
        reason = "lives as long as the process, and its only failure is its end"
    )]
    let _detached = tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancel.cancel();
    });
    Ok(token)
}
