//! A node as the shell would build it, in memory: directory, index, a store, and what to do with each action.

use std::collections::BTreeMap;

use vigie_gossip_core::sync::{Action, Audience, Delivery, Message, Session, View};
use vigie_gossip_core::wire::{Envelope, Genesis, HeaderHash, Payload, PublisherId, Statement, Timestamp};
use vigie_gossip_core::{ChainIndex, Directory, Held, Ignored, Refusal, Suspicion, Unverified};

type Key = (PublisherId, u32, u64);

#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) directory: Directory,
    pub(crate) index: ChainIndex,
    pub(crate) store: BTreeMap<Key, Vec<u8>>,
    pub(crate) kept: Vec<Vec<u8>>,
    pub(crate) own: Option<PublisherId>,
    pub(crate) own_heads: Vec<(u32, u64)>,
    pub(crate) now: Timestamp,
}

impl Node {
    pub(crate) fn new(genesis: Genesis, now: Timestamp) -> Self {
        Self {
            directory: Directory::new(genesis),
            index: ChainIndex::new(),
            store: BTreeMap::new(),
            kept: Vec::new(),
            own: None,
            own_heads: Vec::new(),
            now,
        }
    }

    /// The same node after a crash: only the store is left. Proofs come back by sync.
    pub(crate) fn restart(&self) -> Self {
        let mut node = Self {
            own: self.own,
            ..Self::new(self.directory.genesis().clone(), self.now)
        };
        for bytes in &self.kept {
            node.learn([Statement::decode(bytes).unwrap()]);
        }
        node.store = self.store.clone();
        for bytes in node.store.values() {
            node.index
                .load(Held::of(Envelope::decode(bytes).unwrap().header()));
        }
        node.index.expire(node.now);
        node.reconcile();
        node
    }

    pub(crate) fn learn(&mut self, statements: impl IntoIterator<Item = Statement>) {
        for statement in statements {
            let bytes = statement.encode();
            if matches!(
                self.directory.insert(statement),
                Ok(vigie_gossip_core::Insertion::New)
            ) {
                self.kept.push(bytes);
            }
        }
        self.kept
            .extend(self.directory.take_settled().iter().map(Statement::encode));
        self.reconcile();
    }

    fn reconcile(&mut self) {
        let dropped = self.index.reconcile(&self.directory);
        self.drop_all(dropped);
    }

    fn drop_all(&mut self, dropped: Vec<Held>) {
        for held in dropped {
            self.store.remove(&(held.publisher, held.epoch, held.seq));
        }
    }

    /// All stages, then the store.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let unverified = Unverified::parse(bytes)?;
        if unverified.is_held(&self.index) {
            return Err(Ignored::Duplicate.into());
        }
        let verified = unverified.verify(&self.directory, self.now)?;
        let result = verified.admit(&self.directory, &mut self.index, self.now);
        if let Err(Refusal::Ignored(Ignored::Fork(suspicion))) = &result {
            self.accuse(suspicion);
        }
        let admitted = result?;
        let header = *admitted.envelope().header();
        if !header.kind.is_chained() {
            return Ok(());
        }
        self.store.insert(
            (header.publisher, header.epoch, header.seq),
            admitted.bytes().to_vec(),
        );
        let dropped = self.index.record(&header);
        self.drop_all(dropped);
        match admitted.envelope().payload().unwrap() {
            Payload::Statements(statements) => self.learn(statements),
            Payload::Proof(proof) => self.convict(*proof),
            _ => {}
        }
        Ok(())
    }

    fn accuse(&mut self, suspicion: &Suspicion) {
        let held = self
            .store
            .get(&suspicion.at())
            .map(|bytes| Envelope::decode(bytes).unwrap());
        if let Some(proof) = held.and_then(|held| suspicion.prove(&held)) {
            self.convict(proof);
        }
    }

    pub(crate) fn convict(&mut self, proof: vigie_gossip_core::wire::EquivocationProof) {
        if let Ok(dropped) = self.index.convict(proof, &self.directory, self.now) {
            self.drop_all(dropped);
        }
    }

    fn view(&self) -> View<'_> {
        View {
            index: &self.index,
            directory: &self.directory,
            own: self.own,
            now: self.now,
            elsewhere: &[],
        }
    }

    /// Answers a request, through bytes as on a wire.
    fn answer(&self, request: &[u8]) -> Vec<u8> {
        let message = Message::decode(request).unwrap();
        match Session::new(Audience::Members)
            .on_message(message, &self.view())
            .pop()
        {
            Some(Action::Send(message)) => message.encode(),
            Some(Action::FetchFromStore(fetch)) => {
                let mut found = Vec::new();
                for wanted in &fetch.wanted {
                    let from = (wanted.publisher, wanted.epoch, wanted.from);
                    let to = (wanted.publisher, wanted.epoch, wanted.to);
                    let mut room = wanted.max_bytes;
                    for (nth, (_, bytes)) in self.store.range(from..=to).rev().enumerate() {
                        room = room.saturating_sub(bytes.len());
                        if nth > 0 && room == 0 {
                            break;
                        }
                        found.push(bytes.clone());
                    }
                }
                fetch.reply(found).encode()
            }
            other => panic!("a request has one response, not {other:?}"),
        }
    }

    /// One whole session: this node fetches from the peer. `lose` says which messages get lost. Gives the bytes sent.
    pub(crate) fn fetch_from(&mut self, peer: &Self, mut lose: impl FnMut() -> bool) -> usize {
        let mut session = Session::new(Audience::Members);
        let mut sent = 0;
        let mut actions = session.start(&self.view());
        while !actions.is_empty() {
            let mut next = Vec::new();
            for action in actions {
                match action {
                    Action::Send(message) => {
                        let request = message.encode();
                        sent += request.len();
                        if lose() {
                            session.give_up();
                            return sent;
                        }
                        next.push(peer.answer(&request));
                    }
                    Action::Deliver(delivery) => self.take(delivery),
                    Action::OwnHead { epoch, seq, .. } => self.own_heads.push((epoch, seq)),
                    Action::PeerClock(_) | Action::Done(_) => {}
                    other => panic!("an honest peer is not blamed: {other:?}"),
                }
            }
            actions = Vec::new();
            for response in next {
                sent += response.len();
                let message = Message::decode(&response).unwrap();
                actions.extend(session.on_message(message, &self.view()));
            }
        }
        sent
    }

    fn take(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Statements(statements) => self.learn(statements),
            Delivery::Proofs(proofs) => proofs.into_iter().for_each(|proof| self.convict(proof)),
            Delivery::Envelopes(envelopes) => {
                let headers: Vec<_> = envelopes.iter().map(|one| *one.header()).collect();
                let entropy = [7; 32];
                let verified =
                    vigie_gossip_core::validate::verify_all(envelopes, &self.directory, self.now, &entropy);
                assert_eq!(headers.len(), verified.len());
                for verified in verified.into_iter().flatten() {
                    let bytes = verified.bytes().to_vec();
                    drop(self.receive(&bytes));
                }
            }
        }
    }

    /// Both fetch.
    pub(crate) fn meet(&mut self, peer: &mut Self) -> usize {
        self.fetch_from(peer, || false) + peer.fetch_from(self, || false)
    }

    pub(crate) fn holds(&self) -> Vec<(PublisherId, u32, u64, HeaderHash)> {
        let heads = self.index.heads();
        heads
            .iter()
            .flat_map(|head| {
                let hashes = self.index.hashes(head.publisher, head.epoch, 0..=u64::MAX);
                hashes.map(|(seq, hash)| (head.publisher, head.epoch, seq, hash))
            })
            .collect()
    }
}
