//! What the decoder made of some bytes, as a value that `python/agree.py` writes of the same bytes in its own way.

use serde_json::{Value, json};
use vigie_wire::*;

/// The class of a refusal.
pub(crate) fn refused(class: Class) -> Value {
    json!({"refused": format!("{class:?}").to_lowercase()})
}

/// What bytes say that were read as `what`.
pub(crate) fn said(what: &str, bytes: &[u8], public: &PublicKey) -> Value {
    let shown = match what {
        "envelope" => Envelope::decode(bytes).map(|envelope| envelope_said(&envelope, public)),
        "statement" => Statement::decode(bytes).map(|statement| statement_said(&statement)),
        "bundle" => Bundle::decode(bytes)
            .map(|bundle| json!({"envelopes": bundle.envelopes().map(hex::encode).collect::<Vec<_>>()})),
        "proof" => EquivocationProof::decode(bytes).map(|proof| proof_said(&proof, public)),
        _ => return genesis_said(bytes),
    };
    shown.unwrap_or_else(|error| refused(error.class()))
}

fn genesis_said(bytes: &[u8]) -> Value {
    let parsed = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| Genesis::parse(text).ok());
    let Some(genesis) = parsed else {
        return refused(Class::Malformed);
    };
    let founders = |list: &[Founder]| -> Value {
        list.iter()
            .map(|one| json!([one.key, one.name, one.history, labels_said(&one.labels)]))
            .collect()
    };
    json!({
        "network": genesis.network(), "name": genesis.name, "created": genesis.created, "quorum": genesis.quorum,
        "seeds": founders(&genesis.seeds), "members": founders(&genesis.members),
    })
}

fn envelope_said(envelope: &Envelope, public: &PublicKey) -> Value {
    let header = envelope.header();
    let mut said = json!({
        "known": envelope.is_known(), "version": header.version, "kind": header.kind.number(),
        "flags": header.flags, "network": header.network, "publisher": header.publisher, "epoch": header.epoch,
        "seq": header.seq, "prev": header.prev, "time_base_millis": header.time_base, "tlp": header.tlp,
        "policy": header.policy, "rows": header.rows, "root": hex::encode(header.root),
        "signature": hex::encode(envelope.signature().as_bytes()), "header_hash": envelope.header_hash(),
        "form": format!("{:?}", envelope.form()).to_lowercase(), "holds": envelope.verify(public).is_ok(),
        "sightings": envelope.sightings().map(|(_, row)| row).collect::<Vec<_>>(),
        "kept": envelope.sightings().map(|(id, _)| id.row).collect::<Vec<_>>(),
    });
    let items: Vec<Value> = match envelope.payload().unwrap() {
        Payload::Retraction(rows) => rows
            .iter()
            .map(|row| json!([row.epoch, row.seq, row.row]))
            .collect(),
        Payload::Disputes(rows) => rows
            .iter()
            .map(|row| {
                let id = row.sighting;
                json!([id.publisher, id.epoch, id.seq, id.row, row.reason])
            })
            .collect(),
        Payload::Statements(rows) => rows.iter().map(statement_said).collect(),
        Payload::Proof(proof) => vec![proof_said(&proof, public)],
        Payload::Sightings(_) | Payload::Head | Payload::Opaque => Vec::new(),
    };
    said["items"] = items.into();
    said
}

fn proof_said(proof: &EquivocationProof, public: &PublicKey) -> Value {
    let header = proof.first().header();
    json!({
        "network": header.network, "publisher": header.publisher, "epoch": header.epoch, "seq": header.seq,
        "hashes": [proof.first().assertion(), proof.second().assertion()], "holds": proof.verify(public).is_ok(),
    })
}

fn labels_said(labels: &Labels) -> Value {
    json!([
        hex::encode(labels.operator),
        hex::encode(labels.country),
        labels.asn
    ])
}

fn statement_said(statement: &Statement) -> Value {
    let terms = match statement {
        Statement::NodeCertificate(one) => json!([
            1,
            one.node,
            one.not_before,
            one.not_after,
            one.epoch_from,
            one.epoch_to
        ]),
        Statement::Vouch(one) => json!([
            2,
            one.subject,
            one.name,
            labels_said(&one.labels),
            one.issued,
            one.expires,
            one.serial
        ]),
        Statement::Withdrawal(one) => json!([3, one.subject, one.serial, one.at]),
        Statement::Revocation(one) => {
            let target = match one.target {
                RevocationTarget::Node(node) => Some(node),
                RevocationTarget::Organisation => None,
            };
            json!([4, target, one.compromised_since, one.at])
        }
        Statement::Continues(one) => json!([5, one.old, one.new, one.at]),
        Statement::SeedChange(one) => {
            let action = match &one.action {
                SeedAction::Add { key, name, labels } => json!([key, name, labels_said(labels)]),
                SeedAction::Remove { key } => json!([key]),
            };
            let seeds: Vec<u8> = one.signatures.iter().map(|(seed, _)| *seed).collect();
            json!([6, one.sequence, one.at, action, seeds])
        }
    };
    json!({
        "id": statement.id(), "network": statement.network(), "signer": statement.signer(), "terms": terms,
        "holds": statement.verify().is_ok(),
    })
}
