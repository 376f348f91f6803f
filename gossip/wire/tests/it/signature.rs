//! The signature rule: one fate for one signature, alone or in company, and exact blame.

use proptest::prelude::*;

use crate::vectors::cases::{DOMAIN, MESSAGE, signature_cases, small_order};
use vigie_wire::*;

fn claims() -> Vec<(Claim<'static>, bool)> {
    let claim = |(_, key, signature, valid)| {
        (
            Claim {
                key,
                domain: DOMAIN,
                message: MESSAGE,
                signature,
            },
            valid,
        )
    };
    signature_cases().into_iter().map(claim).collect()
}

#[test]
fn points_of_small_order_are_no_keys() {
    let points = small_order();
    assert_eq!(points.len(), 14);
    for bytes in points {
        assert_eq!(
            PublicKey::from_bytes(bytes),
            Err(KeyError::SmallOrder),
            "{}",
            hex::encode(bytes)
        );
    }
}

/// The crafted signatures are of the kind on which strict verifiers, lax ones and batches disagree.
#[test]
fn the_crafted_ones_are_crafted() {
    let strict = |claim: &Claim<'_>| {
        let key = ed25519_dalek::VerifyingKey::from_bytes(claim.key.as_bytes()).unwrap();
        let signature = ed25519_dalek::Signature::from_bytes(claim.signature.as_bytes());
        key.verify_strict(&[DOMAIN, b"\0", MESSAGE].concat(), &signature)
            .is_ok()
    };
    let valid = claims().into_iter().filter(|(_, valid)| *valid);
    assert!(valid.filter(|(claim, _)| !strict(claim)).count() >= 20);
}

#[test]
fn a_batch_agrees_with_each_one_alone() {
    let claims = claims();
    for (claim, valid) in &claims {
        assert_eq!(claim.verify(), *valid);
        for entropy in 0..8 {
            assert_eq!(verify_batch(&[*claim], &[entropy; 32]), [*valid]);
            assert_eq!(
                verify_batch(&[*claim, claims[0].0], &[entropy; 32]),
                [*valid, true]
            );
        }
    }
    assert!(verify_batch(&[], &[0; 32]).is_empty());
}

#[test]
fn all_that_is_valid_is_valid_together() {
    let valid: Vec<Claim<'_>> = claims()
        .into_iter()
        .filter(|(_, valid)| *valid)
        .map(|(claim, _)| claim)
        .collect();
    assert_eq!(verify_batch(&valid, &[7; 32]), vec![true; valid.len()]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn blame_is_exact(picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..40), entropy: [u8; 32]) {
        let claims = claims();
        let picked: Vec<_> = picks.iter().map(|pick| claims[pick.index(claims.len())]).collect();
        let (batch, expected): (Vec<_>, Vec<_>) = picked.into_iter().unzip();
        prop_assert_eq!(verify_batch(&batch, &entropy), expected);
    }
}

#[test]
fn a_secret_key_does_not_print_itself() {
    let key = SecretKey::from_seed([0x5e; 32]);
    assert!(!format!("{key:?}").contains("5e5e5e5e"));
    assert_eq!(key.seed(), &[0x5e; 32]);
}
