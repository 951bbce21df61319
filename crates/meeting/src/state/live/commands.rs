//! What the user of a live device wants.

use standfast_crypto::Fingerprint;
use standfast_wire::codec::{Blob, Field, to_bytes};
use standfast_wire::control::{
    Act, Carried, End, HandedEnd, Handover, Hash, KeepOut, Kind, Order, Own, Role as Part, Vouch,
};
use standfast_wire::relay::SLOT_LOG;

use super::{Ending, Live, Role, Step};
use crate::core::Core;
use crate::epoch::Epoch;
use crate::limits::END_MS;
use crate::state::LeftWhy;
use crate::{Command, Output, Refusal};

impl Live {
    pub(super) fn command(&mut self, core: &mut Core, command: Command) -> Result<Step, Refusal> {
        let none = [0; 32];
        match command {
            Command::Leave => return self.leave(core),
            Command::End => return self.end(core),
            Command::RotateNow => self.order(core, Act::Rotate, none)?,
            Command::Admit(h) => self.admit(core, h)?,
            Command::KeepOut(h) => self.keep_out(core, h)?,
            Command::Remove(fp) => self.order_on(core, Act::Remove, fp)?,
            Command::Readmit(fp) => self.order_on(core, Act::Readmit, fp)?,
            Command::SetDeputy(fp) => self.set_deputy(core, fp, true)?,
            Command::UnsetDeputy(fp) => self.set_deputy(core, fp, false)?,
            Command::SetLocked(true) => self.order(core, Act::Lock, none)?,
            Command::SetLocked(false) => self.order(core, Act::Unlock, none)?,
            Command::OffRecord(fp) => self.order_on(core, Act::OffRecord, fp)?,
            Command::OnRecord(fp) => self.order_on(core, Act::OnRecord, fp)?,
            Command::Own(h) => self.own(core, &h)?,
            Command::TakeOverBot(fp) => self.take_over_bot(core, fp)?,
            Command::OfferDevice => core.offer_device(),
            Command::WithdrawDevice => core.withdraw_device(),
            Command::Vouch(h) => self.vouch(core, h)?,
            Command::StartSpokenCode => self.seated.start_spoken(core)?,
            Command::SetMuted(_) => {}
        }
        core.changed();
        Ok(Step::Stay)
    }

    fn order_on(&mut self, core: &mut Core, act: Act, target: Fingerprint) -> Result<(), Refusal> {
        let head = self.seated.chain.head().ok_or(Refusal::Stale)?;
        let fits = match act {
            Act::Remove => target != core.cfg.organizer && target != core.me(),
            Act::Readmit => self.seated.chain.is_removed(target),
            _ => head.entry_of(target).is_some_and(|e| e.role == Part::Bot),
        };
        if fits { self.order(core, act, target.0) } else { Err(Refusal::NotAllowed) }
    }

    /// Signs an order, if this device may give it.
    fn order(&mut self, core: &mut Core, act: Act, target: Hash) -> Result<(), Refusal> {
        let s = &self.seated;
        let owner = || {
            let bot = s.chain.head().and_then(|head| head.entry_of(Fingerprint(target)));
            bot.is_some_and(|bot| bot.owner == Some(core.me().0))
        };
        let allowed = match act {
            Act::Readmit => core.me() == core.cfg.organizer,
            Act::OffRecord => s.session.is_host(core.me()) || owner(),
            _ => s.session.is_host(core.me()),
        };
        if !allowed {
            return Err(Refusal::NotAllowed);
        }
        let order = Order { at_h: s.chain.tip(), act, target };
        self.state(core, Kind::Order, &order)
    }

    /// Signs a statement for the next announce, and posts it where another device makes that.
    pub(super) fn state<T: Field>(
        &mut self,
        core: &mut Core,
        kind: Kind,
        message: &T,
    ) -> Result<(), Refusal> {
        let body = to_bytes(message);
        let sig = core.identity().sign(&self.seated.session.scope, kind.label(), &body);
        let carried = Carried { kind, from: core.me().0, body: Blob::new(body)?, sig };
        self.seated.posted.add(carried);
        if matches!(self.role, Role::Follower(_)) {
            core.post(&self.seated.session, kind, SLOT_LOG, message, None);
        }
        Ok(())
    }

    /// Told to everyone here at once, and kept at the relay for those who are not. Bots open nothing.
    fn set_deputy(&self, core: &mut Core, fp: Fingerprint, on: bool) -> Result<(), Refusal> {
        let entry = self.seated.chain.head().and_then(|head| head.entry_of(fp));
        if on && entry.is_none_or(|e| e.role != Part::Person) {
            return Err(Refusal::NotAllowed);
        }
        let signed = core.set_deputy(fp, on)?;
        core.post(&self.seated.session, Kind::Deputies, SLOT_LOG, &signed, None);
        Ok(())
    }

    fn admit(&mut self, core: &mut Core, h: Hash) -> Result<(), Refusal> {
        let request = self.seated.session.request(&h).ok_or(Refusal::Stale)?;
        let bot = request.role == Part::Bot;
        let mine = bot && request.own == Some(core.me());
        if !self.seated.door.holds(&h) {
            return Err(Refusal::Stale);
        }
        let head = self.seated.chain.head();
        let locked = head.is_some_and(|head| head.announce.locked);
        if locked && !self.seated.chain.has_seen(request.fp()) {
            return Err(Refusal::NotAllowed); // unlock first
        }
        let named = request.own;
        if bot && !mine && self.seated.posted.owner_of(&self.seated.session, &h) != named {
            return Err(Refusal::NotAllowed); // nobody answers for it
        }
        // The owner's word first: without it the generator seats no bot.
        if mine {
            self.own(core, &h)?;
        }
        self.order(core, Act::Admit, h)?;
        self.seated.door.take(&h);
        if let Role::Generator(generator) = &mut self.role {
            generator.admit(core, h);
        }
        Ok(())
    }

    fn keep_out(&mut self, core: &mut Core, h: Hash) -> Result<(), Refusal> {
        let s = &mut self.seated;
        if !s.session.is_host(core.me()) {
            return Err(Refusal::NotAllowed);
        }
        if s.door.keep_out(core, &h, core.me()) {
            core.post(&s.session, Kind::KeepOut, SLOT_LOG, &KeepOut { join_h: h }, None);
        }
        Ok(())
    }

    /// "I bring this bot": of a request that names this device.
    pub(super) fn own(&mut self, core: &mut Core, join_h: &Hash) -> Result<(), Refusal> {
        let request = self.seated.session.request(join_h).ok_or(Refusal::Stale)?;
        if request.role != Part::Bot || request.own != Some(core.me()) {
            return Err(Refusal::NotAllowed);
        }
        let bot = request.fp();
        self.say_own(core, bot, *join_h)
    }

    fn say_own(&mut self, core: &mut Core, bot: Fingerprint, join_h: Hash) -> Result<(), Refusal> {
        self.standby.insert(bot);
        let own = Own { at_h: self.seated.chain.tip(), bot: bot.0, join_h };
        self.state(core, Kind::Own, &own)
    }

    /// Looks after a bot of the roster as soon as its owner leaves.
    fn take_over_bot(&mut self, core: &mut Core, bot: Fingerprint) -> Result<(), Refusal> {
        let head = self.seated.chain.head().ok_or(Refusal::Stale)?;
        let entry = head.entry_of(bot).filter(|e| e.role == Part::Bot);
        let join_h = entry.ok_or(Refusal::NotAllowed)?.join_h;
        self.say_own(core, bot, join_h)
    }

    /// The word for bots on standby is good for few epochs: it is given again with each.
    pub(super) fn renew_standby(&mut self, core: &mut Core) {
        let Some(head) = self.seated.chain.head() else { return };
        let bots: Vec<_> = head
            .roster()
            .iter()
            .filter(|e| e.role == Part::Bot && e.owner != Some(core.me().0))
            .map(|e| (Fingerprint(e.fp), e.join_h))
            .filter(|(bot, _)| self.standby.contains(bot))
            .collect();
        for (bot, join_h) in bots {
            if let Err(refusal) = self.say_own(core, bot, join_h) {
                core.refused(refusal);
            }
        }
    }

    /// Vouches for the new device whose request showed the pairing code. A generator hands the key's
    /// care on first: nobody can make the epoch that retires itself.
    fn vouch(&mut self, core: &mut Core, join_h: Hash) -> Result<(), Refusal> {
        let request = self.seated.session.request(&join_h).ok_or(Refusal::Stale)?;
        let new = request.fp();
        if !core.device_shown(&join_h) {
            return Err(Refusal::NotAllowed);
        }
        let age_ms = match &self.role {
            Role::Generator(generator) => generator.age_ms(core.ms()),
            Role::Follower(follower) => follower.watch.age_ms(core.ms()),
        };
        let vouch = Vouch { at_h: self.seated.chain.tip(), new: new.0, join_h, age_ms };
        if matches!(self.role, Role::Generator(_)) {
            // The next generator's age begins anew.
            let vouch = Vouch { age_ms: 0, ..vouch };
            self.hand_over(core).ok_or(Refusal::NotAllowed)?;
            core.post(&self.seated.session, Kind::Vouch, SLOT_LOG, &vouch, None);
        } else {
            self.state(core, Kind::Vouch, &vouch)?;
        }
        core.device_vouched();
        Ok(())
    }

    /// The next in the succession who is present, while this device looks after the key.
    pub(crate) fn heir(&self, core: &Core) -> Option<Fingerprint> {
        if !matches!(self.role, Role::Generator(_)) {
            return None;
        }
        let (head, epoch) = (self.seated.chain.head()?, self.seated.epochs.newest()?);
        head.announce.succession.as_slice().iter().find_map(|idx| {
            let entry = epoch.present().find(|e| e.idx == *idx && e.fp != core.me().0)?;
            Some(Fingerprint(entry.fp))
        })
    }

    /// Gives the key's care to the next in the succession who is present; says to whom.
    pub(super) fn hand_over(&mut self, core: &mut Core) -> Option<Fingerprint> {
        let heir = self.heir(core)?;
        let Role::Generator(generator) = &mut self.role else { return None };
        let s = &mut self.seated;
        let head = s.chain.head()?;
        let (at_h, preimage) = (head.h, generator.take_end_preimage());
        let end = preimage.and_then(|p| generator.hand_end(core, &at_h, heir, &p));
        let end = end.map(|wrapped| HandedEnd { n: wrapped.n, ct: wrapped.ct });
        core.post(&s.session, Kind::Handover, SLOT_LOG, &Handover { at_h, to: heir.0, end }, None);
        s.handed = Some(heir);
        Some(heir)
    }

    /// Whoever looks after the key hands it on; alone, the meeting is over. Not while somebody may
    /// come back who was cut off, perhaps with others: they go on.
    fn leave(&mut self, core: &mut Core) -> Result<Step, Refusal> {
        let alone = matches!(self.role, Role::Generator(_)) && self.hand_over(core).is_none();
        if alone && !self.seated.lost_lately(core.ms()) {
            return self.end(core);
        }
        Ok(Step::Out(LeftWhy::Left))
    }

    /// By the organizer, or by the generator when the organizer is not there.
    pub(crate) fn may_end(&self, core: &Core) -> bool {
        let head = self.seated.chain.head();
        let organizer_here = head.is_some_and(|head| head.entry_of(core.cfg.organizer).is_some());
        let generator = matches!(self.role, Role::Generator(_));
        core.me() == core.cfg.organizer || (generator && !organizer_here)
    }

    fn end(&mut self, core: &mut Core) -> Result<Step, Refusal> {
        if !self.may_end(core) {
            return Err(Refusal::NotAllowed);
        }
        if self.ending.is_none() {
            let present = self.seated.epochs.newest().into_iter().flat_map(Epoch::listed);
            let missing =
                present.map(|e| Fingerprint(e.fp)).filter(|fp| *fp != core.me()).collect();
            let end = End { at_h: self.seated.chain.tip() };
            core.post(&self.seated.session, Kind::End, SLOT_LOG, &end, None);
            self.ending = Some(Ending { until_ms: core.ms() + END_MS, missing });
        }
        Ok(Step::Stay)
    }

    /// Deletes the board, if this device can.
    pub(super) fn delete_board(&mut self, core: &mut Core) {
        let Role::Generator(generator) = &mut self.role else { return };
        if let Some(preimage) = generator.take_end_preimage() {
            let (session_id, preimage) = (self.seated.session.id(), *preimage.expose());
            core.out.push_back(Output::EndSession { session_id, preimage });
        }
    }
}
