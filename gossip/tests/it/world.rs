//! A small network: one seed, a few members, each with an organisation key and a node key, and an outsider.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vigie_gossip::core::constants::POLICY_URGENT;
use vigie_gossip::core::directory::Directory;
use vigie_gossip::wire::{
    Behaviour, Count, Draft, Envelope, Founder, Genesis, HeaderHash, Indicator, Labels, NetworkId,
    NodeCertificate, Payload, RuleHash, SecretKey, Sighting, Statement, Timestamp, Tlp, Vouch,
};
use vigie_gossip::{Clock, OwnNode};

pub(crate) const SEED: usize = 0;
pub(crate) const OUTSIDER: usize = 9;
const ADMITTED: usize = 5;
const DAY: Duration = Duration::from_hours(24);

/// Everybody's keys, and what they agree on.
pub(crate) struct World {
    pub(crate) genesis: Genesis,
    pub(crate) network: NetworkId,
}

pub(crate) fn org_key(who: usize) -> SecretKey {
    SecretKey::from_seed([u8::try_from(who).unwrap() + 1; 32])
}

pub(crate) fn node_key(who: usize) -> SecretKey {
    SecretKey::from_seed([u8::try_from(who).unwrap() + 101; 32])
}

/// The machine's clock: certificates must be valid while the test runs.
#[expect(
    clippy::disallowed_methods,
    reason = "a test of real connections has a real clock"
)]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

pub(crate) fn clock(ahead_secs: u64) -> Clock {
    Arc::new(move || now() + Duration::from_secs(ahead_secs))
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_seeds(1)
    }

    /// The first so many of the admitted are seeds, each of another operator than the last.
    pub(crate) fn with_seeds(seeds: usize) -> Self {
        let founder = |who: usize| Founder {
            key: org_key(who).public(),
            name: format!("organisation {who}").into(),
            labels: Labels::default(),
            history: 100,
        };
        let genesis = Genesis {
            name: "test".into(),
            created: Timestamp::from_secs(now().as_secs() - 60 * 24 * 3_600),
            quorum: 1,
            seeds: (0..seeds).map(founder).collect(),
            members: (seeds..ADMITTED).map(founder).collect(),
        };
        let network = genesis.network();
        Self { genesis, network }
    }

    /// A directory that knows the genesis and these nodes' certificates.
    pub(crate) fn directory(&self, certified: &[usize]) -> Directory {
        let mut directory = Directory::new(self.genesis.clone());
        for who in certified {
            directory.insert(self.certificate(*who)).unwrap();
        }
        directory
    }

    pub(crate) fn certificate(&self, who: usize) -> Statement {
        let (org, node) = (org_key(who), node_key(who));
        let certificate = NodeCertificate {
            network: self.network,
            org: org.public(),
            node: node.public(),
            not_before: now() - DAY,
            not_after: now() + 30 * DAY,
            epoch_from: 0,
            epoch_to: 100,
            consent: NodeCertificate::consent(self.network, &org.public(), &node),
        };
        certificate.sign(&org).unwrap().into()
    }

    pub(crate) fn vouch(&self, voucher: usize, subject: usize) -> Statement {
        let vouch = Vouch {
            network: self.network,
            voucher: org_key(voucher).public(),
            subject: org_key(subject).public(),
            name: "newcomer".into(),
            labels: Labels::default(),
            issued: now() - DAY / 24,
            expires: now() + 100 * DAY,
            serial: 1,
        };
        vouch.sign(&org_key(voucher)).unwrap().into()
    }

    pub(crate) fn own(&self, who: usize) -> OwnNode {
        OwnNode {
            key: node_key(who),
            certificate: self.certificate(who),
        }
    }

    /// The next envelope of `who`'s chain after `prev`.
    pub(crate) fn envelope(&self, who: usize, prev: Option<&Envelope>, tlp: Tlp) -> Envelope {
        self.envelope_at(who, prev, tlp, now())
    }

    pub(crate) fn envelope_at(
        &self,
        who: usize,
        prev: Option<&Envelope>,
        tlp: Tlp,
        at: Timestamp,
    ) -> Envelope {
        let seq = prev.map_or(0, |prev| prev.header().seq + 1);
        let draft = self.draft(prev, tlp, at);
        draft
            .seal(&node_key(who), [u8::try_from(seq % 251).unwrap(); 16])
            .unwrap()
    }

    /// The next envelope of `who`'s chain after `prev`, which asks to overtake.
    pub(crate) fn urgent(&self, who: usize, prev: Option<&Envelope>) -> Envelope {
        let mut draft = self.draft(prev, Tlp::Green, now());
        draft.policy = POLICY_URGENT;
        draft.seal(&node_key(who), [1; 16]).unwrap()
    }

    fn draft(&self, prev: Option<&Envelope>, tlp: Tlp, at: Timestamp) -> Draft {
        let seq = prev.map_or(0, |prev| prev.header().seq + 1);
        let sighting = Sighting {
            indicator: Indicator::ip(
                std::net::Ipv4Addr::from(0xCB00_7100 + u32::try_from(seq).unwrap()).into(),
            ),
            behaviour: Behaviour(1),
            rule: RuleHash([7; 8]),
            at: at.to_minute(),
            count: Count::of(4),
            confidence: 100,
        };
        Draft {
            network: self.network,
            epoch: 0,
            seq,
            prev: prev.map_or(HeaderHash([0; 32]), Envelope::header_hash),
            time_base: at,
            tlp,
            policy: 0,
            payload: Payload::Sightings(vec![sighting]),
        }
    }

    /// An envelope of so many rows at this place of `who`'s chain, whatever stands before it.
    pub(crate) fn rows_at(&self, who: usize, seq: u64, rows: u32, at: Timestamp) -> Envelope {
        let mut draft = self.draft(None, Tlp::Green, at);
        draft.seq = seq;
        let Payload::Sightings(sightings) = &mut draft.payload else {
            unreachable!()
        };
        let of_host = |host: u32| Sighting {
            indicator: Indicator::ip(std::net::Ipv4Addr::from(0xCB00_0000 + host).into()),
            ..sightings[0].clone()
        };
        *sightings = (0..rows).map(of_host).collect();
        draft.seal(&node_key(who), [3; 16]).unwrap()
    }

    /// `who` names an envelope of his.
    pub(crate) fn head(&self, who: usize, named: &Envelope, at: Timestamp) -> Envelope {
        let draft = Draft {
            network: self.network,
            epoch: named.header().epoch,
            seq: named.header().seq,
            prev: named.header_hash(),
            time_base: at,
            tlp: Tlp::Clear,
            policy: 0,
            payload: Payload::Head,
        };
        draft.seal(&node_key(who), [0; 16]).unwrap()
    }

    /// The first `count` envelopes of `who`'s chain.
    pub(crate) fn chain(&self, who: usize, count: usize, tlp: Tlp) -> Vec<Envelope> {
        let mut chain: Vec<Envelope> = Vec::new();
        for _ in 0..count {
            chain.push(self.envelope(who, chain.last(), tlp));
        }
        chain
    }

    /// A chain of `count` envelopes, one every two seconds until now: within the rate of a member.
    pub(crate) fn history(&self, who: usize, count: usize) -> Vec<Envelope> {
        let mut chain: Vec<Envelope> = Vec::new();
        for index in 0..count {
            let age = Duration::from_secs(2) * u32::try_from(count - index).unwrap();
            chain.push(self.envelope_at(who, chain.last(), Tlp::Green, now() - age));
        }
        chain
    }
}
