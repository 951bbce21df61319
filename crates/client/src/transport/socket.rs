//! The WebSocket under a link. Nothing of it shows above.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use standfast_wire::codec::from_bytes;
use standfast_wire::limits::{CLIENT_DEAD_AFTER_MS, MAX_CONTROL, PING_EVERY_MS};
use standfast_wire::relay::{PATH, Packet, ToClient};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::queues::{Next, Queues};
use super::{ConnectError, Lost, RelayAddr, tls};

const DEAD_AFTER: Duration = Duration::from_millis(CLIENT_DEAD_AFTER_MS);
const PING_EVERY: Duration = Duration::from_millis(PING_EVERY_MS);
/// Read and write buffer, bytes; the library's own default is 128 KiB each.
const BUFFER: usize = 8 << 10;
/// Most that may wait in the write buffer, bytes: the above and the largest control message.
const MAX_BUFFER: usize = 96 << 10;
/// Unsent bytes that the kernel may hold: 100 ms of sound. What waits there cannot be dropped when
/// it is stale.
#[cfg(any(target_os = "linux", target_os = "android"))]
const KERNEL_UNSENT: u32 = 1_024;
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// What carries the bytes: TCP, or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A WebSocket on which nothing was said yet.
pub(super) type Socket = WebSocketStream<Box<dyn Stream>>;

/// Opens the connection, with TLS unless the relay is on this machine.
pub(super) async fn open(target: &RelayAddr) -> Result<Socket, ConnectError> {
    let tcp = TcpStream::connect((target.host(), target.port()))
        .await
        .map_err(|error| ConnectError::Unreachable(error.kind()))?;
    prepare(&tcp).map_err(|error| ConnectError::Unreachable(error.kind()))?;
    let stream: Box<dyn Stream> = if target.uses_tls() {
        Box::new(secure(tcp, target).await?)
    } else {
        // A name like `localhost` is only as good as what it resolved to.
        let peer = tcp.peer_addr().map_err(|error| ConnectError::Unreachable(error.kind()))?;
        if !peer.ip().to_canonical().is_loopback() {
            return Err(ConnectError::Certificate);
        }
        Box::new(tcp)
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(MAX_BUFFER)
        .max_message_size(Some(MAX_CONTROL))
        .max_frame_size(Some(MAX_CONTROL));
    let url = format!("ws://{}{PATH}", target.authority());
    match client_async_with_config(url, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(WsError::Io(error)) => Err(ConnectError::Unreachable(error.kind())),
        Err(_) => Err(ConnectError::NotARelay),
    }
}

fn prepare(tcp: &TcpStream) -> io::Result<()> {
    // Without it small frames wait for the other side's acknowledgement.
    tcp.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(tcp).set_tcp_notsent_lowat(KERNEL_UNSENT)?;
    Ok(())
}

async fn secure(
    tcp: TcpStream,
    target: &RelayAddr,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ConnectError> {
    let connector = tls::connector(target.pin()).map_err(|_| ConnectError::Certificate)?;
    let name = target.host().to_owned().try_into().map_err(|_| ConnectError::Certificate)?;
    connector.connect(name, tcp).await.map_err(|error| {
        // A failed handshake is wrapped as invalid data; everything else is the network's.
        match error.kind() {
            io::ErrorKind::InvalidData => ConnectError::Certificate,
            kind => ConnectError::Unreachable(kind),
        }
    })
}

/// Sends one message, during the login.
pub(super) async fn send(socket: &mut Socket, message: Vec<u8>) -> Result<(), ConnectError> {
    socket.send(Message::Binary(message.into())).await.map_err(connect_error)
}

/// The next control message, during the login.
pub(super) async fn receive(socket: &mut Socket) -> Result<ToClient, ConnectError> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => {
                let Ok(Packet::Control(body)) = Packet::parse(&bytes) else {
                    return Err(ConnectError::NotARelay);
                };
                return from_bytes(body).map_err(|_| ConnectError::NotARelay);
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(_)) => return Err(ConnectError::NotARelay),
            Some(Err(error)) => return Err(connect_error(error)),
            None => return Err(ConnectError::Unreachable(io::ErrorKind::ConnectionReset)),
        }
    }
}

fn connect_error(error: WsError) -> ConnectError {
    match error {
        WsError::Io(error) => ConnectError::Unreachable(error.kind()),
        WsError::Protocol(_) | WsError::ConnectionClosed => {
            ConnectError::Unreachable(io::ErrorKind::ConnectionReset)
        }
        _ => ConnectError::NotARelay,
    }
}

/// Carries messages between `queues` and the socket until either ends.
pub(super) async fn run(socket: Socket, queues: Arc<Queues>) {
    let heard = Heard { since: Instant::now(), at_ms: AtomicU64::new(0) };
    let (mut sink, mut stream) = socket.split();
    let why = tokio::select! {
        why = read(&mut stream, &queues, &heard) => why,
        why = write(&mut sink, &queues, &heard) => why,
        why = heard.silence() => why,
    };
    queues.lose(why);
    if why == Lost::Closed
        && let Ok(mut socket) = sink.reunite(stream)
    {
        let farewell = async {
            let _ = socket.close(None).await;
            while let Some(Ok(_)) = socket.next().await {}
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// When the relay was last heard.
struct Heard {
    since: Instant,
    at_ms: AtomicU64,
}

impl Heard {
    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn now(&self) {
        self.at_ms.store(self.elapsed_ms(), Ordering::Relaxed);
    }

    /// Ends when nothing was heard for too long.
    async fn silence(&self) -> Lost {
        loop {
            let silent_ms = self.elapsed_ms().saturating_sub(self.at_ms.load(Ordering::Relaxed));
            match DEAD_AFTER.checked_sub(Duration::from_millis(silent_ms)) {
                Some(left) if !left.is_zero() => sleep(left).await,
                _ => return Lost::Silent,
            }
        }
    }
}

async fn read(stream: &mut SplitStream<Socket>, queues: &Queues, heard: &Heard) -> Lost {
    loop {
        let message = match stream.next().await {
            Some(Ok(message)) => message,
            Some(Err(WsError::Io(_))) | None => return Lost::Broken,
            Some(Err(WsError::Protocol(_))) => return Lost::Broken,
            Some(Err(_)) => return Lost::Misbehaved,
        };
        heard.now();
        match message {
            Message::Binary(bytes) => match Packet::parse(&bytes) {
                Ok(Packet::Media(_)) => queues.received_media(bytes.slice(1..)),
                Ok(Packet::Control(body)) => {
                    let Ok(message) = from_bytes(body) else { return Lost::Misbehaved };
                    if !queues.received(message) {
                        wait_for_room(queues).await;
                    }
                }
                Err(_) => return Lost::Misbehaved,
            },
            Message::Pong(sent) => {
                if let Ok(sent) = <[u8; 8]>::try_from(&sent[..]) {
                    let sent = Duration::from_micros(u64::from_be_bytes(sent));
                    queues.set_round_trip(heard.since.elapsed().saturating_sub(sent));
                }
            }
            Message::Ping(_) => {}
            Message::Close(frame) => {
                return match frame.map(|frame| frame.code) {
                    Some(CloseCode::Away | CloseCode::Normal) => Lost::RelayStopped,
                    Some(_) => Lost::RelayRefused,
                    None => Lost::Broken,
                };
            }
            Message::Text(_) | Message::Frame(_) => return Lost::Misbehaved,
        }
    }
}

async fn wait_for_room(queues: &Queues) {
    while !queues.has_room() {
        queues.in_room.notified().await;
    }
}

async fn write(sink: &mut SplitSink<Socket, Message>, queues: &Queues, heard: &Heard) -> Lost {
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let messages = match queues.next() {
            Next::Write(messages) => messages.into_iter().map(Message::Binary).collect(),
            Next::Close => return Lost::Closed,
            Next::Wait => tokio::select! {
                () = queues.out_ready.notified() => continue,
                _ = ping.tick() => vec![ping_now(heard)],
            },
        };
        for message in messages {
            if sink.feed(message).await.is_err() {
                return Lost::Broken;
            }
        }
        if sink.flush().await.is_err() {
            return Lost::Broken;
        }
    }
}

fn ping_now(heard: &Heard) -> Message {
    let now_us = u64::try_from(heard.since.elapsed().as_micros()).unwrap_or(u64::MAX);
    Message::Ping(Bytes::copy_from_slice(&now_us.to_be_bytes()))
}
