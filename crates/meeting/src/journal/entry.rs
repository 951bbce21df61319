//! Entries chained by hash, and the signature over the last.

use standfast_crypto::{Fingerprint, Identity, Scope, hash};
use standfast_wire::codec::{List, from_bytes, to_bytes};
use standfast_wire::control::{Hash, Ident};
use standfast_wire::record;

use super::{Event, Journal};
use crate::evidence::{EVIDENCE_MAX, Exhibit};
use crate::session::{check_ident, ident_of};

/// The type under which a journal's head is signed.
const SIGNED_AS: &str = "journal";

record! {
    /// One step, bound to all before it.
    pub struct JournalEntry {
        /// Counts from 0.
        pub n: u64,
        /// Hash of the entry before; zero for the first.
        pub prev: Hash,
        /// When, ms since 1970, by this device's clock.
        pub wall_ms: u64,
        /// What.
        pub event: Event,
    }
}

impl JournalEntry {
    /// `H("SF1/journal", entry)`.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash("SF1/journal", &to_bytes(self))
    }

    /// The one encoding of this entry, which is what is hashed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        from_bytes(bytes).ok()
    }
}

record! {
    /// What the identity signs.
    pub struct JournalHead {
        /// Number of the first entry that is here; older ones made room.
        pub from: u64,
        /// Entries in all, those that made room included.
        pub entries: u64,
        /// Hash of the last entry; zero when there is none.
        pub hash: Hash,
        /// When this was signed, ms since 1970.
        pub signed_ms: u64,
    }
}

record! {
    /// A journal as it is stored and exported. Nothing in it is secret, and everything in it is
    /// private: it says who met whom and when.
    pub struct SignedJournal {
        /// The meeting.
        pub meeting_id: [u8; 16],
        /// The newest session that it tells of; zero when none was found.
        pub session_id: Hash,
        /// Whose device wrote it.
        pub ident: Ident,
        /// Oldest first.
        pub entries: List<JournalEntry, { Journal::MAX }>,
        /// What was kept as evidence.
        pub evidence: List<Exhibit, EVIDENCE_MAX>,
        /// What is signed.
        pub head: JournalHead,
        /// `SIG(IKs, "journal", head)` in the scope of meeting and session.
        pub sig: [u8; 64],
    }
}

/// What is wrong with a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// These are not the bytes of a journal.
    #[error("not a journal")]
    NotAJournal,
    /// The entry of this number is not the one that was signed. Later ones are.
    #[error("broken at entry {0}")]
    Broken(u64),
    /// Entries are missing at the beginning.
    #[error("cut off")]
    Cut,
    /// The device's identity or its signature does not fit.
    #[error("the signature does not fit")]
    NotSigned,
    /// The exhibit at this place, counted from 0, is not what the chain says, or proves nothing.
    #[error("exhibit {0} does not hold")]
    Exhibit(usize),
}

impl SignedJournal {
    pub(super) fn sign(
        identity: &Identity,
        scope: Scope,
        entries: Vec<JournalEntry>,
        evidence: Vec<Exhibit>,
        head: JournalHead,
    ) -> Self {
        let sig = identity.sign(&scope, SIGNED_AS, &to_bytes(&head));
        Self {
            meeting_id: scope.meeting_id,
            session_id: scope.session_id,
            ident: ident_of(identity),
            // Within the limits by how they were gathered.
            entries: List::new(entries).unwrap_or_default(),
            evidence: List::new(evidence).unwrap_or_default(),
            head,
            sig,
        }
    }

    /// The one encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Checks nothing else.
    ///
    /// # Errors
    /// [`JournalFault::NotAJournal`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, JournalFault> {
        from_bytes(bytes).map_err(|_| JournalFault::NotAJournal)
    }

    /// Whose device it claims to be of; [`verify`](Self::verify) checks it.
    #[must_use]
    pub fn author(&self) -> Option<Fingerprint> {
        Some(check_ident(&self.ident).ok()?.fingerprint())
    }

    /// Where signatures of this journal's session count.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope { meeting_id: self.meeting_id, session_id: self.session_id }
    }

    /// Checks the signature over the head, the chain back from it, and every exhibit with its
    /// signatures. Gives whose device wrote it.
    ///
    /// # Errors
    /// [`JournalFault`]: the first thing that is wrong.
    pub fn verify(&self) -> Result<Fingerprint, JournalFault> {
        let author = check_ident(&self.ident).map_err(|_| JournalFault::NotSigned)?;
        author
            .verify(&self.scope(), SIGNED_AS, &to_bytes(&self.head), &self.sig)
            .map_err(|_| JournalFault::NotSigned)?;
        self.check_chain()?;
        crate::evidence::check(self)?;
        Ok(author.fingerprint())
    }

    /// From the signed head backwards: what is still whole when a hash does not fit is as it was
    /// signed, so the entry that is named is the one that is not.
    fn check_chain(&self) -> Result<(), JournalFault> {
        let (mut next, mut hash) = (self.head.entries, self.head.hash);
        for entry in self.entries.as_slice().iter().rev() {
            let n = next.checked_sub(1).ok_or(JournalFault::NotAJournal)?;
            if entry.n != n || entry.hash() != hash {
                return Err(JournalFault::Broken(n));
            }
            (next, hash) = (n, entry.prev);
        }
        if next == self.head.from { Ok(()) } else { Err(JournalFault::Cut) }
    }
}
