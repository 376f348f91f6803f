//! Bouncers and agents that are known by their certificate: no key, no password, and nobody adds them.
//!
//! Whoever the clients' authority named is `NAME@tls` from its first request on, wherever it comes from. CrowdSec makes one
//! for each address; then whoever moves, or asks by IPv6, fills the list. A name with that end is given to nobody else.

use http::Extensions;
use vigie_store::{Bouncer, Machine, Remediation, StoreError};

use super::watchers::is_name;
use crate::node::Node;
use crate::tls::Subject;

/// How the names of those end that are known by certificate.
pub(crate) const END: &str = "@tls";

/// The bouncer that a connection's certificate names, if it names one.
pub(super) async fn bouncer(node: &Node, shown: &Extensions) -> Result<Option<Bouncer>, StoreError> {
    let Some(name) = named(node, shown, |tls| &tls.bouncers_ou) else {
        return Ok(None);
    };
    if let Some(known) = node.store.bouncer(&name).await? {
        return Ok(Some(known));
    }
    let Some(key_hash) = random() else {
        return Ok(None);
    };
    let new = Bouncer {
        name,
        // Of no key: it is known by its certificate only.
        key_hash,
        remediations: vec![Remediation::Ban],
        scopes: Vec::new(),
        expires: None,
        former: None,
        created_at: node.now(),
        last_seen: None,
        agent: String::new(),
        address: String::new(),
    };
    if node.store.add_bouncer(&new).await? {
        tracing::info!(new.name, "a bouncer came by certificate");
    }
    node.store.bouncer(&new.name).await
}

/// The machine that a connection's certificate names, if it names one.
pub(super) async fn machine(node: &Node, shown: &Extensions) -> Result<Option<Machine>, StoreError> {
    let Some(name) = named(node, shown, |tls| &tls.agents_ou) else {
        return Ok(None);
    };
    if let Some(known) = node.store.machine(&name).await? {
        return Ok(Some(known));
    }
    let Some(secret) = random() else {
        return Ok(None);
    };
    let new = Machine {
        name,
        // The hash of no password.
        password: String::new(),
        secret,
        validated: true,
        publish: false,
        created_at: node.now(),
        last_seen: None,
        agent: String::new(),
        address: String::new(),
    };
    if node.store.add_machine(&new).await? {
        tracing::info!(new.name, "a machine came by certificate");
    }
    node.store.machine(&new.name).await
}

/// The name of a certificate that still holds and stands in one of these units.
fn named(
    node: &Node,
    shown: &Extensions,
    units: impl Fn(&crate::config::Tls) -> &Vec<String>,
) -> Option<String> {
    let (subject, tls) = (shown.get::<Subject>()?, node.config.api.tls.as_ref()?);
    let within = subject.units.iter().any(|unit| units(tls).contains(unit));
    let name = format!("{}{END}", subject.name);
    (within && subject.holds(node.now()) && is_name(&name)).then_some(name)
}

fn random() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}
