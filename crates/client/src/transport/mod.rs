//! The one seam to the network: a reliable, ordered control channel and an unreliable media
//! channel to a relay.
//!
//! [`connect`] logs in and gives the two halves of a link. A [`LinkTx`] never blocks: control
//! messages wait in a bounded queue, frames that could not be sent in time are dropped, oldest
//! first. A [`LinkRx`] gives events in order, control before media; its last is
//! [`LinkEvent::Lost`], within 6 s even of a line that went dead. Nothing above knows what carries
//! the bytes.

mod address;
mod queues;
mod socket;
mod tls;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use standfast_wire::codec::{Blob, List, Text};
use standfast_wire::limits::{MAX_BUNDLE, MAX_CONTROL, MAX_MEDIA};
use standfast_wire::relay::{
    BoardPosition, BundleSlot, Challenge, DeleteBundle, EndSession, Envelope, ErrorCode, GetBundle,
    Login, MeetingId, OpenSession, Post, PutBundle, ReadAgain, SessionId, ToClient, ToRelay,
    VERSION, Welcome, pack, pack_media, token_context,
};
use tokio::time::timeout;

pub use self::address::{BadRelayAddr, RelayAddr};
use self::queues::Queues;

/// From the first packet to the welcome. Longer than a login takes anywhere, shorter than people
/// wait.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Signs logins as one pseudonym.
pub trait LoginSigner: Sync {
    /// The Ed25519 public key.
    fn pseudonym(&self) -> [u8; 32];
    /// The signature of `context` by its private half.
    fn sign(&self, context: &[u8]) -> [u8; 64];
}

/// Who wants to come into which meeting.
pub struct Visitor<'a> {
    /// The meeting.
    pub meeting_id: MeetingId,
    /// The pseudonym for this relay and meeting.
    pub signer: &'a dyn LoginSigner,
    /// The relay's token, if the user was given one.
    pub token: Option<&'a str>,
    /// Boards that were read before the connection was lost, and how far. At most 4 are used.
    pub have: &'a [BoardPosition],
}

/// Why there is no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// There is no such host, nothing listens there, or the network failed.
    #[error("the relay cannot be reached ({0})")]
    Unreachable(ErrorKind),
    /// Something is there, but does not answer.
    #[error("the relay does not answer")]
    Silent,
    /// TLS failed: the certificate is not trusted, or not the pinned one.
    #[error("the relay cannot prove that it is the right one")]
    Certificate,
    /// Something else answers there.
    #[error("there is no relay at this address")]
    NotARelay,
    /// The relay speaks another version.
    #[error("the relay speaks another version")]
    Incompatible,
    /// The relay asks for a token, or for another one.
    #[error("the relay asks for a token")]
    Token,
    /// The relay refuses.
    #[error("the relay refuses ({0:?})")]
    Refused(ErrorCode),
    /// The operating system gives no random bytes.
    #[error("no randomness from the operating system")]
    Randomness,
}

/// Why a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nothing was heard for 5 s.
    Silent,
    /// The connection broke.
    Broken,
    /// The relay stops; it, or another one, is back soon.
    RelayStopped,
    /// The relay closed this connection: it misunderstood it, or found it too slow or superfluous.
    RelayRefused,
    /// The relay said something that no relay says.
    Misbehaved,
    /// [`LinkTx::close`] was called.
    Closed,
}

/// What comes from a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// A message of the relay, or from a board. The first is [`ToClient::Welcome`].
    Control(ToClient),
    /// A sealed frame.
    Media(Bytes),
    /// The link has ended. Nothing follows.
    Lost(Lost),
}

/// Why something is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The link is closed or lost.
    #[error("the link is closed")]
    Closed,
    /// Too much waits already.
    #[error("the line is too slow")]
    Full,
    /// More than one message may hold.
    #[error("the message is too long")]
    TooLong,
}

/// The sending half. Clones send on the same link; with the last of them it closes.
#[derive(Debug, Clone)]
pub struct LinkTx {
    link: Arc<Half>,
}

/// The receiving half. Dropping it closes the link.
#[derive(Debug)]
pub struct LinkRx {
    link: Half,
}

/// Closes the link when it is dropped.
#[derive(Debug)]
struct Half {
    queues: Arc<Queues>,
}

impl Drop for Half {
    fn drop(&mut self) {
        self.queues.close();
    }
}

/// Connects to a relay and logs in. Must be called inside a tokio runtime, which then runs the link.
///
/// # Errors
/// [`ConnectError`], after 10 s at the latest.
pub async fn connect(
    target: &RelayAddr,
    visitor: Visitor<'_>,
) -> Result<(LinkTx, LinkRx), ConnectError> {
    let log_in = async {
        let mut socket = socket::open(target).await?;
        let welcome = log_in(&mut socket, target, &visitor).await?;
        Ok((socket, welcome))
    };
    let (socket, welcome) =
        timeout(CONNECT_WITHIN, log_in).await.unwrap_or(Err(ConnectError::Silent))?;
    let queues = Arc::new(Queues::default());
    queues.received(welcome.into());
    tokio::spawn(socket::run(socket, Arc::clone(&queues)));
    let tx = LinkTx { link: Arc::new(Half { queues: Arc::clone(&queues) }) };
    let rx = LinkRx { link: Half { queues } };
    Ok((tx, rx))
}

async fn log_in(
    socket: &mut socket::Socket,
    target: &RelayAddr,
    visitor: &Visitor<'_>,
) -> Result<Welcome, ConnectError> {
    let challenge = match socket::receive(socket).await? {
        ToClient::Challenge(challenge) if challenge.v == VERSION => challenge,
        ToClient::Challenge(_) => return Err(ConnectError::Incompatible),
        _ => return Err(ConnectError::NotARelay),
    };
    let login = make_login(&challenge, target, visitor)?;
    socket::send(socket, pack(&ToRelay::from(login))).await?;
    match socket::receive(socket).await? {
        ToClient::Welcome(welcome) => Ok(welcome),
        ToClient::Refused(refused) => Err(match refused.code {
            ErrorCode::Version => ConnectError::Incompatible,
            ErrorCode::Token => ConnectError::Token,
            code => ConnectError::Refused(code),
        }),
        _ => Err(ConnectError::NotARelay),
    }
}

fn make_login(
    challenge: &Challenge,
    target: &RelayAddr,
    visitor: &Visitor<'_>,
) -> Result<Login, ConnectError> {
    let pseudonym = visitor.signer.pseudonym();
    let mut client_nonce = [0; 16];
    getrandom::fill(&mut client_nonce).map_err(|_| ConnectError::Randomness)?;
    let token_proof = match visitor.token {
        Some(token) if challenge.token => Some(prove_token(token, challenge, &pseudonym)?),
        _ => None,
    };
    let have = visitor.have.iter().take(standfast_wire::limits::MAX_SESSIONS).cloned().collect();
    let mut login = Login {
        v: VERSION,
        relay: Text::new(target.name()).map_err(|_| ConnectError::NotARelay)?,
        meeting_id: visitor.meeting_id,
        pseudonym,
        client_nonce,
        token_proof,
        have: List::new(have).unwrap_or_default(),
        signature: [0; 64],
    };
    login.signature = visitor.signer.sign(&login.signed_context(challenge));
    Ok(login)
}

fn prove_token(
    token: &str,
    challenge: &Challenge,
    pseudonym: &[u8; 32],
) -> Result<[u8; 32], ConnectError> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(token.as_bytes()).map_err(|_| ConnectError::Token)?;
    mac.update(&token_context(challenge, pseudonym));
    Ok(mac.finalize().into_bytes().into())
}

impl LinkTx {
    /// Posts a message. Answered by [`ToClient::Posted`] or [`ToClient::Refused`] with the number
    /// returned here, as all requests are.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn post(&self, envelope: Envelope) -> Result<u32, SendError> {
        self.request(|request| Post { request, envelope })
    }

    /// Sends a sealed frame, or drops an older one that still waits.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::TooLong`].
    pub fn send_media(&self, frame: &[u8]) -> Result<(), SendError> {
        if frame.len() >= MAX_MEDIA {
            return Err(SendError::TooLong);
        }
        self.link.queues.send_media(pack_media(frame).into())
    }

    /// Starts the board of a session. `end_hash` is the SHA-256 of
    /// [`standfast_wire::relay::end_hash_input`]. Answered by [`ToClient::Done`], and everyone is
    /// told by [`ToClient::BoardOpened`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn open_session(
        &self,
        session_id: SessionId,
        end_hash: [u8; 32],
    ) -> Result<u32, SendError> {
        self.request(|request| OpenSession { request, session_id, end_hash })
    }

    /// Deletes the board of a session. Everyone is told by [`ToClient::BoardGone`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn end_session(&self, session_id: SessionId, preimage: [u8; 32]) -> Result<(), SendError> {
        self.control(&EndSession { session_id, preimage }.into())
    }

    /// Has every board shown again from its start, without a new connection. Answered by
    /// [`ToClient::Done`], then [`ToClient::CaughtUp`] for each.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn read_again(&self) -> Result<u32, SendError> {
        self.request(|request| ReadAgain { request })
    }

    /// Stores a prekey bundle. Answered by [`ToClient::Done`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn put_bundle(&self, slot: BundleSlot, blob: Blob<MAX_BUNDLE>) -> Result<u32, SendError> {
        self.request(|request| PutBundle { request, slot, blob })
    }

    /// Asks for a prekey bundle. Answered by [`ToClient::Bundle`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn get_bundle(&self, slot: BundleSlot) -> Result<u32, SendError> {
        self.request(|request| GetBundle { request, slot })
    }

    /// Removes one's own prekey bundle. Answered by [`ToClient::Done`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn delete_bundle(&self, slot: BundleSlot) -> Result<u32, SendError> {
        self.request(|request| DeleteBundle { request, slot })
    }

    /// Closes the link after what waits was sent, as dropping either half does.
    pub fn close(&self) {
        self.link.queues.close();
    }

    /// How long the last ping took there and back.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.link.queues.round_trip()
    }

    /// Frames dropped on this side so far, because they had become stale.
    #[must_use]
    pub fn stale_frames(&self) -> u64 {
        self.link.queues.stale_frames()
    }

    fn request<T: Into<ToRelay>>(&self, make: impl FnOnce(u32) -> T) -> Result<u32, SendError> {
        let request = self.link.queues.next_request();
        self.control(&make(request).into())?;
        Ok(request)
    }

    fn control(&self, message: &ToRelay) -> Result<(), SendError> {
        let message = pack(message);
        if message.len() > MAX_CONTROL {
            Err(SendError::TooLong)
        } else {
            self.link.queues.send(message.into())
        }
    }
}

impl LinkRx {
    /// The next event; `None` after [`LinkEvent::Lost`]. Safe to cancel.
    pub async fn recv(&mut self) -> Option<LinkEvent> {
        self.link.queues.recv().await
    }

    /// The next event if one is there already.
    pub fn try_recv(&mut self) -> Option<LinkEvent> {
        self.link.queues.try_recv().flatten()
    }
}
