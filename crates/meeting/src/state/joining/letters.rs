//! What a device that is not in its seat is told by the others.

use standfast_wire::control::{End, Hash, HeadAsk, Heartbeat, KeepOut, Kind, Leave, MAX_ROSTER};
use standfast_wire::relay::Envelope;

use super::{Joining, Step};
use crate::chain::Link;
use crate::core::Core;
use crate::limits::{ORDER_EPOCHS, SEEN_MS};
use crate::seated::History;
use crate::session::{Letter, open_envelope};
use crate::state::{Connecting, Left, LeftWhy, State};
use crate::{Input, Refusal};

impl Joining {
    pub(super) fn delivered(
        mut self: Box<Self>,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
    ) -> State {
        if envelope.session_id != self.history.session.id() {
            return self.other_session(core, envelope);
        }
        let letter = match open_envelope(&self.history.session.control, envelope) {
            Ok(letter) => letter,
            Err(refusal) => {
                core.refused(refusal);
                return State::Joining(self);
            }
        };
        match self.letter(core, poster, envelope, &letter) {
            // It may be the one that shows that another branch lives.
            Ok(Step::Stay) if letter.kind == Kind::Heartbeat => {
                self.ask(core);
                self.tick(core)
            }
            Ok(Step::Stay) => self.try_enter(core),
            Ok(Step::Out(why)) => Left::enter(core, why),
            Ok(Step::Over) => Self::over(core),
            Err(refusal) => {
                core.refused(refusal);
                if refusal == Refusal::Missing && core.has_read(&self.history.session.id()) {
                    core.read_again();
                }
                State::Joining(self)
            }
        }
    }

    /// The session is over. Another that was opened beside it is looked at; an organizer, and a
    /// deputy who was asked to, opens the next.
    fn over(core: &mut Core) -> State {
        match core.other_session(None) {
            Some(other) => Self::turn_to(core, other),
            None => Box::<Connecting>::default().handle(core, Input::Connected),
        }
    }

    /// A newer Open replaces a session that shows no life. What lay on the board is no sign of it.
    fn other_session(self: Box<Self>, core: &mut Core, envelope: &Envelope) -> State {
        let alive = self.alive_ms.is_some_and(|at| core.ms() < at + SEEN_MS);
        match core.session_of(envelope) {
            Ok(session) if !alive && !core.sessions.tried(&session.id()) => {
                core.sessions.other = self.history.session.logged().first().cloned();
                Self::turn_to(core, session)
            }
            Ok(_) => {
                core.sessions.other = Some(envelope.clone());
                State::Joining(self)
            }
            Err(_) => {
                if !alive {
                    core.beats_beside(envelope);
                }
                State::Joining(self)
            }
        }
    }

    fn letter(
        &mut self,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
        letter: &Letter,
    ) -> Result<Step, Refusal> {
        match letter.kind {
            Kind::Join => self.request(core, poster, envelope, letter)?,
            Kind::Announce => {
                self.history.record(core, envelope, letter)?;
                self.advance(core);
                if self.history.chain.is_removed(core.me()) && self.before.is_some() {
                    return Ok(Step::Out(LeftWhy::Removed));
                }
            }
            Kind::Wrap => self.wrap(core, letter)?,
            Kind::Ack => {
                let History { session, chain, .. } = &self.history;
                self.early_acks.keep(session, chain, letter.clone())?;
            }
            Kind::Heartbeat if self.doubt.stands(core, &self.history.session, letter) => {
                return Ok(Step::Out(LeftWhy::WrongPassphrase));
            }
            Kind::Heartbeat => self.heartbeat(core, letter)?,
            Kind::Arrival => return self.arrival(core, letter),
            Kind::KeepOut => return self.keep_out(letter),
            Kind::Leave => self.goodbye(letter)?,
            Kind::HeadAsk => self.head_ask(core, letter)?,
            Kind::Order | Kind::Own | Kind::Vouch => {
                let History { session, posted, .. } = &mut self.history;
                posted.note(session, letter)?;
            }
            Kind::Moved => self.history.organizer_moved(core, letter)?,
            Kind::Deputies => core.deputies_letter(&self.history.session, letter)?,
            Kind::End => return self.end(core, letter),
            _ => {}
        }
        Ok(Step::Stay)
    }

    fn request(
        &mut self,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        let session = &mut self.history.session;
        let accepted = session.accept_join(&core.cfg, letter, Some(poster));
        if let Ok(request) = &accepted {
            core.journal.asked(request, core.now);
        }
        let accepted = accepted.map(|request| (request.h, request.seen));
        self.doubt.note(core, session, letter, accepted.map(drop))?;
        let (h, seen) = accepted?;
        session.log(envelope);
        let fresh = seen.is_some_and(|seen| self.history.recent.has(&seen, core.ms()));
        if let Some(before) = self.before.as_mut().filter(|b| fresh && b.asks.len() < MAX_ROSTER) {
            before.asks.push(h);
        }
        Ok(())
    }

    /// Follows the chain as far as it is known. Who of several next generators lives, their
    /// heartbeats show.
    fn advance(&mut self, core: &mut Core) {
        while let Some(h) = self.next(core) {
            let before = (self.history.chain.generator(), self.history.chain.term());
            self.history.follow(core, h);
            core.changed();
            let now = (self.history.chain.generator(), self.history.chain.term());
            if before != now {
                self.watch.new_term(core.ms());
            }
            // They were for the epoch before.
            (self.prepared, self.wrap) = (None, None);
        }
    }

    fn next(&self, core: &Core) -> Option<Hash> {
        let chain = &self.history.chain;
        let head = chain.head();
        let next = chain.next().map(|node| &node.link).filter(|link| chain.leads_on(&link.h));
        let weight = |link: &&Link| {
            let by = link.generator();
            let same = head.is_some_and(|head| head.generator() == by);
            let rank = head.and_then(|head| head.rank_of(by)).unwrap_or(0);
            (by != core.cfg.organizer, !same, rank, link.h)
        };
        next.min_by_key(weight).map(|link| link.h)
    }

    fn goodbye(&mut self, letter: &Letter) -> Result<(), Refusal> {
        let session = &self.history.session;
        let identity = session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let leave = letter.authentic::<Leave>(identity, &session.scope)?;
        let theirs = session.request(&leave.message.join_h).is_some_and(|r| r.fp() == leave.from);
        if !theirs {
            return Err(Refusal::Stale);
        }
        self.history.goodbyes.insert(leave.message.join_h);
        Ok(())
    }

    fn head_ask(&mut self, core: &Core, letter: &Letter) -> Result<(), Refusal> {
        let s = &mut self.history;
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let ask = letter.authentic::<HeadAsk>(identity, &s.session.scope)?;
        if s.chain.head().is_some_and(|head| head.entry_of(ask.from).is_some()) {
            s.recent.note(ask.hash("SF1/message"), core.ms());
        }
        Ok(())
    }

    fn end(&mut self, core: &Core, letter: &Letter) -> Result<Step, Refusal> {
        let s = &self.history;
        let organizer_here =
            s.chain.head().is_some_and(|h| h.entry_of(core.cfg.organizer).is_some());
        let allowed = letter.from == core.cfg.organizer
            || (Some(letter.from) == s.chain.generator() && !organizer_here);
        if !allowed {
            return Err(Refusal::NotAllowed);
        }
        // It ended one branch, and somebody lives in another.
        let id = s.session.id();
        if letter.from != core.cfg.organizer && core.sessions.revived(&id) && !core.has_read(&id) {
            return Err(Refusal::Stale);
        }
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let end = letter.authentic::<End>(identity, &s.session.scope)?;
        let path = s.chain.path(&s.chain.tip());
        let recent = path.iter().take(ORDER_EPOCHS).any(|n| n.link.h == end.message.at_h);
        let mine = self.asked.is_some() && recent;
        Ok(if mine { Step::Out(LeftWhy::Ended) } else { Step::Over })
    }

    fn heartbeat(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let s = &mut self.history;
        if s.chain.head().is_none() {
            return Err(Refusal::Missing); // it lives, and no announce of it came
        }
        if s.chain.generator() != Some(letter.from) {
            return s.other_heartbeat(core, letter);
        }
        let beat = letter.authentic::<Heartbeat>(s.generator()?, &s.session.scope)?;
        let (message, h) = (&beat.message, beat.hash("SF1/hb"));
        if message.term < s.chain.term() {
            return Err(Refusal::Stale);
        }
        match s.chain.node(&message.h_e) {
            Some(node) if node.link.announce.term != message.term => {
                return Err(Refusal::Inconsistent);
            }
            Some(_) => {}
            None => return Err(Refusal::Missing),
        }
        let (tip, beside) = (s.chain.tip(), &message.h_e);
        if !s.chain.descends(&tip, beside) && !s.chain.descends(beside, &tip) {
            return s.other_heartbeat(core, letter); // it lives on in another branch
        }
        if self.watch.beat(message, h, core.ms()) {
            s.recent.note(h, core.ms());
            if core.has_read(&s.session.id()) {
                self.alive_ms = Some(core.ms());
                self.found_until_ms = self.found_until_ms.and(self.forsaken_at_ms(core));
            }
        }
        Ok(())
    }

    fn keep_out(&mut self, letter: &Letter) -> Result<Step, Refusal> {
        let s = &self.history;
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let out = letter.authentic::<KeepOut>(identity, &s.session.scope)?;
        let there = s.chain.head().is_some_and(|head| head.entry_of(out.from).is_some());
        let mine = self.asked.as_ref().is_some_and(|a| a.seat.join_h == out.message.join_h);
        match mine {
            true if there && s.session.is_host(out.from) => Ok(Step::Out(LeftWhy::KeptOut)),
            true => Err(Refusal::NotAllowed),
            false => Ok(Step::Stay),
        }
    }
}
