//! A small network: keys, statements and envelopes made to order.

use std::time::Duration;

use vigie_gossip_core::wire::{
    Behaviour, Count, Draft, Envelope, Founder, Genesis, HeaderHash, Indicator, Labels, NetworkId,
    NodeCertificate, Payload, PublicKey, PublisherId, Revocation, RevocationTarget, RuleHash, SecretKey,
    Sighting, Statement, Timestamp, Tlp, Vouch, Withdrawal,
};

pub(crate) const DAY: Duration = Duration::from_hours(24);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// The beginning of an hour in late 2026.
pub(crate) fn t0() -> Timestamp {
    Timestamp::from_secs(1_795_305_600)
}

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

/// The node key of an organisation.
pub(crate) fn node_key(org: u8) -> SecretKey {
    let mut seed = [0; 32];
    seed[0] = org;
    SecretKey::from_seed(seed)
}

pub(crate) fn public(number: u8) -> PublicKey {
    key(number).public()
}

pub(crate) fn publisher(org: u8) -> PublisherId {
    node_key(org).public().publisher_id()
}

fn founder(number: u8) -> Founder {
    Founder {
        key: public(number),
        name: format!("org {number}").into(),
        labels: Labels::default(),
        history: 100,
    }
}

/// Seeds 1 to `seeds`, members 101 and on.
pub(crate) fn genesis(seeds: u8, members: u8) -> Genesis {
    Genesis {
        name: "test".into(),
        created: t0() - 30 * DAY,
        quorum: seeds.div_ceil(2),
        seeds: (1..=seeds).map(founder).collect(),
        members: (101..101 + members).map(founder).collect(),
    }
}

pub(crate) fn vouch(network: NetworkId, from: u8, to: u8, issued: Timestamp) -> Statement {
    let vouch = Vouch {
        network,
        voucher: public(from),
        subject: public(to),
        name: format!("org {to}").into(),
        labels: Labels::default(),
        issued,
        expires: issued + 366 * DAY,
        serial: u64::from(to),
    };
    vouch.sign(&key(from)).unwrap().into()
}

pub(crate) fn withdraw(network: NetworkId, from: u8, to: u8, at: Timestamp) -> Statement {
    let (voucher, subject, serial) = (public(from), public(to), u64::from(to));
    Withdrawal {
        network,
        voucher,
        subject,
        serial,
        at,
    }
    .sign(&key(from))
    .unwrap()
    .into()
}

pub(crate) fn certify(network: NetworkId, org: u8, from: Timestamp) -> Statement {
    let node = node_key(org);
    let certificate = NodeCertificate {
        network,
        org: public(org),
        node: node.public(),
        not_before: from,
        not_after: from + 80 * DAY,
        epoch_from: 0,
        epoch_to: 100,
        consent: NodeCertificate::consent(network, &public(org), &node),
    };
    certificate.sign(&key(org)).unwrap().into()
}

pub(crate) fn revoke(network: NetworkId, org: u8, node: Option<u8>, since: Timestamp) -> Statement {
    let target = node.map_or(RevocationTarget::Organisation, |node| {
        RevocationTarget::Node(node_key(node).public())
    });
    let revocation = Revocation {
        network,
        org: public(org),
        target,
        compromised_since: since,
        at: since + Duration::from_secs(1),
    };
    revocation.sign(&key(org)).unwrap().into()
}

pub(crate) fn sighting(host: u32, at: Timestamp) -> Sighting {
    Sighting {
        indicator: Indicator::ip(std::net::Ipv4Addr::from(0x0808_0000_u32.wrapping_add(host)).into()),
        behaviour: Behaviour(5),
        rule: RuleHash([3; 8]),
        at: at.to_minute(),
        count: Count::of(4),
        confidence: 90,
    }
}

/// A chain that one node key writes.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) org: u8,
    pub(crate) network: NetworkId,
    pub(crate) epoch: u32,
    pub(crate) seq: u64,
    pub(crate) prev: HeaderHash,
    pub(crate) policy: u8,
}

impl Writer {
    pub(crate) fn new(network: NetworkId, org: u8) -> Self {
        Self {
            org,
            network,
            epoch: 0,
            seq: 0,
            prev: HeaderHash([0; 32]),
            policy: 0,
        }
    }

    pub(crate) fn raise_epoch(&mut self) {
        *self = Self {
            epoch: self.epoch + 1,
            ..Self::new(self.network, self.org)
        };
    }

    pub(crate) fn say(&mut self, payload: Payload, at: Timestamp) -> Envelope {
        let draft = Draft {
            network: self.network,
            epoch: self.epoch,
            seq: self.seq,
            prev: self.prev,
            time_base: at,
            tlp: Tlp::Green,
            policy: self.policy,
            payload,
        };
        let envelope = draft.seal(&node_key(self.org), [9; 16]).unwrap();
        self.seq += 1;
        self.prev = envelope.header_hash();
        envelope
    }

    /// So many sightings, the first of them this host.
    pub(crate) fn see(&mut self, host: u32, rows: u32, at: Timestamp) -> Envelope {
        self.say(
            Payload::Sightings((host..host + rows).map(|host| sighting(host, at)).collect()),
            at,
        )
    }

    /// A head that names the latest envelope, or another hash in its place.
    pub(crate) fn head(&self, at: Timestamp, hash: HeaderHash) -> Envelope {
        let mut named = Self {
            seq: self.seq - 1,
            prev: hash,
            ..self.clone()
        };
        named.say(Payload::Head, at)
    }
}
