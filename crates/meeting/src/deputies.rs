//! Who may open the meeting when the organizer is away (`docs/protocol.md` §5).

use standfast_crypto::{Entropy, Fingerprint, Identity, LinkKeys, PublicIdentity, Scope};
use standfast_wire::codec::{Blob, List, from_bytes, to_bytes};
use standfast_wire::control::{Deputies, Kind, Sealed, SignedDeputies};
use standfast_wire::relay::{Envelope, SLOT_LOG};

use crate::core::Core;
use crate::session::{Letter, Session, check_ident, ident_of, open_envelope, seal_envelope};
use crate::{Config, Output, Refusal};

/// The session id under which the list is sealed and signed: it outlives sessions.
const NO_SESSION: [u8; 32] = [0; 32];

/// A list of deputies that the link's organizer signed. Only a check makes one.
#[derive(Clone)]
pub(crate) struct DeputyList {
    organizer: PublicIdentity,
    list: Deputies,
    signed: SignedDeputies,
}

impl DeputyList {
    /// Signs a list. This device is the organizer's.
    fn sign(
        me: &Identity,
        cfg: &Config,
        serial: u64,
        fps: &[Fingerprint],
    ) -> Result<Self, Refusal> {
        let list = Deputies {
            meeting_id: cfg.meeting_id,
            link_epoch: cfg.link.link_epoch(),
            serial,
            fps: List::new(fps.iter().map(|fp| fp.0).collect())?,
        };
        let body = to_bytes(&list);
        let sig = me.sign(&scope(cfg), Kind::Deputies.label(), &body);
        Self::check(cfg, SignedDeputies { ident: ident_of(me), body: Blob::new(body)?, sig })
    }

    /// Takes a list from outside.
    ///
    /// # Errors
    /// [`Refusal::NotAllowed`] for another signer than the organizer, [`Refusal::NotAuthentic`] for a
    /// wrong signature, [`Refusal::Stale`] for another link's.
    pub(crate) fn check(cfg: &Config, signed: SignedDeputies) -> Result<Self, Refusal> {
        let organizer = check_ident(&signed.ident)?;
        if organizer.fingerprint() != cfg.organizer {
            return Err(Refusal::NotAllowed);
        }
        let body = signed.body.as_slice();
        organizer.verify(&scope(cfg), Kind::Deputies.label(), body, &signed.sig)?;
        let list: Deputies = from_bytes(body)?;
        if (list.meeting_id, list.link_epoch) != (cfg.meeting_id, cfg.link.link_epoch()) {
            return Err(Refusal::Stale);
        }
        Ok(Self { organizer, list, signed })
    }

    pub(crate) fn organizer(&self) -> &PublicIdentity {
        &self.organizer
    }

    pub(crate) fn signed(&self) -> &SignedDeputies {
        &self.signed
    }

    pub(crate) fn serial(&self) -> u64 {
        self.list.serial
    }

    /// The place of `fp` in the order.
    pub(crate) fn rank_of(&self, fp: Fingerprint) -> Option<usize> {
        self.list.fps.as_slice().iter().position(|listed| *listed == fp.0)
    }

    fn fps(&self) -> impl Iterator<Item = Fingerprint> {
        self.list.fps.as_slice().iter().map(|fp| Fingerprint(*fp))
    }

    /// For the relay's slot: sealed to everyone with the link.
    fn seal(&self, link: &LinkKeys, rng: &mut dyn Entropy) -> Option<Vec<u8>> {
        let body = Blob::new(to_bytes(&self.signed)).ok()?;
        let from = self.organizer.fingerprint().0;
        let sealed = Sealed { kind: Kind::Deputies, from, body, sig: None, mac: None };
        let control = link.control(&NO_SESSION);
        let envelope = seal_envelope(&control, NO_SESSION, SLOT_LOG, &sealed, rng)?;
        Some(to_bytes(&envelope))
    }

    fn open(cfg: &Config, blob: &[u8]) -> Result<Self, Refusal> {
        let envelope: Envelope = from_bytes(blob)?;
        let letter = open_envelope(&cfg.link.control(&NO_SESSION), &envelope)?;
        if letter.kind != Kind::Deputies {
            return Err(Refusal::NotAllowed);
        }
        Self::check(cfg, from_bytes(&letter.body)?)
    }
}

fn scope(cfg: &Config) -> Scope {
    Scope { meeting_id: cfg.meeting_id, session_id: NO_SESSION }
}

impl Core {
    /// May open a session: the organizer, and deputies.
    pub(crate) fn may_open(&self) -> bool {
        self.me() == self.cfg.organizer || self.is_deputy(self.me())
    }

    pub(crate) fn is_deputy(&self, fp: Fingerprint) -> bool {
        self.deputies.as_ref().is_some_and(|list| list.rank_of(fp).is_some())
    }

    pub(crate) fn deputies_slot(&self) -> [u8; 32] {
        self.cfg.link.deputies_slot(self.cfg.organizer)
    }

    /// The newest list counts; an older one, which a relay can show again, does not.
    pub(crate) fn learn_deputies(&mut self, list: DeputyList) {
        if self.deputies.as_ref().is_none_or(|known| known.serial() < list.serial()) {
            let signed = to_bytes(list.signed());
            self.deputies = Some(list);
            self.out.push_back(Output::KeepDeputies { signed });
            self.changed();
        }
    }

    /// What an earlier process of this profile kept.
    pub(crate) fn kept_deputies(&mut self, signed: &[u8]) -> Result<(), Refusal> {
        let list = DeputyList::check(&self.cfg, from_bytes(signed)?)?;
        if self.deputies.as_ref().is_none_or(|known| known.serial() < list.serial()) {
            self.deputies = Some(list);
        }
        Ok(())
    }

    /// The organizer tells everyone in a session.
    pub(crate) fn deputies_letter(
        &mut self,
        session: &Session,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        let told = letter.authentic::<SignedDeputies>(&session.organizer, &session.scope)?;
        self.learn_deputies(DeputyList::check(&self.cfg, told.message)?);
        Ok(())
    }

    /// What lay in the relay's slot. An organizer whose list is newer puts it there again.
    pub(crate) fn deputies_in_slot(&mut self, blob: Option<&[u8]>) {
        let shown = blob.map(|blob| DeputyList::open(&self.cfg, blob));
        let serial = shown.as_ref().and_then(|s| s.as_ref().ok()).map(DeputyList::serial);
        match shown {
            Some(Ok(list)) => self.learn_deputies(list),
            Some(Err(refusal)) => self.refused(refusal),
            None => {}
        }
        let own = self.deputies.as_ref().map(DeputyList::serial);
        if self.me() == self.cfg.organizer && serial < own {
            self.upload_deputies();
        }
    }

    fn upload_deputies(&mut self) {
        let Some(list) = &self.deputies else { return };
        if let Some(blob) = list.seal(&self.cfg.link, &mut self.rng) {
            let slot = self.deputies_slot();
            self.out.push_back(Output::Upload { slot, blob });
        }
    }

    /// The organizer makes somebody a deputy, the last in the order, or takes it back.
    pub(crate) fn set_deputy(
        &mut self,
        fp: Fingerprint,
        on: bool,
    ) -> Result<SignedDeputies, Refusal> {
        if self.me() != self.cfg.organizer || fp == self.me() {
            return Err(Refusal::NotAllowed);
        }
        let listed = self.deputies.iter().flat_map(DeputyList::fps);
        let mut fps: Vec<_> = listed.filter(|listed| *listed != fp).collect();
        if on {
            fps.push(fp);
        }
        // Past every list of an earlier installation, which this device may not know.
        let after = self.deputies.as_ref().map_or(0, |list| list.serial().saturating_add(1));
        let serial = after.max(self.now.wall_ms);
        let me = std::sync::Arc::clone(&self.cfg.identity);
        let list = DeputyList::sign(&me, &self.cfg, serial, &fps)?;
        let signed = list.signed().clone();
        self.learn_deputies(list);
        self.upload_deputies();
        Ok(signed)
    }
}
