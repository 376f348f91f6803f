//! `vigie demo`: three organisations, one attack, every firewall closed; on one machine, with nothing pretended.
//!
//! Nodes are separate processes of this program, set up by its own commands with the constants of production; the
//! bouncer is the real one, and a block is proved by connections that worked before. `story` tells what happens in
//! which order. Deliberately absent: any way for the demo to make a node do what an operator or a log could not.

mod attack;
mod child;
mod dated;
mod farewell;
mod firewall;
mod gate;
mod organisation;
pub(crate) mod part;
mod probe;
mod question;
mod replay;
mod space;
mod stage;
mod story;
mod target;
mod view;
mod world;

use std::path::PathBuf;

use anyhow::bail;
use tokio::signal::unix::{SignalKind, signal};

use attack::Attack;
use stage::Stage;
use story::Story;
use view::{View, say};
use world::World;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Wish {
    /// End when all is shown.
    pub(crate) once: bool,
    /// Where real logs are.
    pub(crate) logs: Option<PathBuf>,
    /// Keep the data directories.
    pub(crate) keep: bool,
    /// What the nodes log, into their data directories.
    pub(crate) node_log: String,
    /// Where to say what this machine cannot show.
    pub(crate) skips: Option<PathBuf>,
}

/// Shows it, and clears up whatever happened.
pub(crate) async fn run(wish: &Wish) -> anyhow::Result<()> {
    let attack = Attack::choose(wish.logs.as_deref())?;
    let mut world = World::new(wish.keep, &wish.node_log)?;
    let mut stage = Stage::new(View::new(
        "Vigie: three organisations, one attack, every firewall closed",
    ));
    let shown = tokio::select! {
        shown = show(wish, &attack, &mut world, &mut stage) => shown,
        interrupted = interruption() => interrupted.map(|()| None),
    };
    stage.view.leave();
    let ended = world.end().await;
    if wish.keep {
        say(&format!(
            "The data directories stay in {}.\n",
            world.root.display()
        ));
    }
    let shown = shown?;
    ended?;
    match shown {
        Some(outcome) if wish.once => outcome.conclude(),
        None if wish.once => bail!("interrupted before everything had happened"),
        Some(_) | None => Ok(()),
    }
}

/// The story; and, unless `--once`, time to look around.
async fn show(
    wish: &Wish,
    attack: &Attack,
    world: &mut World,
    stage: &mut Stage,
) -> anyhow::Result<Option<story::Outcome>> {
    let outcome = Story { attack, world, stage }.tell().await?;
    stage.view.leave();
    farewell::explain(&outcome);
    if let Some(why) = &outcome.no_firewalls {
        farewell::skip(why, wish.skips.as_deref())?;
    }
    if !wish.once {
        farewell::look_around(&outcome, world);
        interruption().await?;
    }
    Ok(Some(outcome))
}

/// Ctrl-C, or whatever else asks the demo to end.
async fn interruption() -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}
