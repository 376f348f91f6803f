//! An authority of a test's own, what it signed and what it took back, as files in PEM.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

/// Its own certificate is `ca.pem`.
pub(crate) struct Authority {
    folder: PathBuf,
    certificate: Certificate,
    key: KeyPair,
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "tests");
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
        Self {
            folder: folder.to_owned(),
            certificate,
            key,
        }
    }

    /// A certificate in `<file>.pem` and its key in `<file>.key`, for who serves or asks at 127.0.0.1. Its number is the
    /// length of the file's name.
    pub(crate) fn sign(&self, file: &str, name: &str, unit: &str) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.serial_number = Some(number(file));
        params.distinguished_name.push(DnType::CommonName, name);
        params
            .distinguished_name
            .push(DnType::OrganizationalUnitName, unit);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.certificate, &self.key).unwrap();
        std::fs::write(self.folder.join(file).with_extension("pem"), certificate.pem()).unwrap();
        std::fs::write(self.folder.join(file).with_extension("key"), key.serialize_pem()).unwrap();
    }

    /// `<file>` is void, says `revoked.pem`.
    pub(crate) fn revoke(&self, file: &str) {
        let revoked = RevokedCertParams {
            serial_number: number(file),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.certificate, &self.key).unwrap();
        std::fs::write(self.folder.join("revoked.pem"), list.pem().unwrap()).unwrap();
    }
}

fn number(file: &str) -> SerialNumber {
    SerialNumber::from(file.len() as u64)
}
