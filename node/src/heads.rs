//! Naming our latest envelope: soon after it, at intervals, and when we leave.
//!
//! So others can tell our silence from our words held back. Deliberately absent: when it is due (the core's `head_due`), and
//! the signing, which stands with the chain.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vigie_gossip_core::Standing;

use crate::chain;
use crate::node::Node;

/// Between two looks whether it is due.
const LOOK: Duration = Duration::from_secs(10);
/// So long a last head may take to leave.
const FAREWELL: Duration = Duration::from_secs(2);
/// What is published leaves with the next turns of the mesh's task.
const LEAVING: Duration = Duration::from_millis(200);

/// Names it whenever it is due, until shutdown.
pub(crate) async fn run(node: Arc<Node>, shutdown: CancellationToken) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
        name(&node, false).await;
    }
}

/// Names it a last time, while the mesh still runs.
pub(crate) async fn farewell(node: &Node) {
    let told = tokio::time::timeout(FAREWELL, name(node, true)).await;
    if told == Ok(true) {
        tokio::time::sleep(LEAVING).await;
    }
}

/// A clock that is wrong names nothing, and who is not admitted is not listened to.
async fn name(node: &Node, leaving: bool) -> bool {
    let publisher = node.identity.node.public().publisher_id();
    let admitted = node
        .membership
        .standing(publisher, node.now())
        .is_some_and(Standing::is_admitted);
    if !admitted || node.skewed.load(Ordering::Relaxed) {
        return false;
    }
    match chain::name_latest(node, leaving).await {
        Ok(named) => {
            if named {
                tracing::debug!(leaving, "our latest envelope was named");
            }
            named
        }
        Err(error) => {
            tracing::debug!(error = format!("{error:#}"), "our latest envelope was not named");
            false
        }
    }
}
