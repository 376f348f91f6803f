//! A frame on a stream: four bytes of length, little-endian, and so many bytes.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest frame, its length not counted. There is none of length zero.
pub(super) const MAX_FRAME_BYTES: usize = 64 * 1_024;

/// The next frame. `InvalidData` says that the sender breaks the rules, any other error that the stream has ended.
pub(super) async fn read<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(S, Vec<u8>)> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_FRAME_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "frame of a length that none has",
        ));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok((stream, bytes))
}

/// Writes frames and flushes once.
pub(super) async fn write<S: AsyncWrite + Unpin>(mut stream: S, frames: Vec<Vec<u8>>) -> io::Result<S> {
    for frame in frames {
        let length = u32::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let framed = [&length.to_le_bytes()[..], &frame].concat();
        stream.write_all(&framed).await?;
    }
    stream.flush().await?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(bytes: &[u8]) -> Result<Vec<u8>, io::ErrorKind> {
        let read = futures::executor::block_on(read(bytes));
        read.map(|(_, frame)| frame).map_err(|error| error.kind())
    }

    #[test]
    fn what_is_written_is_read_and_no_other_length_is() {
        let mut stream = futures::io::Cursor::new(Vec::new());
        let frames = vec![vec![7; 3], vec![8; MAX_FRAME_BYTES]];
        stream = futures::executor::block_on(write(stream, frames)).unwrap();
        let bytes = stream.into_inner();
        assert_eq!(reading(&bytes), Ok(vec![7; 3]));
        assert_eq!(reading(&bytes[7..]), Ok(vec![8; MAX_FRAME_BYTES]));
        let over = u32::try_from(MAX_FRAME_BYTES + 1).unwrap();
        for (length, kind) in [
            (0, io::ErrorKind::InvalidData),
            (over, io::ErrorKind::InvalidData),
            (u32::MAX, io::ErrorKind::InvalidData),
            (5, io::ErrorKind::UnexpectedEof),
        ] {
            let bytes = [&length.to_le_bytes()[..], &[1; 4]].concat();
            assert_eq!(reading(&bytes), Err(kind), "{length}");
        }
    }
}
