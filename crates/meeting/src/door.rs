//! Who comes in by themselves, and who waits in the lobby.

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::Fingerprint;
use standfast_wire::control::{Admission, Hash, Role};

use crate::chain::Chain;
use crate::core::Core;
use crate::journal::Event;
use crate::limits::LOBBY_MAX;
use crate::people::{Trust, trust_of};
use crate::session::Session;

/// Somebody in the lobby.
pub(crate) struct Waiting {
    pub(crate) fp: Fingerprint,
    pub(crate) since_wall_ms: u64,
}

/// Who waits, as this device sees it. Every device keeps one: hosts decide by it, and whoever looks
/// after the key lets in by it.
#[derive(Default)]
pub(crate) struct Door {
    pub(crate) lobby: BTreeMap<Hash, Waiting>,
    kept_out: BTreeSet<Fingerprint>,
}

impl Door {
    /// Scheduled or already seen, or everyone with the link; never a changed key, never somebody
    /// who was kept out before or removed, never somebody new while locked.
    pub(crate) fn opens_by_itself(
        &self,
        core: &Core,
        session: &Session,
        chain: &Chain,
        h: &Hash,
    ) -> bool {
        let Some(request) = session.request(h) else { return false };
        let fp = request.fp();
        let locked = chain.head().is_some_and(|head| head.announce.locked);
        let known = match request.role {
            Role::Person => {
                let open = session.policy.admission == Admission::AnyoneWithLink && !locked;
                let expected = session.expects(fp) && !locked;
                let organizer = fp == session.organizer.fingerprint();
                chain.has_seen(fp) || open || expected || organizer
            }
            // Comes back; whoever is new is let in by hand.
            Role::Bot => chain.has_seen(fp),
        };
        let changed = trust_of(&core.cfg.known, fp, &request.name) == Trust::KeyChanged;
        known && !changed && !self.kept_out.contains(&fp) && !chain.is_removed(fp)
    }

    /// Puts a request in the lobby; a newer one of the same key replaces the older.
    pub(crate) fn wait(&mut self, core: &mut Core, session: &Session, fp: Fingerprint, h: Hash) {
        let since = self.lobby.values().find(|w| w.fp == fp).map(|w| w.since_wall_ms);
        self.lobby.retain(|_, waiting| waiting.fp != fp);
        if self.lobby.len() < LOBBY_MAX && session.request(&h).is_some() {
            let since_wall_ms = since.unwrap_or(core.now.wall_ms);
            self.lobby.insert(h, Waiting { fp, since_wall_ms });
            if since.is_none() {
                core.journal.note(Event::Waits { join_h: h, fp: fp.0 }, core.now);
            }
        }
        core.changed();
    }

    /// Takes a request out of the lobby, to let it in.
    pub(crate) fn take(&mut self, h: &Hash) {
        if let Some(waiting) = self.lobby.remove(h) {
            self.kept_out.remove(&waiting.fp);
        }
    }

    pub(crate) fn holds(&self, h: &Hash) -> bool {
        self.lobby.contains_key(h)
    }

    /// Refuses a request, and later ones of the same key until it is let in by hand.
    pub(crate) fn keep_out(&mut self, core: &mut Core, h: &Hash, by: Fingerprint) -> bool {
        let Some(waiting) = self.lobby.remove(h) else { return false };
        let (join_h, fp, by) = (*h, waiting.fp.0, by.0);
        core.journal.note(Event::KeptOut { join_h, fp, by }, core.now);
        self.kept_out.insert(waiting.fp);
        core.changed();
        true
    }

    /// Somebody in the lobby went away.
    pub(crate) fn gave_up(&mut self, core: &mut Core, fp: Fingerprint) {
        let before = self.lobby.len();
        self.lobby.retain(|_, waiting| waiting.fp != fp);
        if self.lobby.len() != before {
            core.changed();
        }
    }
}
