//! A live member that follows the generator, and takes over when it is gone.

use standfast_crypto::Fingerprint;
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{
    Arrival, EpochAnnounce, Hash, Heartbeat, KeyRequest, KeyWrap, Kind, State as EntryState, Vouch,
};
use standfast_wire::relay::Envelope;

use crate::Refusal;
use crate::chain::Link;
use crate::core::Core;
use crate::epoch::Epoch;
use crate::limits::{
    ACK_ASKS, HEAD_ASK_MS, KEY_REQUEST_MS, READ_AGAIN_MS, SLOT_KEY_REQUEST, STUCK_MS, TAKE_BACK_MS,
    TAKEOVER_MS, TAKEOVER_RANK_MS, VOUCH_LATE_MS, VOUCH_MS,
};
use crate::pulse::{Pulse, Watch};
use crate::seated::{Seated, acknowledge};
use crate::session::{Letter, wire_bundle};

/// What the newest announce means for this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Named with our join, or nothing new.
    Seated,
    /// Listed without a key: a bot off the record.
    Off,
    /// Not listed: the generator lost us.
    Dropped,
    /// Not listed, on purpose.
    Removed,
    /// Not listed: another device of this user took the seat.
    Replaced,
    /// Listed with another process's join.
    Elsewhere,
}

/// On the way to take over: anything newer is waited for.
struct Claim {
    at_h: Hash,
    until_ms: u64,
}

/// What time asks of a follower.
pub(crate) enum Due {
    Nothing,
    /// The head's wrap did not come: join again.
    Stuck,
    /// Look after the key.
    TakeOver,
}

pub(crate) struct Follower {
    pub(crate) watch: Watch,
    wrap: Option<KeyWrap>,
    /// Since when the head is verified and not installed.
    waiting_since_ms: Option<u64>,
    key_request_at_ms: Option<u64>,
    /// When the head's generator was known to be gone, by its own word.
    left_ms: Option<u64>,
    /// When the generator was last heard at all, and since when it names an announce unknown here.
    heard_ms: u64,
    lost_ms: Option<u64>,
    /// The newest heartbeat named an Arrival that did not come.
    unnamed: bool,
    /// The epoch of which the newest heartbeat named an ack that did not come; and the one for whose
    /// acks the board was read again, how often everybody was asked since, and when.
    unacked: Option<Hash>,
    acks_missed: Option<(Hash, u8, u64)>,
    claim: Option<Claim>,
}

impl Follower {
    pub(crate) fn new(watch: Watch) -> Self {
        Self {
            watch,
            wrap: None,
            waiting_since_ms: None,
            key_request_at_ms: None,
            left_ms: None,
            heard_ms: 0,
            lost_ms: None,
            unnamed: false,
            unacked: None,
            acks_missed: None,
            claim: None,
        }
    }

    pub(crate) fn announce(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        envelope: &Envelope,
        letter: &Letter,
    ) -> Result<Standing, Refusal> {
        if Some(letter.from) == s.chain.generator() {
            self.check_vouches(core, letter)?;
        }
        s.record(core, envelope, letter)?;
        Ok(self.advance(core, s))
    }

    /// An announce by the head's generator carries no vouch that ended before, by that generator's
    /// own age. The age of the next generator begins anew.
    fn check_vouches(&self, core: &Core, letter: &Letter) -> Result<(), Refusal> {
        let announce: EpochAnnounce = from_bytes(&letter.body)?;
        let age_ms = self.watch.age_ms(core.ms());
        for carried in announce.orders.as_slice().iter().filter(|c| c.kind == Kind::Vouch) {
            let vouch: Vouch = from_bytes(carried.body.as_slice())?;
            if age_ms > vouch.age_ms.saturating_add(VOUCH_MS + VOUCH_LATE_MS) {
                return Err(Refusal::Stale);
            }
        }
        Ok(())
    }

    /// Follows what builds on the head and may be followed now: the generator's own next announce,
    /// the organizer's, or a takeover that this device has reason to believe.
    pub(crate) fn advance(&mut self, core: &mut Core, s: &mut Seated) -> Standing {
        let mut standing = Standing::Seated;
        while let Some(h) = self.next(core, s) {
            let before = (s.chain.generator(), s.chain.term());
            let Some(node) = s.chain.node(&h) else { break };
            standing = stands(core.me(), s, &node.link);
            s.history.follow(core, h);
            if standing == Standing::Dropped && s.chain.is_removed(core.me()) {
                standing = Standing::Removed; // in a branch that ends in this one
            }
            if before != (s.chain.generator(), s.chain.term()) {
                self.watch.new_term(core.ms());
                self.left_ms = None;
            }
            (self.claim, self.wrap, self.lost_ms) = (None, None, None);
            if standing != Standing::Seated {
                break;
            }
            self.waiting_since_ms.get_or_insert(core.ms());
            self.key_request_at_ms = Some(core.ms() + KEY_REQUEST_MS);
            core.changed();
        }
        if standing == Standing::Off {
            (self.waiting_since_ms, self.key_request_at_ms) = (None, None);
        }
        standing
    }

    fn next(&self, core: &Core, s: &Seated) -> Option<Hash> {
        let head = s.chain.head()?;
        let silent = self.watch.silence_ms(core.ms()) >= TAKEOVER_MS;
        let gone = silent || s.generator_left();
        let weight = |link: &Link| {
            let by = link.generator();
            let rank = head.rank_of(by).unwrap_or(0);
            (by != core.cfg.organizer, by != head.generator(), rank, link.h)
        };
        let allowed = |link: &Link| {
            let by = link.generator();
            let believed = by == head.generator() || by == core.cfg.organizer || gone;
            (believed || s.handed == Some(by)) && s.chain.may_follow(&link.h)
        };
        let next = s.chain.next().map(|node| &node.link).filter(|link| allowed(link));
        next.min_by_key(|link| weight(link)).map(|link| link.h)
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
        let Some(wrap) = self.wrap.take() else { return Ok(false) };
        let Some(head) = s.history.chain.head() else { return Ok(false) };
        let secret = s.seat.unwrap(core, &s.history.session, head, &wrap)?;
        let mut epoch = Epoch::install(head, &secret, core.ms());
        drop(secret);
        acknowledge(core, &s.history.session, &mut s.seat, &mut epoch, s.idx);
        s.install(core, epoch)?;
        (self.waiting_since_ms, self.key_request_at_ms) = (None, None);
        Ok(true)
    }

    /// A heartbeat of the head's generator, or of another branch's.
    pub(crate) fn heartbeat(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        if s.chain.generator() != Some(letter.from) {
            return s.history.other_heartbeat(core, letter);
        }
        let beat = letter.authentic::<Heartbeat>(s.generator()?, &s.session.scope)?;
        let (message, h) = (&beat.message, beat.hash("SF1/hb"));
        match s.chain.node(&message.h_e) {
            Some(node) if node.link.announce.term == message.term => {}
            Some(_) => return Err(Refusal::Inconsistent),
            None if message.term >= s.chain.term() => {
                // It lives, and an announce of its did not come.
                self.lost_ms.get_or_insert(core.ms());
                self.heard_ms = core.ms();
                return Err(Refusal::Missing);
            }
            None => return Err(Refusal::Stale),
        }
        if !s.chain.descends(&s.chain.tip(), &message.h_e) {
            return s.history.other_heartbeat(core, letter);
        }
        if message.term < s.chain.term() {
            return Err(Refusal::Stale);
        }
        let unheard = |e: &&Epoch| {
            let over = core.ms() >= e.installed_ms + KEY_REQUEST_MS;
            over && e.h == message.h_e && !message.acked.as_slice().contains(&s.idx)
        };
        if s.epochs.newest().filter(unheard).is_some() {
            s.seat.repeat_ack(core); // lost on the way
        }
        let before = self.watch.pulse(core.ms());
        if self.watch.beat(message, h, core.ms()) {
            s.recent.note(h, core.ms());
            s.history.board_lost = false; // it has shown it, or had nothing to show
            self.claim = None;
        }
        if before != Pulse::Steady {
            core.changed();
        }
        self.miss_arrivals(core, s, message);
        self.miss_acks(core, s, message);
        Ok(())
    }

    /// Without an Arrival this device is deaf to who arrived. Twice in a row, so that one that is on
    /// its way breaks no line.
    fn miss_arrivals(&mut self, core: &mut Core, s: &Seated, beat: &Heartbeat) {
        let missing = |e: &Epoch| e.h == beat.h_e && e.arrived_h != beat.arrived_h;
        let missing = s.epochs.newest().is_some_and(missing);
        if missing && self.unnamed && core.has_read(&s.session.id()) {
            core.read_again();
        }
        self.unnamed = missing;
    }

    /// Without somebody's ack this device says "3 of 4" until the next epoch. Twice in a row it
    /// reads the boards again, once for an epoch. Those may not have it any more, where an older one
    /// came after it: then it asks everybody for theirs, a few times.
    fn miss_acks(&mut self, core: &mut Core, s: &Seated, beat: &Heartbeat) {
        let acked = beat.acked.as_slice();
        let missing = |e: &&Epoch| {
            let listed = |idx: &u16| e.roster.iter().any(|entry| entry.idx == *idx);
            e.h == beat.h_e && acked.iter().any(|idx| listed(idx) && !e.acked.contains(idx))
        };
        let missing = s.epochs.newest().filter(missing).map(|e| e.h);
        let again = missing == std::mem::replace(&mut self.unacked, missing);
        let Some(h) = missing.filter(|_| again && core.has_read(&s.session.id())) else { return };
        let (asked, at_ms) = match self.acks_missed {
            Some((of, asked, at_ms)) if of == h => (asked, at_ms),
            _ => {
                if core.read_again() {
                    self.acks_missed = Some((h, 0, core.ms()));
                }
                return;
            }
        };
        let due = asked == 0 || core.ms() > at_ms + READ_AGAIN_MS;
        if due && asked < ACK_ASKS {
            self.acks_missed = Some((h, asked + 1, core.ms()));
            s.ask_head(core);
        }
    }

    pub(crate) fn arrival(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        let arrival = letter.authentic::<Arrival>(s.generator()?, &s.session.scope)?.message;
        s.arrive(core, &arrival.h_e, arrival.named.as_slice())
    }

    /// The head's generator said goodbye, or handed over.
    pub(crate) fn generator_gone(&mut self, now_ms: u64) {
        self.left_ms.get_or_insert(now_ms);
    }

    /// Asks for a missing wrap; notices that the generator is gone and that this device is next.
    pub(crate) fn tick(&mut self, core: &mut Core, s: &mut Seated) -> Due {
        if core.offline_since_ms.is_some() {
            return Due::Nothing;
        }
        if let Some(since) = self.waiting_since_ms {
            self.ask_for_key(core, s);
            if core.ms() >= since + STUCK_MS {
                return Due::Stuck;
            }
        }
        if self.lost_ms.is_some_and(|at| core.ms() >= at + STUCK_MS) {
            return Due::Stuck;
        }
        let Some(at) = self.claim_at_ms(core, s) else {
            self.claim = None;
            return Due::Nothing;
        };
        if core.ms() < at {
            return Due::Nothing;
        }
        let tip = s.chain.tip();
        match &self.claim {
            Some(claim) if claim.at_h == tip && core.ms() >= claim.until_ms => Due::TakeOver,
            Some(claim) if claim.at_h == tip => Due::Nothing,
            _ => {
                s.ask_head(core);
                self.claim = Some(Claim { at_h: tip, until_ms: core.ms() + HEAD_ASK_MS });
                Due::Nothing
            }
        }
    }

    /// When this device may take over from the head's generator, if nothing is heard of it.
    fn claim_at_ms(&self, core: &Core, s: &Seated) -> Option<u64> {
        let (head, me) = (s.chain.head()?, core.me());
        let rank = u64::from(head.rank_of(me)?);
        let installed = s.epochs.newest().filter(|e| e.h == head.h)?;
        if me == core.cfg.organizer && !core.changing_device() {
            let settled = installed.installed_ms + TAKE_BACK_MS;
            return Some(settled.min(self.watch.last_ms() + TAKEOVER_MS));
        }
        if s.handed == Some(me) {
            return Some(core.ms());
        }
        match self.left_ms {
            Some(at) => Some(at + TAKEOVER_RANK_MS * rank),
            None => {
                let heard = self.watch.last_ms().max(self.heard_ms);
                Some(heard + TAKEOVER_MS + TAKEOVER_RANK_MS * rank)
            }
        }
    }

    fn ask_for_key(&mut self, core: &mut Core, s: &mut Seated) {
        if self.key_request_at_ms.is_none_or(|at| core.ms() < at) {
            return;
        }
        self.key_request_at_ms = Some(core.ms() + KEY_REQUEST_MS);
        let (h_e, bundle) = (s.chain.tip(), wire_bundle(&s.seat.fresh_bundle(core)));
        let request = KeyRequest { h_e, bundle };
        core.post(&s.session, Kind::KeyRequest, SLOT_KEY_REQUEST, &request, None);
    }

    pub(crate) fn timeout_ms(&self, core: &Core, s: &Seated, now_ms: u64) -> u64 {
        if core.offline_since_ms.is_some() {
            return self.watch.timeout_ms(now_ms);
        }
        let claim = self.claim_at_ms(core, s).map(|at| {
            let waiting = self.claim.as_ref().filter(|claim| claim.at_h == s.chain.tip());
            waiting.map_or(at, |claim| at.max(claim.until_ms))
        });
        // A takeover that came early is looked at again then.
        let early = s.chain.next().next().is_some();
        let early = early.then_some(self.watch.last_ms() + TAKEOVER_MS).filter(|at| *at > now_ms);
        self.key_request_at_ms
            .into_iter()
            .chain(self.waiting_since_ms.map(|at| at + STUCK_MS))
            .chain(self.lost_ms.map(|at| at + STUCK_MS))
            .chain(claim)
            .chain(early)
            .fold(self.watch.timeout_ms(now_ms), u64::min)
    }
}

fn stands(me: Fingerprint, s: &Seated, link: &Link) -> Standing {
    match link.entry_of(me) {
        Some(e) if e.join_h == s.seat.join_h && e.state == EntryState::Off => Standing::Off,
        // An announce that crossed our ack names the nonce before it; any other is not of now.
        Some(e) if e.join_h == s.seat.join_h && s.seat.has_nonce(&e.nonce) => Standing::Seated,
        // An older request of ours that was long on the way, or an old nonce.
        Some(e) if s.session.is_own(&e.join_h) => Standing::Dropped,
        Some(_) => Standing::Elsewhere,
        None if link.statements.removed.contains_key(&me) => Standing::Removed,
        None if link.statements.vouches.values().any(|v| v.old == me) => Standing::Replaced,
        None => Standing::Dropped,
    }
}
