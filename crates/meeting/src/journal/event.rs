//! What a journal tells of: one value per accepted or refused step, without secrets.

use standfast_crypto::Fingerprint;
use standfast_wire::codec::{List, Text};
use standfast_wire::control::{Hash, MAX_NAME, MAX_ROSTER, Reason, Role, State};
use standfast_wire::{codes, record};

use crate::tagged::tagged;
use crate::{LeftWhy, Pulse, Refusal};

record! {
    /// One line of a roster, as far as a reader of the journal needs it.
    pub struct Listed {
        /// Place on the roster.
        pub idx: u16,
        /// Key.
        pub fp: Hash,
        /// Person or bot.
        pub role: Role,
        /// In, invited or off.
        pub state: State,
    }
}

record! {
    /// Somebody with the name that their device gave.
    pub struct Named {
        /// Key.
        pub fp: Hash,
        /// Display name; empty when none was given.
        pub name: Text<MAX_NAME>,
    }
}

impl Named {
    /// A name longer than a join request may carry is none.
    pub(super) fn new(fp: Fingerprint, name: &str) -> Self {
        Self { fp: fp.0, name: Text::new(name).unwrap_or_default() }
    }
}

codes! {
    /// Why a message was refused: [`Refusal`], as it is written down.
    pub enum Cause {
        /// [`Refusal::Malformed`].
        Malformed = 0,
        /// [`Refusal::NotAuthentic`].
        NotAuthentic = 1,
        /// [`Refusal::NotAllowed`].
        NotAllowed = 2,
        /// [`Refusal::Stale`].
        Stale = 3,
        /// [`Refusal::Missing`].
        Missing = 4,
        /// [`Refusal::Inconsistent`].
        Inconsistent = 5,
        /// [`Refusal::Unsupported`].
        Unsupported = 6,
    }
}

impl From<Refusal> for Cause {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed => Self::Malformed,
            Refusal::NotAuthentic => Self::NotAuthentic,
            Refusal::NotAllowed => Self::NotAllowed,
            Refusal::Stale => Self::Stale,
            Refusal::Missing => Self::Missing,
            Refusal::Inconsistent => Self::Inconsistent,
            Refusal::Unsupported => Self::Unsupported,
        }
    }
}

codes! {
    /// What is known of the generator's life: [`Pulse`], as it is written down.
    pub enum Sign {
        /// Fresh again.
        Steady = 0,
        /// Three heartbeats missed, or 6 s behind.
        Stale = 1,
        /// 15 s: the microphone was closed.
        Cut = 2,
        /// 60 s: everything was erased.
        Forgotten = 3,
    }
}

impl From<Pulse> for Sign {
    fn from(pulse: Pulse) -> Self {
        match pulse {
            Pulse::Steady => Self::Steady,
            Pulse::Stale => Self::Stale,
            Pulse::Cut => Self::Cut,
            Pulse::Gone => Self::Forgotten,
        }
    }
}

codes! {
    /// Why this device is out of the meeting: [`LeftWhy`], as it is written down.
    pub enum Out {
        /// The user left.
        Left = 0,
        /// Ended for everyone.
        Ended = 1,
        /// Kept out in the lobby.
        KeptOut = 2,
        /// Removed.
        Removed = 3,
        /// Another process of this profile took the seat.
        Elsewhere = 4,
        /// Another device of this user took the seat, by this one's word.
        Replaced = 5,
        /// The meeting's passphrase is another.
        WrongPassphrase = 6,
    }
}

impl From<LeftWhy> for Out {
    fn from(why: LeftWhy) -> Self {
        match why {
            LeftWhy::Left => Self::Left,
            LeftWhy::Ended => Self::Ended,
            LeftWhy::KeptOut => Self::KeptOut,
            LeftWhy::Removed => Self::Removed,
            LeftWhy::Elsewhere => Self::Elsewhere,
            LeftWhy::Replaced => Self::Replaced,
            LeftWhy::WrongPassphrase => Self::WrongPassphrase,
        }
    }
}

codes! {
    /// What an exhibit shows.
    pub enum Charge {
        /// Two announces by one generator for one epoch.
        TwoAnnounces = 0,
        /// A frame that is authentic under the shared key and that no honest device makes.
        ForgedFrame = 1,
        /// Another session of this meeting was shown beside the one that lives.
        OtherSession = 2,
    }
}

codes! {
    /// How a run of the spoken code ended.
    pub enum Spoke {
        /// Three words were shown.
        Shown = 0,
        /// A new epoch came in between.
        Rotated = 1,
        /// A commitment or a value did not come in time.
        Missing = 2,
        /// A value did not fit its commitment, or a member committed twice.
        Cheated = 3,
        /// Another run, started at the same time, took its place.
        Replaced = 4,
        /// Not everyone had confirmed the epoch.
        TooEarly = 5,
    }
}

tagged! {
    /// One step, as this device saw it. Keys are fingerprints; `by` is who wanted it, by a
    /// signature that was checked.
    pub enum Event {
        /// This device opened a session.
        SessionOpened = 1 {
            /// The session.
            session_id: Hash,
            /// Hash of its Open.
            open_h: Hash,
        },
        /// This device found a session.
        SessionFound = 2 {
            /// The session.
            session_id: Hash,
            /// Hash of its Open.
            open_h: Hash,
            /// Who signed it.
            opener: Hash,
        },
        /// A new epoch was accepted.
        EpochAnnounced = 3 {
            /// Number.
            epoch: u32,
            /// Term.
            term: u32,
            /// Hash of the announce.
            h: Hash,
            /// Why.
            reason: Reason,
            /// Who made it.
            generator: Hash,
            /// Everyone on it.
            roster: List<Listed, MAX_ROSTER>,
            /// Who gets the secret wrapped, by idx.
            wrapped: List<u16, MAX_ROSTER>,
            /// Who came or went with it.
            who: List<Named, MAX_ROSTER>,
            /// Whether unseen fingerprints are refused.
            locked: bool,
        },
        /// A member confirmed an epoch with a signed ack.
        Acked = 4 {
            /// Number.
            epoch: u32,
            /// Who.
            by: Hash,
        },
        /// Everyone present has confirmed, for the first time.
        AllConfirmed = 5 {
            /// Number.
            epoch: u32,
            /// How many.
            members: u16,
            /// Since this device made or first saw it, ms.
            after_ms: u64,
        },
        /// An invited member arrived in the first epoch.
        Arrived = 6 {
            /// Number.
            epoch: u32,
            /// Place on the roster.
            idx: u16,
        },
        /// This device seals under it.
        InUse = 7 {
            /// Number.
            epoch: u32,
        },
        /// A newer one is in use; late frames are still opened.
        Retired = 8 {
            /// Number.
            epoch: u32,
        },
        /// Its keys are gone from this device.
        Erased = 9 {
            /// Number.
            epoch: u32,
        },
        /// Every key of the meeting is gone from this device.
        AllErased = 10 {},
        /// Somebody asked to be let in, for the first time under this name.
        JoinAsked = 11 {
            /// The request.
            join_h: Hash,
            /// Who.
            who: Named,
            /// Person or bot.
            role: Role,
        },
        /// Somebody has to decide.
        Waits = 12 {
            /// The request.
            join_h: Hash,
            /// Who.
            fp: Hash,
        },
        /// Let in by hand.
        Admitted = 13 {
            /// The request.
            join_h: Hash,
            /// Who.
            fp: Hash,
            /// By whom.
            by: Hash,
        },
        /// Not let in.
        KeptOut = 14 {
            /// The request.
            join_h: Hash,
            /// Who.
            fp: Hash,
            /// By whom.
            by: Hash,
        },
        /// Unseen fingerprints are refused from here on, or not any more.
        Locked = 15 {
            /// On or off.
            locked: bool,
            /// By whom.
            by: Hash,
        },
        /// A member was removed.
        Removed = 16 {
            /// Who.
            fp: Hash,
            /// By whom.
            by: Hash,
        },
        /// A removed one may ask again.
        Readmitted = 17 {
            /// Who.
            fp: Hash,
            /// By whom.
            by: Hash,
        },
        /// Another member looks after the key.
        TookOver = 18 {
            /// The new term.
            term: u32,
            /// Who.
            by: Hash,
            /// After whom.
            from: Hash,
        },
        /// The generator gave the key's care away.
        HandedOver = 19 {
            /// Who.
            from: Hash,
            /// To whom.
            to: Hash,
        },
        /// Another branch of this session lives.
        SplitSeen = 20 {
            /// Since when, ms since 1970, as far as this device can tell.
            from_ms: u64,
            /// Head of the other branch.
            their_h: Hash,
            /// Who looks after the key there.
            generator: Hash,
        },
        /// The parts are one again.
        Merged = 21 {
            /// In which epoch.
            epoch: u32,
            /// The head that was merged.
            merged_h: Hash,
            /// Split since, ms since 1970.
            from_ms: u64,
            /// Split until, ms since 1970.
            until_ms: u64,
        },
        /// The generator's signs of life changed.
        Pulse = 22 {
            /// To this.
            now: Sign,
        },
        /// The connection was lost, or is back.
        Line = 23 {
            /// There is one.
            up: bool,
        },
        /// Messages were refused; the first of a kind at once, later ones counted.
        Refused = 24 {
            /// Why.
            cause: Cause,
            /// Whose, if their signature held.
            by: Option<Hash>,
            /// How many since the last entry of this kind.
            count: u64,
            /// When the first of these came, ms since 1970.
            since_ms: u64,
        },
        /// An exhibit was kept.
        Evidence = 25 {
            /// Of what.
            charge: Charge,
            /// Against whom; absent when that is not known.
            against: Option<Hash>,
            /// Hash of the exhibit.
            exhibit_h: Hash,
        },
        /// A run of the spoken code ended.
        Spoken = 26 {
            /// The run.
            run_id: [u8; 16],
            /// The epoch.
            h_e: Hash,
            /// How.
            how: Spoke,
            /// Who cheated.
            by: Option<Hash>,
        },
        /// A device was replaced by another of the same user, by the old one's word.
        DeviceChanged = 27 {
            /// The old one.
            old: Hash,
            /// The new one.
            new: Hash,
        },
        /// A member looks after a bot.
        BotOwned = 28 {
            /// The bot.
            bot: Hash,
            /// Who.
            owner: Hash,
        },
        /// More was noted from outside than the journal takes; this many entries were left out.
        Omitted = 29 {
            /// How many.
            count: u64,
        },
        /// This device is out of the meeting.
        Over = 30 {
            /// Why.
            why: Out,
        },
    }
}

impl Event {
    /// Whether anyone with the link, or the relay, can cause such entries at will.
    pub(super) fn caused_outside(&self) -> bool {
        matches!(
            self,
            Self::SessionFound { .. }
                | Self::JoinAsked { .. }
                | Self::Waits { .. }
                | Self::Pulse { .. }
                | Self::Line { .. }
                | Self::Refused { .. }
                | Self::Spoken { .. }
        )
    }
}
