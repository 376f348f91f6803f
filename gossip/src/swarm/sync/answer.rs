//! A peer asks. The core says what the answer is; the store may have to bring the envelopes first.

use libp2p::PeerId;
use libp2p::request_response::ResponseChannel;
use tokio::time::Instant;
use vigie_gossip_core::sync::{Action, Fetch, Message, Response, Session};

use super::super::Task;
use super::reading::{Purpose, Read};
use crate::limits;
use crate::telemetry::Counted;

impl Task {
    pub(super) fn on_sync_request(&mut self, peer: PeerId, bytes: &[u8], channel: ResponseChannel<Vec<u8>>) {
        let now = Instant::now();
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        // Declining is an empty response: the asker comes again with its next round.
        if !entry.requests.take(1.0, now) || !entry.bytes.take(0.0, now) {
            self.counters.add(Counted::SyncDeclined);
            return;
        }
        let message = match Message::decode(bytes) {
            Ok(message @ Message::Request(_)) => message,
            Ok(Message::Response(_)) => return self.blame(peer, limits::FAULT_HIGH),
            Err(error) => {
                tracing::info!(peer.id = %peer, %error, "malformed sync request");
                return self.blame(peer, limits::FAULT_HIGH);
            }
        };
        let actions = Session::new(self.audience(peer)).on_message(message, &self.view());
        match actions.into_iter().next() {
            Some(Action::Send(response)) => self.respond(peer, channel, &response),
            Some(Action::FetchFromStore(fetch)) => self.fetch(peer, channel, fetch),
            _ => {}
        }
    }

    fn fetch(&mut self, peer: PeerId, channel: ResponseChannel<Vec<u8>>, fetch: Fetch) {
        let wanted = fetch.wanted.clone();
        self.read(wanted, Purpose::Serve { peer, channel, fetch });
    }

    /// What the node was asked to read has come.
    pub(in super::super) fn on_read(&mut self, read: Read) {
        let Some(envelopes) = read.envelopes else {
            // Declined: whoever was told of nothing would take it that nothing is there.
            return self.counters.add(Counted::SyncDeclined);
        };
        match read.purpose {
            Purpose::Proof(suspicion) => self.prove(&suspicion, &envelopes),
            Purpose::Serve { peer, channel, fetch } => {
                // What may not be shown has cost the store as much as what may.
                let bytes = envelopes.iter().map(Vec::len).sum();
                self.charge(peer, bytes);
                let response = fetch.reply(envelopes);
                self.respond(peer, channel, &response);
            }
        }
    }

    fn charge(&mut self, peer: PeerId, bytes: usize) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            let size = u32::try_from(bytes).unwrap_or(u32::MAX);
            entry.bytes.charge(f64::from(size), Instant::now());
        }
    }

    fn respond(&mut self, peer: PeerId, channel: ResponseChannel<Vec<u8>>, response: &Message) {
        let bytes = response.encode();
        if !matches!(response, Message::Response(Response::Envelopes(_))) {
            self.charge(peer, bytes.len());
        }
        self.counters.add(Counted::SyncServed);
        // An error says that the peer has gone, or has waited too long.
        drop(self.swarm.behaviour_mut().sync.send_response(channel, bytes));
    }
}
