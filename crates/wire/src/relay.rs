//! What a client and a relay say to each other (`docs/protocol.md` §4).
//!
//! One connection carries two channels, told apart by the first byte of each message:
//! [`CONTROL`] followed by one [`ToRelay`] or [`ToClient`], or [`MEDIA`] followed by a sealed frame
//! that nobody on the way parses. [`pack`] and [`Packet::parse`] are the only places that know.
//!
//! The relay speaks first ([`Challenge`]), the client answers ([`Login`]), the relay says
//! [`Welcome`] or [`Refused`]. Between its login and the welcome a client sends nothing.
//!
//! ```
//! use standfast_wire::relay::{EndSession, Packet, ToRelay, pack};
//!
//! let end = ToRelay::EndSession(EndSession { session_id: [1; 32], preimage: [2; 32] });
//! let bytes = pack(&end);
//! let Ok(Packet::Control(body)) = Packet::parse(&bytes) else { unreachable!() };
//! assert_eq!(standfast_wire::codec::from_bytes(body), Ok(end));
//! ```

use crate::codec::{Blob, Field, List, Malformed, Reader, Text, Writer, put_array, take_array};
use crate::limits::{
    MAX_BOX, MAX_BUNDLE, MAX_CONTROL, MAX_MEDIA, MAX_PEERS, MAX_RELAY_NAME, MAX_SESSIONS,
};
use crate::{codes, record};

/// Version of these messages and of the envelope.
pub const VERSION: u8 = 1;
/// Path of the WebSocket on a relay. A new version gets a new path.
pub const PATH: &str = "/sf1";
/// First byte of a control message.
pub const CONTROL: u8 = 0x00;
/// First byte of a media message.
pub const MEDIA: u8 = 0x01;

/// Kept on the board, in order.
pub const SLOT_LOG: u8 = 0;
/// Only the newest of a sender is kept: the generator's heartbeat.
pub const SLOT_HEARTBEAT: u8 = 1;
/// Only the newest of a sender is kept: a member's key ack.
pub const SLOT_ACK: u8 = 2;

/// Ed25519 public key under which a device is known to one relay in one meeting.
pub type Pseudonym = [u8; 32];
/// A meeting, from its link.
pub type MeetingId = [u8; 16];
/// One session of a meeting.
pub type SessionId = [u8; 32];
/// One copy of a session's board. A new id for a known session means that the relay lost the old.
pub type BoardId = [u8; 16];
/// Opaque place of a prekey bundle.
pub type BundleSlot = [u8; 32];

record! {
    /// First message of a relay.
    pub struct Challenge {
        /// [`VERSION`] that the relay speaks.
        pub v: u8,
        /// Random per start of the relay.
        pub relay_id: [u8; 16],
        /// Good for one login on this connection, for 10 s.
        pub nonce: [u8; 32],
        /// Whether a relay token is asked for.
        pub token: bool,
    }
}

record! {
    /// A place on a board that the client has already read up to.
    pub struct BoardPosition {
        /// The board.
        pub board_id: BoardId,
        /// The last number it saw there.
        pub seq: u64,
    }
}

record! {
    /// A client asks to be let into one meeting. Everything but `signature` is signed.
    pub struct Login {
        /// [`VERSION`].
        pub v: u8,
        /// The relay as the client dialled it, so that a login for one relay is none for another.
        pub relay: Text<MAX_RELAY_NAME>,
        /// The meeting.
        pub meeting_id: MeetingId,
        /// Who the client is here.
        pub pseudonym: Pseudonym,
        /// Fresh, of the client.
        pub client_nonce: [u8; 16],
        /// HMAC-SHA-256 of [`token_context`] under the relay's token, if it asked for one.
        pub token_proof: Option<[u8; 32]>,
        /// Where to go on reading after a reconnect.
        pub have: List<BoardPosition, MAX_SESSIONS>,
        /// Ed25519 by `pseudonym` over [`Login::signed_context`].
        pub signature: [u8; 64],
    }
}

impl Login {
    /// The bytes that `signature` covers: the whole context of this one login.
    #[must_use]
    pub fn signed_context(&self, challenge: &Challenge) -> Vec<u8> {
        let mut w = Writer::new(Vec::new());
        put_array(&mut w, 10);
        put_label(&mut w, "SF1/login");
        challenge.relay_id.put(&mut w);
        challenge.nonce.put(&mut w);
        self.v.put(&mut w);
        self.relay.put(&mut w);
        self.meeting_id.put(&mut w);
        self.pseudonym.put(&mut w);
        self.client_nonce.put(&mut w);
        self.token_proof.put(&mut w);
        self.have.put(&mut w);
        w.into_writer()
    }
}

/// The bytes over which knowledge of a relay's token is proved. The token itself does not travel.
#[must_use]
pub fn token_context(challenge: &Challenge, pseudonym: &Pseudonym) -> Vec<u8> {
    let mut w = Writer::new(Vec::new());
    put_array(&mut w, 4);
    put_label(&mut w, "SF1/relay-token");
    challenge.relay_id.put(&mut w);
    challenge.nonce.put(&mut w);
    pseudonym.put(&mut w);
    w.into_writer()
}

/// The bytes whose SHA-256 is the `end_hash` of a session.
#[must_use]
pub fn end_hash_input(preimage: &[u8; 32]) -> Vec<u8> {
    let mut w = Writer::new(Vec::new());
    put_array(&mut w, 2);
    put_label(&mut w, "SF1/end");
    preimage.put(&mut w);
    w.into_writer()
}

fn put_label(w: &mut Writer, label: &str) {
    let _ = w.str(label);
}

record! {
    /// A control message between members, as the relay sees it.
    pub struct Envelope {
        /// [`VERSION`].
        pub v: u8,
        /// The session on whose board it goes.
        pub session_id: SessionId,
        /// Only for this one, else for all.
        pub to: Option<Pseudonym>,
        /// [`SLOT_LOG`] is kept; of any other slot the sender's newest.
        pub slot: u8,
        /// Sealed under the link (`docs/protocol.md` §4).
        pub sealed: Blob<MAX_BOX>,
    }
}

record! {
    /// Starts a board. For a session that runs already it changes nothing if `end_hash` is the same.
    pub struct OpenSession {
        /// Chosen by the client, answered in [`Done`] or [`Refused`].
        pub request: u32,
        /// The session.
        pub session_id: SessionId,
        /// SHA-256 of [`end_hash_input`]: whoever shows the preimage deletes the board.
        pub end_hash: [u8; 32],
    }
}

record! {
    /// Deletes a board.
    pub struct EndSession {
        /// The session.
        pub session_id: SessionId,
        /// Of the `end_hash`.
        pub preimage: [u8; 32],
    }
}

record! {
    /// Puts a message on a board.
    pub struct Post {
        /// Chosen by the client, answered in [`Posted`] or [`Refused`].
        pub request: u32,
        /// The message.
        pub envelope: Envelope,
    }
}

record! {
    /// Stores a prekey bundle. A slot belongs to the pseudonym that wrote it first, until it
    /// expires.
    pub struct PutBundle {
        /// Chosen by the client, answered in [`Done`] or [`Refused`].
        pub request: u32,
        /// Where.
        pub slot: BundleSlot,
        /// What: boxed like an envelope, with a session id of zero.
        pub blob: Blob<MAX_BUNDLE>,
    }
}

record! {
    /// Asks for a prekey bundle.
    pub struct GetBundle {
        /// Chosen by the client, answered in [`Bundle`] or [`Refused`].
        pub request: u32,
        /// Where.
        pub slot: BundleSlot,
    }
}

record! {
    /// Removes a prekey bundle that the same pseudonym wrote.
    pub struct DeleteBundle {
        /// Chosen by the client, answered in [`Done`] or [`Refused`].
        pub request: u32,
        /// Where.
        pub slot: BundleSlot,
    }
}

record! {
    /// One connection in the meeting. A hint: the relay may lie.
    pub struct Peer {
        /// Who, here.
        pub pseudonym: Pseudonym,
        /// Number of the connection, unique for one start of the relay.
        pub connection: u64,
    }
}

record! {
    /// A running board.
    pub struct Board {
        /// The session.
        pub session_id: SessionId,
        /// This copy of its board.
        pub board_id: BoardId,
    }
}

record! {
    /// The login is accepted.
    pub struct Welcome {
        /// This connection.
        pub connection: u64,
        /// Boards that run; their content follows.
        pub boards: List<Board, MAX_SESSIONS>,
        /// Who else is connected.
        pub peers: List<Peer, MAX_PEERS>,
    }
}

record! {
    /// A [`Post`] is on the board.
    pub struct Posted {
        /// Of the post.
        pub request: u32,
        /// The board.
        pub board_id: BoardId,
        /// Its number there.
        pub seq: u64,
    }
}

record! {
    /// A message from a board, old or new, in order. One's own are not shown on the connection that
    /// posted them, unless it asks with [`ReadAgain`].
    pub struct Delivered {
        /// The board.
        pub board_id: BoardId,
        /// Number on the board; grows, with gaps.
        pub seq: u64,
        /// Who posted it, by the relay's word.
        pub from: Pseudonym,
        /// The message.
        pub envelope: Envelope,
    }
}

record! {
    /// Everything that was on the board at the login, at [`ReadAgain`] or when the board started has
    /// been sent.
    pub struct CaughtUp {
        /// The board.
        pub board_id: BoardId,
    }
}

codes! {
    /// Why a board is gone.
    pub enum BoardEnd {
        /// The preimage of its end hash was shown.
        Ended = 1,
        /// It made room: nobody had posted for a while and its meeting opened another.
        Evicted = 2,
    }
}

record! {
    /// A board is deleted.
    pub struct BoardGone {
        /// The session.
        pub session_id: SessionId,
        /// The board.
        pub board_id: BoardId,
        /// Why.
        pub why: BoardEnd,
    }
}

record! {
    /// A request is done.
    pub struct Done {
        /// Which.
        pub request: u32,
    }
}

record! {
    /// The answer to [`GetBundle`].
    pub struct Bundle {
        /// Which.
        pub request: u32,
        /// The blob, if there is one.
        pub blob: Option<Blob<MAX_BUNDLE>>,
    }
}

codes! {
    /// Why a relay refuses.
    pub enum ErrorCode {
        /// The relay speaks another version.
        Version = 1,
        /// The login is not valid. No further reason is given.
        Login = 2,
        /// The relay token is missing or wrong.
        Token = 3,
        /// The relay has too many connections or logins right now.
        Busy = 4,
        /// The meeting has as many connections as the relay lets in.
        MeetingFull = 5,
        /// No board runs for this session.
        NoSession = 6,
        /// The session runs with another end hash.
        SessionTaken = 7,
        /// The meeting has as many sessions as the relay keeps, all of them alive.
        TooManySessions = 8,
        /// The board has no room left.
        BoardFull = 9,
        /// The preimage is not that of the end hash.
        WrongPreimage = 10,
        /// The slot belongs to another pseudonym.
        SlotTaken = 11,
        /// The meeting, the pseudonym or the relay has as many bundles as it may.
        TooManyBundles = 12,
    }
}

record! {
    /// A request, or the login, is refused.
    pub struct Refused {
        /// Which request; absent for the login and for [`EndSession`].
        pub request: Option<u32>,
        /// Why.
        pub code: ErrorCode,
    }
}

record! {
    /// The relay stops. Clients come back, to another node or later.
    pub struct Closing {
        /// Not before, milliseconds.
        pub retry_ms: u32,
    }
}

record! {
    /// Shows every board once more from its start, one's own messages included. Media goes on
    /// meanwhile. Answered by [`Done`], then a [`CaughtUp`] for each.
    pub struct ReadAgain {
        /// Chosen by the client.
        pub request: u32,
    }
}

/// Declares an enumeration of records, encoded as `[tag, record]`.
macro_rules! messages {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident($tag:literal, $record:ty)),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name { $($(#[$vmeta])* $variant($record)),* }

        impl Field for $name {
            fn put(&self, w: &mut Writer) {
                put_array(w, 2);
                match self { $(Self::$variant(record) => { <u8 as Field>::put(&$tag, w); record.put(w); })* }
            }
            fn take(r: &mut Reader<'_>) -> Result<Self, Malformed> {
                take_array(r, 2)?;
                match <u8 as Field>::take(r)? {
                    $($tag => Ok(Self::$variant(<$record>::take(r)?)),)*
                    _ => Err(Malformed),
                }
            }
        }

        $(impl From<$record> for $name {
            fn from(record: $record) -> Self { Self::$variant(record) }
        })*
    };
}

messages! {
    /// Control messages from a client.
    pub enum ToRelay {
        /// See [`Login`].
        Login(1, Login),
        /// See [`OpenSession`].
        OpenSession(2, OpenSession),
        /// See [`EndSession`].
        EndSession(3, EndSession),
        /// See [`Post`].
        Post(4, Post),
        /// See [`PutBundle`].
        PutBundle(5, PutBundle),
        /// See [`GetBundle`].
        GetBundle(6, GetBundle),
        /// See [`DeleteBundle`].
        DeleteBundle(7, DeleteBundle),
        /// See [`ReadAgain`].
        ReadAgain(8, ReadAgain),
    }
}

record! {
    /// A connection of the meeting began.
    pub struct PeerHere {
        /// Which.
        pub peer: Peer,
    }
}

record! {
    /// A connection of the meeting ended. It may only have been cut off.
    pub struct PeerGone {
        /// Which.
        pub peer: Peer,
    }
}

messages! {
    /// Control messages from a relay.
    pub enum ToClient {
        /// See [`Challenge`].
        Challenge(64, Challenge),
        /// See [`Welcome`].
        Welcome(65, Welcome),
        /// A board started. See [`Board`].
        BoardOpened(66, Board),
        /// See [`BoardGone`].
        BoardGone(67, BoardGone),
        /// See [`CaughtUp`].
        CaughtUp(68, CaughtUp),
        /// See [`Delivered`].
        Delivered(69, Delivered),
        /// See [`Posted`].
        Posted(70, Posted),
        /// See [`Done`].
        Done(71, Done),
        /// See [`Bundle`].
        Bundle(72, Bundle),
        /// See [`Refused`].
        Refused(73, Refused),
        /// See [`PeerHere`].
        PeerHere(74, PeerHere),
        /// See [`PeerGone`].
        PeerGone(75, PeerGone),
        /// See [`Closing`].
        Closing(76, Closing),
    }
}

/// `message` as it travels on the control channel.
pub fn pack<T: Field>(message: &T) -> Vec<u8> {
    let mut w = Writer::new(vec![CONTROL]);
    message.put(&mut w);
    w.into_writer()
}

/// `frame` as it travels on the media channel.
#[must_use]
pub fn pack_media(frame: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + frame.len());
    bytes.push(MEDIA);
    bytes.extend_from_slice(frame);
    bytes
}

/// Why a message is neither control nor media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Empty, or an unknown first byte.
    #[error("unknown kind of message")]
    Unknown,
    /// Longer than its channel allows.
    #[error("message too long for its channel")]
    TooLong,
}

/// One received message, sorted by channel, its content not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The encoding of a [`ToRelay`] or a [`ToClient`], to be decoded.
    Control(&'a [u8]),
    /// A sealed frame.
    Media(&'a [u8]),
}

impl<'a> Packet<'a> {
    /// Sorts `message` by its first byte.
    ///
    /// # Errors
    /// [`PacketError`] if there is no such channel, or the message is too long for it.
    pub fn parse(message: &'a [u8]) -> Result<Self, PacketError> {
        match message.split_first() {
            Some((&CONTROL, body)) if message.len() <= MAX_CONTROL => Ok(Self::Control(body)),
            Some((&MEDIA, frame)) if message.len() <= MAX_MEDIA => Ok(Self::Media(frame)),
            Some((&CONTROL | &MEDIA, _)) => Err(PacketError::TooLong),
            _ => Err(PacketError::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{from_bytes, to_bytes};
    use crate::limits::MAX_BEFORE_LOGIN;

    fn challenge() -> Challenge {
        Challenge { v: VERSION, relay_id: [1; 16], nonce: [2; 32], token: true }
    }

    fn login() -> Login {
        let have = vec![BoardPosition { board_id: [7; 16], seq: u64::MAX }; MAX_SESSIONS];
        Login {
            v: VERSION,
            relay: Text::new("r".repeat(MAX_RELAY_NAME)).unwrap(),
            meeting_id: [3; 16],
            pseudonym: [4; 32],
            client_nonce: [5; 16],
            token_proof: Some([6; 32]),
            have: List::new(have).unwrap(),
            signature: [8; 64],
        }
    }

    fn delivered(bytes: usize) -> ToClient {
        Delivered {
            board_id: [1; 16],
            seq: u64::MAX,
            from: [2; 32],
            envelope: Envelope {
                v: VERSION,
                session_id: [3; 32],
                to: Some([4; 32]),
                slot: 255,
                sealed: Blob::new(vec![5; bytes]).unwrap(),
            },
        }
        .into()
    }

    #[test]
    fn the_largest_messages_fit_their_limits() {
        assert!(pack(&ToRelay::from(login())).len() <= MAX_BEFORE_LOGIN);
        assert!(pack(&delivered(MAX_BOX)).len() <= MAX_CONTROL);
        let peer = Peer { pseudonym: [9; 32], connection: u64::MAX };
        let welcome = Welcome {
            connection: u64::MAX,
            boards: List::new(vec![Board { session_id: [1; 32], board_id: [2; 16] }; 4]).unwrap(),
            peers: List::new(vec![peer; MAX_PEERS]).unwrap(),
        };
        assert!(pack(&ToClient::from(welcome)).len() <= MAX_CONTROL);
    }

    #[test]
    fn round_trips() {
        let message = ToRelay::from(login());
        assert_eq!(from_bytes(&to_bytes(&message)), Ok(message));
        let message = delivered(300);
        assert_eq!(from_bytes(&to_bytes(&message)), Ok(message));
    }

    #[test]
    fn a_message_for_one_side_is_none_for_the_other() {
        assert_eq!(from_bytes::<ToClient>(&to_bytes(&ToRelay::from(login()))), Err(Malformed));
        assert_eq!(from_bytes::<ToRelay>(&to_bytes(&delivered(0))), Err(Malformed));
    }

    #[test]
    fn the_signed_context_covers_every_field() {
        let contexts = [
            login().signed_context(&challenge()),
            login().signed_context(&Challenge { nonce: [0; 32], ..challenge() }),
            login().signed_context(&Challenge { relay_id: [0; 16], ..challenge() }),
            Login { relay: Text::default(), ..login() }.signed_context(&challenge()),
            Login { meeting_id: [0; 16], ..login() }.signed_context(&challenge()),
            Login { pseudonym: [0; 32], ..login() }.signed_context(&challenge()),
            Login { client_nonce: [0; 16], ..login() }.signed_context(&challenge()),
            Login { token_proof: None, ..login() }.signed_context(&challenge()),
            Login { have: List::default(), ..login() }.signed_context(&challenge()),
            Login { v: 0, ..login() }.signed_context(&challenge()),
        ];
        for (i, a) in contexts.iter().enumerate() {
            assert!(contexts.iter().skip(i + 1).all(|b| a != b), "context {i} is not its own");
        }
    }

    #[test]
    fn packets_are_sorted_and_bounded() {
        assert_eq!(Packet::parse(&[]), Err(PacketError::Unknown));
        assert_eq!(Packet::parse(&[2, 0]), Err(PacketError::Unknown));
        assert_eq!(Packet::parse(&pack_media(&[9])), Ok(Packet::Media(&[9])));
        let longest = pack_media(&[0; MAX_MEDIA - 1]);
        assert!(matches!(Packet::parse(&longest), Ok(Packet::Media(_))));
        assert_eq!(Packet::parse(&pack_media(&[0; MAX_MEDIA])), Err(PacketError::TooLong));
        assert_eq!(Packet::parse(&[CONTROL; MAX_CONTROL + 1]), Err(PacketError::TooLong));
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            if let Ok(message) = from_bytes::<ToRelay>(&bytes) {
                proptest::prop_assert_eq!(to_bytes(&message), bytes.clone());
            }
            if let Ok(message) = from_bytes::<ToClient>(&bytes) {
                proptest::prop_assert_eq!(to_bytes(&message), bytes);
            }
        }
    }
}
