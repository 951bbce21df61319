//! What goes into the engine and what comes out.

use standfast_crypto::{Fingerprint, PRIVATE_BUNDLE, Secret};
use standfast_wire::control::Hash;
use standfast_wire::relay::Envelope;

use crate::{Known, Opening, PacketShape};

/// Something happened outside. Given to [`Meeting::handle`](crate::Meeting::handle).
pub enum Input<'a> {
    /// The relay let us in; the content of its boards follows.
    Connected,
    /// How many boards of this meeting the relay holds, told once after [`Input::Connected`]. Without
    /// this an organizer waits a second for a running session before it opens one.
    Boards(usize),
    /// The connection is gone.
    Disconnected,
    /// A message from a board.
    Delivered {
        /// Who posted it, by the relay's word.
        poster: [u8; 32],
        /// The message.
        envelope: &'a Envelope,
    },
    /// All that was on the session's board has been delivered.
    CaughtUp {
        /// The session.
        session_id: Hash,
    },
    /// The relay holds none of our boards' content any more (it was restarted).
    BoardLost {
        /// The session.
        session_id: Hash,
    },
    /// The answer to [`Output::FetchBundle`].
    Bundle {
        /// Whose slot.
        slot: [u8; 32],
        /// What lay there.
        blob: Option<&'a [u8]>,
    },
    /// The relay says that a connection ended. A hint.
    PeerGone {
        /// By the relay's word.
        poster: [u8; 32],
    },
    /// A sealed frame.
    Media(&'a [u8]),
    /// Packets from the microphone are like this from here on.
    Shape(PacketShape),
    /// One encoded packet from the microphone.
    Voice {
        /// Media clock, samples.
        media_ts: u32,
        /// Opus.
        packet: &'a [u8],
    },
    /// The user wants something.
    Command(Command),
    /// The pinned keys changed.
    Known(Vec<Known>),
    /// What [`Output::KeepDeputies`] gave an earlier process. Before [`Input::Connected`].
    Deputies(&'a [u8]),
    /// The user of a deputy's device opens the meeting, for the organizer is away. Where a session
    /// runs already, it is joined.
    Open(Opening),
    /// The time that [`Meeting::timeout_ms`](crate::Meeting::timeout_ms) named has come.
    Tick,
}

/// An intent of the user.
///
/// What needs a host is refused on the device of somebody who is none
/// ([`Rights`](crate::Rights)); where this device does not look after the key, it becomes a signed
/// order that the generator carries out and shows to everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Let this join request in. A host's.
    Admit(Hash),
    /// Keep this join request out. A host's.
    KeepOut(Hash),
    /// Mute or unmute.
    SetMuted(bool),
    /// A new key now. A host's.
    RotateNow,
    /// Remove this member: a new key is made without it. A host's; never the organizer.
    Remove(Fingerprint),
    /// Let somebody who was removed ask again. The organizer's.
    Readmit(Fingerprint),
    /// Make somebody a deputy, who may open the meeting when the organizer is away. The organizer's.
    SetDeputy(Fingerprint),
    /// Take that back. The organizer's.
    UnsetDeputy(Fingerprint),
    /// Refuse fingerprints that this meeting has not seen, or take them again. A host's.
    SetLocked(bool),
    /// "I bring this bot": of a bot's join request that names this device as its owner.
    Own(Hash),
    /// Look after a bot that is in the meeting, when its owner leaves.
    TakeOverBot(Fingerprint),
    /// Take the key from this bot. A host's, and its owner's.
    OffRecord(Fingerprint),
    /// Give this bot the key. A host's.
    OnRecord(Fingerprint),
    /// Show a pairing code for a new device of this user
    /// ([`Snapshot::device`](crate::Snapshot::device)).
    OfferDevice,
    /// Take the pairing code back.
    WithdrawDevice,
    /// Vouch for the new device that showed the code with this join request: it replaces this one.
    Vouch(Hash),
    /// Ask everyone's device for a spoken code ([`Snapshot::spoken`](crate::Snapshot::spoken)).
    StartSpokenCode,
    /// Leave. Whoever is next in the succession looks after the key.
    Leave,
    /// End for everyone. The organizer's, and the generator's when the organizer is not there.
    End,
}

/// Something to do outside. From [`Meeting::poll_output`](crate::Meeting::poll_output), in order.
pub enum Output {
    /// Start a board.
    OpenSession {
        /// The session.
        session_id: Hash,
        /// Hash of the preimage that deletes it.
        end_hash: Hash,
    },
    /// Delete a board.
    EndSession {
        /// The session.
        session_id: Hash,
        /// The preimage.
        preimage: [u8; 32],
    },
    /// Something on a board did not come: read every board from its start. The line stays.
    ReadAgain,
    /// Put a message on the board.
    Post(Envelope),
    /// Send a sealed frame.
    Media(Vec<u8>),
    /// Fetch a prekey bundle.
    FetchBundle {
        /// Where.
        slot: [u8; 32],
    },
    /// Keep the private half in the keychain, then upload the public half.
    StorePrekey {
        /// Names it in [`Output::ErasePrekey`].
        bundle_id: [u8; 16],
        /// For the keychain.
        private: Secret<PRIVATE_BUNDLE>,
        /// The relay's slot.
        slot: [u8; 32],
        /// For the slot.
        blob: Vec<u8>,
    },
    /// Put something into a slot at the relay.
    Upload {
        /// Where.
        slot: [u8; 32],
        /// What.
        blob: Vec<u8>,
    },
    /// Keep the newest list of deputies, for [`Input::Deputies`].
    KeepDeputies {
        /// As it was signed.
        signed: Vec<u8>,
    },
    /// Erase a private prekey: it has opened its one session.
    ErasePrekey {
        /// Which.
        bundle_id: [u8; 16],
    },
    /// Play an authentic packet.
    Play {
        /// Who said it.
        idx: u16,
        /// Media clock, samples.
        media_ts: u32,
        /// Opus.
        packet: Vec<u8>,
        /// It came with a later one, again.
        copy: bool,
    },
    /// This member muted: nothing comes for now, and nothing is to be made up.
    Paused {
        /// Who.
        idx: u16,
    },
    /// Nothing more comes from this member.
    Forget {
        /// Who.
        idx: u16,
    },
    /// Somebody's key was met in this meeting, admitted and authentic.
    Met {
        /// The key.
        fp: Fingerprint,
        /// The name it came with.
        name: String,
        /// A bot's. One is let in by hand each time, never expected.
        bot: bool,
    },
    /// The snapshot changed.
    Changed,
}
