//! One connection, from its first byte to its farewell.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use standfast_wire::codec::from_bytes;
use standfast_wire::limits::{MAX_BEFORE_LOGIN, MAX_CONTROL};
use standfast_wire::relay::{
    ErrorCode, Login, PATH, Packet, PacketError, Refused, ToClient, ToRelay, pack,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{StatusCode, header::ORIGIN};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::Shared;
use super::guard::Guard;
use crate::hub::{ConnectionId, Fault};
use crate::limits::{MAX_SOCKET_BUFFER, READ_BATCH, SOCKET_BUFFER};
use crate::login::Admitted;

type Socket<S> = WebSocketStream<Guard<S>>;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The other side closed, or the line broke.
    Gone,
    /// Nothing was heard, or taken, for too long.
    Dead,
    /// This code and reason go to the other side.
    Close(CloseCode, &'static str),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed => Self::Close(CloseCode::Invalid, "malformed message"),
            Fault::Unknown => Self::Close(CloseCode::Unsupported, "unknown kind of message"),
            Fault::TooLong => TOO_LONG,
            Fault::NotAllowed => Self::Close(CloseCode::Policy, "not allowed here"),
            Fault::TooSlow => Self::Close(CloseCode::Policy, "receiver too slow"),
            Fault::Replaced => Self::Close(CloseCode::Policy, "replaced"),
        }
    }
}

const TOO_LONG: End = End::Close(CloseCode::Size, "message too long");

impl From<WsError> for End {
    fn from(error: WsError) -> Self {
        use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
        match error {
            WsError::Capacity(_) => TOO_LONG,
            WsError::Protocol(ResetWithoutClosingHandshake) => Self::Gone,
            WsError::Protocol(_) => Self::Close(CloseCode::Protocol, "protocol error"),
            WsError::Utf8(_) => Self::Close(CloseCode::Invalid, "not UTF-8"),
            _ => Self::Gone,
        }
    }
}

/// When the other side was last heard, shared between the reading and the writing half.
struct Heard(AtomicU64);

impl Heard {
    fn new(now: Duration) -> Self {
        let heard = Self(AtomicU64::new(0));
        heard.set(now);
        heard
    }

    fn set(&self, now: Duration) {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.0.store(now_ms, Ordering::Relaxed);
    }

    /// Ends when nothing was heard for too long.
    async fn silence(&self, shared: &Shared) -> End {
        loop {
            let heard = Duration::from_millis(self.0.load(Ordering::Relaxed));
            match (heard + shared.accept.dead_after).checked_sub(shared.now()) {
                Some(left) if !left.is_zero() => sleep(left).await,
                _ => return End::Dead,
            }
        }
    }
}

/// When the steps before the login are over.
pub(super) struct Deadlines {
    pub(super) upgraded: Instant,
    pub(super) login: Instant,
}

/// Runs one connection to its end. `logged_in` is called once, if it comes so far.
pub(super) async fn run<S>(
    stream: S,
    shared: &Shared,
    deadlines: Deadlines,
    logged_in: impl FnOnce(),
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stopping = shared.stopping.subscribe();
    let (mut socket, login) = tokio::select! {
        // On the heap, as the farewell is: a connection is to be small while it lives.
        entered = Box::pin(enter(stream, shared, &deadlines)) => match entered {
            Some(entered) => entered,
            None => return,
        },
        _ = stopping.wait_for(|stopping| *stopping) => return,
    };
    let admitted = match login {
        Ok(admitted) => admitted,
        Err(end) => return Box::pin(farewell(socket, end, shared.accept.farewell)).await,
    };
    let notify = Arc::new(Notify::new());
    let id = match shared.admit(admitted, &notify) {
        Ok(id) => id,
        Err(code) => {
            let refuse = refuse(&mut socket, code, shared.accept.farewell);
            let end = Box::pin(refuse).await;
            return Box::pin(farewell(socket, end, shared.accept.farewell)).await;
        }
    };
    logged_in();
    tracing::debug!(connection = ?id, "logged in");
    // A client sends nothing between its login and the welcome, so nothing is lost in the buffer of
    // the first socket.
    let config = Some(socket_config(MAX_CONTROL));
    let socket = WebSocketStream::from_raw_socket(socket.into_inner(), Role::Server, config).await;
    let (mut sink, mut stream) = socket.split();
    let heard = Heard::new(shared.now());
    let end = tokio::select! {
        end = read(&mut stream, id, shared, &heard) => end,
        end = write(&mut sink, id, shared, &notify) => end,
        end = heard.silence(shared) => end,
    };
    shared.gone(id);
    tracing::debug!(connection = ?id, ?end, "ended");
    if let Ok(socket) = sink.reunite(stream) {
        Box::pin(farewell(socket, end, shared.accept.farewell)).await;
    }
}

/// Everything before the hub knows the connection. Nothing, if it is no WebSocket.
async fn enter<S>(
    stream: S,
    shared: &Shared,
    deadlines: &Deadlines,
) -> Option<(Socket<S>, Result<Admitted, End>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let guard = Guard::new(stream, shared.accept.handshake_bytes);
    let config = socket_config(MAX_BEFORE_LOGIN);
    let upgrade = accept_hdr_async_with_config(guard, check_request, Some(config));
    let mut socket = timeout_at(deadlines.upgraded, upgrade).await.ok()?.ok()?;
    socket.get_mut().release();
    let login = timeout_at(deadlines.login, log_in(&mut socket, shared)).await;
    Some((socket, login.unwrap_or(Err(End::Close(CloseCode::Policy, "no login")))))
}

fn socket_config(max_message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
        .read_buffer_size(SOCKET_BUFFER)
        .write_buffer_size(SOCKET_BUFFER)
        .max_write_buffer_size(MAX_SOCKET_BUFFER)
}

/// Only our path, and no web page: a browser adds an `Origin`, and has nothing to do here.
#[expect(clippy::result_large_err, reason = "the type is the library's")]
fn check_request(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    let refused = if request.uri().path() != PATH {
        StatusCode::NOT_FOUND
    } else if request.headers().contains_key(ORIGIN) {
        StatusCode::FORBIDDEN
    } else {
        return Ok(response);
    };
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = refused;
    Err(refusal)
}

async fn log_in<S>(socket: &mut Socket<S>, shared: &Shared) -> Result<Admitted, End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let pending = shared.challenge().ok_or(End::Close(CloseCode::Error, "no randomness"))?;
    send(socket, pending.challenge().clone()).await?;
    let login = receive_login(socket).await?;
    match shared.check(pending, &login) {
        Ok(admitted) => Ok(admitted),
        Err(code) => Err(refuse(socket, code, shared.accept.farewell).await),
    }
}

async fn receive_login<S>(socket: &mut Socket<S>) -> Result<Login, End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let message = match socket.next().await {
            Some(Ok(Message::Binary(message))) => message,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Text(_))) => return Err(Fault::Unknown.into()),
            Some(Ok(Message::Close(_) | Message::Frame(_))) | None => return Err(End::Gone),
            Some(Err(error)) => return Err(error.into()),
        };
        let body = match Packet::parse(&message) {
            Ok(Packet::Control(body)) => body,
            Ok(Packet::Media(_)) => return Err(Fault::NotAllowed.into()),
            Err(PacketError::TooLong) => return Err(TOO_LONG),
            Err(PacketError::Unknown) => return Err(Fault::Unknown.into()),
        };
        return match from_bytes(body) {
            Ok(ToRelay::Login(login)) => Ok(login),
            Ok(_) => Err(Fault::NotAllowed.into()),
            Err(_) => Err(Fault::Malformed.into()),
        };
    }
}

async fn send<S>(socket: &mut Socket<S>, message: impl Into<ToClient>) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let message = Message::Binary(pack(&message.into()).into());
    socket.send(message).await.map_err(End::from)
}

/// Says why, and gives the close code that goes with it.
async fn refuse<S>(socket: &mut Socket<S>, code: ErrorCode, within: Duration) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // If it cannot be said, the close code still can, or nobody listens.
    let _ = timeout(within, send(socket, Refused { request: None, code })).await;
    match code {
        ErrorCode::Busy => End::Close(CloseCode::Again, "busy"),
        _ => End::Close(CloseCode::Policy, "refused"),
    }
}

async fn read<S>(
    stream: &mut SplitStream<Socket<S>>,
    id: ConnectionId,
    shared: &Shared,
    heard: &Heard,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut batch = Vec::new();
    loop {
        let Some(first) = stream.next().await else { return End::Gone };
        batch.push(first);
        while batch.len() < READ_BATCH
            && let Some(Some(next)) = stream.next().now_or_never()
        {
            batch.push(next);
        }
        heard.set(shared.now());
        match shared.receive(id, &mut batch) {
            Ok(None) => {}
            Ok(Some(until)) => sleep_until(until).await,
            Err(end) => return end,
        }
    }
}

impl Shared {
    /// Hands a batch to the hub, in one go. Gives the time until which to read nothing more.
    fn receive(
        &self,
        id: ConnectionId,
        batch: &mut Vec<Result<Message, WsError>>,
    ) -> Result<Option<Instant>, End> {
        self.with_hub(|hub, now| {
            let mut until = Duration::ZERO;
            for message in batch.drain(..) {
                until = until.max(match message {
                    Ok(Message::Binary(message)) => hub.receive(id, &message, now)?,
                    Ok(Message::Ping(_) | Message::Pong(_)) => hub.idle_message(id, now),
                    Ok(Message::Text(_) | Message::Frame(_)) => return Err(Fault::Unknown.into()),
                    Ok(Message::Close(_)) => return Err(End::Gone),
                    Err(error) => return Err(error.into()),
                });
            }
            Ok((until > now).then(|| self.started + until))
        })
    }
}

async fn write<S>(
    sink: &mut SplitSink<Socket<S>, Message>,
    id: ConnectionId,
    shared: &Shared,
    notify: &Notify,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ping = interval(shared.accept.ping_every);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    let mut stopping = shared.stopping.subscribe();
    loop {
        let batch = match shared.with_hub(|hub, _| hub.take(id)) {
            Ok(batch) => batch,
            Err(fault) => return fault.into(),
        };
        let messages: Vec<_> = if batch.is_empty() {
            if *stopping.borrow_and_update() {
                return End::Close(CloseCode::Away, "relay stops");
            }
            tokio::select! {
                () = notify.notified() => continue,
                _ = stopping.changed() => continue,
                _ = ping.tick() => vec![Message::Ping(Bytes::new())],
            }
        } else {
            batch.media.into_iter().chain(batch.control).map(Message::Binary).collect()
        };
        let writing = async {
            for message in messages {
                sink.feed(message).await?;
            }
            sink.flush().await
        };
        match timeout(shared.accept.dead_after, writing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.into(),
            Err(_) => return End::Dead,
        }
    }
}

/// Closes so that the other side can read why: with unread bytes in the receive buffer, the kernel
/// would reset the connection and take the close frame back.
async fn farewell<S>(mut socket: Socket<S>, end: End, within: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let goodbye = async {
        match end {
            End::Dead => return,
            End::Gone => {
                let _ = socket.flush().await;
            }
            End::Close(code, reason) => {
                let frame = CloseFrame { code, reason: reason.into() };
                let _ = socket.send(Message::Close(Some(frame))).await;
            }
        }
        let mut stream = socket.into_inner();
        let _ = stream.shutdown().await;
        let mut sink = [0; 1024];
        for _ in 0..256 {
            match stream.read(&mut sink).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
    };
    let _ = timeout(within, goodbye).await;
}
