//! What members say to each other, inside sealed envelopes (`docs/protocol.md` §4 and §6).
//!
//! A message travels as [`Sealed`], itself sealed for everyone with the link; its `body` is the
//! encoding of one of the records below, named by `kind`. Fingerprints are 32 bytes everywhere.

use crate::codec::{Blob, List, Text};
use crate::{codes, record};

/// SHA-256 output, also used for fingerprints' raw form and session ids.
pub type Hash = [u8; 32];

/// Members on one roster, at most.
pub const MAX_ROSTER: usize = 512;
/// Length of the succession, at most.
pub const MAX_SUCCESSION: usize = 16;
/// Orders carried by one announce, at most.
pub const MAX_ORDERS: usize = 16;
/// Bytes of a display name, at most: enough for 16 characters of any script.
pub const MAX_NAME: usize = 64;
/// Bytes of one message body: a roster of 512 with room to spare.
pub const MAX_BODY: usize = 60_000;
/// ML-KEM-768 encapsulation key, bytes (FIPS 203 table 3).
pub const KEM_PUBLIC: usize = 1184;
/// ML-KEM-768 ciphertext, bytes (FIPS 203 table 3).
pub const KEM_CIPHERTEXT: usize = 1088;

codes! {
    /// What a sealed message holds.
    pub enum Kind {
        /// [`MeetingOpen`].
        Open = 1,
        /// [`JoinRequest`].
        Join = 2,
        /// [`EpochAnnounce`].
        Announce = 3,
        /// [`KeyWrap`], the only unsigned kind.
        Wrap = 4,
        /// [`KeyAck`].
        Ack = 5,
        /// [`Arrival`].
        Arrival = 6,
        /// [`Heartbeat`].
        Heartbeat = 7,
        /// [`KeyRequest`].
        KeyRequest = 8,
        /// [`Leave`].
        Leave = 9,
        /// [`End`].
        End = 10,
        /// [`KeepOut`].
        KeepOut = 11,
        /// [`PrekeyBundle`], which lies in a bundle slot and not on a board.
        Bundle = 12,
        /// [`Order`].
        Order = 13,
        /// [`Own`].
        Own = 14,
        /// [`Vouch`].
        Vouch = 15,
        /// [`HeadAsk`].
        HeadAsk = 16,
        /// [`Handover`].
        Handover = 17,
        /// [`Alive`].
        Alive = 18,
        /// [`Deputies`], which travels inside an Open and lies in a bundle slot.
        Deputies = 19,
        /// [`SasCommit`].
        SasCommit = 20,
        /// [`SasReveal`].
        SasReveal = 21,
        /// [`Moved`].
        Moved = 22,
    }
}

impl Kind {
    /// The name under which a message of this kind is signed.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Join => "join",
            Self::Announce => "announce",
            Self::Wrap => "wrap",
            Self::Ack => "ack",
            Self::Arrival => "arrival",
            Self::Heartbeat => "heartbeat",
            Self::KeyRequest => "key-request",
            Self::Leave => "leave",
            Self::End => "end",
            Self::KeepOut => "keep-out",
            Self::Bundle => "bundle",
            Self::Order => "order",
            Self::Own => "own",
            Self::Vouch => "vouch",
            Self::HeadAsk => "head-ask",
            Self::Handover => "handover",
            Self::Alive => "alive",
            Self::Deputies => "deputies",
            Self::SasCommit => "sas-commit",
            Self::SasReveal => "sas-reveal",
            Self::Moved => "moved",
        }
    }
}

record! {
    /// The inside of an envelope's box, before padding.
    pub struct Sealed {
        /// What `body` is.
        pub kind: Kind,
        /// Fingerprint of the sender.
        pub from: Hash,
        /// The exact bytes that are signed.
        pub body: Blob<MAX_BODY>,
        /// Ed25519 by `from`; absent in a wrap.
        pub sig: Option<[u8; 64]>,
        /// HMAC of a join (under the link) or of an ack (under the epoch).
        pub mac: Option<[u8; 32]>,
    }
}

record! {
    /// The public half of a device identity, cross-signed.
    pub struct Ident {
        /// Ed25519 verification key.
        pub iks: [u8; 32],
        /// X25519 public key.
        pub ikd: [u8; 32],
        /// `iks` over both keys.
        pub cert: [u8; 64],
    }
}

codes! {
    /// Who comes in without being asked about.
    pub enum Admission {
        /// Unknown fingerprints wait in the lobby.
        Lobby = 0,
        /// Everyone with the link.
        AnyoneWithLink = 1,
    }
}

codes! {
    /// Who may admit, remove and lock.
    pub enum Hosts {
        /// Every scheduled member.
        Scheduled = 0,
        /// The organizer only.
        Organizer = 1,
    }
}

record! {
    /// The rules of a meeting, signed in [`MeetingOpen`].
    pub struct Policy {
        /// Lobby or not.
        pub admission: Admission,
        /// Who decides.
        pub hosts: Hosts,
        /// Longest life of an epoch, ms; 60,000 to 1,800,000.
        pub rotate_ms: u32,
    }
}

record! {
    /// [`Deputies`] with the organizer's identity and signature.
    pub struct SignedDeputies {
        /// The organizer.
        pub ident: Ident,
        /// The exact bytes that are signed.
        pub body: Blob<512>,
        /// Ed25519 by the organizer.
        pub sig: [u8; 64],
    }
}

record! {
    /// The organizer opens a session.
    pub struct MeetingOpen {
        /// Fresh for every session.
        pub session_id: Hash,
        /// The opener.
        pub ident: Ident,
        /// The rules.
        pub policy: Policy,
        /// Fingerprints of the scheduled members.
        pub scheduled: List<Hash, MAX_ROSTER>,
        /// The organizer's signed [`Deputies`], when a deputy opens.
        pub deputies: Option<SignedDeputies>,
    }
}

record! {
    /// The public half of a single-use prekey or contact bundle.
    pub struct Bundle {
        /// Names the bundle in a wrap.
        pub bundle_id: [u8; 16],
        /// X25519 public key.
        pub ek: [u8; 32],
        /// ML-KEM-768 encapsulation key.
        pub pk: Box<[u8; KEM_PUBLIC]>,
    }
}

record! {
    /// A member's keys for a meeting that it has not arrived at, in a slot of the relay.
    pub struct PrekeyBundle {
        /// The owner.
        pub ident: Ident,
        /// Only grows; a lower one than seen is refused.
        pub seq: u64,
        /// The keys.
        pub bundle: Bundle,
    }
}

codes! {
    /// Person or bot.
    pub enum Role {
        /// A person's device.
        Person = 0,
        /// A bot, with an owner.
        Bot = 1,
    }
}

record! {
    /// A new device names the one that it replaces, and shows that it was given the pairing code.
    pub struct Pairing {
        /// The device that showed the code.
        pub old: Hash,
        /// `HMAC(KDF("", code, "SF1/pairing"; 32), enc("SF1/pair", new FP, join_nonce))`.
        pub proof: Hash,
    }
}

record! {
    /// A device asks to be let in, or shows that it has arrived.
    pub struct JoinRequest {
        /// Who asks.
        pub ident: Ident,
        /// Contact bundle for the first wrap.
        pub bundle: Bundle,
        /// Ed25519 key for checkpoints of this join.
        pub msk: [u8; 32],
        /// Counts once per session; salts the sender's keys.
        pub join_nonce: [u8; 16],
        /// Fresh in this process; the roster must name it.
        pub liveness_nonce: [u8; 16],
        /// Display name.
        pub name: Text<MAX_NAME>,
        /// Person or bot.
        pub role: Role,
        /// Whom a bot names as its owner. A claim: what counts is that member's [`Own`].
        pub own: Option<Hash>,
        /// The device that this one is to replace. A claim: what counts is that device's [`Vouch`].
        pub vouch: Option<Pairing>,
        /// Newest heartbeat or announce seen.
        pub seen: Option<Hash>,
        /// Head of the chain that is kept across a reconnect.
        pub resume_head: Option<Hash>,
    }
}

codes! {
    /// What a roster entry holds.
    pub enum State {
        /// Present: holds a wrap.
        In = 0,
        /// Holds a wrap and has not arrived ("can listen").
        Invited = 1,
        /// On the roster without a wrap (a bot off the record).
        Off = 2,
    }
}

record! {
    /// One line of the roster.
    pub struct Entry {
        /// Never given twice within one chain.
        pub idx: u16,
        /// The device.
        pub fp: Hash,
        /// Hash of its join request; zero while invited.
        pub join_h: Hash,
        /// Person or bot.
        pub role: Role,
        /// In, invited or off.
        pub state: State,
        /// Liveness nonce, or the bundle id while invited.
        pub nonce: [u8; 16],
        /// A bot's owner.
        pub owner: Option<Hash>,
        /// The device that this one replaces.
        pub replaces: Option<Hash>,
    }
}

codes! {
    /// Why an epoch was made.
    pub enum Reason {
        /// The meeting started.
        Open = 0,
        /// Somebody joined.
        Join = 1,
        /// Somebody left.
        Leave = 2,
        /// Somebody's connection dropped, or an invitation ran out.
        Drop = 3,
        /// Somebody was removed.
        Removal = 4,
        /// The interval passed.
        Timer = 5,
        /// A person asked for it.
        Manual = 6,
        /// A bot off the record.
        OffRecord = 7,
        /// A bot on the record.
        OnRecord = 8,
        /// Another member looks after the key.
        Takeover = 9,
        /// A device was changed.
        Device = 10,
        /// A split healed.
        Merge = 11,
    }
}

codes! {
    /// What a host wants done.
    pub enum Act {
        /// Let the join request named by `target` in.
        Admit = 0,
        /// Remove the fingerprint `target`.
        Remove = 1,
        /// The organizer lets a removed fingerprint ask again.
        Readmit = 2,
        /// No new fingerprints from here on; `target` is zero.
        Lock = 3,
        /// New fingerprints again; `target` is zero.
        Unlock = 4,
        /// Take the key from the bot `target`.
        OffRecord = 5,
        /// Give the bot `target` the key.
        OnRecord = 6,
        /// A new key now; `target` is zero.
        Rotate = 7,
    }
}

record! {
    /// A host's signed wish, carried out by the generator and shown to everyone in its announce.
    pub struct Order {
        /// The head that the signer saw: an ancestor of the announce that carries it.
        pub at_h: Hash,
        /// What.
        pub act: Act,
        /// On whom or what.
        pub target: Hash,
    }
}

record! {
    /// "This bot is mine": signed by its owner, who must be present as long as the bot is.
    pub struct Own {
        /// The head that the signer saw.
        pub at_h: Hash,
        /// The bot.
        pub bot: Hash,
        /// The bot's join request.
        pub join_h: Hash,
    }
}

record! {
    /// "This is my new device": signed by the old one, confirmed by its user.
    pub struct Vouch {
        /// The head that the signer saw.
        pub at_h: Hash,
        /// The new device.
        pub new: Hash,
        /// The new device's join request.
        pub join_h: Hash,
        /// The generator's age when this was signed, ms; void 120 s later.
        pub age_ms: u64,
    }
}

record! {
    /// A signed statement as an announce carries it: the same bytes that its author posted.
    pub struct Carried {
        /// [`Order`], [`Own`] or [`Vouch`].
        pub kind: Kind,
        /// Who signed it.
        pub from: Hash,
        /// The exact bytes that are signed.
        pub body: Blob<256>,
        /// Ed25519 by `from`.
        pub sig: [u8; 64],
    }
}

record! {
    /// "Is there anything newer than this?" Posted before a device builds on its head after silence.
    pub struct HeadAsk {
        /// The asker's head.
        pub at_h: Hash,
        /// Fresh.
        pub nonce: [u8; 16],
    }
}

record! {
    /// The generator gives the key's care to the next in the succession.
    pub struct Handover {
        /// The head that the signer saw.
        pub at_h: Hash,
        /// Who takes over.
        pub to: Hash,
        /// The preimage that deletes the board, sealed like a wrap to `to`.
        pub end: Option<HandedEnd>,
    }
}

record! {
    /// A sealed end preimage: position in the pair's chain, and AES-256-GCM under its key.
    pub struct HandedEnd {
        /// Position in the chain of the pair.
        pub n: u32,
        /// The sealed preimage.
        pub ct: [u8; 48],
    }
}

record! {
    /// A member without a key is still there.
    pub struct Alive {
        /// The announce that lists it as off.
        pub h_e: Hash,
        /// Only grows.
        pub counter: u32,
    }
}

/// Deputies of one meeting, at most.
pub const MAX_DEPUTIES: usize = 8;

record! {
    /// Who may open the meeting when the organizer is away; signed by the organizer.
    pub struct Deputies {
        /// The meeting.
        pub meeting_id: [u8; 16],
        /// The link that it belongs to.
        pub link_epoch: u32,
        /// Only grows; the highest known counts.
        pub serial: u64,
        /// In order.
        pub fps: List<Hash, MAX_DEPUTIES>,
    }
}

record! {
    /// First half of a spoken code: a commitment to a fresh random value.
    pub struct SasCommit {
        /// The epoch.
        pub h_e: Hash,
        /// The run.
        pub run_id: [u8; 16],
        /// `H("SF1/sasc", FP, run_id, sas_r)`.
        pub commitment: Hash,
    }
}

record! {
    /// Second half of a spoken code, posted when every commitment is in hand.
    pub struct SasReveal {
        /// The epoch.
        pub h_e: Hash,
        /// The run.
        pub run_id: [u8; 16],
        /// The value.
        pub sas_r: [u8; 32],
    }
}

record! {
    /// A new epoch.
    pub struct EpochAnnounce {
        /// Grows with each generator.
        pub term: u32,
        /// Grows with each announce.
        pub epoch: u32,
        /// Who made it.
        pub generator: Hash,
        /// The generator's ephemeral X25519 key.
        pub gen_ek: [u8; 32],
        /// Hash of the announce before; of Open for the first.
        pub prev_h: Hash,
        /// Why.
        pub reason: Reason,
        /// Whether new fingerprints are refused.
        pub locked: bool,
        /// Who holds the key.
        pub roster: List<Entry, MAX_ROSTER>,
        /// Who takes over, in order, by idx.
        pub succession: List<u16, MAX_SUCCESSION>,
        /// Binds the secret.
        pub key_commit: Hash,
        /// Earliest use, ms after install.
        pub min_ms: u32,
        /// Latest use, ms after install.
        pub max_ms: u32,
        /// Signed orders that this announce carries out.
        pub orders: List<Carried, MAX_ORDERS>,
        /// Head of a merged branch.
        pub merged_h: Option<Hash>,
    }
}

record! {
    /// The epoch secret for one member.
    pub struct KeyWrap {
        /// The announce that it belongs to.
        pub h_e: Hash,
        /// Recipient.
        pub to: Hash,
        /// The recipient's bundle that was used for the contact.
        pub bundle_id: [u8; 16],
        /// Position in the chain of the pair.
        pub n: u32,
        /// ML-KEM ciphertext, until the first ack.
        pub kem_ct: Option<Box<[u8; KEM_CIPHERTEXT]>>,
        /// AES-256-GCM of the secret.
        pub ct: [u8; 48],
    }
}

record! {
    /// "I hold this epoch's secret and checked its announce."
    pub struct KeyAck {
        /// The announce.
        pub h_e: Hash,
        /// Liveness nonce for the next announce.
        pub liveness_nonce: [u8; 16],
        /// A fresh contact bundle, when the last one was used.
        pub bundle: Option<Bundle>,
    }
}

record! {
    /// One invited member that has arrived.
    pub struct Arrived {
        /// Roster index.
        pub idx: u16,
        /// Its join request.
        pub join_h: Hash,
    }
}

record! {
    /// The generator names arrived members within the first epoch.
    pub struct Arrival {
        /// The announce.
        pub h_e: Hash,
        /// All arrivals so far, in order of naming.
        pub named: List<Arrived, MAX_ROSTER>,
    }
}

record! {
    /// The generator lives.
    pub struct Heartbeat {
        /// Its term.
        pub term: u32,
        /// Its epoch.
        pub epoch: u32,
        /// Its head.
        pub h_e: Hash,
        /// Its monotonic clock since the term began, ms.
        pub age_ms: u64,
        /// Who has acked, by idx.
        pub acked: List<u16, MAX_ROSTER>,
        /// `H("SF1/arrived", list)`.
        pub arrived_h: Hash,
        /// Hash of the heartbeat before; zero for the first.
        pub prev_hb: Hash,
    }
}

record! {
    /// "I have no usable wrap for this epoch."
    pub struct KeyRequest {
        /// The announce.
        pub h_e: Hash,
        /// A fresh contact bundle.
        pub bundle: Bundle,
    }
}

record! {
    /// "I am gone." Names the join it ends.
    pub struct Leave {
        /// The sender's join request.
        pub join_h: Hash,
        /// The checkpoint key's private half: later checkpoints do not count.
        pub msk_private: [u8; 32],
    }
}

record! {
    /// The meeting is over.
    pub struct End {
        /// The head that the signer saw.
        pub at_h: Hash,
    }
}

record! {
    /// "I am in another session of this meeting." By the organizer, in the session that goes on
    /// without it.
    pub struct Moved {
        /// The session in which the organizer looks after the key, and others are.
        pub to: Hash,
    }
}

record! {
    /// A person in the lobby was not let in.
    pub struct KeepOut {
        /// The refused join request.
        pub join_h: Hash,
    }
}
