//! Streams that carry frames between relay neighbours: one to a neighbour, one from him, opaque bytes on both.
//!
//! Opening one asks to be a neighbour, and resetting it says no, so there is no handshake beside. What comes in is not read
//! before it is accepted, and not faster than it is judged; what goes out waits up to a bound and is then not taken.
//! Deliberately absent: who is a neighbour, and what a frame says. Both are the swarm task's.
//!
//! Not libp2p-stream: its streams would need a task each, and a gate and bounds around a channel that drops what nobody
//! takes. A handler has the gate, the bounds and the accounting where the bytes are.

mod frames;
mod handler;

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, StreamProtocol};
use tokio::time::Instant;

use crate::limits;
pub(crate) use handler::End;
use handler::{Order, StreamHandler, Told};

/// What the streams tell.
#[derive(Debug)]
pub(crate) enum StreamEvent {
    /// A peer opened a stream: accept or close.
    Knock(PeerId),
    /// A frame came. The next but one is read once it is said to be taken.
    Frame(PeerId, Vec<u8>),
    /// A stream that was wanted is no more: close, and choose somebody else.
    Ended(PeerId, End),
}

/// The streams of all peers.
pub(crate) struct Streams {
    protocol: StreamProtocol,
    /// Bounded by the connection limits: one entry for each connected peer.
    lines: HashMap<PeerId, Lines>,
    /// Bounded by what may wait for each peer, and a few words beside.
    actions: VecDeque<ToSwarm<StreamEvent, Order>>,
}

/// Which connections the streams with a peer are on, and what is on its way to him.
#[derive(Default)]
struct Lines {
    connections: Vec<ConnectionId>,
    writing: Option<ConnectionId>,
    reading: Option<ConnectionId>,
    knocking: Option<ConnectionId>,
    waiting_bytes: usize,
    /// When something was written last, while more waits.
    moved: Option<Instant>,
}

// === impl Streams ===

impl Streams {
    pub(crate) fn new(protocol: StreamProtocol) -> Self {
        Self {
            protocol,
            lines: HashMap::new(),
            actions: VecDeque::new(),
        }
    }

    /// Opens the stream to a peer, if there is none.
    pub(crate) fn open(&mut self, peer: PeerId) {
        let Some(lines) = self.lines.get_mut(&peer) else {
            return;
        };
        // He reads where he writes, or will. Else the newest: a circuit goes when there is a direct one.
        let there = lines.knocking.or(lines.reading);
        let Some(connection) = there.or_else(|| lines.connections.last().copied()) else {
            return;
        };
        if lines.writing.is_none() {
            lines.writing = Some(connection);
            self.order(peer, connection, Order::Open);
        }
    }

    /// Reads what a peer sends on the stream that he opened last, and on no other.
    pub(crate) fn accept(&mut self, peer: PeerId) {
        let Some(lines) = self.lines.get_mut(&peer) else {
            return;
        };
        let Some(connection) = lines.knocking.take() else {
            return;
        };
        let before = lines.reading.replace(connection);
        if let Some(before) = before.filter(|before| *before != connection) {
            self.order(peer, before, Order::StopReading);
        }
        self.order(peer, connection, Order::Accept);
    }

    /// Ends the streams of both directions, and forgets what waits.
    pub(crate) fn close(&mut self, peer: PeerId) {
        let Some(lines) = self.lines.get_mut(&peer) else {
            return;
        };
        let ends = [
            (lines.writing.take(), Order::StopWriting),
            (lines.reading.take(), Order::StopReading),
            (lines.knocking.take(), Order::StopReading),
        ];
        (lines.waiting_bytes, lines.moved) = (0, None);
        for (connection, order) in ends {
            if let Some(connection) = connection {
                self.order(peer, connection, order);
            }
        }
    }

    /// Takes a frame for a neighbour. False if too much waits for him already, or there is no stream to him.
    pub(crate) fn send(&mut self, peer: PeerId, frame: Vec<u8>) -> bool {
        let Some(lines) = self.lines.get_mut(&peer) else {
            return false;
        };
        let Some(connection) = lines.writing else {
            return false;
        };
        let most =
            frames::MAX_FRAME_BYTES.min(limits::RELAY_SENDING_BYTES.saturating_sub(lines.waiting_bytes));
        if frame.is_empty() || frame.len() > most {
            return false;
        }
        lines.waiting_bytes += frame.len();
        lines.moved.get_or_insert_with(Instant::now);
        self.order(peer, connection, Order::Send(frame));
        true
    }

    /// A frame of this peer has been judged: another one may come.
    pub(crate) fn taken(&mut self, peer: PeerId) {
        if let Some(connection) = self.lines.get(&peer).and_then(|lines| lines.reading) {
            self.order(peer, connection, Order::Taken);
        }
    }

    /// To whom something has waited for so long and nothing could be written.
    pub(crate) fn stalled(&self, longest: Duration, now: Instant) -> Vec<PeerId> {
        let long = |at: Instant| now.saturating_duration_since(at) >= longest;
        let stalled = self
            .lines
            .iter()
            .filter(|(_, lines)| lines.moved.is_some_and(long));
        stalled.map(|(peer, _)| *peer).collect()
    }

    fn order(&mut self, peer_id: PeerId, connection: ConnectionId, event: Order) {
        self.actions.push_back(ToSwarm::NotifyHandler {
            peer_id,
            handler: NotifyHandler::One(connection),
            event,
        });
    }

    fn tell(&mut self, event: StreamEvent) {
        self.actions.push_back(ToSwarm::GenerateEvent(event));
    }

    fn handler(&self) -> StreamHandler {
        StreamHandler::new(self.protocol.clone(), Instant::now())
    }

    fn on_closed(&mut self, peer: PeerId, connection: ConnectionId) {
        let Some(lines) = self.lines.get_mut(&peer) else {
            return;
        };
        lines.connections.retain(|known| *known != connection);
        if lines.connections.is_empty() {
            self.lines.remove(&peer);
        } else {
            let wanted = [lines.writing, lines.reading, lines.knocking].contains(&Some(connection));
            for line in [&mut lines.writing, &mut lines.reading, &mut lines.knocking] {
                line.take_if(|on| *on == connection);
            }
            if wanted {
                self.tell(StreamEvent::Ended(peer, End::Moved));
            }
        }
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = StreamHandler;
    type ToSwarm = StreamEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) => {
                let lines = self.lines.entry(established.peer_id).or_default();
                lines.connections.push(established.connection_id);
            }
            FromSwarm::ConnectionClosed(closed) => self.on_closed(closed.peer_id, closed.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        told: THandlerOutEvent<Self>,
    ) {
        let Some(lines) = self.lines.get_mut(&peer) else {
            return;
        };
        let here = Some(connection);
        match told {
            Told::Knock => {
                lines.knocking = here;
                self.tell(StreamEvent::Knock(peer));
            }
            Told::Frame(bytes) if lines.reading == here => self.tell(StreamEvent::Frame(peer, bytes)),
            Told::Written(bytes) if lines.writing == here => {
                lines.waiting_bytes = lines.waiting_bytes.saturating_sub(bytes);
                lines.moved = (lines.waiting_bytes > 0).then(Instant::now);
            }
            Told::Ended(End::Garbage) => self.tell(StreamEvent::Ended(peer, End::Garbage)),
            Told::Ended(end) if lines.writing == here || lines.reading == here => {
                self.tell(StreamEvent::Ended(peer, end));
            }
            Told::Frame(_) | Told::Written(_) | Told::Ended(_) => {}
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.actions.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
