//! One connection's two streams: what is read waits for leave, what is written waits for the peer.
//!
//! A peer is read at the pace of what was judged and of his allowance; beyond that his bytes wait at his side. A second
//! stream of his takes the place of the first, so often as an honest one may need.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::{AsyncRead, FutureExt};
use libp2p::StreamProtocol;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound, StreamUpgradeError,
};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, Stream, SubstreamProtocol};
use tokio::time::{Instant, Sleep, sleep};

use super::frames;
use crate::limits::{self, TokenBucket};

/// What the behaviour asks of a connection.
pub(crate) enum Order {
    Open,
    Accept,
    Send(Vec<u8>),
    Taken,
    StopReading,
    StopWriting,
}

/// What a connection tells.
#[derive(Debug)]
pub(crate) enum Told {
    Knock,
    Frame(Vec<u8>),
    /// Bytes of frames.
    Written(usize),
    Ended(End),
}

/// Why there is no stream any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer does not speak the protocol.
    Unsupported,
    /// He said no, or has changed his mind, or the line broke.
    Closed,
    /// It was on a connection that has gone, and there is another one.
    Moved,
    /// He does not keep to the protocol.
    Garbage,
}

/// The streams of one connection.
pub(crate) struct StreamHandler {
    protocol: StreamProtocol,
    reading: Reading,
    writing: Writing,
    /// Whether the stream that is being negotiated, if one is, is still wanted.
    wanted: bool,
    /// Bounded by the behaviour.
    queue: VecDeque<Vec<u8>>,
    /// Told before anything else is done.
    told: VecDeque<Told>,
    unjudged: usize,
    frames: TokenBucket,
    bytes: TokenBucket,
    knocks: TokenBucket,
    pause: Option<Pin<Box<Sleep>>>,
}

enum Reading {
    Nothing,
    Knocked(Stream),
    Idle(Stream),
    Frame(BoxFuture<'static, io::Result<(Stream, Vec<u8>)>>),
}

enum Writing {
    Nothing,
    Ask,
    Asked,
    Idle(Stream),
    Frames(BoxFuture<'static, io::Result<Stream>>, usize),
}

type Upgrade = ReadyUpgrade<StreamProtocol>;

// === impl Order ===

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Accept => "Accept",
            Self::Send(_) => "Send",
            Self::Taken => "Taken",
            Self::StopReading => "StopReading",
            Self::StopWriting => "StopWriting",
        })
    }
}

// === impl StreamHandler ===

impl StreamHandler {
    pub(super) fn new(protocol: StreamProtocol, now: Instant) -> Self {
        Self {
            protocol,
            reading: Reading::Nothing,
            writing: Writing::Nothing,
            wanted: false,
            queue: VecDeque::new(),
            told: VecDeque::new(),
            unjudged: 0,
            frames: TokenBucket::new(limits::RELAY_FRAME_BURST, limits::RELAY_FRAME_RATE, now),
            bytes: TokenBucket::new(limits::RELAY_BYTES_BURST, limits::RELAY_BYTES_RATE, now),
            knocks: TokenBucket::new(limits::RELAY_KNOCKS, limits::RELAY_KNOCKS / 60.0, now),
            pause: None,
        }
    }

    fn stop_reading(&mut self) {
        (self.reading, self.unjudged, self.pause) = (Reading::Nothing, 0, None);
    }

    fn stop_writing(&mut self) {
        self.wanted = false;
        self.queue.clear();
        if !matches!(self.writing, Writing::Asked) {
            self.writing = Writing::Nothing;
        }
    }

    fn end(&mut self, end: End) {
        self.stop_reading();
        self.stop_writing();
        self.told.push_back(Told::Ended(end));
    }

    /// Whether the peer's allowance lets another frame be read; else it is waited for.
    fn may_read(&mut self, cx: &mut Context<'_>) -> bool {
        if self.unjudged >= limits::RELAY_UNJUDGED {
            return false;
        }
        loop {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return false;
                }
                self.pause = None;
            }
            let now = Instant::now();
            let wait = self.frames.until(0.0, now).max(self.bytes.until(0.0, now));
            if wait.is_zero() {
                return true;
            }
            self.pause = Some(Box::pin(sleep(wait)));
        }
    }

    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<Told> {
        loop {
            match std::mem::replace(&mut self.reading, Reading::Nothing) {
                Reading::Idle(stream) if self.may_read(cx) => {
                    self.reading = Reading::Frame(frames::read(stream).boxed());
                }
                Reading::Frame(mut frame) => match frame.poll_unpin(cx) {
                    Poll::Pending => {
                        self.reading = Reading::Frame(frame);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok((stream, bytes))) => {
                        let now = Instant::now();
                        self.frames.charge(1.0, now);
                        self.bytes.charge(limits::as_tokens(bytes.len()), now);
                        self.unjudged += 1;
                        self.reading = Reading::Idle(stream);
                        return Poll::Ready(Told::Frame(bytes));
                    }
                    Poll::Ready(Err(error)) => {
                        self.end(match error.kind() {
                            io::ErrorKind::InvalidData => End::Garbage,
                            _ => End::Closed,
                        });
                        return Poll::Pending;
                    }
                },
                idle => {
                    self.reading = idle;
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_writing(&mut self, cx: &mut Context<'_>) {
        loop {
            match std::mem::replace(&mut self.writing, Writing::Nothing) {
                Writing::Idle(stream) if !self.queue.is_empty() => {
                    let frames: Vec<_> = self.queue.drain(..).collect();
                    let bytes = frames.iter().map(Vec::len).sum();
                    self.writing = Writing::Frames(frames::write(stream, frames).boxed(), bytes);
                }
                Writing::Idle(mut stream) => {
                    // Nothing is said on it in this direction: whatever comes is its end.
                    match Pin::new(&mut stream).poll_read(cx, &mut [0]) {
                        Poll::Pending => self.writing = Writing::Idle(stream),
                        Poll::Ready(Ok(count)) if count > 0 => self.end(End::Garbage),
                        Poll::Ready(_) => self.end(End::Closed),
                    }
                    return;
                }
                Writing::Frames(mut frames, bytes) => match frames.poll_unpin(cx) {
                    Poll::Pending => {
                        self.writing = Writing::Frames(frames, bytes);
                        return;
                    }
                    Poll::Ready(Ok(stream)) => {
                        self.writing = Writing::Idle(stream);
                        self.told.push_back(Told::Written(bytes));
                    }
                    Poll::Ready(Err(_)) => return self.end(End::Closed),
                },
                other => {
                    self.writing = other;
                    return;
                }
            }
        }
    }

    fn on_knock(&mut self, stream: Stream) {
        if !self.knocks.take(1.0, Instant::now()) {
            return self.end(End::Garbage);
        }
        self.stop_reading();
        self.reading = Reading::Knocked(stream);
        if !self.told.iter().any(|told| matches!(told, Told::Knock)) {
            self.told.push_back(Told::Knock);
        }
    }

    fn on_opened(&mut self, stream: Stream) {
        self.writing = if self.wanted {
            Writing::Idle(stream)
        } else {
            Writing::Nothing
        };
    }

    fn on_not_opened<E>(&mut self, error: &StreamUpgradeError<E>) {
        self.writing = Writing::Nothing;
        if self.wanted {
            self.end(match error {
                StreamUpgradeError::NegotiationFailed => End::Unsupported,
                _ => End::Closed,
            });
        }
    }
}

impl ConnectionHandler for StreamHandler {
    type FromBehaviour = Order;
    type ToBehaviour = Told;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ())
    }

    fn on_behaviour_event(&mut self, order: Order) {
        match order {
            Order::Open => {
                self.wanted = true;
                if matches!(self.writing, Writing::Nothing) {
                    self.writing = Writing::Ask;
                }
            }
            Order::Accept => {
                self.reading = match std::mem::replace(&mut self.reading, Reading::Nothing) {
                    Reading::Knocked(stream) => Reading::Idle(stream),
                    other => other,
                };
            }
            Order::Send(frame) if self.wanted => self.queue.push_back(frame),
            Order::Send(_) => {}
            Order::Taken => self.unjudged = self.unjudged.saturating_sub(1),
            Order::StopReading => self.stop_reading(),
            Order::StopWriting => self.stop_writing(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Upgrade, (), Told>> {
        if let Some(told) = self.told.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(told));
        }
        if matches!(self.writing, Writing::Ask) {
            self.writing = Writing::Asked;
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        self.poll_writing(cx);
        if let Poll::Ready(told) = self.poll_reading(cx) {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(told));
        }
        match self.told.pop_front() {
            Some(told) => Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(told)),
            None => Poll::Pending,
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Upgrade, Upgrade>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => {
                self.on_knock(protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) => {
                self.on_opened(protocol);
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => self.on_not_opened(&error),
            _ => {}
        }
    }
}
