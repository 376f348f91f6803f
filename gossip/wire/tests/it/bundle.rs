//! Bundles carry envelopes untouched, and know when they are full.

use crate::sample::{addresses, seal};
use vigie_wire::*;

#[test]
fn a_bundle_goes_there_and_back_and_fills_up() {
    let envelope = seal(Payload::Sightings(addresses(16))).encode();
    let mut bundle = Bundle::new();
    assert!(bundle.is_empty());
    while bundle.push(&envelope).is_ok() {}
    assert!(bundle.encode().len() <= MAX_ENVELOPE_BYTES);
    assert!(bundle.encode().len() + envelope.len() > MAX_ENVELOPE_BYTES - 2);
    let decoded = Bundle::decode(&bundle.encode()).unwrap();
    assert_eq!(decoded, bundle);
    assert_eq!(
        decoded.len(),
        decoded.envelopes().filter(|bytes| *bytes == envelope).count()
    );
    assert!(Bundle::is_bundle(&bundle.encode()));
    assert!(!Bundle::is_bundle(&envelope));
}

#[test]
fn nothing_but_envelopes_goes_in() {
    let mut bundle = Bundle::new();
    assert!(bundle.push(&[]).is_err());
    assert!(bundle.push(&[0, 1, 1]).is_err());
    assert!(bundle.push(&[1; MAX_ENVELOPE_BYTES]).is_err());
    assert!(bundle.is_empty());
    assert!(Bundle::decode(&vec![0; MAX_ENVELOPE_BYTES + 1]).is_err());
}
