//! A circuit whose bytes are counted: they are another organisation's to carry.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};

use crate::telemetry::{Counted, Counters};

/// Counts what passes.
#[derive(Debug)]
pub(crate) struct Metered<T> {
    inner: T,
    counters: Arc<Counters>,
}

// === impl Metered ===

impl<T> Metered<T> {
    pub(crate) fn new(inner: T, counters: Arc<Counters>) -> Self {
        Self { inner, counters }
    }

    fn note(&self, what: Counted, bytes: usize) {
        self.counters
            .add_many(what, u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.note(Counted::CircuitBytesReceived, read);
        Poll::Ready(Ok(read))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.note(Counted::CircuitBytesSent, written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
