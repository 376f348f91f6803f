//! A running node: every task, started in order, stopped in order. One that dies stops the process with its error.
//!
//! Deliberately absent: what the tasks do. This is the one place that knows all of them.

use std::future::Future;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vigie_gossip::{Initial, MeshConfig, OwnNode};
use vigie_store::Retention;
use vigie_wire::Statement;

use crate::asked::Asked;
use crate::node::Node;
use crate::repeats::Repeats;
use crate::serve::{MOST_CONNECTIONS, Way, listen};
use crate::tls::Gate;
use crate::{
    api, control, defend, expiry, heads, horizon, ingest, outbox, proofs, serve, sources, watch, whereabouts,
};

/// Events of the sensor that may wait for their effects; then the sensor waits.
const SENSOR_QUEUE: usize = 1_024;
/// How often old rows go and what was learned is kept.
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// Files that may be open beside the connections to the API.
const OTHER_FILES: u64 = 2_048;
/// How long tasks may take to end after a signal, and then the database.
const FAREWELL: Duration = Duration::from_secs(10);
/// Retention of chains (DESIGN 11): what was said goes first.
const BODIES: Duration = Duration::from_secs(7 * 86_400);
/// As long as the index of chains claims to hold them: thirty whole days, and the day that is not over.
const HEADERS: Duration = Duration::from_secs(31 * 86_400);
const ALERTS: Duration = Duration::from_secs(30 * 86_400);
/// Logs that are read again are hardly older.
const DETECTIONS: Duration = Duration::from_secs(180 * 86_400);
const MEMORY: Duration = Duration::from_secs(30 * 86_400);

/// What is said at the start.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) page: SocketAddr,
    pub(crate) reads: Vec<String>,
}

/// All tasks of a node.
struct Tasks {
    set: JoinSet<anyhow::Result<()>>,
    shutdown: CancellationToken,
}

/// Runs the node until a signal comes or a task fails; `started` is told once everything listens.
pub(crate) async fn run(node: Arc<Node>, started: impl FnOnce(&Started)) -> anyhow::Result<()> {
    // Before anything runs, so that no signal finds nobody listening.
    let mut signals = signals()?;
    let mut hangup = signal(SignalKind::hangup())?;
    let shutdown = node.ending.clone();
    let mut tasks = Tasks {
        set: JoinSet::new(),
        shutdown: shutdown.clone(),
    };
    let page = serve(&node, &mut tasks).await?;
    node.warnings.tell();
    node.recalled().await?;
    horizon::begin(&node);
    node.runs.store(true, Ordering::Relaxed);
    let reads = start_sensor(&node, &mut tasks).await?;
    tasks.spawn("outbox", outbox::run(Arc::clone(&node), shutdown.clone()));
    tasks.spawn("heads", heads::run(Arc::clone(&node), shutdown.clone()));
    tasks.spawn("horizon", horizon::run(Arc::clone(&node), shutdown.clone()));
    tasks.spawn("housekeeping", housekeeping(Arc::clone(&node), shutdown.clone()));
    start_mesh(&node, &mut tasks).await?;
    started(&Started { page, reads });
    let ended = loop {
        tokio::select! {
            _ = signals.0.recv() => break Ok(()),
            _ = signals.1.recv() => break Ok(()),
            _ = hangup.recv() => {
                if std::io::stdin().is_terminal() {
                    // The terminal is gone, and with it whoever ran the node there.
                    break Ok(());
                }
                node.hurry.notify_one();
            }
            Some(task) = tasks.set.join_next() => match task {
                Ok(Ok(())) => {}
                Ok(Err(error)) => break Err(error),
                Err(panicked) => break Err(panicked.into()),
            },
            () = node.joined.notified() => {
                if let Err(error) = start_mesh(&node, &mut tasks).await {
                    tracing::error!(error = format!("{error:#}"), "the network was joined, but its mesh does not start");
                }
            }
        }
    };
    if ended.is_ok() {
        heads::farewell(&node).await;
        if let Err(error) = whereabouts::save(&node).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "where others are called is not kept"
            );
        }
    }
    shutdown.cancel();
    let farewell = tokio::time::timeout(FAREWELL, async { while tasks.set.join_next().await.is_some() {} });
    if farewell.await.is_err() {
        tracing::warn!("some tasks did not end in time; what they acknowledged is on disk");
    }
    let saved = save(&node).await;
    if tokio::time::timeout(FAREWELL, node.store.close()).await.is_err() {
        tracing::warn!("the database was not closed in time; what was acknowledged is in it");
    }
    ended.and(saved)
}

/// What was learned, once nothing runs any more.
async fn save(node: &Node) -> anyhow::Result<()> {
    node.opinion.save(node).await?;
    node.visitors.save(&node.opinion, true).await?;
    node.breaker.save(node).await
}

// === impl Tasks ===

impl Tasks {
    fn spawn(&mut self, name: &'static str, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.set
            .spawn(async move { task.await.with_context(|| format!("the {name} task failed")) });
    }
}

/// Those that end a node: systemd's and the keyboard's.
pub(crate) fn signals() -> anyhow::Result<(Signal, Signal)> {
    Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
}

// === the API ===

/// Opens every listener before anything else runs, so that a port that is taken is the first thing said.
async fn serve(node: &Arc<Node>, tasks: &mut Tasks) -> anyhow::Result<SocketAddr> {
    let wanted = node.config.api.listen.get_ref();
    let tcp = listen::tcp(wanted).await.with_context(|| {
        format!(
            "cannot listen on {wanted} (choose another with `vigie up --listen ADDRESS:PORT` or [api] listen)"
        )
    })?;
    let page = tcp.local_addr()?;
    let api = api::router(Arc::clone(node));
    let shutdown = tasks.shutdown.clone();
    let most = MOST_CONNECTIONS + node.config.api.followers();
    make_room(most);
    let tls = match &node.config.api.tls {
        Some(files) => Some(Gate::open(files, node.now())?),
        None => None,
    };
    if let Some(gate) = &tls
        && node.tls.set(Arc::clone(gate)).is_err()
    {
        bail!("the API was started twice");
    }
    let way = Way {
        peer: Some,
        tls,
        most,
    };
    tasks.spawn(
        "API",
        serve::run(listen::at_once(tcp), api.clone(), way, shutdown),
    );
    let socket = &node.config.api.socket;
    if !socket.as_os_str().is_empty() {
        // Whoever has a key may ask here, so the socket itself is open to all.
        serve_socket(socket, 0o666, api, most, tasks)?;
    }
    let wanted = node.config.appsec.listen.get_ref();
    if !wanted.is_empty() {
        let tcp = listen::tcp(wanted).await.with_context(|| {
            format!("cannot listen on {wanted} (choose another with `vigie up --appsec-listen ADDRESS:PORT` or [appsec] listen)")
        })?;
        tracing::info!(
            "bouncers that ask AppSec at {} are told to let everything pass: nothing is inspected",
            tcp.local_addr()?
        );
        let shutdown = tasks.shutdown.clone();
        let router = api::appsec::router(Arc::clone(node));
        let way = Way {
            peer: Some,
            tls: None,
            most: MOST_CONNECTIONS,
        };
        tasks.spawn("AppSec", serve::run(listen::at_once(tcp), router, way, shutdown));
    }
    serve_socket(
        &node.paths.socket(),
        0o600,
        control::router(Arc::clone(node)),
        MOST_CONNECTIONS,
        tasks,
    )?;
    Ok(page)
}

fn serve_socket(
    path: &Path,
    mode: u32,
    router: Router,
    most: usize,
    tasks: &mut Tasks,
) -> anyhow::Result<()> {
    clear_away(path)?;
    let listener =
        listen::unix(path, mode).with_context(|| format!("cannot listen on {}", path.display()))?;
    let shutdown = tasks.shutdown.clone();
    let way = Way {
        peer: |_| None,
        tls: None,
        most,
    };
    tasks.spawn("socket", serve::run(listener, router, way, shutdown));
    Ok(())
}

/// File descriptors for so many connections, beside those of the rest: systems give a process few until it asks.
fn make_room(connections: usize) {
    let wanted = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(OTHER_FILES);
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    limit.current = Some(limit.maximum.map_or(wanted, |most| most.min(wanted)));
    let raised = setrlimit(Resource::Nofile, limit);
    if raised.is_err() || limit.current < Some(wanted) {
        tracing::warn!(wanted, "fewer files may be open than [api] followers needs");
    }
}

/// Removes a socket that a killed node left. Any other file, and a socket where somebody answers, is not ours.
fn clear_away(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let found = match std::fs::symlink_metadata(path) {
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        found => found.with_context(|| format!("cannot look at {}", path.display()))?,
    };
    if !found.file_type().is_socket() {
        bail!("{} is there and is no socket; it is not replaced", path.display());
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        bail!("somebody answers on the socket {} already", path.display());
    }
    std::fs::remove_file(path).with_context(|| format!("cannot replace the socket {}", path.display()))
}

// === the sensor ===

/// Starts the sensor if there is anything to read; says what is read.
async fn start_sensor(node: &Arc<Node>, tasks: &mut Tasks) -> anyhow::Result<Vec<String>> {
    let (config, reads) = sources::plan(node).await?;
    if config.sources.is_empty() {
        return Ok(reads);
    }
    let rules = sources::rules(&node.config, &node.paths, Asked::of(node)?)?;
    if node.sensor.set(Arc::clone(&config.stats)).is_err() {
        bail!("the sensor was started twice");
    }
    let (sender, events) = mpsc::channel(SENSOR_QUEUE);
    let clock = Arc::clone(&node.clock);
    let shutdown = tasks.shutdown.clone();
    let kept = Arc::clone(&config.kept);
    let absent = watch::absent(node, &config.sources).await?;
    tasks.spawn("sensor", async move {
        Ok(vigie_sensor::run::run(config, rules, clock, sender, shutdown).await?)
    });
    tasks.spawn("watch", watch::run(Arc::clone(node), events, kept, absent));
    Ok(reads)
}

// === the mesh ===

/// Starts the mesh if a network was joined and the mesh does not run yet.
async fn start_mesh(node: &Arc<Node>, tasks: &mut Tasks) -> anyhow::Result<()> {
    if node.mesh.get().is_some() {
        return Ok(());
    }
    // Nothing is said while the mesh is given what was said before.
    let _chain = node.chain.lock().await;
    let Some(directory) = node.membership.copy() else {
        return Ok(());
    };
    let seed = directory
        .genesis()
        .seeds
        .iter()
        .any(|seed| seed.key == node.identity.org);
    let mut config = MeshConfig::new(*node.identity.transport);
    config.listen = node.config.mesh.listen();
    config.dial = node.config.mesh.peers();
    config.dial.extend(learned(&node.settings.get().peers));
    config.seed = seed;
    config.reach = node.config.mesh.reach();
    config.own = node.membership.certificate().map(|certificate| OwnNode {
        key: node.identity.node_key(),
        certificate: Statement::clone(&certificate),
    });
    let held = node.store.held().await?;
    let initial = Initial {
        directory,
        held: held.iter().map(ingest::core_held).collect(),
        proofs: proofs::kept(node).await?,
    };
    let (mesh, events, task) =
        vigie_gossip::start(config, initial, Arc::clone(&node.clock), tasks.shutdown.clone())
            .context("cannot start the mesh")?;
    tasks.spawn("mesh", async move { Ok(task.await?) });
    tasks.spawn("ingest", ingest::run(Arc::clone(node), events));
    whereabouts::recall(node, &mesh).await?;
    // The other tasks see it from here on; only this function sets it.
    if node.mesh.set(mesh).is_err() {
        bail!("the mesh was started twice");
    }
    node.outbox.notify_one();
    Ok(())
}

/// Addresses that an invitation named. They came from outside, so one that is wrong costs only itself.
fn learned(peers: &[String]) -> Vec<String> {
    let mut peers = peers.to_vec();
    peers.retain(|peer| match vigie_gossip::check_address(peer) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "an address that was learned when joining is left out");
            false
        }
    });
    peers
}

// === housekeeping ===

async fn housekeeping(node: Arc<Node>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut told = expiry::Told::default();
    loop {
        if let Err(error) = tidy(&node, &mut told).await {
            // A full disk or a database that restarts: the next round may find it well again.
            tracing::error!(error = format!("{error:#}"), "housekeeping was cut short");
        }
        // Who is no longer spared is looked at when the entry ends, not a minute later.
        let now = node.now();
        let end = node.allowed.next_end(now).map(|end| end.since(now));
        tokio::select! {
            () = tokio::time::sleep(HOUSEKEEPING.min(end.unwrap_or(HOUSEKEEPING))) => {}
            () = node.hurry.notified() => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

async fn tidy(node: &Node, told: &mut expiry::Told) -> anyhow::Result<()> {
    let now = node.now();
    if let Some(gate) = node.tls.get() {
        gate.reload(now);
    }
    reload_warnings(node).await;
    expiry::tell(node, told).await?;
    node.reload_allowlist().await?;
    node.sweep().await?;
    node.regraph();
    proofs::judge(node).await?;
    node.breaker.tick(node).await?;
    ingest::review(node).await?;
    ingest::release(node).await?;
    defend::look(node).await?;
    node.overruled.sweep(node.store.as_ref(), now).await?;
    Repeats::sweep(node.store.as_ref(), now).await?;
    node.opinion.save(node).await?;
    node.visitors.save(&node.opinion, false).await?;
    whereabouts::save(node).await?;
    if let Some(certificate) = node
        .membership
        .renew(node.store.as_ref(), &node.identity, now)
        .await?
        && let Some(mesh) = node.mesh.get()
        && let Err(error) = mesh.add_statement(certificate).await
    {
        tracing::warn!(%error, "the mesh does not take our new certificate");
    }
    let retention = Retention {
        bodies_before: now - BODIES,
        headers_before: now - HEADERS,
        alerts_before: now - ALERTS,
        detections_before: now - DETECTIONS,
        decisions_before: now - ALERTS,
        memory_before: now - MEMORY,
    };
    api::watchers::lapse(node).await?;
    let gone = node.store.forget(&retention).await?;
    tracing::debug!(rows = gone, "forgotten");
    Ok(())
}

/// Reads warning lists that changed. What they protect from now on is released by the review that follows.
async fn reload_warnings(node: &Node) {
    let warnings = Arc::clone(&node.warnings);
    // A collection has hundreds of files: no other task waits for them.
    let read = tokio::task::spawn_blocking(move || warnings.reload()).await;
    let error = match read {
        Ok(Ok(changed)) => {
            if changed {
                node.warnings.tell();
            }
            return;
        }
        Ok(Err(error)) => format!("{error:#}"),
        Err(panicked) => panicked.to_string(),
    };
    tracing::error!(error, "warning lists stay as they were");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_that_nobody_answers_is_cleared_away() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lapi.sock");
        clear_away(&path).unwrap();
        let answering = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(
            clear_away(&path)
                .unwrap_err()
                .to_string()
                .contains("somebody answers")
        );
        drop(answering);
        clear_away(&path).unwrap();
        assert!(!path.exists());
        std::fs::write(&path, "a file of somebody's").unwrap();
        assert!(clear_away(&path).unwrap_err().to_string().contains("no socket"));
    }
}
