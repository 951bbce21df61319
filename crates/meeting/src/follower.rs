//! A live member that follows the generator.

use standfast_crypto::Fingerprint;
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{
    Arrival, Heartbeat, KeyRequest, KeyWrap, Kind, Reason, State as EntryState,
};
use standfast_wire::relay::Envelope;

use crate::Refusal;
use crate::core::Core;
use crate::epoch::Epoch;
use crate::limits::{KEY_REQUEST_MS, SLOT_KEY_REQUEST, STUCK_MS};
use crate::pulse::{Pulse, Watch};
use crate::seated::{Seated, acknowledge};
use crate::session::{Letter, wire_bundle};

/// What the newest announce means for this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Named with our join, or nothing new.
    Seated,
    /// Not listed: the generator lost us.
    Dropped,
    /// Not listed, on purpose.
    Removed,
    /// Listed with another process's join.
    Elsewhere,
}

pub(crate) struct Follower {
    pub(crate) watch: Watch,
    wrap: Option<KeyWrap>,
    /// Since when the head is verified and not installed.
    waiting_since_ms: Option<u64>,
    key_request_at_ms: Option<u64>,
}

impl Follower {
    pub(crate) fn new(watch: Watch) -> Self {
        Self { watch, wrap: None, waiting_since_ms: None, key_request_at_ms: None }
    }

    pub(crate) fn announce(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        envelope: &Envelope,
        letter: &Letter,
    ) -> Result<Standing, Refusal> {
        let link = s.chain.verify(&s.session, letter)?;
        let standing = standing(core.me(), s, &link);
        let fresh = link.entry_of(core.me()).is_none_or(|e| s.seat.has_nonce(&e.nonce));
        if standing == Standing::Seated && !fresh {
            return Err(Refusal::NotAllowed);
        }
        s.session.log(envelope);
        s.chain.advance(link);
        if standing == Standing::Seated {
            self.waiting_since_ms.get_or_insert(core.ms());
            self.key_request_at_ms = Some(core.ms() + KEY_REQUEST_MS);
            core.changed();
        }
        Ok(standing)
    }

    pub(crate) fn wrap(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        letter: &Letter,
    ) -> Result<bool, Refusal> {
        let wrap: KeyWrap = from_bytes(&letter.body)?;
        if wrap.to != core.me().0 {
            return Ok(false);
        }
        if wrap.h_e != s.chain.tip() || s.epochs.newest().is_some_and(|e| e.h == wrap.h_e) {
            return Err(Refusal::Stale);
        }
        self.wrap = Some(wrap);
        self.install(core, s)
    }

    /// Confirm: unwraps, checks the commitment, installs, acks.
    fn install(&mut self, core: &mut Core, s: &mut Seated) -> Result<bool, Refusal> {
        let (Some(head), Some(wrap)) = (s.chain.head(), self.wrap.take()) else { return Ok(false) };
        let secret = s.seat.unwrap(core, &s.session, head, &wrap)?;
        let mut epoch = Epoch::install(head, &secret, core.ms());
        drop(secret);
        acknowledge(core, &s.session, &mut s.seat, &mut epoch, s.idx);
        s.install(core, epoch)?;
        (self.waiting_since_ms, self.key_request_at_ms) = (None, None);
        Ok(true)
    }

    pub(crate) fn heartbeat(
        &mut self,
        core: &mut Core,
        s: &Seated,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        let beat = letter.authentic::<Heartbeat>(&s.session.organizer, &s.session.scope)?;
        let known = s.chain.tip() == beat.message.h_e
            || s.epochs.newest().is_some_and(|e| e.h == beat.message.h_e);
        if !known || beat.message.term != 1 {
            return Err(Refusal::Stale);
        }
        let unheard = |e: &&Epoch| {
            let over = core.ms() >= e.installed_ms + KEY_REQUEST_MS;
            over && e.h == beat.message.h_e && !beat.message.acked.as_slice().contains(&s.idx)
        };
        if s.epochs.newest().filter(unheard).is_some() {
            s.seat.repeat_ack(core); // lost on the way
        }
        let before = self.watch.pulse(core.ms());
        self.watch.beat(&beat.message, beat.hash("SF1/hb"), core.ms());
        if before != Pulse::Steady {
            core.changed();
        }
        Ok(())
    }

    pub(crate) fn arrival(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        let arrival = letter.authentic::<Arrival>(&s.session.organizer, &s.session.scope)?.message;
        s.arrive(core, &arrival.h_e, arrival.named.as_slice())
    }

    /// Asks for a missing wrap; says whether it has waited too long to go on.
    pub(crate) fn tick(&mut self, core: &mut Core, s: &mut Seated) -> bool {
        let Some(since) = self.waiting_since_ms else { return false };
        if self.key_request_at_ms.is_some_and(|at| at <= core.ms()) {
            self.key_request_at_ms = Some(core.ms() + KEY_REQUEST_MS);
            let (h_e, bundle) = (s.chain.tip(), wire_bundle(&s.seat.fresh_bundle(core)));
            core.post(
                &s.session,
                Kind::KeyRequest,
                SLOT_KEY_REQUEST,
                &KeyRequest { h_e, bundle },
                None,
            );
        }
        core.ms() >= since + STUCK_MS
    }

    pub(crate) fn timeout_ms(&self, now_ms: u64) -> u64 {
        let own =
            self.key_request_at_ms.into_iter().chain(self.waiting_since_ms.map(|at| at + STUCK_MS));
        own.min().unwrap_or(u64::MAX).min(self.watch.timeout_ms(now_ms))
    }
}

fn standing(me: Fingerprint, s: &Seated, link: &crate::chain::Link) -> Standing {
    match link.entry_of(me) {
        Some(e) if e.join_h == s.seat.join_h && e.state == EntryState::In => Standing::Seated,
        // An older request of ours that was long on the way.
        Some(e) if s.session.is_own(&e.join_h) => Standing::Dropped,
        Some(_) => Standing::Elsewhere,
        None if link.announce.reason == Reason::Removal => Standing::Removed,
        None => Standing::Dropped,
    }
}
