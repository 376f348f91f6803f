//! What was proven, by whom it was signed, and if nothing was, why not. Everything here is computed from bytes and keys.

use std::fmt;

use serde::Serialize;
use vigie_wire::{
    Envelope, EquivocationProof, Genesis, HeaderHash, NetworkId, NodeCertificate, OrgId, PublicKey,
    PublisherId, Signed, Statement,
};

use super::evidence::{Evidence, Exported};
use crate::clock::rfc3339;
use crate::terminal::printable;

/// The answer to one piece of evidence. What could not be told stays empty.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    /// Whether it proves.
    pub(crate) proven: bool,
    /// One sentence.
    #[serde(rename = "verdict")]
    says: String,
    network: Option<NetworkId>,
    publisher: Option<PublisherId>,
    node_key: Option<PublicKey>,
    /// Of a certificate that covers both headers, or who signed a statement.
    organisation: Option<OrgId>,
    organisation_key: Option<PublicKey>,
    /// Its name in the genesis file.
    name: Option<String>,
    epoch: Option<u32>,
    seq: Option<u64>,
    /// What is asserted to stand there: of a proof two, which differ.
    hashes: Vec<HeaderHash>,
    /// When each was signed, by the publisher's own clock, in RFC 3339.
    signed_at: Vec<String>,
}

/// Judges one.
pub(super) fn of(evidence: &Evidence, genesis: Option<&Genesis>) -> Verdict {
    let verdict = match evidence {
        Evidence::Proof(exported) => of_proof(exported),
        Evidence::Statement(statement) => of_statement(statement, genesis),
        Evidence::Envelope(envelope, key) => of_envelope(envelope, key.as_ref()),
    };
    match genesis {
        Some(genesis) => verdict.within(genesis),
        None => verdict,
    }
}

fn of_proof(exported: &Exported) -> Verdict {
    let decoded = hex::decode(&exported.proof)
        .map_err(|error| error.to_string())
        .and_then(|bytes| EquivocationProof::decode(&bytes).map_err(|error| error.to_string()));
    let proof = match decoded {
        Ok(proof) => proof,
        Err(error) => {
            return Verdict {
                says: format!("this is no proof: {error}"),
                ..Verdict::default()
            };
        }
    };
    let (first, second) = (proof.first(), proof.second());
    let header = first.header();
    let mut verdict = Verdict {
        network: Some(header.network),
        publisher: Some(header.publisher),
        node_key: exported.key,
        epoch: Some(header.epoch),
        seq: Some(header.seq),
        hashes: vec![first.assertion(), second.assertion()],
        signed_at: [first, second]
            .map(|half| rfc3339(half.header().time_base))
            .into(),
        ..Verdict::default()
    };
    let Some(key) = exported.key else {
        "the publisher's node key is missing: give it with --key".clone_into(&mut verdict.says);
        return verdict;
    };
    if let Err(error) = proof.verify(&key) {
        verdict.says = format!("not both headers are signed by that key: {error}");
        return verdict;
    }
    if let Some(certificate) = certificate(&proof, &key, &exported.certificates) {
        verdict.organisation_key = Some(certificate.org);
        verdict.organisation = Some(certificate.org.org_id());
    }
    verdict.proven = true;
    "the publisher signed two different things for one place of his chain".clone_into(&mut verdict.says);
    verdict
}

/// A certificate of that key that holds, and covers the epoch and both signed times.
fn certificate(
    proof: &EquivocationProof,
    key: &PublicKey,
    certificates: &[String],
) -> Option<Signed<NodeCertificate>> {
    let (first, second) = (proof.first().header(), proof.second().header());
    let covers = |certificate: &Signed<NodeCertificate>| {
        let span = certificate.not_before..certificate.not_after;
        certificate.network == first.network
            && certificate.node == *key
            && (certificate.epoch_from..=certificate.epoch_to).contains(&first.epoch)
            && span.contains(&first.time_base)
            && span.contains(&second.time_base)
    };
    certificates.iter().find_map(|text| {
        let statement = Statement::decode(&hex::decode(text).ok()?).ok()?;
        match statement {
            Statement::NodeCertificate(certificate)
                if covers(&certificate) && certificate.verify().is_ok() =>
            {
                Some(certificate)
            }
            _ => None,
        }
    })
}

fn of_statement(statement: &Statement, genesis: Option<&Genesis>) -> Verdict {
    let checked = match (statement, genesis) {
        (Statement::SeedChange(change), Some(genesis)) if change.sequence == 1 => {
            let seeds: Vec<PublicKey> = genesis.seeds.iter().map(|seed| seed.key).collect();
            change.verify(&seeds, genesis.quorum)
        }
        _ => statement.verify(),
    };
    let signer = statement.signer();
    Verdict {
        proven: checked.is_ok(),
        says: match checked {
            Ok(()) => format!("a {} statement that its signer signed", statement.kind().name()),
            Err(error) => format!(
                "a {} statement that does not hold: {error}",
                statement.kind().name()
            ),
        },
        network: Some(statement.network()),
        organisation: signer.map(|key| key.org_id()),
        organisation_key: signer,
        ..Verdict::default()
    }
}

fn of_envelope(envelope: &Envelope, key: Option<&PublicKey>) -> Verdict {
    let header = envelope.header();
    let checked = match key {
        Some(key) => envelope.verify(key).map_err(|error| error.to_string()),
        None => Err("the publisher's node key is missing: give it with --key".to_owned()),
    };
    Verdict {
        proven: checked.is_ok(),
        says: match checked {
            Ok(()) => format!("an envelope of {} that its publisher signed", header.kind.name()),
            Err(error) => format!("an envelope of {}: {error}", header.kind.name()),
        },
        network: Some(header.network),
        publisher: Some(header.publisher),
        node_key: key.copied(),
        epoch: Some(header.epoch),
        seq: Some(header.seq),
        hashes: vec![envelope.header_hash()],
        signed_at: vec![rfc3339(header.time_base)],
        ..Verdict::default()
    }
}

// === impl Verdict ===

impl Verdict {
    /// Held to a network: evidence about another one proves nothing here.
    fn within(mut self, genesis: &Genesis) -> Self {
        let everywhere = vigie_wire::Revocation::EVERYWHERE;
        if let Some(network) = self.network
            && network != genesis.network()
            && network != everywhere
        {
            self.proven = false;
            self.says = format!("it is about the network {network}, not {}", genesis.network());
        }
        let founders = genesis.seeds.iter().chain(&genesis.members);
        self.name = founders
            .filter(|founder| Some(founder.key) == self.organisation_key)
            .map(|founder| founder.name.to_string())
            .next();
        self
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.proven { "PROVEN" } else { "NOT PROVEN" };
        writeln!(f, "{word}: {}", printable(&self.says))?;
        let mut line = |name: &str, value: Option<String>| match value {
            Some(value) => writeln!(f, "  {name:<13} {value}"),
            None => Ok(()),
        };
        line("network", self.network.map(|network| network.to_string()))?;
        line("publisher", self.publisher.map(|publisher| publisher.to_string()))?;
        line("node key", self.node_key.map(|key| key.to_string()))?;
        line("organisation", self.organisation_key.map(|key| key.to_string()))?;
        line("name", self.name.as_deref().map(printable))?;
        line("epoch", self.epoch.map(|epoch| epoch.to_string()))?;
        line("seq", self.seq.map(|seq| seq.to_string()))?;
        for (hash, at) in self.hashes.iter().zip(&self.signed_at) {
            line("hash", Some(format!("{hash}, signed {at}")))?;
        }
        Ok(())
    }
}
