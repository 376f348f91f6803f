//! Commands of the node, one arm each.

use tokio::time::Instant;

use super::Task;
use crate::command::{Command, answer};
use crate::error::MeshError;
use crate::limits;
use crate::start::parse;

impl Task {
    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::Publish { envelope, reply } => answer(reply, self.publish(&envelope)),
            Command::AddStatement { statement, reply } => answer(reply, self.add_statement(*statement)),
            Command::Dial { address, reply } => answer(reply, self.order_dial(&address)),
            Command::Peers { reply } => {
                let peers = self.peers.iter().map(|(id, peer)| peer.describe(*id)).collect();
                answer(reply, peers);
            }
            Command::Listening { reply } => answer(reply, self.listening()),
            Command::Addresses { reply } => answer(reply, self.known_addresses()),
            Command::TakeAddresses { record, reply } => {
                // Its signature held when it was read.
                let taken = self.take_record(record.encode());
                answer(reply, taken.unwrap_or(false));
            }
            Command::Reached { reply } => answer(reply, self.reached()),
            Command::Conduct { publisher, reply } => answer(reply, self.chains.conduct(publisher)),
            Command::Watermark { trusted, reply } => answer(reply, self.watermark(trusted)),
            Command::Read(read) => read(&self.directory),
        }
    }

    fn order_dial(&mut self, address: &str) -> Result<(), MeshError> {
        let address = parse(address)?;
        let now = Instant::now();
        if !self.dialer.add(address, now) {
            return Err(MeshError::TooManyAddresses(limits::DIAL_ADDRESSES));
        }
        self.dial_due(now);
        Ok(())
    }

    fn listening(&self) -> Vec<String> {
        let own = *self.swarm.local_peer_id();
        let listeners = self.swarm.listeners();
        self.announced
            .iter()
            .chain(listeners)
            .map(|address| {
                address
                    .clone()
                    .with_p2p(own)
                    .unwrap_or_else(|address| address)
                    .to_string()
            })
            .collect()
    }
}
