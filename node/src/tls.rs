//! TLS for the Local API: our certificate, and who showed one that the clients' authority signed.
//!
//! Files are read at the start. Deliberately absent: what a name is let do, which is the API's, and OCSP: a revoked
//! certificate stands in a list in a file.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{ServerConnection, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};
use vigie_wire::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::Tls;

/// Whom a certificate names, believed because the handshake did. Put into each request of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// Its common name.
    pub(crate) name: String,
    /// Its organizational units.
    pub(crate) units: Vec<String>,
    /// When the certificate ends: a connection may live longer.
    pub(crate) until: Timestamp,
}

/// What takes connections with these files.
pub(crate) fn acceptor(files: &Tls) -> anyhow::Result<TlsAcceptor> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match verifier(files, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("[api.tls] key {}", files.key.display()))?;
    let mut config = builder
        .with_single_cert(certificates(&files.certificate)?, key)
        .with_context(|| format!("[api.tls] certificate {}", files.certificate.display()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Clients may show a certificate, and then it must hold; who shows none shows a key or a password.
fn verifier(
    files: &Tls,
    provider: Arc<crypto::CryptoProvider>,
) -> anyhow::Result<Option<Arc<dyn ClientCertVerifier>>> {
    if files.client_ca.as_os_str().is_empty() {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    for authority in certificates(&files.client_ca)? {
        roots.add(authority)?;
    }
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
    if !files.client_crl.as_os_str().is_empty() {
        let lists = CertificateRevocationListDer::pem_file_iter(&files.client_crl)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| anyhow!("[api.tls] client_crl {}: {error}", files.client_crl.display()))?;
        builder = builder
            .with_crls(lists)
            .only_check_end_entity_revocation()
            .allow_unknown_revocation_status();
    }
    Ok(Some(builder.build().context("[api.tls] client_ca")?))
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

/// Who showed a certificate; `None` for who showed none, or one without a name.
pub(crate) fn subject(connection: &ServerConnection) -> Option<Subject> {
    let shown = connection.peer_certificates()?.first()?;
    let (_, certificate) = X509Certificate::from_der(shown).ok()?;
    let named = certificate.subject();
    let name = named.iter_common_name().next()?.as_str().ok()?;
    let units = named.iter_organizational_unit();
    Some(Subject {
        name: name.to_owned(),
        units: units
            .filter_map(|unit| Some(unit.as_str().ok()?.to_owned()))
            .collect(),
        until: Timestamp::from_secs(certificate.validity().not_after.timestamp()),
    })
}
