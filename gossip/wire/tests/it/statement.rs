//! Statements: what each signature covers, and what nobody accepts.

use crate::sample::{DAY, NETWORK, NOW, every_statement, key, labels, seed_change};
use vigie_wire::*;

#[test]
fn every_statement_goes_there_and_back() {
    for (name, statement) in every_statement() {
        let bytes = statement.encode();
        assert_eq!(Statement::decode(&bytes).as_ref(), Ok(&statement), "{name}");
        assert_eq!(statement.network(), NETWORK);
        if matches!(statement, Statement::SeedChange(_)) {
            assert_eq!(statement.verify(), Err(SignatureError::NeedsSeeds));
        } else {
            statement.verify().unwrap();
        }
    }
}

/// Whatever single bit changes, it is refused, or it is another statement that nobody signed.
#[test]
fn no_bit_can_change() {
    for (name, statement) in every_statement() {
        if statement.signer().is_none() {
            continue;
        }
        let bytes = statement.encode();
        for at in 0..bytes.len() * 8 {
            let mut bent = bytes.clone();
            bent[at / 8] ^= 1 << (at % 8);
            let accepted = Statement::decode(&bent).is_ok_and(|bent| bent.verify().is_ok());
            assert!(!accepted, "{name}, bit {at}");
        }
    }
}

#[test]
fn the_name_of_a_statement_leaves_the_signature_out() {
    let Statement::Vouch(vouch) = crate::sample::vouch() else {
        unreachable!()
    };
    let mut bytes = Statement::Vouch(vouch.clone()).encode();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let other = Statement::decode(&bytes).unwrap();
    assert_eq!(other.id(), vouch.id());
    assert_eq!(other.verify(), Err(SignatureError::Wrong));
}

#[test]
fn a_node_must_agree_to_its_certificate() {
    let Statement::NodeCertificate(certificate) = crate::sample::certificate() else {
        unreachable!()
    };
    let mallory = key(66);
    let stolen = NodeCertificate {
        org: mallory.public(),
        ..certificate.into_terms()
    };
    assert_eq!(
        stolen.sign(&mallory).unwrap().verify(),
        Err(SignatureError::Wrong)
    );
}

#[test]
fn terms_that_nobody_accepts_are_not_signed() {
    let good = Vouch {
        network: NETWORK,
        voucher: key(3).public(),
        subject: key(2).public(),
        name: "x".into(),
        labels: labels(),
        issued: NOW,
        expires: NOW + DAY,
        serial: 1,
    };
    let check = |change: fn(&mut Vouch), expected: Reason| {
        let mut terms = good.clone();
        change(&mut terms);
        assert_eq!(terms.sign(&key(3)), Err(StatementError::Terms(expected)));
    };
    check(|vouch| vouch.name = "a\u{202e}b".into(), Reason::Text);
    check(|vouch| vouch.labels.country = *b"F1", Reason::Text);
    check(|vouch| vouch.expires = vouch.issued, Reason::Contradiction);
    check(
        |vouch| vouch.expires = vouch.issued + 367 * DAY,
        Reason::Contradiction,
    );
    check(|vouch| vouch.subject = vouch.voucher, Reason::Contradiction);
    check(
        |vouch| vouch.issued = Timestamp::from_millis(-1),
        Reason::OutOfRange,
    );
    assert_eq!(good.sign(&key(4)), Err(StatementError::OtherKey));
}

#[test]
fn seeds_change_by_quorum() {
    let seeds: Vec<PublicKey> = (100..103).map(|number| key(number).public()).collect();
    let change = |signers: &[u8]| {
        seed_change(
            SeedAction::Remove {
                key: key(100).public(),
            },
            signers,
        )
    };
    assert_eq!(change(&[0, 2]).verify(&seeds, 2), Ok(()));
    assert_eq!(
        change(&[1]).verify(&seeds, 2),
        Err(SignatureError::NoQuorum { signed: 1, needed: 2 })
    );
    assert_eq!(
        change(&[]).verify(&seeds, 0),
        Err(SignatureError::NoQuorum { signed: 0, needed: 1 })
    );
    assert_eq!(change(&[1, 3]).verify(&seeds, 2), Err(SignatureError::OtherKey));
    let mut wrong = change(&[0]);
    wrong.add_signature(1, change(&[]).sign(&key(66)));
    assert_eq!(wrong.verify(&seeds, 1), Err(SignatureError::Wrong));
    wrong.add_signature(1, change(&[]).sign(&key(101)));
    assert_eq!(wrong.verify(&seeds, 2), Ok(()));
    assert_eq!(
        Statement::from(change(&[])).id(),
        Statement::from(change(&[1])).id()
    );
}
