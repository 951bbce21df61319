//! From a request to a seat: the first epoch by a prekey, later ones by a wrap for our own join.

use standfast_crypto::PrivateBundle;
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{Arrival, Entry, KeyRequest, KeyWrap, Kind, State as EntryState};

use super::{Asked, Joining, Prepared, Step};
use crate::config::Part;
use crate::core::Core;
use crate::epoch::Epoch;
use crate::limits::{KEY_REQUEST_MS, SEEN_MS, SLOT_KEY_REQUEST};
use crate::seat::{first_contact, open_wrap};
use crate::seated::{Seated, acknowledge};
use crate::session::{Letter, wire_bundle};
use crate::state::{Left, LeftWhy, Live, State};
use crate::{Output, Refusal};

impl Joining {
    /// Everyone with the link can post a wrap. One that is stored does not keep out the next, and
    /// an invitation is stored only opened.
    pub(super) fn wrap(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let wrap: KeyWrap = from_bytes(&letter.body)?;
        if wrap.to != core.me().0 || wrap.h_e != self.history.chain.tip() {
            return Ok(());
        }
        match self.invitation(core) {
            Some(entry) if self.prepared.is_none() => {
                self.prepare(core, &entry, &wrap)?;
                self.confirm_invitation(core);
                Ok(())
            }
            _ => {
                self.wrap = Some(wrap);
                Ok(())
            }
        }
    }

    /// Confirms the first epoch, once it is open and we have asked. The prekey has opened its one
    /// session then.
    pub(super) fn confirm_invitation(&mut self, core: &mut Core) {
        let (Some(prepared), Some(Asked { seat, .. })) = (&mut self.prepared, &mut self.asked)
        else {
            return;
        };
        let Some(chain) = prepared.chain.take() else { return };
        let bundle_id = prepared.bundle_id;
        take_prekey(core, &bundle_id);
        core.out.push_back(Output::ErasePrekey { bundle_id });
        seat.adopt_chain(bundle_id, self.history.chain.term(), chain);
        acknowledge(core, &self.history.session, seat, &mut prepared.epoch, prepared.idx);
    }

    /// Our entry in the first epoch, while it is the head.
    fn invitation(&self, core: &Core) -> Option<Entry> {
        let head = self.history.chain.head().filter(|head| head.announce.epoch == 1)?;
        head.entry_of(core.me()).filter(|e| e.state == EntryState::Invited).cloned()
    }

    /// Opens epoch 1 with the prekey that the organizer wrapped for.
    fn prepare(&mut self, core: &Core, entry: &Entry, wrap: &KeyWrap) -> Result<(), Refusal> {
        let link = self.history.chain.head().ok_or(Refusal::Stale)?;
        let bundle_id = wrap.bundle_id;
        if bundle_id != entry.nonce {
            return Err(Refusal::Stale);
        }
        let prekey = prekey(core, &bundle_id).ok_or(Refusal::Stale)?;
        let contact = first_contact(core, &self.history.session, link, wrap, prekey, &bundle_id)?;
        let (secret, next) = open_wrap(core, link, wrap, &contact)?;
        let epoch = Epoch::install(link, &secret, core.ms());
        self.prepared = Some(Prepared { epoch, idx: entry.idx, bundle_id, chain: Some(next) });
        Ok(())
    }

    /// The generator names who has arrived. Ours makes us live, in the epoch that we hold already;
    /// but not when it was long on the way.
    pub(super) fn arrival(&mut self, core: &mut Core, letter: &Letter) -> Result<Step, Refusal> {
        let arrival = letter
            .authentic::<Arrival>(self.history.generator()?, &self.history.session.scope)?
            .message;
        let Some(prepared) = self.prepared.as_mut().filter(|p| p.epoch.h == arrival.h_e) else {
            return Ok(Step::Stay);
        };
        let late = self.asked.as_ref().is_some_and(|asked| core.ms() > asked.at_ms + SEEN_MS);
        if late && arrival.named.as_slice().iter().any(|a| a.idx == prepared.idx) {
            return Err(Refusal::Stale);
        }
        prepared.epoch.arrive(&self.history.session, arrival.named.as_slice())?;
        Ok(Step::Stay)
    }

    /// Goes live when an announce or an Arrival names our own request.
    pub(super) fn try_enter(mut self: Box<Self>, core: &mut Core) -> State {
        self.ask(core);
        if self.arrived() {
            return self.enter_first_epoch(core);
        }
        if self.named_off(core) {
            return self.enter_epoch(core, None);
        }
        match self.install_head(core) {
            Ok(Some(epoch)) => self.enter_epoch(core, Some(epoch)),
            Ok(None) => State::Joining(self),
            Err(refusal) => {
                core.refused(refusal);
                State::Joining(self)
            }
        }
    }

    fn arrived(&self) -> bool {
        let (Some(p), Some(asked)) = (&self.prepared, &self.asked) else { return false };
        p.epoch.arrived.get(&p.idx) == Some(&asked.seat.join_h)
    }

    fn enter_first_epoch(self: Box<Self>, core: &mut Core) -> State {
        let Self {
            prepared: Some(p),
            asked: Some(Asked { seat, .. }),
            history,
            early_acks,
            watch,
            ..
        } = *self
        else {
            return Left::enter(core, LeftWhy::Left);
        };
        Live::enter(core, Seated::new(history, seat, p.idx, early_acks), Some(p.epoch), watch)
    }

    /// The head names our request and its wrap is here.
    fn install_head(&mut self, core: &mut Core) -> Result<Option<Epoch>, Refusal> {
        let (Some(head), Some(asked)) = (self.history.chain.head(), self.asked.as_mut()) else {
            return Ok(None);
        };
        let Asked { seat, key_request_at_ms, .. } = asked;
        let named = |e: &&Entry| e.join_h == seat.join_h && e.state == EntryState::In;
        let Some(entry) = head.entry_of(core.me()).filter(named).cloned() else { return Ok(None) };
        if !seat.has_nonce(&entry.nonce) {
            return Err(Refusal::Stale);
        }
        let Some(wrap) = self.wrap.as_ref().filter(|w| w.h_e == head.h) else {
            key_request_at_ms.get_or_insert(core.ms() + KEY_REQUEST_MS);
            return Ok(None);
        };
        let secret = match seat.unwrap(core, &self.history.session, head, wrap) {
            Ok(secret) => secret,
            Err(refusal) => {
                self.wrap = None;
                key_request_at_ms.get_or_insert(core.ms() + KEY_REQUEST_MS);
                return Err(refusal);
            }
        };
        let mut epoch = Epoch::install(head, &secret, core.ms());
        acknowledge(core, &self.history.session, seat, &mut epoch, entry.idx);
        Ok(Some(epoch))
    }

    /// The head lists our request without a key: a bot off the record.
    fn named_off(&self, core: &Core) -> bool {
        let (Some(head), Some(asked)) = (self.history.chain.head(), &self.asked) else {
            return false;
        };
        let off = |e: &Entry| e.join_h == asked.seat.join_h && e.state == EntryState::Off;
        head.entry_of(core.me()).is_some_and(off)
    }

    fn enter_epoch(self: Box<Self>, core: &mut Core, epoch: Option<Epoch>) -> State {
        let idx =
            self.history.chain.head().and_then(|head| head.entry_of(core.me())).map(|e| e.idx);
        let Self { asked: Some(Asked { seat, .. }), history, early_acks, watch, .. } = *self else {
            return Left::enter(core, LeftWhy::Left);
        };
        let Some(idx) = idx else { return Left::enter(core, LeftWhy::Left) };
        Live::enter(core, Seated::new(history, seat, idx, early_acks), epoch, watch)
    }

    pub(super) fn ask_for_key(&mut self, core: &mut Core) {
        let (Some(asked), Some(head)) = (self.asked.as_mut(), self.history.chain.head()) else {
            return;
        };
        if asked.key_request_at_ms.is_none_or(|at| core.ms() < at) {
            return;
        }
        asked.key_request_at_ms = Some(core.ms() + KEY_REQUEST_MS);
        let bundle = wire_bundle(&asked.seat.fresh_bundle(core));
        core.post(
            &self.history.session,
            Kind::KeyRequest,
            SLOT_KEY_REQUEST,
            &KeyRequest { h_e: head.h, bundle },
            None,
        );
    }
}

fn prekey<'c>(core: &'c Core, id: &[u8; 16]) -> Option<&'c PrivateBundle> {
    let Part::Member { prekeys } = &core.cfg.part else { return None };
    prekeys.iter().find(|p| p.id() == *id)
}

fn take_prekey(core: &mut Core, id: &[u8; 16]) {
    if let Part::Member { prekeys } = &mut core.cfg.part {
        prekeys.retain(|p| p.id() != *id);
    }
}
