//! Who this node is: the organisation's key, the node's key and the transport's key (DESIGN 5).
//!
//! The organisation key may live offline: then `organisation.key` is absent and the node can do everything
//! except certify itself anew. Deliberately absent: membership, which follows from statements, not from keys.

mod phrase;

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, bail};
use vigie_wire::{PublicKey, Revocation, RevocationTarget, SecretKey, Statement, Timestamp};
use zeroize::Zeroizing;

use crate::paths::{Paths, write_private};

pub(crate) use phrase::{from_phrase, to_phrase};

/// The keys of a running node.
pub(crate) struct Identity {
    /// Reputation and vouches belong to it. Public part always known, secret part if it is on this machine.
    pub(crate) org: PublicKey,
    pub(crate) org_secret: Option<SecretKey>,
    /// Signs envelopes.
    pub(crate) node: SecretKey,
    /// The libp2p identity.
    pub(crate) transport: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Identity {
    /// What everybody may know: a derived one would print the transport key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("org", &self.org)
            .field("node", &self.node.public())
            .finish_non_exhaustive()
    }
}

/// What a first `init` made. The recovery phrase, if the organisation key is here, waits in its file to be shown.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) identity: Identity,
    /// The organisation was there before: only what was missing beside it is new.
    pub(crate) kept: bool,
}

// === impl Identity ===

impl Identity {
    /// Whether this directory has an identity.
    pub(crate) fn exists(paths: &Paths) -> bool {
        paths.key("node").exists()
    }

    /// Makes what is missing of the three keys. An organisation key that is here, or its public part, stays: nothing
    /// brings it back. `org_seed` is a recovered one.
    pub(crate) fn create(paths: &Paths, org_seed: Option<[u8; 32]>, now: Timestamp) -> anyhow::Result<Fresh> {
        if Self::exists(paths) {
            bail!(
                "{} has an identity already; it is not replaced",
                paths.root().display()
            );
        }
        if paths.restoring().exists() {
            bail!(
                "a restore into {} was interrupted: run `vigie restore` again",
                paths.root().display()
            );
        }
        let (seed, kept) = organisation(paths, org_seed)?;
        if let Some(seed) = &seed {
            let org = SecretKey::from_seed(**seed);
            let path = paths.key("organisation");
            if !path.exists() {
                write_private(&path, &file_text("organisation", seed))?;
            }
            if !paths.revocation().exists() {
                write_private(&paths.revocation(), &revocation(&org, now)?)?;
            }
            write_private(&paths.key("organisation.pub"), &format!("{}\n", org.public()))?;
            // On disk until it was shown: killed before that, it is not lost. The seed beside it says the same.
            write_private(&paths.phrase(), &format!("{}\n", to_phrase(seed)?.as_str()))?;
        }
        // The node key comes last: its presence says that everything before it is there.
        let identity = Self::renew(paths)?;
        Ok(Fresh { identity, kept })
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

/// The organisation's seed: the one that is here, or the recovered one, or a new one; `None` if only its public part is
/// here. And whether it was here.
fn organisation(
    paths: &Paths,
    recovered: Option<[u8; 32]>,
) -> anyhow::Result<(Option<Zeroizing<[u8; 32]>>, bool)> {
    let recovered = recovered.map(Zeroizing::new);
    let secret = paths.key("organisation");
    let held = if secret.exists() {
        Some(read(&secret, "organisation")?)
    } else {
        None
    };
    let public = paths.key("organisation.pub");
    let known = match (&held, public.exists()) {
        (Some(seed), _) => Some(SecretKey::from_seed(**seed).public()),
        (None, true) => Some(read_public(&public)?),
        (None, false) => None,
    };
    let Some(known) = known else {
        let seed = match recovered {
            Some(seed) => seed,
            None => Zeroizing::new(random()?),
        };
        return Ok((Some(seed), false));
    };
    match recovered {
        Some(seed) if SecretKey::from_seed(*seed).public() != known => bail!(
            "{} holds the organisation {known}, and this phrase is another's: choose another --data",
            paths.root().display()
        ),
        Some(seed) => Ok((Some(seed), true)),
        None => Ok((held, true)),
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn empty() -> (tempfile::TempDir, Paths) {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::new(Some(directory.path().to_owned()), None);
        (directory, paths)
    }

    #[test]
    fn an_organisation_key_that_is_here_is_never_replaced() {
        let (_directory, paths) = empty();
        let first = Identity::create(&paths, None, NOW).unwrap();
        assert!(!first.kept && Identity::create(&paths, None, NOW).is_err());
        fs::remove_file(paths.key("node")).unwrap();
        assert!(
            Identity::create(&paths, Some([7; 32]), NOW).is_err(),
            "another organisation's phrase"
        );
        let again = Identity::create(&paths, None, NOW).unwrap();
        assert!(again.kept);
        assert_eq!(again.identity.org, first.identity.org);
        assert_ne!(again.identity.node.public(), first.identity.node.public());
    }

    #[test]
    fn an_organisation_key_that_is_kept_elsewhere_stays_there() {
        let (_directory, paths) = empty();
        let org = SecretKey::from_seed([7; 32]).public();
        fs::write(paths.key("organisation.pub"), format!("{org}\n")).unwrap();
        let made = Identity::create(&paths, None, NOW).unwrap();
        assert!(made.kept && made.identity.org == org && made.identity.org_secret.is_none());
        assert!(!paths.key("organisation").exists() && !paths.phrase().exists());
    }

    #[test]
    fn a_recovered_key_is_the_one_it_was_and_debug_tells_no_secret() {
        let (_directory, paths) = empty();
        let made = Identity::create(&paths, Some([7; 32]), NOW).unwrap();
        let words = fs::read_to_string(paths.phrase()).unwrap();
        assert_eq!(from_phrase(&words).unwrap(), [7; 32]);
        let told = format!("{made:?}");
        assert!(!told.contains("transport"), "{told}");
    }
}
