//! The files in `vectors/` say what the code does, and the code does what they say.
//!
//! `cargo run -p vigie-wire --example vectors` writes them anew; a difference to what is committed changes the protocol.

pub(crate) mod cases;
mod invalid;
pub(crate) mod parcels;

use std::path::Path;

use serde_json::Value;
use vigie_wire::*;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read(name: &str) -> Vec<Value> {
    serde_json::from_str(&file(name)).unwrap()
}

fn bytes(value: &Value, field: &str) -> Vec<u8> {
    hex::decode(value[field].as_str().unwrap()).unwrap()
}

fn fixed<const N: usize>(value: &Value, field: &str) -> [u8; N] {
    bytes(value, field).try_into().unwrap()
}

#[test]
fn the_files_are_those_of_the_code() {
    for (name, content) in cases::files() {
        // As values: how a map is ordered depends on features that other crates of the workspace turn on.
        let [here, made]: [Value; 2] = [file(name), content].map(|text| serde_json::from_str(&text).unwrap());
        assert!(
            here == made,
            "{name} differs: run the example `vectors` and read the difference"
        );
    }
}

#[test]
fn keys() {
    for case in read("keys.json") {
        let key = PublicKey::from_bytes(fixed(&case, "public"));
        assert_eq!(key.is_ok(), case["valid"].as_bool().unwrap(), "{case}");
        if let Ok(key) = key {
            assert_eq!(key.publisher_id().to_string(), case["publisher"], "{case}");
            assert_eq!(key.org_id().to_string(), case["organisation"], "{case}");
        }
    }
}

#[test]
fn signatures() {
    for case in read("signatures.json") {
        let key = PublicKey::from_bytes(fixed(&case, "public")).unwrap();
        let (domain, message) = (
            case["domain"].as_str().unwrap().as_bytes(),
            bytes(&case, "message"),
        );
        let signature = Signature::from_bytes(fixed(&case, "signature"));
        let claim = Claim {
            key,
            domain,
            message: &message,
            signature,
        };
        let valid = case["valid"].as_bool().unwrap();
        assert_eq!(claim.verify(), valid, "{case}");
        assert_eq!(verify_batch(&[claim, claim], &[0; 32]), [valid; 2], "{case}");
    }
}

#[test]
fn envelopes() {
    for case in read("envelopes.json") {
        let encoded = bytes(&case, "bytes");
        let envelope = Envelope::decode(&encoded).unwrap();
        assert_eq!(envelope.encode(), encoded, "{case}");
        assert_eq!(envelope.header_hash().to_string(), case["header_hash"], "{case}");
        assert_eq!(hex::encode(envelope.header().root), case["root"], "{case}");
        assert_eq!(envelope.is_known(), case["known"].as_bool().unwrap(), "{case}");
        let key = PublicKey::from_bytes(fixed(&case, "public")).unwrap();
        envelope.verify(&key).unwrap();
        let rows = case["sightings"].as_array().unwrap();
        let sightings: Vec<Value> = envelope
            .sightings()
            .map(|(_, row)| serde_json::to_value(row).unwrap())
            .collect();
        assert_eq!(&sightings, rows, "{case}");
    }
}

#[test]
fn parcels() {
    for case in read("parcels.json") {
        let encoded = bytes(&case, "bytes");
        let parcel = relay::Parcel::decode(&encoded).unwrap();
        assert_eq!(parcel.encode(), encoded, "{case}");
        assert_eq!(u64::from(parcel.wish as u8), case["wish"], "{case}");
        assert_eq!(
            parcel.envelopes.len(),
            case["envelopes"].as_array().unwrap().len()
        );
    }
}

#[test]
fn what_is_refused() {
    for case in read("invalid.json") {
        let encoded = bytes(&case, "bytes");
        let error = match case["as"].as_str().unwrap() {
            "envelope" => Envelope::decode(&encoded).unwrap_err(),
            "statement" => Statement::decode(&encoded).unwrap_err(),
            "bundle" => Bundle::decode(&encoded).unwrap_err(),
            "parcel" => vigie_wire::relay::Parcel::decode(&encoded).unwrap_err(),
            other => panic!("{other}"),
        };
        assert_eq!(error.reason.name(), case["reason"], "{case}");
        assert_eq!(error.offset as u64, case["offset"], "{case}");
        let class = match error.class() {
            Class::Malformed => "malformed",
            Class::Tlp => "tlp",
            Class::Unknown => "unknown",
        };
        assert_eq!(class, case["class"], "{case}");
    }
}

#[test]
fn statements() {
    for case in read("statements.json") {
        let encoded = bytes(&case, "bytes");
        let statement = Statement::decode(&encoded).unwrap();
        assert_eq!(statement.encode(), encoded, "{case}");
        assert_eq!(statement.id().to_string(), case["id"], "{case}");
        let alone = !matches!(statement, Statement::SeedChange(_));
        assert_eq!(statement.verify().is_ok(), alone, "{case}");
    }
}

#[test]
fn genesis_files() {
    for case in read("genesis.json") {
        let parsed = Genesis::parse(case["text"].as_str().unwrap());
        match case["line"].as_u64() {
            None => assert_eq!(parsed.unwrap().network().to_string(), case["network"], "{case}"),
            Some(line) => assert_eq!(parsed.unwrap_err().line as u64, line, "{case}"),
        }
    }
}
