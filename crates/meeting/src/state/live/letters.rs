//! What a live device is told by the others.

use standfast_crypto::Fingerprint;
use standfast_wire::control::{
    Act, Alive, End, Handover, Hash, HeadAsk, KeepOut, Kind, Leave, Order, Role as Part, State,
};
use standfast_wire::relay::Envelope;

use super::{Live, Role, Step};
use crate::Refusal;
use crate::authority::{About, What};
use crate::core::Core;
use crate::follower::Follower;
use crate::limits::{BRANCH_SHOWN_ENTRIES, ORDER_EPOCHS};
use crate::pulse::Watch;
use crate::seated::Seated;
use crate::session::Letter;
use crate::state::LeftWhy;

impl Live {
    pub(super) fn letter(
        &mut self,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
        letter: Letter,
    ) -> Result<Step, Refusal> {
        match letter.kind {
            Kind::Join => self.join(core, poster, envelope, &letter)?,
            Kind::Ack => {
                if letter.from == core.me() {
                    self.seated.own_ack(core, &letter)?;
                }
                if let (Some(acked), Role::Generator(generator)) =
                    (self.seated.ack(core, letter)?, &mut self.role)
                {
                    generator.acked(core, &mut self.seated, &acked)?;
                }
            }
            Kind::Leave => self.goodbye(core, &letter)?,
            Kind::Handover => self.handover(core, &letter)?,
            Kind::Order | Kind::Own | Kind::Vouch => self.statement(core, &letter)?,
            Kind::HeadAsk => self.head_ask(core, &letter)?,
            Kind::Alive => self.alive(core, &letter)?,
            Kind::KeepOut => self.kept_out(core, &letter)?,
            Kind::Moved => self.organizer_moved(core, &letter)?,
            Kind::Deputies => core.deputies_letter(&self.seated.session, &letter)?,
            Kind::SasCommit | Kind::SasReveal => self.seated.spoken_letter(core, &letter)?,
            Kind::End => return self.ended(core, &letter),
            Kind::Announce => return self.announce(core, envelope, &letter),
            kind => return self.by_role(core, kind, &letter),
        }
        Ok(Step::Stay)
    }

    fn by_role(&mut self, core: &mut Core, kind: Kind, letter: &Letter) -> Result<Step, Refusal> {
        let s = &mut self.seated;
        match (kind, &mut self.role) {
            (Kind::KeyRequest, Role::Generator(generator)) => {
                generator.key_request(core, s, letter)?
            }
            (Kind::Heartbeat, Role::Generator(_)) if letter.from == core.me() => {
                return Err(Refusal::Stale);
            }
            (Kind::Heartbeat, Role::Generator(_)) => s.history.other_heartbeat(core, letter)?,
            (Kind::Wrap, Role::Follower(follower)) => {
                follower.wrap(core, s, letter)?;
            }
            (Kind::Heartbeat, Role::Follower(follower)) => {
                let heard = follower.heartbeat(core, s, letter);
                if heard == Err(Refusal::Missing) && core.has_read(&s.session.id()) {
                    core.read_again();
                }
                heard?;
            }
            (Kind::Arrival, Role::Follower(follower)) => follower.arrival(core, s, letter)?,
            (Kind::KeyRequest, Role::Follower(_)) => {}
            _ => return Err(Refusal::NotAllowed),
        }
        Ok(Step::Stay)
    }

    /// A device asks to be let in.
    fn join(
        &mut self,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        let s = &mut self.seated;
        let request = s.history.session.accept_join(&core.cfg, letter, Some(poster))?;
        core.journal.asked(request, core.now);
        let (h, fp, role, own) = (request.h, request.fp(), request.role, request.own);
        let (seen, pairs) = (request.seen, request.pairing.is_some());
        s.session.log(envelope);
        if !seen.is_some_and(|seen| s.recent.has(&seen, core.ms())) {
            let small = self.seated.session.logged().len() <= BRANCH_SHOWN_ENTRIES;
            let disturbs = !small && !self.is_alone(core);
            if let (false, Role::Generator(generator)) = (disturbs, &mut self.role) {
                generator.seems_unread();
            }
            return Err(Refusal::Stale);
        }
        if pairs {
            core.device_asks(s.session.request(&h));
            return Ok(());
        }
        // A bot of ours that lost its connection needs our word for its new join.
        if role == Part::Bot && own == Some(core.me()) && self.standby.contains(&fp) {
            self.own(core, &h)?;
        }
        let s = &mut self.seated;
        if let Role::Generator(generator) = &mut self.role {
            generator.join(core, s, h)?;
        }
        let awaited = s.epochs.newest().is_some_and(|e| e.unarrived().any(|x| x.fp == fp.0));
        if !awaited && !s.opens_by_itself(core, &h) && !s.chain.is_removed(fp) {
            let history = &mut s.history;
            history.door.wait(core, &history.session, fp, h);
        }
        Ok(())
    }

    /// A signed Leave, for the join that its author is live with, or waits with.
    fn goodbye(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let s = &mut self.seated;
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let leave = letter.authentic::<Leave>(identity, &s.session.scope)?;
        let (fp, join_h) = (leave.from, leave.message.join_h);
        let epoch = s.epochs.newest();
        let seated = epoch.and_then(|e| e.join_of(e.entry_of(fp)?));
        let listed = s.chain.head().and_then(|head| head.entry_of(fp)).map(|e| e.join_h);
        let joins = [seated, listed, s.session.newest_request(fp)];
        if !joins.contains(&Some(join_h)) {
            return Err(Refusal::Stale);
        }
        s.goodbyes.insert(join_h);
        s.door.gave_up(core, fp);
        if let Some(ending) = &mut self.ending {
            ending.missing.remove(&fp);
        }
        match &mut self.role {
            Role::Generator(generator) => generator.left(s, fp, &join_h),
            Role::Follower(follower) if s.generator_left() => follower.generator_gone(core.ms()),
            Role::Follower(_) => {}
        }
        Ok(())
    }

    fn handover(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let s = &mut self.seated;
        let handover = letter.authentic::<Handover>(s.generator()?, &s.session.scope)?.message;
        check_recent(s, &handover.at_h)?;
        // Read again after its author came back, it was carried out before.
        let path = s.chain.path(&s.chain.tip());
        let mut since = path.iter().take_while(|node| node.link.h != handover.at_h);
        if since.any(|node| node.link.generator() != letter.from) {
            return Err(Refusal::Stale);
        }
        let heir = Fingerprint(handover.to);
        let head = s.chain.head().ok_or(Refusal::Stale)?;
        head.rank_of(heir).ok_or(Refusal::NotAllowed)?;
        let Role::Follower(follower) = &mut self.role else { return Err(Refusal::NotAllowed) };
        if let (true, Some(end)) = (heir == core.me(), &handover.end) {
            s.end_preimage = s.seat.open_end(core, head, &handover.at_h, end).ok();
        }
        s.handed = Some(heir);
        follower.generator_gone(core.ms());
        Ok(())
    }

    /// An order, an owner's or an old device's word: it waits for an announce.
    fn statement(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let s = &mut self.seated.history;
        let stated = s.posted.note(&s.session, letter)?;
        if let What::Order(Order { act: Act::Admit, target, .. }) = stated.what {
            if !s.session.is_host(stated.from) {
                return Err(Refusal::NotAllowed);
            }
            if let Role::Generator(generator) = &mut self.role {
                // Shown again after it was carried out, it would seat an old request anew.
                let path = s.chain.path(&s.chain.tip());
                if !s.posted.is_open(&s.session, &path, About::Admission(target)) {
                    return Err(Refusal::Stale);
                }
                generator.admit(core, target);
            }
            s.door.take(&target);
        }
        core.changed();
        Ok(())
    }

    /// Somebody asks for anything newer than its head, and may miss an ack of it.
    fn head_ask(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let s = &mut self.seated;
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let ask = letter.authentic::<HeadAsk>(identity, &s.session.scope)?;
        let head = s.chain.head().ok_or(Refusal::Stale)?;
        if head.entry_of(ask.from).is_none() {
            return Err(Refusal::NotAllowed);
        }
        let h = ask.hash("SF1/message");
        let new = !s.recent.has(&h, core.ms());
        s.recent.note(h, core.ms());
        let here = s.epochs.newest().is_some_and(|e| e.h == ask.message.at_h);
        if here && new && ask.from != core.me() {
            s.seat.repeat_ack_seldom(core);
        }
        if let Role::Generator(generator) = &mut self.role {
            generator.show(core, &mut self.seated, &ask.message.at_h);
        }
        Ok(())
    }

    fn alive(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let s = &mut self.seated;
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let alive = letter.authentic::<Alive>(identity, &s.session.scope)?;
        let head = s.chain.head().ok_or(Refusal::Stale)?;
        let entry = head.entry_of(alive.from).ok_or(Refusal::NotAllowed)?;
        if entry.state != State::Off || alive.message.h_e != head.h {
            return Err(Refusal::Stale);
        }
        s.peers.sign_of_life(alive.from, core.ms());
        Ok(())
    }

    fn kept_out(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let s = &mut self.seated.history;
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let out = letter.authentic::<KeepOut>(identity, &s.session.scope)?;
        let there = s.chain.head().is_some_and(|head| head.entry_of(out.from).is_some());
        if !there || !s.session.is_host(out.from) {
            return Err(Refusal::NotAllowed);
        }
        s.door.keep_out(core, &out.message.join_h, out.from);
        core.changed();
        Ok(())
    }

    /// By the organizer, or by the generator when the organizer is not on the roster.
    fn ended(&mut self, core: &mut Core, letter: &Letter) -> Result<Step, Refusal> {
        let s = &mut self.seated;
        let head = s.chain.head().ok_or(Refusal::Stale)?;
        let organizer = core.cfg.organizer;
        let allowed = letter.from == organizer
            || (letter.from == head.generator() && head.entry_of(organizer).is_none());
        if !allowed || letter.from == core.me() {
            return Err(Refusal::NotAllowed);
        }
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let end = letter.authentic::<End>(identity, &s.session.scope)?.message;
        check_recent(s, &end.at_h)?;
        self.delete_board(core);
        Ok(Step::Out(LeftWhy::Ended))
    }

    fn announce(
        &mut self,
        core: &mut Core,
        envelope: &Envelope,
        letter: &Letter,
    ) -> Result<Step, Refusal> {
        let s = &mut self.seated;
        let standing = match &mut self.role {
            Role::Follower(follower) => match follower.announce(core, s, envelope, letter) {
                Ok(standing) => standing,
                Err(Refusal::Missing) => {
                    // It may lie on the board; the seat is kept meanwhile.
                    if s.chain.has_seen(letter.from) && core.has_read(&s.session.id()) {
                        core.read_again();
                    }
                    return Err(Refusal::Missing);
                }
                Err(refusal) => return Err(refusal),
            },
            Role::Generator(_) => {
                s.record(core, envelope, letter)?;
                let by_organizer = letter.from == core.cfg.organizer;
                let extends = s.chain.next().any(|n| n.link.announce.generator == letter.from.0);
                if !(extends && (by_organizer || s.handed == Some(letter.from))) {
                    return Ok(Step::Stay); // another branch, until its generator shows life
                }
                // The organizer takes the term back, or the one to whom we handed it over.
                let mut follower = Follower::new(Watch::new(core.ms()));
                let standing = follower.advance(core, s);
                self.role = Role::Follower(Box::new(follower));
                standing
            }
        };
        Ok(self.stand(core, standing))
    }
}

/// `at_h` is the head of this branch, or one of the few before it.
fn check_recent(s: &Seated, at_h: &Hash) -> Result<(), Refusal> {
    let path = s.chain.path(&s.chain.tip());
    let recent = path.iter().take(ORDER_EPOCHS).any(|node| node.link.h == *at_h);
    if recent { Ok(()) } else { Err(Refusal::Stale) }
}
