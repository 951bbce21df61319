//! What others did that no honest device does, kept with their signatures.
//!
//! Two announces for one epoch and an Open prove themselves to anyone; a forged frame was sealed
//! under a key that all members share, so of it only this device's word is left.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use standfast_crypto::{Enc, Fingerprint, PublicIdentity, Scope, hash};
use standfast_wire::codec::{Blob, Field, from_bytes, to_bytes};
use standfast_wire::control::{EpochAnnounce, Hash, Ident, Kind, MAX_BODY, MeetingOpen};
use standfast_wire::record;
use standfast_wire::relay::Envelope;

use crate::Config;
use crate::core::Core;
use crate::journal::{Charge, Event, JournalFault, SignedJournal};
use crate::session::{Session, check_ident, open_envelope};
use crate::snapshot::Kept;
use crate::tagged::tagged;

/// Exhibits kept in one meeting, at most.
pub const EVIDENCE_MAX: usize = 16;
/// Against one device, at most: one that cheats all the time does not crowd out the others.
const EACH_MAX: usize = 4;
/// Bytes of all exhibits, at most: with two rosters of 500 in one exhibit there is room for two.
const BYTES_MAX: usize = 256 * 1024;

/// Bytes that somebody signed, and the signature.
pub(crate) type SignedBytes = (Vec<u8>, [u8; 64]);

record! {
    /// The exact bytes of a message and its author's signature.
    pub struct Statement {
        /// What was signed.
        pub body: Blob<MAX_BODY>,
        /// Ed25519.
        pub sig: [u8; 64],
    }
}

tagged! {
    /// One thing that was refused and is kept.
    pub enum Exhibit {
        /// Two announces by one generator for one epoch.
        TwoAnnounces = 0 {
            /// Where the signatures count.
            session_id: Hash,
            /// Whose they are.
            ident: Ident,
            /// The one that came first.
            first: Statement,
            /// The other.
            second: Statement,
        },
        /// A frame that opened, and that no honest device seals.
        ForgedFrame = 1 {
            /// The epoch.
            h_e: Hash,
            /// The member whose key it was sealed under; any member could have done it.
            under: Hash,
            /// The stream.
            stream: u8,
            /// `H("SF1/forged", frame)`.
            frame_h: Hash,
            /// Its length.
            bytes: u16,
        },
        /// An Open beside the session that lives: an old one shown again, or one left behind.
        OtherSession = 2 {
            /// The session.
            session_id: Hash,
            /// Who opened it.
            ident: Ident,
            /// The Open.
            open: Statement,
        },
    }
}

impl Exhibit {
    /// `H("SF1/evidence", exhibit)`, which the journal names.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash("SF1/evidence", &to_bytes(self))
    }

    /// The one encoding, which is what is hashed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        from_bytes(bytes).ok()
    }

    /// What it shows.
    #[must_use]
    pub fn charge(&self) -> Charge {
        match self {
            Self::TwoAnnounces { .. } => Charge::TwoAnnounces,
            Self::ForgedFrame { .. } => Charge::ForgedFrame,
            Self::OtherSession { .. } => Charge::OtherSession,
        }
    }

    /// Whose signature it bears.
    #[must_use]
    pub fn signed_by(&self) -> Option<Fingerprint> {
        match self {
            Self::TwoAnnounces { ident, .. } | Self::OtherSession { ident, .. } => {
                Some(check_ident(ident).ok()?.fingerprint())
            }
            Self::ForgedFrame { .. } => None,
        }
    }

    /// Against whom. An Open that is shown again is not its author's doing.
    fn against(&self) -> Option<Fingerprint> {
        match self {
            Self::TwoAnnounces { .. } => self.signed_by(),
            Self::ForgedFrame { .. } | Self::OtherSession { .. } => None,
        }
    }

    /// Whether it shows what it says, by signatures alone. Of a forged frame nothing can be.
    #[must_use]
    pub fn holds(&self, meeting_id: [u8; 16]) -> bool {
        match self {
            Self::TwoAnnounces { session_id, ident, first, second } => {
                let scope = Scope { meeting_id, session_id: *session_id };
                let read = |s: &Statement| read::<EpochAnnounce>(ident, &scope, Kind::Announce, s);
                let (Some(a), Some(b)) = (read(first), read(second)) else { return false };
                first != second && (a.term, a.epoch) == (b.term, b.epoch)
            }
            Self::OtherSession { session_id, ident, open } => {
                let scope = Scope { meeting_id, session_id: *session_id };
                read::<MeetingOpen>(ident, &scope, Kind::Open, open)
                    .is_some_and(|open| open.session_id == *session_id)
            }
            Self::ForgedFrame { .. } => true,
        }
    }
}

fn read<T: Field>(ident: &Ident, scope: &Scope, kind: Kind, said: &Statement) -> Option<T> {
    let author = check_ident(ident).ok()?;
    author.verify(scope, kind.label(), said.body.as_slice(), &said.sig).ok()?;
    from_bytes(said.body.as_slice()).ok()
}

/// Every exhibit holds and is named in the chain, and every one that the chain names is there.
pub(crate) fn check(journal: &SignedJournal) -> Result<(), JournalFault> {
    let entries = journal.entries.as_slice();
    let named: BTreeSet<Hash> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Evidence { exhibit_h, .. } => Some(*exhibit_h),
            _ => None,
        })
        .collect();
    let mut shown = BTreeSet::new();
    for (at, exhibit) in journal.evidence.as_slice().iter().enumerate() {
        let h = exhibit.hash();
        // Of a journal that made room, the entry may be gone; the exhibit still proves itself.
        let in_chain = named.contains(&h) || journal.head.from > 0;
        if !in_chain || !shown.insert(h) || !exhibit.holds(journal.meeting_id) {
            return Err(JournalFault::Exhibit(at));
        }
    }
    if named.is_subset(&shown) { Ok(()) } else { Err(JournalFault::Exhibit(shown.len())) }
}

/// The exhibits of one meeting, oldest first.
#[derive(Default)]
pub(crate) struct Evidence {
    exhibits: Vec<Exhibit>,
    bytes: usize,
}

impl Evidence {
    pub(crate) fn exhibits(&self) -> &[Exhibit] {
        &self.exhibits
    }

    pub(crate) fn kept(&self) -> impl Iterator<Item = Kept> {
        self.exhibits.iter().map(|e| Kept { charge: e.charge(), against: e.against() })
    }

    /// Keeps an exhibit that holds, is new, and for which there is room. Gives what to write down.
    fn keep(&mut self, meeting_id: [u8; 16], exhibit: Exhibit) -> Option<Event> {
        let (against, bytes) = (exhibit.against(), to_bytes(&exhibit).len());
        let same = |e: &&Exhibit| e.charge() == exhibit.charge() && e.against() == against;
        let full = self.exhibits.len() >= EVIDENCE_MAX
            || self.bytes + bytes > BYTES_MAX
            || self.exhibits.iter().filter(same).count() >= EACH_MAX;
        if full || self.exhibits.contains(&exhibit) || !exhibit.holds(meeting_id) {
            return None;
        }
        let event = Event::Evidence {
            charge: exhibit.charge(),
            against: against.map(|fp| fp.0),
            exhibit_h: exhibit.hash(),
        };
        self.bytes += bytes;
        self.exhibits.push(exhibit);
        Some(event)
    }
}

impl Core {
    /// Two announces by `by` for one epoch. Nothing is kept that does not prove itself.
    pub(crate) fn two_announces(
        &mut self,
        session: &Session,
        by: Fingerprint,
        first: SignedBytes,
        second: SignedBytes,
    ) {
        let (Some(identity), Some(first), Some(second)) =
            (session.identity_of(by), statement(first), statement(second))
        else {
            return;
        };
        let (session_id, ident) = (session.id(), ident_from(identity));
        self.keep_exhibit(Exhibit::TwoAnnounces { session_id, ident, first, second });
    }

    /// A frame that opened under the key of `under` and holds what no honest device seals.
    pub(crate) fn forged_frame(&mut self, h_e: Hash, under: Fingerprint, stream: u8, frame: &[u8]) {
        let frame_h = Enc::new("SF1/forged").bytes(frame).hash();
        let bytes = u16::try_from(frame.len()).unwrap_or(u16::MAX);
        self.keep_exhibit(Exhibit::ForgedFrame { h_e, under: under.0, stream, frame_h, bytes });
    }

    /// The relay shows an Open of another session than the one in which this device lives. Where
    /// this process lived before, it knows why.
    pub(crate) fn other_session_shown(&mut self, open: &Envelope) {
        let known = self.journal.has_lived_in(&open.session_id);
        if let Some(exhibit) = other_session(&self.cfg, open).filter(|_| !known) {
            self.keep_exhibit(exhibit);
        }
    }

    /// This device lives, and another session lies beside it.
    pub(crate) fn lives_beside_another(&mut self) {
        if let Some(open) = self.sessions.other.clone() {
            self.other_session_shown(&open);
        }
    }

    fn keep_exhibit(&mut self, exhibit: Exhibit) {
        if let Some(event) = self.evidence.keep(self.cfg.meeting_id, exhibit) {
            self.journal.note(event, self.now);
            self.changed();
        }
    }
}

fn other_session(cfg: &Config, open: &Envelope) -> Option<Exhibit> {
    let letter = open_envelope(&cfg.link.control(&open.session_id), open).ok()?;
    let ident = from_bytes::<MeetingOpen>(&letter.body).ok()?.ident;
    let (session_id, open) = (open.session_id, statement((letter.body, letter.sig?))?);
    Some(Exhibit::OtherSession { session_id, ident, open })
}

fn statement((body, sig): SignedBytes) -> Option<Statement> {
    Some(Statement { body: Blob::new(body).ok()?, sig })
}

fn ident_from(public: &PublicIdentity) -> Ident {
    Ident { iks: *public.iks(), ikd: *public.ikd(), cert: *public.cert() }
}
