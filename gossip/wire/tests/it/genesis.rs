//! The genesis file has one rendering, and its hash is the network.

use crate::sample::genesis;
use vigie_wire::*;

#[test]
fn a_genesis_goes_there_and_back() {
    let text = genesis().render();
    assert_eq!(Genesis::parse(&text), Ok(genesis()));
    assert_eq!(
        genesis().network().0,
        blake3::hash(text.as_bytes()).as_bytes()[..16]
    );
}

#[test]
fn any_other_byte_is_another_network_or_none() {
    let text = genesis().render();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let other = String::from_utf8(bytes)
            .ok()
            .and_then(|text| Genesis::parse(&text).ok());
        assert!(other.is_none_or(|other| other.network() != genesis().network()));
    }
    for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
        assert!(Genesis::parse(&text[..at]).is_err() || text[..at].ends_with('\n'));
    }
}

#[test]
fn a_founder_stands_once_and_a_network_has_a_seed() {
    let mut twice = genesis();
    twice.members.push(twice.seeds[0].clone());
    let error = Genesis::parse(&twice.render()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 9: this key stands on an earlier line already"
    );
    let mut none = genesis();
    none.seeds.clear();
    assert!(Genesis::parse(&none.render()).is_err());
}
