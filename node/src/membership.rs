//! Which network this node belongs to, and who else does: the genesis, the statements, and names for people.
//!
//! Deliberately absent: the rules of admission, which are `vigie_gossip_core::Directory`, and trust, which is each
//! node's own and only derived here as a graph.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::{Context, bail};
use arc_swap::ArcSwapOption;
use vigie_gossip_core::{Directory, Insertion, Standing};
use vigie_reputation::{Edge, Labels, Member, TrustGraph};
use vigie_store::Store;
use vigie_wire::{Founder, Genesis, NetworkId, NodeCertificate, OrgId, PublisherId, Statement, Timestamp};

use crate::identity::Identity;
use crate::paths::{Paths, write_private};

/// How long a node's certificate lasts (DESIGN 5).
const CERTIFICATE: std::time::Duration = std::time::Duration::from_secs(90 * 86_400);
/// It is made anew when less than this is left.
const RENEWAL: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);
/// Epochs that a certificate authorises: one is spent after each restore.
const EPOCHS: u32 = 100;

/// The network, once joined. A node belongs to one at most.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    directory: OnceLock<Mutex<Directory>>,
    certificate: ArcSwapOption<Statement>,
}

// === impl Membership ===

impl Membership {
    /// From the genesis file and the statements of the store.
    pub(crate) async fn load(
        paths: &Paths,
        store: &dyn Store,
        identity: &Identity,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let membership = Self::default();
        let path = paths.genesis();
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let genesis =
                    Genesis::parse(&text).with_context(|| format!("{} is damaged", path.display()))?;
                membership.enter(genesis, store, identity, now).await?;
            }
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
        Ok(membership)
    }

    /// Joins a network: writes its genesis file and certifies this node there.
    pub(crate) async fn join(
        &self,
        text: &str,
        paths: &Paths,
        store: &dyn Store,
        identity: &Identity,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let genesis = Genesis::parse(text).context("this is not a genesis file")?;
        if let Some(network) = self.network() {
            if network == genesis.network() {
                return Ok(());
            }
            bail!("this node belongs to the network {network} already; another one needs another --data");
        }
        write_private(&paths.genesis(), text)?;
        self.enter(genesis, store, identity, now).await
    }

    async fn enter(
        &self,
        genesis: Genesis,
        store: &dyn Store,
        identity: &Identity,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let mut directory = Directory::new(genesis);
        let network = directory.network();
        let mut own = None;
        for bytes in store.statements().await? {
            let statement = Statement::decode(&bytes).context("the database holds a damaged statement")?;
            if is_ours(&statement, network, identity) {
                own = Some(statement.clone());
            }
            if let Err(refused) = directory.insert(statement) {
                tracing::debug!(%refused, "a stored statement no longer counts");
            }
        }
        if self.directory.set(Mutex::new(directory)).is_err() {
            bail!("another command joined a network at the same moment");
        }
        self.certificate.store(own.map(Arc::new));
        self.renew(store, identity, now).await?;
        Ok(())
    }

    /// Certifies our node anew if its certificate ends soon. It is in force and on disk before this returns, also while
    /// it still waits for somebody to vouch for us.
    pub(crate) async fn renew(
        &self,
        store: &dyn Store,
        identity: &Identity,
        now: Timestamp,
    ) -> anyhow::Result<Option<Statement>> {
        let Some(network) = self.network() else {
            return Ok(None);
        };
        let lasts = |held: &Statement| matches!(held, Statement::NodeCertificate(held) if held.not_after > now + RENEWAL);
        if self.certificate().is_some_and(|held| lasts(&held)) {
            return Ok(None);
        }
        let Some(fresh) = certify(network, identity, now)? else {
            return Ok(None);
        };
        store.keep_statement(fresh.id().0, &fresh.encode(), now).await?;
        if let Some(mut directory) = self.directory()
            && let Err(refused) = directory.insert(fresh.clone())
        {
            tracing::warn!(%refused, "our own certificate does not count");
        }
        self.certificate.store(Some(Arc::new(fresh.clone())));
        Ok(Some(fresh))
    }

    /// The certificate of our node, whether or not somebody vouched for us yet.
    pub(crate) fn certificate(&self) -> Option<Arc<Statement>> {
        self.certificate.load_full()
    }

    /// Whether a network was joined.
    pub(crate) fn joined(&self) -> bool {
        self.directory.get().is_some()
    }

    /// The directory, if a network was joined. Held for short, pure questions only.
    pub(crate) fn directory(&self) -> Option<MutexGuard<'_, Directory>> {
        Some(
            self.directory
                .get()?
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// A copy for the mesh, which keeps its own.
    pub(crate) fn copy(&self) -> Option<Directory> {
        self.directory().map(|directory| Directory::clone(&directory))
    }

    /// The network's name.
    pub(crate) fn network(&self) -> Option<NetworkId> {
        Some(self.directory()?.genesis().network())
    }

    /// Applies a statement and keeps it durably once it counts. `false` if it was known, or waits for another one.
    pub(crate) async fn accept(
        &self,
        statement: Statement,
        store: &dyn Store,
        now: Timestamp,
    ) -> anyhow::Result<bool> {
        let (counting, new) = {
            let mut directory = self.directory().context("this node joined no network yet")?;
            let inserted = match directory.insert(statement.clone()) {
                Ok(inserted) => inserted,
                Err(refused) => bail!("the statement is refused: {refused}"),
            };
            let mut counting = directory.take_settled();
            if inserted != Insertion::Waiting {
                counting.push(statement);
            }
            (counting, inserted == Insertion::New)
        };
        for statement in counting {
            store
                .keep_statement(statement.id().0, &statement.encode(), now)
                .await?;
        }
        Ok(new)
    }

    /// What a publisher may do at that time.
    pub(crate) fn standing(&self, publisher: PublisherId, at: Timestamp) -> Option<Standing> {
        Some(self.directory()?.standing(publisher, at))
    }

    /// A name for people: what the vouch says, else the organisation's id.
    pub(crate) fn name_of(&self, org: OrgId) -> String {
        let named = self
            .directory()
            .and_then(|directory| directory.organisation(org).map(|known| known.name.to_string()));
        named
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| org.to_string())
    }

    /// The same for a publisher that somebody certified.
    pub(crate) fn name_of_publisher(&self, publisher: PublisherId) -> Option<String> {
        let org = self.directory()?.org_of(publisher)?.org_id();
        Some(self.name_of(org))
    }

    /// The trust graph as this node sees it from its anchors.
    pub(crate) fn graph(&self, anchors: &[OrgId], now: Timestamp) -> TrustGraph {
        self.graph_without(anchors, now, &BTreeSet::new())
    }

    /// The same as if the word and the vouches of some counted for nothing.
    pub(crate) fn graph_without(
        &self,
        anchors: &[OrgId],
        now: Timestamp,
        without: &BTreeSet<OrgId>,
    ) -> TrustGraph {
        let Some(directory) = self.directory() else {
            return TrustGraph::build(&[], &[], &[], now);
        };
        let members: Vec<Member> = directory
            .organisations()
            .filter(|org| !without.contains(&org.key.org_id()))
            .map(|org| Member {
                org: org.key.org_id(),
                name: org.name.clone(),
                labels: Labels {
                    operator: org.labels.operator,
                    country: org.labels.country,
                    asn: org.labels.asn,
                },
                history: org.history,
                seed: org.seed,
            })
            .collect();
        let vouched = directory.vouches(now).map(|vouch| Edge {
            from: vouch.from,
            to: vouch.to,
            expires: vouch.expires,
        });
        // Whoever founded the network with the seeds stands there by the seeds' word.
        let genesis = directory.genesis();
        let founded = genesis.seeds.iter().flat_map(|seed| {
            let edge = |member: &Founder| Edge {
                from: seed.key.org_id(),
                to: member.key.org_id(),
                expires: Timestamp::from_millis(i64::MAX),
            };
            genesis.members.iter().map(edge)
        });
        let edges: Vec<Edge> = vouched
            .chain(founded)
            .filter(|edge| !without.contains(&edge.from))
            .collect();
        let anchors: Vec<OrgId> = (anchors.iter().copied())
            .filter(|anchor| !without.contains(anchor))
            .collect();
        TrustGraph::build(&anchors, &members, &edges, now)
    }
}

/// A certificate of our node, if the organisation key is here.
fn certify(network: NetworkId, identity: &Identity, now: Timestamp) -> anyhow::Result<Option<Statement>> {
    let Some(org) = identity.org_secret.as_ref() else {
        return Ok(None);
    };
    // A little into the past, so that a peer whose clock is behind accepts it too.
    let from = now - std::time::Duration::from_secs(300);
    let terms = NodeCertificate {
        network,
        org: identity.org,
        node: identity.node.public(),
        not_before: from,
        not_after: from + CERTIFICATE,
        epoch_from: 0,
        epoch_to: EPOCHS - 1,
        consent: NodeCertificate::consent(network, &identity.org, &identity.node),
    };
    Ok(Some(Statement::NodeCertificate(
        terms.sign(org).context("our node cannot be certified")?,
    )))
}

fn is_ours(statement: &Statement, network: NetworkId, identity: &Identity) -> bool {
    matches!(statement, Statement::NodeCertificate(held)
        if held.network == network && held.node == identity.node.public())
}
