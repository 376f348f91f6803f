//! TLS for the Local API: our certificate, and who showed one that the clients' authority signed.
//!
//! Files are read at the start, and again when they say something else: connections stay, but whoever is named in a new
//! list is nobody on them from then on. Deliberately absent: what a name is let do, which is the API's, and OCSP: a
//! revoked certificate stands in a list in a file.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{ServerConnection, WebPkiClientVerifier};
use tokio_rustls::rustls::{Error, RootCertStore, ServerConfig, crypto};
use vigie_wire::Timestamp;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::config::Tls;

/// Takes connections with these files, as they were read last.
#[derive(Debug)]
pub(crate) struct Gate {
    files: Tls,
    opened: ArcSwap<Opened>,
    /// What the files said when they were looked at last, good or bad.
    seen: Mutex<blake3::Hash>,
}

/// What one reading of the files gave.
pub(crate) struct Opened {
    acceptor: TlsAcceptor,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    /// When the first of the lists should have been replaced.
    stale: Option<Timestamp>,
    /// Whether that was said.
    told: AtomicBool,
    /// Whether a list was named that shut somebody out.
    blamed: AtomicBool,
}

/// Whom a certificate names, believed because the handshake did. Put into each request of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Its common name.
    pub(crate) name: String,
    /// Its organizational units.
    pub(crate) units: Vec<String>,
    /// When the certificate ends: a connection may live longer.
    until: Timestamp,
    /// It and those between it and the authority.
    shown: Arc<[CertificateDer<'static>]>,
    /// Who believed it last; shared by all requests of its connection.
    by: Arc<ArcSwap<Opened>>,
    gate: Arc<Gate>,
}

// === impl Gate ===

impl Gate {
    /// Reads the files.
    pub(crate) fn open(files: &Tls, now: Timestamp) -> anyhow::Result<Arc<Self>> {
        let seen = fingerprint(files);
        let gate = Self {
            files: files.clone(),
            opened: ArcSwap::from_pointee(Opened::read(files)?),
            seen: Mutex::new(seen),
        };
        gate.tell_stale(now);
        Ok(Arc::new(gate))
    }

    /// Reads the files again if they changed; what is wrong with them is told once, and those before hold on.
    pub(crate) fn reload(&self, now: Timestamp) {
        // First this, then the files: what changes in between is seen the next time.
        let fingerprint = fingerprint(&self.files);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen != fingerprint {
            *seen = fingerprint;
            match Opened::read(&self.files) {
                Ok(opened) => {
                    self.opened.store(Arc::new(opened));
                    tracing::info!("the files of [api.tls] were read again");
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(
                        error,
                        "the files of [api.tls] changed, and those read before hold on"
                    );
                }
            }
        }
        self.tell_stale(now);
    }

    /// What the next connection is taken with.
    pub(crate) fn opened(&self) -> Arc<Opened> {
        self.opened.load_full()
    }

    /// Who showed a certificate; `None` for who showed none, or one without exactly one name.
    pub(crate) fn subject(
        self: &Arc<Self>,
        by: Arc<Opened>,
        connection: &ServerConnection,
    ) -> Option<Subject> {
        let shown = connection.peer_certificates()?;
        let (_, certificate) = X509Certificate::from_der(shown.first()?).ok()?;
        let named = certificate.subject();
        let mut names = named.iter_common_name();
        // Of several, programs believe different ones.
        let (Some(name), None) = (names.next(), names.next()) else {
            return None;
        };
        let units = named.iter_organizational_unit();
        Some(Subject {
            name: name.as_str().ok()?.to_owned(),
            units: units
                .filter_map(|unit| Some(unit.as_str().ok()?.to_owned()))
                .collect(),
            until: Timestamp::from_secs(certificate.validity().not_after.timestamp()),
            shown: shown.iter().map(|one| one.clone().into_owned()).collect(),
            by: Arc::new(ArcSwap::new(by)),
            gate: Arc::clone(self),
        })
    }

    /// A list that should have been replaced still counts: it takes back no less than it did.
    fn tell_stale(&self, now: Timestamp) {
        let opened = self.opened.load();
        let stale = opened.stale.is_some_and(|stale| stale <= now);
        if stale && !opened.told.swap(true, Ordering::Relaxed) {
            tracing::warn!("a list in [api.tls] client_crl should have been replaced: it still counts");
        }
    }
}

// === impl Opened ===

impl Opened {
    fn read(files: &Tls) -> anyhow::Result<Self> {
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let (lists, stale) = lists(files)?;
        let clients = clients(files, lists, Arc::clone(&provider))?;
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = match &clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients)),
            None => builder.with_no_client_auth(),
        };
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| format!("[api.tls] key {}", files.key.display()))?;
        let mut config = builder
            .with_single_cert(certificates(&files.certificate)?, key)
            .with_context(|| format!("[api.tls] certificate {}", files.certificate.display()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            clients,
            stale,
            told: AtomicBool::new(false),
            blamed: AtomicBool::new(false),
        })
    }

    pub(crate) const fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Says why a handshake failed: aloud, once, if one of the lists is the reason, for then nobody below the authority
    /// that it names gets in.
    pub(crate) fn tell_failed(&self, error: &std::io::Error) {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        let by_list = matches!(cause, Some(Error::InvalidCertRevocationList(_)));
        if by_list && !self.blamed.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "a list in [api.tls] client_crl is not its authority's: clients below that are shut out");
        } else {
            tracing::debug!(%error, "a TLS handshake failed");
        }
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").finish_non_exhaustive()
    }
}

// === impl Subject ===

impl Subject {
    /// Whether the certificate would be believed now: looked at anew once each time that the files were read again.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        let opened = self.gate.opened();
        if Arc::ptr_eq(&opened, &self.by.load()) {
            return now < self.until;
        }
        let (Some(clients), Some((own, between))) = (&opened.clients, self.shown.split_first()) else {
            return false;
        };
        let secs = u64::try_from(now.as_secs()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(secs));
        let holds = clients.verify_client_cert(own, between, now).is_ok();
        if holds {
            self.by.store(Arc::clone(&opened));
        }
        holds
    }
}

// === the files ===

/// What the files say now, or why they do not.
fn fingerprint(files: &Tls) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for path in [
        &files.certificate,
        &files.key,
        &files.client_ca,
        &files.client_crl,
    ] {
        let said = std::fs::read(path).unwrap_or_else(|error| error.to_string().into_bytes());
        hasher.update(blake3::hash(&said).as_bytes());
    }
    hasher.finalize()
}

/// Clients may show a certificate, and then it must hold; who shows none shows a key or a password.
fn clients(
    files: &Tls,
    lists: Vec<CertificateRevocationListDer<'static>>,
    provider: Arc<crypto::CryptoProvider>,
) -> anyhow::Result<Option<Arc<dyn ClientCertVerifier>>> {
    if files.client_ca.as_os_str().is_empty() {
        let meant = files.agents_ou.len() + files.bouncers_ou.len() + lists.len();
        anyhow::ensure!(
            meant == 0,
            "[api.tls] agents_ou, bouncers_ou and client_crl mean nothing without client_ca"
        );
        return Ok(None);
    }
    let authorities = certificates(&files.client_ca)?;
    for list in &lists {
        genuine(list, &authorities, &provider)
            .with_context(|| format!("[api.tls] client_crl {}", files.client_crl.display()))?;
    }
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority)?;
    }
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
    if !lists.is_empty() {
        // Also of those between a client and its root. Not each has a list.
        builder = builder.with_crls(lists).allow_unknown_revocation_status();
    }
    Ok(Some(builder.build().context("[api.tls] client_ca, client_crl")?))
}

/// Whether the authority that a list names made it. With one that it did not make, no client of that authority would be
/// let in. Who made the list of an authority between is known only when a client shows that one's certificate.
fn genuine(
    list: &CertificateRevocationListDer<'_>,
    authorities: &[CertificateDer<'_>],
    provider: &crypto::CryptoProvider,
) -> anyhow::Result<()> {
    let (_, list) = CertificateRevocationList::from_der(list).context("a list cannot be read")?;
    let named = |authority: &&CertificateDer<'_>| {
        X509Certificate::from_der(authority)
            .is_ok_and(|(_, authority)| authority.subject().as_raw() == list.issuer().as_raw())
    };
    let mut named = authorities.iter().filter(named).peekable();
    let made = |authority: &CertificateDer<'_>| {
        let Ok((_, authority)) = X509Certificate::from_der(authority) else {
            return false;
        };
        let key = &authority.public_key().subject_public_key.data;
        let (said, signature) = (list.tbs_cert_list.as_ref(), &list.signature_value.data);
        let stated = list.signature_algorithm.algorithm.as_bytes();
        let known = provider.signature_verification_algorithms.all.iter();
        // Of the algorithm's DER the tag and the length come before what names it.
        let mut fitting = known.filter(|known| {
            let named = known.signature_alg_id();
            named
                .as_ref()
                .get(2..)
                .is_some_and(|named| named.starts_with(stated))
        });
        fitting.any(|known| known.verify_signature(key, said, signature).is_ok())
    };
    anyhow::ensure!(
        named.peek().is_none() || named.any(made),
        "the list of {} is not signed by it, or in a way that is not known here",
        list.issuer()
    );
    Ok(())
}

/// Who was taken back, and when the first of these lists should be replaced.
fn lists(files: &Tls) -> anyhow::Result<(Vec<CertificateRevocationListDer<'static>>, Option<Timestamp>)> {
    let path = &files.client_crl;
    if path.as_os_str().is_empty() {
        return Ok((Vec::new(), None));
    }
    let read =
        CertificateRevocationListDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| anyhow!("[api.tls] client_crl {}: {error}", path.display()))?;
    // Nobody would be kept out, and nobody would notice.
    anyhow::ensure!(
        !read.is_empty(),
        "[api.tls] client_crl {} holds no list in PEM",
        path.display()
    );
    let next = |list: &CertificateRevocationListDer<'_>| {
        let (_, list) = CertificateRevocationList::from_der(list).ok()?;
        Some(Timestamp::from_secs(list.next_update()?.timestamp()))
    };
    let stale = read.iter().filter_map(next).min();
    Ok((read, stale))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| anyhow!("[api.tls] {}: {error}", path.display()))?;
    anyhow::ensure!(
        !read.is_empty(),
        "[api.tls] {} holds no certificate",
        path.display()
    );
    Ok(read)
}

#[cfg(test)]
mod tests;
