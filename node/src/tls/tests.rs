//! Whom the files let in, and what becomes of them when the files change.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

struct Signed {
    certificate: Certificate,
    key: KeyPair,
}

fn sign(name: &str, serial: u64, by: Option<&Signed>) -> Signed {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.serial_number = Some(SerialNumber::from(serial));
    params.distinguished_name.push(DnType::CommonName, name);
    if !matches!(name, "edge" | "node") {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    }
    let certificate = match by {
        Some(by) => params.signed_by(&key, &by.certificate, &by.key),
        None => params.self_signed(&key),
    };
    let certificate = certificate.unwrap();
    Signed { certificate, key }
}

/// A list of this authority that takes back one number.
fn list(by: &Signed, serial: u64) -> String {
    let revoked = RevokedCertParams {
        serial_number: SerialNumber::from(serial),
        revocation_time: date_time_ymd(2024, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(2025, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&by.certificate, &by.key).unwrap().pem().unwrap()
}

/// A folder of files as `[api.tls]` names them, with an authority and a list of it.
struct Folder {
    place: tempfile::TempDir,
    root: Signed,
}

impl Folder {
    fn new() -> Self {
        let folder = Self {
            place: tempfile::tempdir().unwrap(),
            root: sign("root", 1, None),
        };
        folder.serve(&sign("node", 2, Some(&folder.root)));
        folder.write("ca.pem", &folder.root.certificate.pem());
        folder.write("crl.pem", &list(&folder.root, 99));
        folder
    }

    fn serve(&self, as_who: &Signed) {
        self.write("server.pem", &as_who.certificate.pem());
        self.write("server.key", &as_who.key.serialize_pem());
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn files(&self) -> Tls {
        Tls {
            certificate: self.path("server.pem"),
            key: self.path("server.key"),
            client_ca: self.path("ca.pem"),
            client_crl: self.path("crl.pem"),
            ..Tls::default()
        }
    }
}

/// As the handshake would have made it.
fn subject(gate: &Arc<Gate>, chain: &[&Signed]) -> Subject {
    Subject {
        name: "edge".to_owned(),
        units: Vec::new(),
        until: NOW + Duration::from_secs(60),
        shown: chain.iter().map(|one| one.certificate.der().clone()).collect(),
        by: Arc::new(ArcSwap::new(gate.opened())),
        gate: Arc::clone(gate),
    }
}

#[test]
fn a_list_without_a_list_and_units_without_an_authority_are_refused() {
    let folder = Folder::new();
    folder.write("crl.pem", "\n");
    let why = Gate::open(&folder.files(), NOW).unwrap_err().to_string();
    assert!(why.contains("holds no list"), "{why}");
    let files = Tls {
        client_ca: PathBuf::new(),
        client_crl: PathBuf::new(),
        bouncers_ou: vec!["bouncers".to_owned()],
        ..folder.files()
    };
    let why = Gate::open(&files, NOW).unwrap_err().to_string();
    assert!(why.contains("without client_ca"), "{why}");
}

#[test]
fn whoever_is_taken_back_is_nobody_on_a_connection_that_stays() {
    let folder = Folder::new();
    let between = sign("between", 3, Some(&folder.root));
    let (own, below) = (
        sign("edge", 4, Some(&folder.root)),
        sign("edge", 5, Some(&between)),
    );
    let gate = Gate::open(&folder.files(), NOW).unwrap();
    let [direct, indirect] = [subject(&gate, &[&own]), subject(&gate, &[&below, &between])];
    assert!(direct.holds(NOW) && indirect.holds(NOW));
    assert!(!direct.holds(NOW + Duration::from_secs(60)), "it ended by itself");
    // Of others only: nothing changes for these. The list is long stale, and counts.
    folder.write("crl.pem", &list(&folder.root, 98));
    gate.reload(NOW);
    assert!(direct.holds(NOW) && indirect.holds(NOW));
    let believed = direct.by.load_full();
    assert!(
        Arc::ptr_eq(&believed, &gate.opened()),
        "and is not looked at again until the next reading"
    );
    folder.write("crl.pem", &list(&folder.root, 4));
    gate.reload(NOW);
    assert!(!direct.holds(NOW) && indirect.holds(NOW));
    // The authority between is taken back, and with it whom it signed.
    folder.write("crl.pem", &list(&folder.root, 3));
    gate.reload(NOW);
    assert!(direct.holds(NOW) && !indirect.holds(NOW));
}

#[test]
fn a_list_that_its_authority_did_not_make_is_refused_and_those_before_hold_on() {
    let folder = Folder::new();
    let gate = Gate::open(&folder.files(), NOW).unwrap();
    let before = gate.opened();
    // By name the authority, by key somebody else.
    let false_root = sign("root", 1, None);
    folder.write("crl.pem", &list(&false_root, 4));
    let why = format!("{:#}", Gate::open(&folder.files(), NOW).unwrap_err());
    assert!(
        why.contains("crl.pem") && why.contains("is not signed by it"),
        "{why}"
    );
    gate.reload(NOW);
    assert!(Arc::ptr_eq(&before, &gate.opened()));
    let own = sign("edge", 4, Some(&folder.root));
    assert!(subject(&gate, &[&own]).holds(NOW), "nobody is locked out");
    // Also where it stands behind a good one.
    let good = list(&folder.root, 99);
    folder.write("crl.pem", &(good.clone() + &list(&false_root, 4)));
    gate.reload(NOW);
    assert!(Arc::ptr_eq(&before, &gate.opened()));
    // Of two authorities with one name either may have made it.
    let both = folder.root.certificate.pem() + &false_root.certificate.pem();
    folder.write("ca.pem", &both);
    gate.reload(NOW);
    assert!(!Arc::ptr_eq(&before, &gate.opened()));
    folder.write("ca.pem", &folder.root.certificate.pem());
    folder.write("crl.pem", &good);
    gate.reload(NOW);
    assert!(subject(&gate, &[&own]).holds(NOW));
}

#[test]
fn files_that_do_not_fit_leave_those_before() {
    let folder = Folder::new();
    let gate = Gate::open(&folder.files(), NOW).unwrap();
    let before = gate.opened();
    let renewed = sign("node", 6, Some(&folder.root));
    // Half of a renewal: the key does not belong to the certificate.
    folder.write("server.pem", &renewed.certificate.pem());
    gate.reload(NOW);
    assert!(Arc::ptr_eq(&before, &gate.opened()));
    std::fs::remove_file(folder.path("crl.pem")).unwrap();
    gate.reload(NOW);
    assert!(Arc::ptr_eq(&before, &gate.opened()));
    folder.serve(&renewed);
    folder.write("crl.pem", &list(&folder.root, 99));
    gate.reload(NOW);
    let after = gate.opened();
    assert!(!Arc::ptr_eq(&before, &after));
    gate.reload(NOW);
    assert!(Arc::ptr_eq(&after, &gate.opened()), "nothing changed");
}
