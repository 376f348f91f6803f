//! One node, opened: its data, its keys and what it holds in memory. Everything else is given a share of it.
//!
//! Deliberately absent: tasks. A command that runs without a node opens the same thing and starts none; see `up`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context;
use ipnet::IpNet;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use vigie_gossip::{Mesh, Peer};
use vigie_gossip_core::Standing;
use vigie_gossip_core::window::Traffic;
use vigie_reputation::{MemoryConfig, Scorer, ScorerConfig};
use vigie_sensor::stats::Stats;
use vigie_store::{
    AlertFilter, AlertId, Decision, DecisionFilter, DecisionId, Owner, SightingFilter, Store, StoreError,
};
use vigie_store_postgres::PostgresStore;
use vigie_store_sqlite::SqliteStore;
use vigie_wire::Timestamp;

use crate::allowlist::Listed;
use crate::api::keys::Keys;
use crate::breaker::Guard;
use crate::chain::OwnChain;
use crate::clock::{self, Clock};
use crate::config::{Config, Remote, network};
use crate::decide::{self, Enforcing};
use crate::defend::Defence;
use crate::horizon::Horizon;
use crate::identity::Identity;
use crate::membership::Membership;
use crate::objection::{self, Early};
use crate::opinion::Opinion;
use crate::overruled::Overruled;
use crate::paths::Paths;
use crate::profile::Profile;
use crate::reach::{Reach, Situation};
use crate::repeats::Repeats;
use crate::say::Saying;
use crate::settings::Settings;
use crate::share::{self, Sharing};
use crate::table::{KEPT_AFTER_EARLY_END, KEPT_AFTER_END, Table};
use crate::tls::Gate;
use crate::visitors::Visitors;
use crate::warning::Warnings;

/// Sightings older than this have no weight (DESIGN 11), so a start replays no more.
const REPLAYED: Duration = Duration::from_secs(24 * 3_600);
/// How long a login protects an address (DESIGN 7).
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// One opened node.
pub(crate) struct Node {
    pub(crate) paths: Paths,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) identity: Identity,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) membership: Membership,
    pub(crate) opinion: Opinion,
    pub(crate) table: Table,
    /// Whose keys were used of late.
    pub(crate) keys: Keys,
    /// What simulates the mesh's word when it goes wild.
    pub(crate) breaker: Guard,
    /// Who visited us, on disk.
    pub(crate) visitors: Visitors,
    /// Who is well known, or shared by many.
    pub(crate) warnings: Arc<Warnings>,
    /// Where a person overruled the mesh.
    pub(crate) overruled: Overruled,
    /// Whom our own sensor caught before.
    pub(crate) repeats: Repeats,
    profiles: Arc<[Profile]>,
    /// What we are to say beside sightings.
    pub(crate) saying: Saying,
    /// What we dispute for our users.
    pub(crate) defence: Defence,
    /// What others dispute before we hear it.
    pub(crate) early: Early,
    /// Up to when we hear those whom we trust.
    pub(crate) horizon: Horizon,
    /// How busy the mesh is.
    pub(crate) traffic: Mutex<Traffic>,
    pub(crate) started_at: Timestamp,
    /// The name of this process among those that share a database: made of the transport key, which is in its data only.
    pub(crate) instance: String,
    /// Set while the mesh runs.
    pub(crate) mesh: OnceLock<Mesh>,
    /// Set while the API is behind TLS.
    pub(crate) tls: OnceLock<Arc<Gate>>,
    /// Set while the sensor runs.
    pub(crate) sensor: OnceLock<Arc<Stats>>,
    /// Our clock differs from our peers' by more than the network allows: nothing is published (DESIGN 11).
    pub(crate) skewed: std::sync::atomic::AtomicBool,
    /// Held while our chain grows by one.
    pub(crate) chain: tokio::sync::Mutex<OwnChain>,
    /// When the first peer proved who it is: what it knows of our chain follows within moments.
    pub(crate) heard: OnceLock<Timestamp>,
    /// Somebody put an alert into the outbox.
    pub(crate) outbox: Notify,
    /// Somebody joined a network while the node ran.
    pub(crate) joined: Notify,
    /// Somebody wants housekeeping now: a signal, or what was edited.
    pub(crate) hurry: Notify,
    /// Cancelled when the node ends: tasks and long answers end then.
    pub(crate) ending: CancellationToken,
    /// Whether the tasks run, or a command opened the data for itself.
    pub(crate) runs: std::sync::atomic::AtomicBool,
    recalled: tokio::sync::OnceCell<()>,
    /// What people spare.
    pub(crate) allowed: Listed,
    /// Whom we spared when that was last looked at: bouncers that look up places themselves wait for another list.
    pub(crate) sparing: watch::Sender<Vec<IpNet>>,
    /// The addresses of this machine.
    here: arc_swap::ArcSwap<Vec<IpNet>>,
    /// Held while the allowlist is read again, so that no older reading replaces a newer one.
    reloading: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

// === impl Node ===

impl Node {
    /// Opens the data of a node that has an identity. Whoever asks for an opinion or a user of ours calls
    /// [`Node::recalled`] first: most commands need neither, and a day of sightings takes its time.
    pub(crate) async fn open(paths: Paths, config: Config) -> anyhow::Result<Arc<Self>> {
        let clock = clock::system();
        let now = clock();
        let identity = Identity::load(&paths)?;
        let store = open_store(&paths, &config).await?;
        let instance = instance(&identity.transport);
        for kind in ["position/", "scorer/", "say/"] {
            store.adopt_notes(&instance, kind).await?;
        }
        let settings = Settings::load(Arc::clone(&store)).await?;
        let membership = Membership::load(&paths, store.as_ref(), &identity, now).await?;
        let graph = membership.graph(&settings.get().anchors, now);
        let memory = MemoryConfig {
            max_authenticated: *config.policy.remember_users.get_ref(),
            max_visitors: *config.policy.remember_visitors.get_ref(),
            seed: blake3::derive_key("vigie/visitors/v1", &*identity.transport),
        };
        let warnings = Warnings::load(config.policy.warning_lists(), config.policy.classes.clone())
            .context("[policy] warning_lists")?;
        let opinion = Opinion::new(Scorer::new(
            graph,
            ScorerConfig {
                memory,
                class: warnings.lookup(),
                hearing: i64::try_from(config.policy.hearing().as_millis()).unwrap_or(i64::MAX),
                ..ScorerConfig::default()
            },
        ));
        let recent = DecisionFilter {
            ended_since: Some(now - KEPT_AFTER_END),
            ..DecisionFilter::default()
        };
        let table = Table::new(store.decisions(&recent).await?, now);
        let early = store.ended_early(now - KEPT_AFTER_EARLY_END, now).await?;
        table.recall(early, now);
        let overruled = Overruled::load(store.as_ref()).await?;
        let chain = OwnChain::load(store.as_ref(), identity.node.public().publisher_id(), &instance).await?;
        let visitors = Visitors::new(&paths);
        let repeats = Repeats::load(store.as_ref(), now).await?;
        let profiles = config.policy.profiles().into();
        let node = Arc::new(Self {
            paths,
            config,
            clock,
            identity,
            store,
            settings,
            membership,
            opinion,
            table,
            keys: Keys::default(),
            breaker: Guard::default(),
            visitors,
            warnings: Arc::new(warnings),
            overruled,
            repeats,
            profiles,
            saying: Saying::default(),
            defence: Defence::default(),
            early: Early::default(),
            traffic: Mutex::default(),
            horizon: Horizon::default(),
            started_at: now,
            instance,
            mesh: OnceLock::new(),
            tls: OnceLock::new(),
            sensor: OnceLock::new(),
            skewed: std::sync::atomic::AtomicBool::new(false),
            chain: tokio::sync::Mutex::new(chain),
            heard: OnceLock::new(),
            outbox: Notify::new(),
            joined: Notify::new(),
            hurry: Notify::new(),
            ending: CancellationToken::new(),
            runs: std::sync::atomic::AtomicBool::new(false),
            recalled: tokio::sync::OnceCell::new(),
            allowed: Listed::default(),
            sparing: watch::Sender::default(),
            here: arc_swap::ArcSwap::default(),
            reloading: tokio::sync::Mutex::default(),
        });
        node.breaker.recall(&node).await?;
        node.reload_allowlist().await?;
        Ok(node)
    }

    /// What this process notes for itself.
    pub(crate) fn mine(&self) -> Owner<'_> {
        Owner::Process(&self.instance)
    }

    /// How busy the mesh is: told by whoever keeps envelopes, asked by the outbox.
    pub(crate) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Whether others can call us.
    pub(crate) async fn reach(&self) -> Reach {
        let own = self.identity.node.public().publisher_id();
        let seed = self.membership.standing(own, self.now()) == Some(Standing::Seed);
        let mut situation = Situation {
            seed,
            ..Situation::default()
        };
        if let Some(mesh) = self.mesh.get() {
            let is_seed = |peer: &Peer| peer.standing == Some(Standing::Seed);
            let peers = mesh.peers().await.unwrap_or_default();
            let reached = mesh.reached().await.unwrap_or_default();
            situation.running = self.running();
            situation.peers = peers.len();
            situation.seeds = peers.iter().filter(|peer| is_seed(peer)).count();
            situation.called = reached.called;
            situation.circuits = reached.circuits;
            situation.listening = mesh.listening().await.unwrap_or_default();
            // Those are no place of ours.
            situation
                .listening
                .retain(|address| !address.contains("/p2p-circuit"));
        }
        if situation.listening.is_empty() {
            situation.listening = self.config.mesh.listen();
        }
        Reach::of(situation)
    }

    /// Whether a node runs here, not only a command.
    pub(crate) fn running(&self) -> bool {
        self.runs.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Has the scorer know again what it knew before the restart.
    pub(crate) async fn recalled(&self) -> anyhow::Result<()> {
        self.recalled.get_or_try_init(|| self.recall(self.now())).await?;
        Ok(())
    }

    /// Gives the scorer back what it knew before the restart.
    async fn recall(&self, now: Timestamp) -> anyhow::Result<()> {
        self.opinion.recall(self).await?;
        self.visitors.recall(&self.opinion);
        for record in self.store.remembered(now - REMEMBERED).await? {
            self.opinion
                .remember(record.ip, vigie_reputation::Tier::Authenticated, record.at);
        }
        let recent = SightingFilter {
            since: Some(now - REPLAYED),
            ..SightingFilter::default()
        };
        let mut rows = self.store.sightings(&recent).await?;
        rows.reverse();
        // Our own word first: it must not credit again whom it credited before the restart.
        let alerts = AlertFilter {
            since: Some(now - REPLAYED),
            ..AlertFilter::default()
        };
        let ours = self.store.alerts(&alerts).await?;
        let spared = self.spared();
        for alert in ours.iter().map(|alert| &alert.alert) {
            if let Some((subject, behaviour)) = decide::proven(alert, &spared) {
                self.opinion.own_detection(&subject, behaviour, alert.last);
            }
        }
        let own = self.identity.org.org_id();
        for row in rows
            .iter()
            .filter(|row| row.retracted_at.is_none() && row.org != own)
        {
            self.opinion.observe(row, now);
        }
        objection::recall(self, now).await
    }

    /// Reads the allowlist again after it changed, and the addresses of this machine.
    pub(crate) async fn reload_allowlist(&self) -> anyhow::Result<()> {
        let _reloading = self.reloading.lock().await;
        match share::addresses_here() {
            Ok(here) => self.here.store(Arc::new(here)),
            Err(error) if self.running() => {
                tracing::debug!(%error, "this machine does not tell its addresses");
            }
            Err(error) => {
                tracing::warn!(%error, "this machine does not tell its addresses: name them in [policy] own");
            }
        }
        self.allowed.put(self.store.allowed().await?);
        let spared = self.spared();
        self.sparing.send_if_modified(|before| {
            let differs = *before != spared;
            *before = spared;
            differs
        });
        Ok(())
    }

    /// Ends what was decided on addresses that are spared by now: a decision may be on its way while the list changes.
    pub(crate) async fn sweep(&self) -> anyhow::Result<usize> {
        let spared = self.spared();
        let held = self.table.active(self.now()).into_iter();
        let hit = held.filter(|held| {
            network(&held.decision.value).is_some_and(|value| decide::touches(value, &spared))
        });
        let hit: Vec<_> = hit.map(|held| held.id).collect();
        Ok(self.end(&hit).await?.len())
    }

    /// Our own networks: those that the configuration names, and the addresses of this machine.
    fn own(&self) -> Vec<IpNet> {
        let mut own = self.config.policy.own();
        own.extend(self.here.load().iter());
        own
    }

    /// Our own networks and the allowlist.
    pub(crate) fn spared(&self) -> Vec<IpNet> {
        let mut spared = self.own();
        spared.extend(self.allowed.nets(self.now()));
        spared
    }

    /// What policy says about sharing now.
    pub(crate) fn sharing(&self) -> Sharing {
        Sharing {
            enabled: self.settings.get().share && self.membership.joined(),
            withheld: self.config.policy.withheld(),
            own: self.own(),
            allowed: self.allowed.nets(self.now()),
        }
    }

    /// What policy says about enforcing now.
    pub(crate) fn enforcing(&self) -> Enforcing {
        Enforcing {
            ban: self.config.policy.ban(),
            ipv6_prefix: self.config.policy.ipv6_prefix(),
            remote: match self.remote() {
                Remote::Enforce if self.breaker.open().is_some() => Remote::Simulate,
                remote => remote,
            },
            spared: self.spared(),
            profiles: Arc::clone(&self.profiles),
        }
    }

    /// What verdicts of the mesh lead to while the breaker is closed.
    pub(crate) fn remote(&self) -> Remote {
        self.settings.get().remote(self.config.policy.remote)
    }

    /// Ends these decisions, all or none, in the store first.
    pub(crate) async fn end(&self, ids: &[DecisionId]) -> anyhow::Result<Vec<Decision>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (now, before) = (self.now(), self.table.snapshot());
        let ended = self.store.end_these(ids, now).await?;
        let asked = ids.iter().filter_map(|id| Some(&before.get(*id)?.held));
        Ok(self.ended(ended, asked, now))
    }

    /// The same for all that a filter names.
    pub(crate) async fn end_all(&self, filter: &DecisionFilter) -> anyhow::Result<Vec<Decision>> {
        let (now, before) = (self.now(), self.table.snapshot());
        let ended = self.store.end_decisions(filter, now).await?;
        let asked = before.active(now).filter(|held| filter.names(held));
        Ok(self.ended(ended, asked, now))
    }

    /// Tells the table what ended, and what must have ended before: of what was `asked`, as the table had it before the
    /// store was, whatever still holds here ended with an answer that was lost, or in another process.
    fn ended<'a>(
        &self,
        mut ended: Vec<Decision>,
        asked: impl Iterator<Item = &'a Arc<Decision>>,
        now: Timestamp,
    ) -> Vec<Decision> {
        let known: HashSet<_> = ended.iter().map(|one| one.id).collect();
        // What has no number waits to be written: `watch` ends it.
        let stale =
            asked.filter(|held| held.id > 0 && held.decision.until > now && !known.contains(&held.id));
        ended.extend(stale.map(|held| {
            let mut over = Decision::clone(held);
            over.decision.until = now;
            over
        }));
        self.table.put(&ended, now);
        ended
    }

    /// The number of the alert of a detection, if the store has it; what it decided is in the table then, also if it was
    /// written and we were never told.
    pub(crate) async fn recover(&self, detection: [u8; 16]) -> Result<Option<AlertId>, StoreError> {
        let this = AlertFilter {
            detection: Some(detection),
            ..AlertFilter::default()
        };
        let Some(alert) = self.store.alerts(&this).await?.first().map(|known| known.id) else {
            return Ok(None);
        };
        let now = self.now();
        let its_own = DecisionFilter {
            alert: Some(alert),
            active_at: Some(now),
            ..DecisionFilter::default()
        };
        let mut missed = self.store.decisions(&its_own).await?;
        let snapshot = self.table.snapshot();
        missed.retain(|one| snapshot.get(one.id).is_none());
        self.repeats.note(&missed);
        self.table.put(&missed, now);
        Ok(Some(alert))
    }

    /// Whether somebody logged in here from this address.
    pub(crate) fn is_known(&self, ip: std::net::IpAddr) -> bool {
        self.opinion.knows_user(ip, self.now())
    }

    /// The trust graph again, after statements or anchors changed.
    pub(crate) fn regraph(&self) {
        let graph = self.membership.graph(&self.settings.get().anchors, self.now());
        self.opinion.set_graph(graph);
    }
}

fn instance(transport: &[u8; 32]) -> String {
    let name = blake3::derive_key("vigie/instance/v1", transport);
    hex::encode(name.first_chunk::<8>().unwrap_or(&[0; 8]))
}

async fn open_store(paths: &Paths, config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    if config.store.url.is_empty() {
        let path = paths.database();
        let store = SqliteStore::open(&path).await;
        return Ok(Arc::new(store.with_context(|| {
            format!("cannot open the database {}", path.display())
        })?));
    }
    let store = PostgresStore::connect(&config.store.url).await;
    // The URL may hold a password, so it is not repeated.
    Ok(Arc::new(
        store.context("cannot open the database that [store] url names")?,
    ))
}
