//! What crosses the network between the relay and everybody else.
//!
//! A forwarder in front of the relay: it passes every byte on at once and keeps a copy, with the
//! masks of the WebSocket protocol taken off. Without that, a client's plaintext would look like
//! noise, and finding none of it would prove nothing.

use anyhow::Context as _;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A running forwarder. Dropping it cuts every connection.
pub(crate) struct Tap {
    address: String,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    _task: JoinSet<()>,
}

impl Tap {
    /// Listens on a free port and forwards to `relay`, `ws://HOST:PORT`.
    ///
    /// # Errors
    /// When there is no free port.
    pub(crate) async fn open(relay: &str) -> anyhow::Result<Self> {
        let target = relay.strip_prefix("ws://").context("a relay without TLS")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        task.spawn(accept(listener, target, Arc::clone(&seen)));
        Ok(Self { address, seen, _task: task })
    }

    /// Where clients connect to, `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Every direction of every connection so far, each as one run of bytes.
    pub(crate) fn streams(&self) -> Vec<Vec<u8>> {
        let raw = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        raw.iter().map(|bytes| without_masks(bytes)).collect()
    }
}

async fn accept(listener: TcpListener, target: String, seen: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let Ok(relay) = TcpStream::connect(&target).await else { continue };
        for stream in [&client, &relay] {
            // A delay here would count as ours.
            let _ = stream.set_nodelay(true);
        }
        let (from_client, to_client) = client.into_split();
        let (from_relay, to_relay) = relay.into_split();
        connections.spawn(forward(from_client, to_relay, Arc::clone(&seen)));
        connections.spawn(forward(from_relay, to_client, Arc::clone(&seen)));
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seen: Arc<Mutex<Vec<Vec<u8>>>>) {
    let keep = |at: Option<usize>, bytes: &[u8]| {
        let mut streams = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let at = at.unwrap_or_else(|| {
            streams.push(Vec::new());
            streams.len() - 1
        });
        if let Some(stream) = streams.get_mut(at) {
            stream.extend_from_slice(bytes);
        }
        at
    };
    let at = keep(None, &[]);
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
        keep(Some(at), &buffer[..length]);
    }
    let _ = to.shutdown().await;
}

/// The HTTP head of a stream as it is, then the content of its WebSocket frames (RFC 6455, 5.2).
fn without_masks(bytes: &[u8]) -> Vec<u8> {
    let head =
        bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let mut plain = bytes[..head].to_vec();
    let mut rest = &bytes[head..];
    while let Some((content, after)) = frame(rest) {
        plain.extend(content);
        rest = after;
    }
    // What is left is part of a frame, or no frame at all: it is searched as it is.
    plain.extend_from_slice(rest);
    plain
}

/// The content of the first frame, and what follows it.
fn frame(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let second = *bytes.get(1)?;
    let masked = second & 0x80 != 0;
    let (length, mut at) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let mut mask = [0; 4];
    if masked {
        mask = bytes.get(at..at + 4)?.try_into().ok()?;
        at += 4;
    }
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let content = bytes.get(at..end)?;
    let plain = content.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    Some((plain, bytes.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::without_masks;

    #[test]
    fn masks_are_taken_off() {
        // The two examples of RFC 6455, section 5.7.
        let mut stream = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        stream.extend([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        stream.extend([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        assert_eq!(without_masks(&stream), b"GET / HTTP/1.1\r\n\r\nHelloHello");
    }
}
