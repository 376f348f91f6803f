//! Requests and responses as bounded bytes: one message is one stream, read to its end.
//!
//! What they mean is decoded by whoever owns the state they are judged by.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;

/// Bytes up to a limit each way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BytesCodec {
    pub(crate) request_bytes: usize,
    pub(crate) response_bytes: usize,
}

// === impl BytesCodec ===

impl Codec for BytesCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, self.request_bytes).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, self.response_bytes).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }
}

/// Everything up to the end of the stream; one byte over the limit is an error. An empty message is the
/// other side's way of declining, and the caller's to judge.
async fn read<T: AsyncRead + Unpin + Send>(io: &mut T, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    io.take(most).read_to_end(&mut bytes).await?;
    if bytes.len() > limit {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "message over its limit",
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_over_its_limit_is_refused() {
        let run = |bytes: &[u8], limit| futures::executor::block_on(read(&mut &bytes[..], limit)).ok();
        assert_eq!(run(b"abc", 3), Some(b"abc".to_vec()));
        assert_eq!(run(b"abcd", 3), None);
        assert_eq!(run(b"", 0), Some(Vec::new()));
    }
}
