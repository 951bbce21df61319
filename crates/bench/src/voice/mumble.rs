//! Mumble, with its real server: two clients of our own in one channel, voice through the TCP tunnel
//! of its control connection.
//!
//! What the server gives to the listener is sent over the simulated path. Sender and listener are
//! after Mumble's defaults, not its code: Opus at 40 kbit/s in packets of 20 ms, nothing sent twice,
//! classic concealment, and playing 60 ms after the first packet (10 ms of jitter buffer, 50 ms of
//! output delay). Its jitter buffer adapts; this one does not.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use opus::{Application, Bitrate, Channels};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde::Serialize;
use standfast_media::FRAME_SAMPLES;

use super::words::Words;
use crate::clock::Samples;

/// Where Debian puts the server.
const SERVER: [&str; 2] = ["/usr/sbin/murmurd", "/usr/sbin/mumble-server"];
/// Bits per second of Mumble's default quality.
const BITRATE: i32 = 40_000;
/// The longest packet the encoder may make.
const PACKET_MAX_BYTES: usize = 256;
/// How long the server may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a voice packet may take until it counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(1);

/// Kinds of messages.
const VERSION: u16 = 0;
const TUNNEL: u16 = 1;
const AUTHENTICATE: u16 = 2;
const REJECT: u16 = 4;
const SERVER_SYNC: u16 = 5;
/// Version 1.3.4, as 16, 8 and 8 bits.
const OUR_VERSION: u64 = 0x0001_0304;
/// The first byte of a voice packet: Opus, to everyone in the channel.
const OPUS_TO_CHANNEL: u8 = 4 << 5;

/// What the real server did.
#[derive(Serialize)]
pub(crate) struct Server {
    packets: usize,
    lost: usize,
    /// From writing a packet to its being read by the listener, on loopback, one at a time.
    relayed_ms_p50: f64,
    relayed_ms_p99: f64,
}

/// The packets that a listener gets of these words, and how the server was.
///
/// # Errors
/// When there is no server, or it does not do what the protocol says.
pub(crate) fn relayed(words: &Words) -> anyhow::Result<(Vec<Vec<u8>>, Server)> {
    let running = Running::start()?;
    let mut speaker = Client::join(running.port, "speaker")?;
    let mut listener = Client::join(running.port, "listener")?;
    let (mut packets, mut lost, mut times) = (Vec::new(), 0, Samples::default());
    for (n, packet) in coded(words)?.iter().enumerate() {
        let begin = Instant::now();
        speaker.send(TUNNEL, &voice(n, packet))?;
        let heard = listener.voice(begin + LOST_AFTER)?;
        // A late one would be counted for the next, and its time be none.
        ensure!(heard.as_ref().is_none_or(|h| h == packet), "mumble-server mixes packets up");
        lost += usize::from(heard.is_none());
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        packets.push(heard.unwrap_or_default());
    }
    let server = Server {
        packets: packets.len(),
        lost,
        relayed_ms_p50: times.at(50),
        relayed_ms_p99: times.at(99),
    };
    Ok((packets, server))
}

/// Codes the words as Mumble does by default.
fn coded(words: &Words) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut encoder = opus::Encoder::new(48_000, Channels::Mono, Application::Audio)?;
    encoder.set_bitrate(Bitrate::Bits(BITRATE))?;
    encoder.set_vbr(false)?;
    let frames = words.samples.chunks_exact(FRAME_SAMPLES);
    frames.map(|frame| Ok(encoder.encode_vec_float(frame, PACKET_MAX_BYTES)?)).collect()
}

/// A voice packet. Its number counts 10 ms.
fn voice(n: usize, opus: &[u8]) -> Vec<u8> {
    let mut packet = vec![OPUS_TO_CHANNEL];
    write_varint(&mut packet, 2 * n as u64);
    write_varint(&mut packet, opus.len() as u64);
    packet.extend(opus);
    packet
}

/// The Opus of a voice packet as the server sends it: with the speaker's session in front.
fn opus_of(packet: &[u8]) -> Option<Vec<u8>> {
    let (first, mut rest) = packet.split_first()?;
    if first >> 5 != OPUS_TO_CHANNEL >> 5 {
        return None;
    }
    let _session = read_varint(&mut rest)?;
    let _number = read_varint(&mut rest)?;
    let len = read_varint(&mut rest)? & 0x1fff;
    rest.get(..len as usize).map(<[u8]>::to_vec)
}

/// Mumble's variable-length number, below 2^28: as many leading ones as bytes follow.
fn write_varint(out: &mut Vec<u8>, n: u64) {
    let bytes = (n as u32).to_be_bytes();
    match n {
        0..=0x7f => out.push(bytes[3]),
        0x80..=0x3fff => out.extend([bytes[2] | 0x80, bytes[3]]),
        0x4000..=0x1f_ffff => out.extend([bytes[1] | 0xc0, bytes[2], bytes[3]]),
        _ => out.extend([bytes[0] | 0xe0, bytes[1], bytes[2], bytes[3]]),
    }
}

fn read_varint(from: &mut &[u8]) -> Option<u64> {
    let (first, rest) = from.split_first()?;
    let more = first.leading_ones().min(3) as usize;
    let (bytes, rest) = rest.split_at_checked(more)?;
    *from = rest;
    let high = u64::from(first & (0x7f >> more));
    Some(bytes.iter().fold(high, |n, byte| n << 8 | u64::from(*byte)))
}

/// A number of a protocol buffer, with its field.
fn field(out: &mut Vec<u8>, number: u8, mut value: u64) {
    out.push(number << 3);
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A text of a protocol buffer, with its field; at most 127 bytes.
fn text(out: &mut Vec<u8>, number: u8, value: &str) {
    out.extend([number << 3 | 2, value.len() as u8]);
    out.extend(value.bytes());
}

/// The server's process, with everything it writes in a folder that goes with it.
struct Running {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Running {
    fn start() -> anyhow::Result<Self> {
        let program = SERVER.map(PathBuf::from).into_iter().find(|path| path.is_file());
        let program = program.context("no mumble-server is installed")?;
        let dir = tempfile::tempdir()?;
        // Started by root it becomes a user of its own, and keeps its database here.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let ini = dir.path().join("server.ini");
        fs::write(&ini, settings(dir.path(), port))?;
        let mut server = Command::new(program);
        server.arg("-fg").arg("-ini").arg(&ini).stdout(Stdio::null()).stderr(Stdio::null());
        let child = server.spawn()?;
        let running = Self { child, port, _dir: dir };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(Instant::now() < until, "mumble-server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// On loopback only, with no limit that packets faster than real time would meet.
fn settings(dir: &std::path::Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        "host=127.0.0.1\nport={port}\ndatabase={dir}/server.sqlite\nlogfile={dir}/server.log\n\
         pidfile={dir}/server.pid\nbandwidth=1000000000\nusers=10\nbonjour=false\nopusthreshold=0\n"
    )
}

/// One connection.
struct Client {
    tls: StreamOwned<ClientConnection, TcpStream>,
    inbox: Vec<u8>,
}

impl Client {
    fn join(port: u16, name: &str) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        tcp.set_nodelay(true)?;
        // Until it is in: the handshake cannot be interrupted. Then often enough to notice a loss.
        tcp.set_read_timeout(Some(PATIENCE))?;
        let tls = ClientConnection::new(Arc::new(anyone()?), Ipv4Addr::LOCALHOST.into())?;
        let mut client = Self { tls: StreamOwned::new(tls, tcp), inbox: Vec::new() };
        let (mut version, mut who) = (Vec::new(), Vec::new());
        field(&mut version, 1, OUR_VERSION);
        text(&mut version, 2, "standfast-bench");
        client.send(VERSION, &version)?;
        text(&mut who, 1, name);
        field(&mut who, 5, 1);
        client.send(AUTHENTICATE, &who)?;
        let until = Instant::now() + PATIENCE;
        while let Some((kind, _)) = client.message(until)? {
            match kind {
                SERVER_SYNC => {
                    client.tls.sock.set_read_timeout(Some(Duration::from_millis(100)))?;
                    return Ok(client);
                }
                REJECT => bail!("mumble-server rejects {name}"),
                _ => {}
            }
        }
        bail!("mumble-server does not let {name} in")
    }

    fn send(&mut self, kind: u16, body: &[u8]) -> anyhow::Result<()> {
        let mut message = kind.to_be_bytes().to_vec();
        message.extend((body.len() as u32).to_be_bytes());
        message.extend(body);
        self.tls.write_all(&message)?;
        Ok(self.tls.flush()?)
    }

    /// The next voice packet's Opus, or none until then.
    fn voice(&mut self, until: Instant) -> anyhow::Result<Option<Vec<u8>>> {
        while let Some((kind, body)) = self.message(until)? {
            if kind == TUNNEL {
                return Ok(opus_of(&body));
            }
        }
        Ok(None)
    }

    fn message(&mut self, until: Instant) -> anyhow::Result<Option<(u16, Vec<u8>)>> {
        loop {
            if let Some(message) = self.take_message() {
                return Ok(Some(message));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            let mut bytes = [0; 4_096];
            match self.tls.read(&mut bytes) {
                Ok(0) => bail!("mumble-server hung up"),
                Ok(len) => self.inbox.extend(&bytes[..len]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn take_message(&mut self) -> Option<(u16, Vec<u8>)> {
        let head: [u8; 6] = self.inbox.get(..6)?.try_into().ok()?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let len = u32::from_be_bytes([head[2], head[3], head[4], head[5]]) as usize;
        let body = self.inbox.get(6..6 + len)?.to_vec();
        self.inbox.drain(..6 + len);
        Some((kind, body))
    }
}

/// TLS that believes anyone: the server on loopback has just made its certificate itself.
fn anyone() -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anyone::Anyone(provider)))
        .with_no_client_auth();
    Ok(config)
}

mod anyone {
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug)]
    pub(super) struct Anyone(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for n in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000, 0xfff_ffff] {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, n);
            let mut rest = &bytes[..];
            assert_eq!((read_varint(&mut rest), rest.len()), (Some(n), 0), "{n:#x}");
        }
    }

    #[test]
    fn the_server_puts_the_session_in_front() {
        let sent = voice(300, b"opus");
        let mut relayed = vec![sent[0], 5];
        relayed.extend(&sent[1..]);
        assert_eq!(opus_of(&relayed).as_deref(), Some(&b"opus"[..]));
        assert_eq!(opus_of(&relayed[..relayed.len() - 1]), None);
    }
}
