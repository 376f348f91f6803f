//! The tree over the rows: neighbours are hashed in pairs, level by level; one left over moves up unchanged.
//!
//! Leaves are salted, so a leaf that stays after its row was erased tells nothing about the row, not even to somebody
//! who tries all four thousand million addresses.

use crate::domain;

/// A salt of a body, or of one row.
pub(super) type Salt = [u8; 16];
/// A hash of the tree.
pub(super) type Hash = [u8; 32];

/// The salts of the rows: consecutive 16 bytes of what BLAKE3 derives from the salt of the body.
pub(super) fn row_salts(body: &Salt, rows: usize) -> Vec<Salt> {
    let mut salts = vec![[0; 16]; rows];
    let mut hasher = blake3::Hasher::new_derive_key(domain::ROW_SALT);
    hasher.update(body).finalize_xof().fill(salts.as_flattened_mut());
    salts
}

/// The leaf of a row.
pub(super) fn leaf(salt: &Salt, row: &[u8]) -> Hash {
    domain::hash(domain::LEAF, &[salt, row])
}

/// The root over the leaves, zero over none.
pub(super) fn root(mut level: Vec<Hash>) -> Hash {
    while level.len() > 1 {
        level = level.chunks(2).map(parent).collect();
    }
    level.first().copied().unwrap_or_default()
}

/// The root of a header of an unknown version, kind or flag. The commitment is that version's own: the root of its rows, say,
/// so that it can erase some of them and still show where they belonged.
pub fn opaque_root(commitment: &Hash, content: &[u8]) -> Hash {
    let content = domain::hash(domain::CONTENT, &[content]);
    domain::hash(domain::OPAQUE, &[commitment, &content])
}

fn parent(children: &[Hash]) -> Hash {
    match children {
        [left, right] => domain::hash(domain::NODE, &[left, right]),
        [alone] => *alone,
        _ => Hash::default(),
    }
}
