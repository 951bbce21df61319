//! What a device shows, as far as an attack must not change it.

use standfast_crypto::Fingerprint;
use standfast_meeting::{Phase, Presence, Snapshot};
use standfast_wire::control::Hash;

/// One line of the list that people see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) fp: Fingerprint,
    pub(crate) confirmed: bool,
    presence: Presence,
    owner: Option<Fingerprint>,
    replaces: Option<Fingerprint>,
}

/// What a device shows that a refused message must not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) phase: Phase,
    pub(crate) session: Option<Hash>,
    pub(crate) generator: Option<Fingerprint>,
    pub(crate) locked: bool,
    pub(crate) removed: Vec<Fingerprint>,
    pub(crate) active: Option<(Hash, u32)>,
    pub(crate) coming: Option<(Hash, u32)>,
    pub(crate) confirmed: usize,
    pub(crate) members: Vec<Shown>,
    pub(crate) code: Option<String>,
}

impl Look {
    pub(crate) fn of(s: &Snapshot) -> Self {
        let member = |m: &standfast_meeting::Member| Shown {
            fp: m.fp,
            confirmed: m.confirmed,
            presence: m.presence,
            owner: m.bot.as_ref().map(|owner| owner.fp),
            replaces: m.replaces.as_ref().map(|old| old.fp),
        };
        Self {
            phase: s.phase,
            session: s.session_id,
            generator: s.members.iter().find(|m| m.generator).map(|m| m.fp),
            locked: s.locked,
            removed: s.removed.iter().map(|r| r.fp).collect(),
            active: s.active.as_ref().map(|e| (e.h, e.number)),
            coming: s.coming.as_ref().map(|e| (e.h, e.number)),
            confirmed: s.coming.as_ref().or(s.active.as_ref()).map_or(0, |e| e.confirmed),
            members: s.members.iter().map(member).collect(),
            code: s.code.clone(),
        }
    }

    pub(crate) fn lists(&self, fp: Fingerprint) -> bool {
        self.members.iter().any(|m| m.fp == fp)
    }

    pub(crate) fn knows(&self, h: &Hash) -> bool {
        [self.active, self.coming].into_iter().flatten().any(|(of, _)| of == *h)
    }
}
