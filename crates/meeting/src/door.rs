//! Who comes in by themselves, and who waits in the lobby.

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::Fingerprint;
use standfast_wire::control::{Admission, Hash};

use crate::core::Core;
use crate::limits::LOBBY_MAX;
use crate::people::{Trust, trust_of};
use crate::seated::Seated;
use crate::session::Session;

/// Somebody in the lobby.
pub(crate) struct Waiting {
    pub(crate) fp: Fingerprint,
    pub(crate) since_wall_ms: u64,
}

/// The organizer's door.
#[derive(Default)]
pub(crate) struct Door {
    pub(crate) lobby: BTreeMap<Hash, Waiting>,
    kept_out: BTreeSet<Fingerprint>,
}

impl Door {
    /// Scheduled or already seen, or everyone with the link; never a changed key, never somebody
    /// who was kept out before.
    pub(crate) fn opens_by_itself(
        &self,
        core: &Core,
        s: &Seated,
        fp: Fingerprint,
        h: &Hash,
    ) -> bool {
        let name = s.session.request(h).map(|r| r.name.as_str()).unwrap_or_default();
        let known = s.session.scheduled.contains(&fp) || s.chain.has_seen(fp);
        let open = s.session.policy.admission == Admission::AnyoneWithLink;
        let changed = trust_of(&core.cfg.known, fp, name) == Trust::KeyChanged;
        (known || open) && !changed && !self.kept_out.contains(&fp)
    }

    /// Puts a request in the lobby; a newer one of the same key replaces the older.
    pub(crate) fn wait(&mut self, core: &mut Core, session: &Session, fp: Fingerprint, h: Hash) {
        let since = self.lobby.values().find(|w| w.fp == fp).map(|w| w.since_wall_ms);
        self.lobby.retain(|_, waiting| waiting.fp != fp);
        if self.lobby.len() < LOBBY_MAX && session.request(&h).is_some() {
            let since_wall_ms = since.unwrap_or(core.now.wall_ms);
            self.lobby.insert(h, Waiting { fp, since_wall_ms });
        }
        core.changed();
    }

    /// Takes a request out of the lobby, to let it in.
    pub(crate) fn take(&mut self, h: &Hash) -> bool {
        match self.lobby.remove(h) {
            Some(waiting) => {
                self.kept_out.remove(&waiting.fp);
                true
            }
            None => false,
        }
    }

    /// Refuses a request, and later ones of the same key until it is let in by hand.
    pub(crate) fn keep_out(&mut self, h: &Hash) -> bool {
        match self.lobby.remove(h) {
            Some(waiting) => self.kept_out.insert(waiting.fp),
            None => false,
        }
    }

    /// Somebody in the lobby went away.
    pub(crate) fn gave_up(&mut self, fp: Fingerprint) {
        self.lobby.retain(|_, waiting| waiting.fp != fp);
    }
}
