//! The engine: before its signatures, and behind them.
//!
//! Making a meeting takes milliseconds, one message a fraction of one, so a meeting is kept from
//! one input to the next and made anew when it is worn out. What a finding needs is not lost: the
//! inputs since the meeting was made are kept, and written out when one panics (`history`).

use std::cell::RefCell;

use standfast_crypto::{Fingerprint, Identity, PrivateBundle};
use standfast_frame::Payload;
use standfast_meeting::{Command, Counters, Input, Microphone, Phase, Reach, Snapshot};
use standfast_wire::codec::{Blob, from_bytes, to_bytes};
use standfast_wire::control::*;
use standfast_wire::relay::{Envelope, VERSION};

use crate::Tape;
use crate::history::History;
use crate::make::{Make, Pool};
use crate::stage::{Seeded, Stage, ident, identity, letter_hash, poster};

/// Inputs that one meeting lives through, at most.
const INPUTS_MAX: usize = 200;
/// Messages on its board, at most: a reconnect reads all of them.
const BOARD_MAX: usize = 600;

/// Who composes messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// Eve, who has the link and was never let in.
    Outsider,
    /// Otto, a member who is no host.
    Member,
    /// A second copy of Ines, the organizer who generates.
    Generator,
}

struct Play {
    hand: Hand,
    stage: Stage,
    pool: Pool,
    who: Identity,
    /// Who may be a member.
    invited: [Fingerprint; 3],
    /// What each engine showed when the meeting was made.
    shown: [Snapshot; 2],
    history: History,
    inputs: usize,
}

thread_local! {
    static PLAY: RefCell<Option<Play>> = const { RefCell::new(None) };
}

/// Messages, frames and the relay's word from somebody who has the link only. Nothing that an
/// engine shows may change, but for the lobby.
pub fn outsider(bytes: &[u8]) {
    play(Hand::Outsider, bytes);
}

/// Messages that a member signed, who is no host, and frames that it sealed: no stranger comes in.
pub fn member(bytes: &[u8]) {
    play(Hand::Member, bytes);
}

/// Messages that the generator's own key signed, beside those of its honest device.
pub fn generator(bytes: &[u8]) {
    play(Hand::Generator, bytes);
}

fn play(hand: Hand, bytes: &[u8]) {
    PLAY.with_borrow_mut(|slot| {
        let worn = slot.as_ref().is_none_or(|play| play.hand != hand || play.is_worn());
        if worn {
            *slot = Some(Play::new(hand));
        }
        if let Some(play) = slot {
            play.input(bytes);
        }
    });
}

impl Play {
    fn new(hand: Hand) -> Self {
        let mut stage = Stage::new();
        let who = identity(match hand {
            Hand::Outsider => "eve",
            Hand::Member => "otto",
            Hand::Generator => "ines",
        });
        let eve = stage.join(&identity("eve"), &PrivateBundle::generate(&mut Seeded(30, 0)));
        stage.post("eve", &eve);
        let mut pool =
            Pool { signer: Some((identity_again(&who), stage.scope())), ..Pool::default() };
        for name in ["ines", "mina", "otto", "eve"] {
            let known = identity(name);
            pool.know(&known.fingerprint().0);
            pool.idents.push(ident(&known));
        }
        pool.know(&stage.session_id);
        pool.know(&stage.link.meeting_id);
        let letters: Vec<_> = stage.board.iter().filter_map(|(_, e)| stage.unbox(e)).collect();
        letters.iter().for_each(|sealed| learn(&mut pool, sealed));
        let shown = [stage.ines.snapshot(), stage.mina.snapshot()];
        pool.head = head(&shown[0]).unwrap_or_default();
        let name = match hand {
            Hand::Outsider => "outsider",
            Hand::Member => "member",
            Hand::Generator => "generator",
        };
        let invited = ["ines", "mina", "otto"].map(|name| identity(name).fingerprint());
        Self { hand, stage, pool, who, invited, shown, history: History::new(name), inputs: 0 }
    }

    fn is_worn(&self) -> bool {
        self.inputs >= INPUTS_MAX
            || self.stage.board.len() >= BOARD_MAX
            || self.stage.mina.snapshot().phase != Phase::Live
    }

    fn input(&mut self, bytes: &[u8]) {
        self.inputs += 1;
        self.history.begin(bytes);
        let mut tape = Tape::new(bytes);
        while !tape.is_over() {
            self.step(&mut tape);
        }
        self.check();
        self.history.end(tape.read_so_far());
    }

    fn step(&mut self, tape: &mut Tape<'_>) {
        match tape.byte() % 16 {
            0..=7 => self.speak(tape),
            8 => self.again(tape),
            9 => self.raw(tape),
            10 => self.frame(tape),
            11 => self.relay_says(tape),
            12 if self.hand != Hand::Outsider => self.command(tape),
            13 if self.hand != Hand::Outsider => self.time(tape),
            _ => {
                let packet = tape.blob(90);
                let media_ts = tape.u32();
                self.stage.give("mina", Input::Voice { media_ts, packet: &packet });
            }
        }
    }

    /// A composed message, signed, boxed and posted.
    fn speak(&mut self, tape: &mut Tape<'_>) {
        let kind = Kind::make(tape, &self.pool);
        let body = self.body(kind, tape);
        let mut sealed = self.stage.letter(&self.who, kind, body);
        match tape.byte() {
            0..=239 => {}
            240..=243 => sealed.sig = None,
            244..=247 => sealed.from = Make::make(tape, &self.pool),
            _ => sealed.kind = Kind::make(tape, &self.pool),
        }
        self.authenticate(tape, &mut sealed);
        let slot = tape.byte() % 8;
        let from = ["eve", "otto", "ines"][self.hand as usize];
        let envelope = self.stage.boxed(slot, &sealed);
        learn(&mut self.pool, &sealed);
        self.deliver(from, &envelope);
    }

    /// The MAC that the message's kind asks for: of a join under the link, of an ack under the epoch.
    fn authenticate(&self, tape: &mut Tape<'_>, sealed: &mut Sealed) {
        if tape.chance(16) {
            sealed.mac = Make::make(tape, &self.pool);
        } else if sealed.kind == Kind::Join {
            sealed.mac = Some(self.stage.link.keys().join_mac(sealed.body.as_slice()));
        } else if let (Kind::Ack, Some(otto)) = (sealed.kind, &self.stage.otto)
            && self.hand != Hand::Outsider
        {
            sealed.mac = Some(otto.keys.ack_mac(self.who.fingerprint(), &otto.h_e));
        }
    }

    /// The newest message of this kind with some of its fields changed, or one from nothing.
    fn body(&self, kind: Kind, tape: &mut Tape<'_>) -> Vec<u8> {
        let compose = match kind {
            Kind::Open => Self::compose::<MeetingOpen>,
            Kind::Join => Self::compose::<JoinRequest>,
            Kind::Announce => return self.announce(tape),
            Kind::Wrap => Self::compose::<KeyWrap>,
            Kind::Ack => Self::compose::<KeyAck>,
            Kind::Arrival => Self::compose::<Arrival>,
            Kind::Heartbeat => Self::compose::<Heartbeat>,
            Kind::KeyRequest => Self::compose::<KeyRequest>,
            Kind::Leave => Self::compose::<Leave>,
            Kind::End => Self::compose::<End>,
            Kind::KeepOut => Self::compose::<KeepOut>,
            Kind::Bundle => Self::compose::<PrekeyBundle>,
            Kind::Order => Self::compose::<Order>,
            Kind::Own => Self::compose::<Own>,
            Kind::Vouch => Self::compose::<Vouch>,
            Kind::HeadAsk => Self::compose::<HeadAsk>,
            Kind::Handover => Self::compose::<Handover>,
            Kind::Alive => Self::compose::<Alive>,
            Kind::Deputies => Self::compose::<SignedDeputies>,
            Kind::SasCommit => Self::compose::<SasCommit>,
            Kind::SasReveal => Self::compose::<SasReveal>,
            Kind::Moved => Self::compose::<Moved>,
        };
        compose(self, kind, tape)
    }

    fn compose<T: Make + standfast_wire::codec::Field>(
        &self,
        kind: Kind,
        tape: &mut Tape<'_>,
    ) -> Vec<u8> {
        if tape.chance(8) {
            return tape.blob(400);
        }
        let newest = self.stage.newest(kind).and_then(|s| from_bytes::<T>(s.body.as_slice()).ok());
        to_bytes(&match newest {
            Some(newest) => newest.vary(tape, &self.pool),
            None => T::make(tape, &self.pool),
        })
    }

    /// The announce that would come next, with some of its fields changed.
    fn announce(&self, tape: &mut Tape<'_>) -> Vec<u8> {
        let newest = self.stage.newest(Kind::Announce);
        let Some(sealed) = newest else { return Vec::new() };
        let Ok(mut next) = from_bytes::<EpochAnnounce>(sealed.body.as_slice()) else {
            return tape.blob(400);
        };
        if !tape.chance(64) {
            next.prev_h = letter_hash(sealed);
            next.epoch = next.epoch.wrapping_add(1);
            next.reason = Reason::Timer;
        }
        if self.hand == Hand::Member && !tape.chance(64) {
            next.term = next.term.wrapping_add(1);
            next.generator = self.who.fingerprint().0;
            next.reason = Reason::Takeover;
        }
        to_bytes(&next.vary(tape, &self.pool))
    }

    /// Something from the board once more, changed or not.
    fn again(&mut self, tape: &mut Tape<'_>) {
        let Some((from, mut envelope)) = tape.pick(&self.stage.board).cloned() else { return };
        match tape.byte() % 6 {
            0 => envelope.slot = tape.byte(),
            1 => envelope.v = tape.byte(),
            2 => envelope.session_id = Make::make(tape, &self.pool),
            3 => envelope.to = Make::make(tape, &self.pool),
            4 => {
                let mut boxed = envelope.sealed.into_vec();
                let at = usize::from(tape.u16()) % boxed.len().max(1);
                boxed[at] ^= tape.byte();
                envelope.sealed = Blob::new(boxed).unwrap_or_default();
            }
            _ => {}
        }
        let from = if tape.chance(64) { "eve" } else { from };
        self.deliver(from, &envelope);
    }

    /// Bytes that nobody boxed.
    fn raw(&mut self, tape: &mut Tape<'_>) {
        let session_id: Hash = Make::make(tape, &self.pool);
        let sealed = Blob::new(tape.blob(600)).unwrap_or_default();
        let (v, slot) = (if tape.chance(16) { tape.byte() } else { VERSION }, tape.byte());
        self.deliver("eve", &Envelope { v, session_id, to: None, slot, sealed });
    }

    /// Given to both engines, also to the one whose connection it claims to be from.
    fn deliver(&mut self, from: &'static str, envelope: &Envelope) {
        self.stage.lay(from, envelope);
        for name in ["ines", "mina"] {
            self.stage.give(name, Input::Delivered { poster: poster(from), envelope });
        }
    }

    /// A frame: sealed by Otto around anything, or of any bytes.
    fn frame(&mut self, tape: &mut Tape<'_>) {
        let mut frame = Vec::new();
        let sealed = self.hand != Hand::Outsider && !tape.chance(64);
        if let (true, Some(otto)) = (sealed, &mut self.stage.otto) {
            let packets = [tape.blob(90), tape.blob(90)];
            let mut plain = Vec::new();
            let written = Payload::write(
                &mut plain,
                200,
                tape.u32(),
                tape.byte(),
                &[&packets[0], &packets[1]],
            );
            if written.is_err() || tape.chance(64) {
                plain = tape.blob(200);
            }
            let _ = otto.sealer.seal(&plain, &mut frame);
        } else {
            frame = tape.blob(1_600);
        }
        for name in ["ines", "mina"] {
            self.stage.give(name, Input::Media(&frame));
        }
    }

    /// What a relay may claim.
    fn relay_says(&mut self, tape: &mut Tape<'_>) {
        let name = if tape.chance(128) { "ines" } else { "mina" };
        let slot: Hash = Make::make(tape, &self.pool);
        match tape.byte() % 7 {
            6 if self.hand != Hand::Outsider => {
                let signed = SignedDeputies::make(tape, &self.pool);
                self.stage.give(name, Input::Deputies(&to_bytes(&signed)));
            }
            0 => self.stage.give(name, Input::CaughtUp { session_id: slot }),
            1 => {
                let blob = tape.blob(600);
                self.stage.give(name, Input::Bundle { slot, blob: Some(&blob) });
            }
            2 => self.stage.give(name, Input::Bundle { slot, blob: None }),
            3 => self.stage.give(name, Input::Boards(usize::from(tape.byte()))),
            4 if self.hand != Hand::Outsider => {
                self.stage.give(name, Input::BoardLost { session_id: slot });
            }
            5 if self.hand != Hand::Outsider && tape.chance(64) => {
                self.stage.give(name, Input::Disconnected);
                self.stage.connect(if name == "ines" { "ines" } else { "mina" });
            }
            _ => self.stage.give(name, Input::PeerGone { poster: slot }),
        }
    }

    /// What the users of the honest devices may want; never to let Eve in.
    fn command(&mut self, tape: &mut Tape<'_>) {
        let name = if tape.chance(128) { "ines" } else { "mina" };
        let fp = Fingerprint(Make::make(tape, &self.pool));
        let hash: Hash = Make::make(tape, &self.pool);
        let on = tape.chance(128);
        let command = match tape.byte() % 17 {
            0 => Command::SetMuted(on),
            1 => Command::RotateNow,
            2 => Command::Remove(fp),
            3 => Command::Readmit(fp),
            4 => Command::SetLocked(on),
            5 => Command::TakeOverBot(fp),
            6 => Command::OffRecord(fp),
            7 => Command::OnRecord(fp),
            8 => Command::OfferDevice,
            9 => Command::WithdrawDevice,
            10 => Command::StartSpokenCode,
            11 => Command::KeepOut(hash),
            12 if tape.chance(8) => Command::Leave,
            13 if tape.chance(8) => Command::End,
            14 => Command::SetDeputy(fp),
            15 => Command::UnsetDeputy(fp),
            _ => Command::SetMuted(false),
        };
        self.stage.give(name, Input::Command(command));
    }

    fn time(&mut self, tape: &mut Tape<'_>) {
        let ms = match tape.byte() {
            short @ 0..=239 => u64::from(short) * 4,
            240..=252 => 2_000,
            253..=254 => 9_000,
            255 => 20_000,
        };
        self.stage.pass(ms);
    }

    fn check(&mut self) {
        for (before, engine) in self.shown.iter().zip([&self.stage.ines, &self.stage.mina]) {
            let now = engine.snapshot();
            self.pool.head = head(&now).unwrap_or(self.pool.head);
            self.check_members(&now);
            if self.hand == Hand::Outsider {
                assert!(less(&now) == less(before), "somebody without a key moved an engine");
            }
        }
    }

    /// What must hold whoever signs.
    fn check_members(&self, now: &Snapshot) {
        let stranger = |m: &standfast_meeting::Member| !self.invited.contains(&m.fp);
        // The generator's key lets in whom it likes; a member's lets nobody in but its next device.
        let let_in = |m: &standfast_meeting::Member| m.replaces.is_some();
        if self.hand != Hand::Generator {
            let found = now.members.iter().find(|m| stranger(m) && !let_in(m));
            assert!(found.is_none(), "a stranger is a member");
        }
        assert!(now.members.iter().filter(|m| m.me).count() <= 1, "one device is there twice");
        let idx: std::collections::BTreeSet<u16> = now.members.iter().map(|m| m.idx).collect();
        assert!(idx.len() == now.members.len(), "two members have one number");
        let live = now.phase == Phase::Live;
        assert!(live || now.microphone != Microphone::Open, "a microphone is open for nobody");
        assert!(now.lobby.len() <= standfast_meeting::limits::LOBBY_MAX, "the lobby grew");
    }
}

/// The announce that an engine holds to.
fn head(shown: &Snapshot) -> Option<Hash> {
    shown.coming.as_ref().or(shown.active.as_ref()).map(|epoch| epoch.h)
}

fn identity_again(who: &Identity) -> Identity {
    let names = ["ines", "otto", "eve"];
    let name = names.iter().find(|name| identity(name).fingerprint() == who.fingerprint());
    identity(name.unwrap_or(&"eve"))
}

/// What is worth naming in a message.
fn learn(pool: &mut Pool, sealed: &Sealed) {
    if pool.bytes.len() < 200 {
        pool.know(&letter_hash(sealed));
    }
    if let Ok(join) = from_bytes::<JoinRequest>(sealed.body.as_slice()) {
        pool.know(&join.join_nonce);
        pool.know(&join.liveness_nonce);
        pool.know(&join.bundle.bundle_id);
        pool.know(&join.bundle.ek);
        pool.know(&join.bundle.pk[..]);
    }
}

/// A snapshot less what any refused message and anyone who knocks may move.
fn less(of: &Snapshot) -> Snapshot {
    Snapshot {
        counters: Counters::default(),
        evidence: Vec::new(),
        lobby: Vec::new(),
        pulse_age_ms: 0,
        // Of one's own packets.
        reach: Reach { copies: 0, ..of.reach },
        ..of.clone()
    }
}
