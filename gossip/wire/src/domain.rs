//! The domain separators: one for every hash and every signature, so that none can be taken for another.
//!
//! What is hashed or signed is always the separator, a zero byte, and then the message. No separator has a zero byte in
//! it, so none is the beginning of another. They are part of the frozen bytes: `docs/protocol.md` lists them.

/// Over the bytes of a header, by the node key.
pub const ENVELOPE: &[u8] = b"vigie/envelope/v1";
/// The hash of a header: the link of the chain.
pub const HEADER: &[u8] = b"vigie/header/v1";
/// A leaf of the tree over the rows.
pub const LEAF: &[u8] = b"vigie/leaf/v1";
/// An inner node of that tree.
pub const NODE: &[u8] = b"vigie/node/v1";
/// The context (BLAKE3 key derivation) that makes the salts of the rows out of the salt of the body.
pub const ROW_SALT: &str = "vigie/row-salt/v1";
/// The root of an envelope that this version cannot read: over a commitment of that version's own, and its content.
pub const OPAQUE: &[u8] = b"vigie/opaque/v1";
/// The content of such an envelope.
pub const CONTENT: &[u8] = b"vigie/content/v1";
/// The name of a publisher, from his node key.
pub const PUBLISHER: &[u8] = b"vigie/publisher/v1";
/// The name of an organisation, from its key.
pub const ORGANISATION: &[u8] = b"vigie/organisation/v1";
/// The label of an operator, from his name.
pub const OPERATOR: &[u8] = b"vigie/operator/v1";
/// The name of a statement, without its signature.
pub const STATEMENT: &[u8] = b"vigie/statement/v1";
/// A node certificate, by the organisation key.
pub const CERTIFICATE: &[u8] = b"vigie/certificate/v1";
/// The node key's consent to be certified by that organisation.
pub const POSSESSION: &[u8] = b"vigie/possession/v1";
/// A vouch, by the voucher's key.
pub const VOUCH: &[u8] = b"vigie/vouch/v1";
/// The withdrawal of a vouch, by the voucher's key.
pub const WITHDRAWAL: &[u8] = b"vigie/withdrawal/v1";
/// A revocation, by the organisation key.
pub const REVOCATION: &[u8] = b"vigie/revocation/v1";
/// "The new key continues the old one", by a voucher's key.
pub const CONTINUES: &[u8] = b"vigie/continues/v1";
/// A change of the seeds, by k of them.
pub const SEED_CHANGE: &[u8] = b"vigie/seed-change/v1";
/// The context (BLAKE3 key derivation) of the coefficients of a batch. Local: not part of the frozen bytes.
pub(crate) const BATCH: &str = "vigie/batch/v1";

/// BLAKE3 over separator, zero byte and the parts one after the other.
pub(crate) fn hash(domain: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(domain).update(&[0]);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The first bytes of [`hash`], for names that are not broken by second preimages at their width.
pub(crate) fn short_hash<const N: usize>(domain: &[u8], parts: &[&[u8]]) -> [u8; N] {
    let mut short = [0; N];
    for (to, from) in short.iter_mut().zip(hash(domain, parts)) {
        *to = from;
    }
    short
}

/// What is signed: separator, zero byte, message.
pub(crate) fn transcript(domain: &[u8], message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(domain.len() + 1 + message.len());
    bytes.extend_from_slice(domain);
    bytes.push(0);
    bytes.extend_from_slice(message);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_separator_has_a_zero_byte_and_none_repeats() {
        let all = [
            ENVELOPE,
            HEADER,
            LEAF,
            NODE,
            OPAQUE,
            CONTENT,
            PUBLISHER,
            ORGANISATION,
            OPERATOR,
            STATEMENT,
            CERTIFICATE,
            POSSESSION,
            VOUCH,
            WITHDRAWAL,
            REVOCATION,
            CONTINUES,
            SEED_CHANGE,
        ];
        for (index, domain) in all.iter().enumerate() {
            assert!(!domain.contains(&0));
            assert!(!all[..index].contains(domain));
        }
    }
}
