//! Who this node is: the organisation's key, the node's key and the transport's key (DESIGN 5).
//!
//! The organisation key may live offline: then `organisation.key` is absent and the node can do everything
//! except certify itself anew. Deliberately absent: membership, which follows from statements, not from keys.

mod phrase;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, bail};
use vigie_wire::{PublicKey, Revocation, RevocationTarget, SecretKey, Statement, Timestamp};
use zeroize::Zeroizing;

use crate::paths::{Paths, write_private};

pub(crate) use phrase::{from_phrase, to_phrase};

/// The keys of a running node.
#[derive(Debug)]
pub(crate) struct Identity {
    /// Reputation and vouches belong to it. Public part always known, secret part if it is on this machine.
    pub(crate) org: PublicKey,
    pub(crate) org_secret: Option<SecretKey>,
    /// Signs envelopes.
    pub(crate) node: SecretKey,
    /// The libp2p identity.
    pub(crate) transport: Zeroizing<[u8; 32]>,
}

/// What a first `init` must show once.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) identity: Identity,
    pub(crate) phrase: Zeroizing<String>,
}

// === impl Identity ===

impl Identity {
    /// Whether this directory has an identity.
    pub(crate) fn exists(paths: &Paths) -> bool {
        paths.key("node").exists()
    }

    /// Makes the three keys, or all but the organisation's if its seed is given (recovery).
    pub(crate) fn create(paths: &Paths, org_seed: Option<[u8; 32]>, now: Timestamp) -> anyhow::Result<Fresh> {
        if Self::exists(paths) {
            bail!(
                "{} has an identity already; it is not replaced",
                paths.root().display()
            );
        }
        let seed = Zeroizing::new(match org_seed {
            Some(seed) => seed,
            None => random()?,
        });
        let org = SecretKey::from_seed(*seed);
        write_private(&paths.key("organisation"), &file_text("organisation", &seed))?;
        write_private(&paths.revocation(), &revocation(&org, now)?)?;
        write_private(&paths.key("organisation.pub"), &format!("{}\n", org.public()))?;
        write_private(
            &paths.key("transport"),
            &file_text("transport", &Zeroizing::new(random()?)),
        )?;
        // The node key comes last: its presence says that everything before it is there.
        write_private(&paths.key("node"), &file_text("node", &Zeroizing::new(random()?)))?;
        let identity = Self::load(paths)?;
        Ok(Fresh {
            identity,
            phrase: to_phrase(&seed)?,
        })
    }

    /// After a restore: the same organisation with a new node and transport key, so that nothing is signed twice.
    pub(crate) fn renew(paths: &Paths) -> anyhow::Result<Self> {
        write_private(
            &paths.key("transport"),
            &file_text("transport", &Zeroizing::new(random()?)),
        )?;
        write_private(&paths.key("node"), &file_text("node", &Zeroizing::new(random()?)))?;
        Self::load(paths)
    }

    /// The node key once more, for the task that proves it to peers.
    pub(crate) fn node_key(&self) -> SecretKey {
        SecretKey::from_seed(*self.node.seed())
    }

    /// Reads the keys; refuses files that others may read.
    pub(crate) fn load(paths: &Paths) -> anyhow::Result<Self> {
        let org_secret = match paths.key("organisation").exists() {
            true => Some(SecretKey::from_seed(*read(
                &paths.key("organisation"),
                "organisation",
            )?)),
            false => None,
        };
        let org = match &org_secret {
            Some(secret) => secret.public(),
            None => read_public(&paths.key("organisation.pub"))?,
        };
        Ok(Self {
            org,
            org_secret,
            node: SecretKey::from_seed(*read(&paths.key("node"), "node")?),
            transport: read(&paths.key("transport"), "transport")?,
        })
    }
}

fn random() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes)
}

fn file_text(name: &str, seed: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "vigie {name} key 1\n{}\n",
        Zeroizing::new(hex::encode(seed)).as_str()
    ))
}

fn read(path: &Path, name: &str) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let open = || format!("cannot read the key {}", path.display());
    let mode = fs::metadata(path).with_context(open)?.mode();
    if mode & 0o077 != 0 {
        bail!(
            "{} may be read by others (mode {:03o}): run chmod 600 on it",
            path.display(),
            mode & 0o777
        );
    }
    let text = Zeroizing::new(fs::read_to_string(path).with_context(open)?);
    let mut seed = Zeroizing::new([0; 32]);
    let digits = text
        .strip_prefix(&format!("vigie {name} key 1\n"))
        .and_then(|rest| rest.strip_suffix('\n'));
    match digits.map(|digits| hex::decode_to_slice(digits, seed.as_mut_slice())) {
        Some(Ok(())) => Ok(seed),
        _ => bail!("{} is not a {name} key of this program", path.display()),
    }
}

fn read_public(path: &Path) -> anyhow::Result<PublicKey> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.trim()
        .parse()
        .with_context(|| format!("{} is not a public key", path.display()))
}

/// The signed revocation to keep: whoever publishes it ends this organisation's key on every network.
fn revocation(org: &SecretKey, now: Timestamp) -> anyhow::Result<String> {
    let terms = Revocation {
        network: Revocation::EVERYWHERE,
        org: org.public(),
        target: RevocationTarget::Organisation,
        compromised_since: now,
        at: now,
    };
    let signed = terms.sign(org).context("the revocation cannot be signed")?;
    let bytes = Statement::Revocation(signed).encode();
    Ok(format!(
        "Keep this away from the machine, and secret: whoever publishes it ends the organisation key\n{}\nfor ever, on every network. Publish it with `vigie revoke --file FILE`.\n\n{}\n",
        org.public(),
        hex::encode(bytes)
    ))
}
