//! Fixed values that tests and vectors share. Deliberately absent: randomness.

use vigie_wire::*;

/// 2026-11-22T02:35:20.123Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_314_920_123);
pub(crate) const DAY: std::time::Duration = std::time::Duration::from_hours(24);
pub(crate) const SALT: [u8; 16] = *b"sixteen salt!!!!";
pub(crate) const NETWORK: NetworkId = NetworkId([0x4e; 16]);

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

pub(crate) fn labels() -> Labels {
    Labels {
        operator: Labels::operator_of("Example Hosting"),
        country: *b"FR",
        asn: 64_496,
    }
}

pub(crate) fn sighting(indicator: Indicator) -> Sighting {
    Sighting {
        indicator,
        behaviour: Behaviour::by_name("ssh:bruteforce").unwrap(),
        rule: RuleHash(*b"rulehash"),
        at: (NOW - std::time::Duration::from_mins(5)).to_minute(),
        count: Count::of(40),
        confidence: 90,
    }
}

pub(crate) fn ip(text: &str) -> Indicator {
    Indicator::ip(text.parse().unwrap())
}

/// One of each type, in the order of the draft, which is not that of the wire.
pub(crate) fn every_indicator() -> Vec<Indicator> {
    vec![
        Indicator::Domain("c2.example.net".into()),
        ip("2001:db8::1"),
        ip("192.0.2.1"),
        Indicator::Range("198.51.100.0/24".parse().unwrap()),
        Indicator::Range("2001:db8:1::/48".parse().unwrap()),
        Indicator::Url("https://phish.example.org".into()),
        Indicator::Sha256(Box::new([0xab; 32])),
        Indicator::Asn(64_511),
        Indicator::Unknown {
            tag: 200,
            bytes: b"later".as_slice().into(),
        },
        ip("192.0.2.2"),
    ]
}

pub(crate) fn every_sighting() -> Vec<Sighting> {
    let behaviours = [5_u16, 9, 5, 40, 65_535];
    let spread = |(nth, indicator)| {
        let mut sighting = sighting(indicator);
        sighting.behaviour = Behaviour(behaviours[nth % behaviours.len()]);
        sighting.at = (sighting.at - std::time::Duration::from_mins(40 * nth as u64)).to_minute();
        sighting.count = Count::from_log2(nth as u8).unwrap();
        sighting
    };
    every_indicator().into_iter().enumerate().map(spread).collect()
}

pub(crate) fn draft(payload: Payload) -> Draft {
    Draft {
        network: NETWORK,
        epoch: 1,
        seq: 7,
        prev: HeaderHash([0x77; 32]),
        time_base: NOW,
        tlp: Tlp::Green,
        policy: 0,
        payload,
    }
}

pub(crate) fn seal(payload: Payload) -> Envelope {
    draft(payload).seal(&key(1), SALT).unwrap()
}

pub(crate) fn addresses(count: u32) -> Vec<Sighting> {
    (0..count)
        .map(|nth| sighting(Indicator::ip(std::net::Ipv4Addr::from(0xc000_0200 + nth).into())))
        .collect()
}

pub(crate) fn certificate() -> Statement {
    let (org, node) = (key(2), key(1));
    let terms = NodeCertificate {
        network: NETWORK,
        org: org.public(),
        node: node.public(),
        not_before: NOW,
        not_after: NOW + 90 * DAY,
        epoch_from: 1,
        epoch_to: 16,
        consent: NodeCertificate::consent(NETWORK, &org.public(), &node),
    };
    terms.sign(&org).unwrap().into()
}

pub(crate) fn vouch() -> Statement {
    let terms = Vouch {
        network: NETWORK,
        voucher: key(3).public(),
        subject: key(2).public(),
        name: "Hôpital de l'Exemple".into(),
        labels: labels(),
        issued: NOW,
        expires: NOW + 366 * DAY,
        serial: 300,
    };
    terms.sign(&key(3)).unwrap().into()
}

pub(crate) fn withdrawal() -> Statement {
    let (voucher, subject) = (key(3).public(), key(2).public());
    Withdrawal {
        network: NETWORK,
        voucher,
        subject,
        serial: 300,
        at: NOW,
    }
    .sign(&key(3))
    .unwrap()
    .into()
}

pub(crate) fn revocation(target: RevocationTarget) -> Statement {
    let org = key(2).public();
    Revocation {
        network: NETWORK,
        org,
        target,
        compromised_since: NOW - DAY,
        at: NOW,
    }
    .sign(&key(2))
    .unwrap()
    .into()
}

/// The one that an organisation signs with its keys and keeps.
pub(crate) fn revocation_everywhere() -> Statement {
    Revocation {
        network: Revocation::EVERYWHERE,
        org: key(2).public(),
        target: RevocationTarget::Organisation,
        compromised_since: NOW,
        at: NOW,
    }
    .sign(&key(2))
    .unwrap()
    .into()
}

pub(crate) fn continues() -> Statement {
    let (voucher, old, new) = (key(3).public(), key(2).public(), key(4).public());
    Continues {
        network: NETWORK,
        voucher,
        old,
        new,
        at: NOW,
    }
    .sign(&key(3))
    .unwrap()
    .into()
}

pub(crate) fn seed_change(action: SeedAction, signers: &[u8]) -> SeedChange {
    let mut change = SeedChange {
        network: NETWORK,
        sequence: 1,
        at: NOW,
        action,
        signatures: Vec::new(),
    };
    for seed in signers {
        let signature = change.sign(&key(100 + seed));
        change.add_signature(*seed, signature);
    }
    change
}

pub(crate) fn every_statement() -> Vec<(&'static str, Statement)> {
    let add = SeedAction::Add {
        key: key(5).public(),
        name: "CERT-EX".into(),
        labels: labels(),
    };
    let remove = SeedAction::Remove {
        key: key(100).public(),
    };
    vec![
        ("certificate", certificate()),
        ("vouch", vouch()),
        ("withdrawal", withdrawal()),
        (
            "revocation of a node",
            revocation(RevocationTarget::Node(key(1).public())),
        ),
        (
            "revocation of the organisation",
            revocation(RevocationTarget::Organisation),
        ),
        ("continues", continues()),
        (
            "a seed is added by seeds 0 and 2",
            seed_change(add, &[2, 0]).into(),
        ),
        (
            "a seed is removed, nobody signed yet",
            seed_change(remove, &[]).into(),
        ),
    ]
}

pub(crate) fn proof() -> EquivocationProof {
    let one = seal(Payload::Sightings(addresses(1)));
    let other = seal(Payload::Sightings(addresses(2)));
    EquivocationProof::new(one.signed_header().clone(), other.signed_header().clone()).unwrap()
}

pub(crate) fn retracted() -> Vec<Retracted> {
    vec![
        Retracted {
            epoch: 1,
            seq: 6,
            row: 255,
        },
        Retracted {
            epoch: 0,
            seq: u64::MAX,
            row: 0,
        },
    ]
}

pub(crate) fn disputes() -> Vec<Dispute> {
    let sighting = SightingId {
        publisher: PublisherId([9; 16]),
        epoch: 3,
        seq: 1_000,
        row: 17,
    };
    vec![
        Dispute {
            sighting,
            reason: DisputeReason::Owner,
        },
        Dispute {
            sighting,
            reason: DisputeReason::Unknown(99),
        },
    ]
}

pub(crate) fn every_payload() -> Vec<(&'static str, Payload)> {
    let statements = |kind| {
        let of_kind = every_statement().into_iter().map(|(_, statement)| statement);
        Payload::Statements(of_kind.filter(|statement| statement.kind() == kind).collect())
    };
    vec![
        ("one IPv4 address", Payload::Sightings(addresses(1))),
        ("every type of indicator", Payload::Sightings(every_sighting())),
        ("256 IPv4 addresses", Payload::Sightings(addresses(256))),
        ("retraction", Payload::Retraction(retracted())),
        ("head", Payload::Head),
        ("certificates", statements(Kind::Certificate)),
        ("vouches", statements(Kind::Vouch)),
        ("revocations", statements(Kind::Revocation)),
        ("disputes", Payload::Disputes(disputes())),
        ("proof", Payload::Proof(Box::new(proof()))),
    ]
}

/// An envelope of a later version, kind or flag, with content that only the future can read.
pub(crate) fn from_the_future(change: impl FnOnce(&mut Header), content: &[u8]) -> Vec<u8> {
    let mut header = *seal(Payload::Sightings(addresses(3))).header();
    let commitment = header.root;
    header.root = envelope::opaque_root(&commitment, content);
    change(&mut header);
    let mut bytes = SignedHeader::sign(header, &key(1)).encode();
    bytes.push(1);
    bytes.extend_from_slice(&commitment);
    bytes.extend_from_slice(content);
    bytes
}

pub(crate) fn genesis() -> Genesis {
    let founder = |number, name: &str, labels, history| Founder {
        key: key(number).public(),
        name: name.into(),
        labels,
        history,
    };
    Genesis {
        name: "Réseau d'exemple".into(),
        created: Timestamp::from_secs(1_795_314_920),
        quorum: 2,
        seeds: vec![
            founder(100, "CERT-EX", labels(), 5_000),
            founder(101, "CERT of the Other Country", Labels::default(), 0),
            founder(
                102,
                "Third CERT",
                Labels {
                    country: *b"DE",
                    ..Labels::default()
                },
                1,
            ),
        ],
        members: vec![founder(
            2,
            "Hôpital de l'Exemple",
            Labels {
                asn: 4_294_967_295,
                ..Labels::default()
            },
            20,
        )],
    }
}
