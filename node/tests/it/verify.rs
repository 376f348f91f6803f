//! `vigie peers proofs` and `vigie verify`: what a node can prove, checked by somebody who has nothing but a file.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use vigie_wire::{
    Draft, Envelope, EquivocationProof, Genesis, HeaderHash, NetworkId, Payload, Retracted, SecretKey,
    Timestamp, Tlp,
};

use crate::network::found;
use crate::skip::skip;
use crate::support::Home;

/// The founder of a network of one, who will have lied.
struct Liar {
    home: Home,
    key: SecretKey,
    network: NetworkId,
    now: Timestamp,
}

impl Liar {
    fn new() -> Self {
        let home = Home::quiet();
        found(&home, &[]);
        let text = std::fs::read_to_string(home.data().join("node.key")).unwrap();
        let seed = hex::decode(text.lines().nth(1).unwrap()).unwrap();
        let genesis = Genesis::parse(&home.say(&["network", "show"])).unwrap();
        Self {
            key: SecretKey::from_seed(seed.try_into().unwrap()),
            network: genesis.network(),
            // Within the certificate, which is made now, and not so far ahead that the core waits.
            now: genesis.created + Duration::from_mins(1),
            home,
        }
    }

    fn envelope(&self, network: NetworkId, row: u8) -> Envelope {
        let retracted = Retracted {
            epoch: 0,
            seq: 1,
            row,
        };
        let draft = Draft {
            network,
            epoch: 3,
            seq: 17,
            prev: HeaderHash([9; 32]),
            time_base: self.now,
            tlp: Tlp::Green,
            policy: 0,
            payload: Payload::Retraction(vec![retracted]),
        };
        draft.seal(&self.key, [row; 16]).unwrap()
    }

    fn proof(&self, network: NetworkId) -> EquivocationProof {
        let [one, other] = [1, 2].map(|row| self.envelope(network, row).signed_header().clone());
        EquivocationProof::new(one, other).unwrap()
    }

    /// As a node exports it, without what is for people.
    fn exported(&self, proof: &[u8]) -> Value {
        json!({"proof": hex::encode(proof), "key": self.key.public()})
    }
}

/// Somebody with no node.
struct Stranger(Home);

impl Stranger {
    fn file(&self, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.beside("evidence");
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Whether it exits with 0, and the verdicts.
    fn verify(&self, content: impl AsRef<[u8]>, arguments: &[&str]) -> (bool, Vec<Value>) {
        let path = self.file(content);
        let all = [&["verify", path.to_str().unwrap(), "--json"], arguments].concat();
        let output = self.0.run(&all);
        let verdicts = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.success(), verdicts)
    }

    #[track_caller]
    fn refuses(&self, content: impl AsRef<[u8]>, why: &str) {
        let (proven, verdicts) = self.verify(content, &[]);
        assert!(!proven);
        for verdict in &verdicts {
            assert_eq!(verdict["proven"], false);
            assert!(verdict["verdict"].as_str().unwrap().contains(why), "{verdict}");
        }
        assert!(!verdicts.is_empty() || why.is_empty(), "no verdict");
    }
}

#[test]
fn a_proof_is_checked_by_anybody_and_only_a_true_one_proves() {
    let (liar, stranger) = (Liar::new(), Stranger(Home::quiet()));
    let proof = liar.proof(liar.network);
    let bytes = proof.encode();
    let (proven, verdicts) = stranger.verify(liar.exported(&bytes).to_string(), &[]);
    assert!(proven, "{verdicts:?}");
    let verdict = &verdicts[0];
    assert_eq!((&verdict["epoch"], &verdict["seq"]), (&3.into(), &17.into()));
    assert_eq!(verdict["publisher"], json!(liar.key.public().publisher_id()));
    assert_eq!(
        verdict["hashes"],
        json!([proof.first().assertion(), proof.second().assertion()])
    );
    let path = stranger.file(liar.exported(&bytes).to_string());
    let said = stranger.0.say(&["verify", path.to_str().unwrap()]);
    assert!(said.starts_with("PROVEN: "), "{said}");

    // One bit anywhere: another place, another hash, no signature, or no proof.
    for at in (0..bytes.len()).step_by(7) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let (proven, verdicts) = stranger.verify(liar.exported(&altered).to_string(), &[]);
        assert!(!proven, "byte {at}: {verdicts:?}");
    }
    let half = liar.envelope(liar.network, 1).signed_header().encode();
    stranger.refuses(
        liar.exported(&[half.clone(), half.clone()].concat()).to_string(),
        "contradict",
    );
    let [first, second] = [proof.first(), proof.second()].map(vigie_wire::SignedHeader::encode);
    stranger.refuses(liar.exported(&[second, first].concat()).to_string(), "order");
    let another = SecretKey::from_seed([1; 32]).public();
    stranger.refuses(
        json!({"proof": hex::encode(&bytes), "key": another}).to_string(),
        "signed",
    );
    stranger.refuses(json!({"proof": hex::encode(&bytes)}).to_string(), "--key");
    stranger.refuses(hex::encode(&bytes), "--key");
    stranger.refuses("[]", "");
    stranger.refuses("", "");
    stranger.refuses(vec![0xff; 1_000], "");

    let key = liar.key.public().to_string();
    for form in [bytes.clone(), hex::encode(&bytes).into_bytes()] {
        assert!(stranger.verify(form, &["--key", &key]).0);
    }
    let (lie, truth) = (liar.exported(&half), liar.exported(&bytes));
    assert!(
        !stranger.verify(json!([truth, lie]).to_string(), &[]).0,
        "one that fails fails the file"
    );
}

#[test]
fn a_proof_about_another_network_proves_nothing_in_this_one() {
    let (liar, stranger) = (Liar::new(), Stranger(Home::quiet()));
    let genesis = stranger.0.beside("genesis");
    std::fs::write(&genesis, liar.home.say(&["network", "show"])).unwrap();
    let arguments = ["--genesis", genesis.to_str().unwrap()];
    let here = liar.exported(&liar.proof(liar.network).encode()).to_string();
    assert!(stranger.verify(&here, &arguments).0);
    let elsewhere = liar
        .exported(&liar.proof(NetworkId([7; 16])).encode())
        .to_string();
    let (proven, verdicts) = stranger.verify(&elsewhere, &arguments);
    assert!(
        !proven && verdicts[0]["verdict"].as_str().unwrap().contains("network"),
        "{verdicts:?}"
    );
    assert!(stranger.verify(&elsewhere, &[]).0, "it proves what he did there");
}

#[test]
fn a_node_exports_what_it_can_prove() {
    let (liar, stranger) = (Liar::new(), Stranger(Home::quiet()));
    let home = &liar.home;
    assert!(home.say(&["peers", "proofs"]).contains("No publisher"));
    let publisher = liar.key.public().publisher_id();
    let proof = hex::encode(liar.proof(liar.network).encode());
    let sql = format!("INSERT INTO note VALUES ('', 'proof/{publisher}/3', '{proof}')");
    let database = home.data().join("vigie.sqlite");
    let Ok(status) = Command::new("sqlite3").arg(&database).arg(sql).status() else {
        return skip(
            "verify::a_node_exports_what_it_can_prove",
            "sqlite3 is not installed",
        );
    };
    assert!(status.success());
    let genesis = stranger.0.beside("genesis");
    std::fs::write(&genesis, home.say(&["network", "show"])).unwrap();
    let arguments = ["--genesis", genesis.to_str().unwrap()];
    for running in [false, true] {
        let _node = running.then(|| home.up());
        let table = home.say(&["peers", "proofs"]);
        assert!(table.contains(&publisher.to_string()), "{table}");
        let exported = home.say(&["peers", "proofs", "--json"]);
        let (proven, verdicts) = stranger.verify(&exported, &arguments);
        assert!(proven && verdicts.len() == 1, "{verdicts:?}");
        assert_eq!(
            verdicts[0]["name"], "seed",
            "its certificate names the organisation"
        );
        if running {
            assert!(exported.contains("\"suspended\""), "{exported}");
        }
        // What stands beside the bytes is not believed.
        let mut rows: Vec<Value> = serde_json::from_str(&exported).unwrap();
        rows[0]["organisation"] = "somebody else".into();
        rows[0]["certificates"] = json!([hex::encode([1, 2, 3])]);
        let (proven, verdicts) = stranger.verify(json!(rows).to_string(), &arguments);
        assert!(proven && verdicts[0]["name"].is_null(), "{verdicts:?}");
    }
}

#[test]
fn a_statement_and_an_envelope_are_checked_too() {
    let (liar, stranger) = (Liar::new(), Stranger(Home::quiet()));
    let envelope = liar.envelope(liar.network, 1).encode();
    let key = liar.key.public().to_string();
    assert!(stranger.verify(&envelope, &["--key", &key]).0);
    stranger.refuses(&envelope, "--key");
    let revocation = vigie_wire::Revocation {
        network: liar.network,
        org: liar.key.public(),
        target: vigie_wire::RevocationTarget::Organisation,
        compromised_since: liar.now,
        at: liar.now,
    };
    let statement: vigie_wire::Statement = revocation.sign(&liar.key).unwrap().into();
    let mut bytes = statement.encode();
    assert!(stranger.verify(hex::encode(&bytes), &[]).0);
    *bytes.last_mut().unwrap() ^= 1;
    stranger.refuses(hex::encode(&bytes), "does not hold");
}
