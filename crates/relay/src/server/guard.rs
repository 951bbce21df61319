//! A stream that gives up when a handshake is longer than any honest one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Passes everything through, but fails after a number of bytes were read, until released.
#[derive(Debug)]
pub(super) struct Guard<S> {
    stream: S,
    left: Option<usize>,
}

impl<S> Guard<S> {
    pub(super) fn new(stream: S, bytes: usize) -> Self {
        Self { stream, left: Some(bytes) }
    }

    /// From now on there is no limit.
    pub(super) fn release(&mut self) {
        self.left = None;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        if let Some(left) = &mut self.left {
            match left.checked_sub(read) {
                Some(rest) => *left = rest,
                None => {
                    // A read that fails has read nothing.
                    buf.set_filled(before);
                    return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
                }
            }
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn it_fails_behind_its_limit_until_released() {
        let mut all = Vec::new();
        assert!(Guard::new(&[0; 100][..], 100).read_to_end(&mut all).await.is_ok());
        assert!(Guard::new(&[0; 101][..], 100).read_to_end(&mut all).await.is_err());
        let mut released = Guard::new(&[0; 101][..], 100);
        released.release();
        assert!(released.read_to_end(&mut all).await.is_ok());
    }
}
