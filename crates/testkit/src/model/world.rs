//! The world that a course of events leads to, and what is seen in it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use standfast_crypto::sha256;
use standfast_meeting::{Admission, Command, Phase};
use standfast_wire::codec::to_bytes;
use standfast_wire::control::Sealed;

use super::{Action, Condition, Seen};
use crate::evil::Held;
use crate::evil::look::Look;
use crate::evil::stage::{Parcel, Stage, Who};

/// The three, the organizer first.
pub const NAMES: [Who; 3] = ["ines", "mina", "jonas"];
/// One step of time, ms: more than a heartbeat's, and longer than a broken line is overlooked.
pub const STEP_MS: u64 = 3_500;
/// Somebody who knocks, and whom nobody lets in.
const OUTSIDER: Who = "otto";
/// One generator per component within 8 s + 2 s for each member (protocol, section 10).
const SETTLED_MS: u64 = 8_000 + 2_000 * NAMES.len() as u64;
/// Everyone in one epoch: who is not heard is noticed after 15 s, boards are read again at most
/// every 15 s, a join is asked for again after 5 s, and then as above.
const TOGETHER_MS: u64 = 15_000 + 15_000 + 5_000 + SETTLED_MS;

/// How the relay treats this moment.
#[derive(Default)]
struct Weather {
    cut: Option<Who>,
    /// What was posted before the split began is on both sides: digests of the letters.
    before: BTreeSet<[u8; 32]>,
    lost: Option<Who>,
}

fn digest_of(sealed: &Sealed) -> [u8; 32] {
    sha256(&to_bytes(sealed))
}

pub(super) struct World {
    stage: Stage,
    weather: Rc<RefCell<Weather>>,
    left: [bool; 3],
}

impl World {
    /// The meeting of three from `seed`, after `actions`.
    pub(super) fn of(seed: u64, actions: &[Action]) -> Held<Self> {
        let mut stage = Stage::new(seed);
        stage.open(&NAMES[1..], Admission::Lobby)?;
        for who in &NAMES[1..] {
            stage.member(who)?;
            stage.pass(2_500)?;
        }
        stage.member(OUTSIDER)?;
        stage.pass(500)?;
        let three = stage.hearers("ines")?.len() == 2;
        stage.must(three, "the meeting did not begin")?;
        let people: BTreeMap<[u8; 32], Who> =
            NAMES.iter().map(|who| (stage.pseudonym(who).public(), *who)).collect();
        let weather = Rc::<RefCell<Weather>>::default();
        let outside = Rc::clone(&weather);
        stage.censor = Some(Box::new(move |to, parcel| {
            let weather = outside.borrow();
            let from = match parcel {
                // Who posted it: somebody on this side may show what another wrote.
                Parcel::Control(sealed, _) if weather.before.contains(&digest_of(sealed)) => None,
                Parcel::Control(_, poster) => people.get(poster).copied(),
                Parcel::Media(who) => Some(*who),
                Parcel::Gone => None,
            };
            let across = |cut| from.is_some_and(|from| (to == cut) != (from == cut));
            let across = weather.cut.is_some_and(across);
            weather.lost != Some(to) && !(across && to != OUTSIDER)
        }));
        let mut world = Self { stage, weather, left: [false; 3] };
        for action in actions {
            world.act(*action)?;
        }
        Ok(world)
    }

    fn act(&mut self, action: Action) -> Held {
        match action {
            Action::Wait => self.stage.pass(STEP_MS),
            Action::Lose(who) | Action::Delay(who) => {
                self.weather.borrow_mut().lost = Some(NAMES[who]);
                self.stage.withheld.clear();
                self.stage.pass(STEP_MS)?;
                self.weather.borrow_mut().lost = None;
                let held = std::mem::take(&mut self.stage.withheld);
                for (to, poster, envelope) in held {
                    if to == NAMES[who] && matches!(action, Action::Delay(_)) {
                        self.stage.hand(to, poster, &envelope)?;
                    }
                }
                Ok(())
            }
            Action::Crash(who) => self.stage.stop(NAMES[who]),
            Action::Restart(who) => {
                self.left[who] = false;
                self.start(who)
            }
            Action::Cut(who) => {
                let before = self.stage.posted.iter().map(|posted| digest_of(&posted.sealed));
                let mut weather = self.weather.borrow_mut();
                (weather.cut, weather.before) = (Some(NAMES[who]), before.collect());
                Ok(())
            }
            Action::Heal => self.heal(),
            Action::Disconnect(who) => self.stage.disconnect(NAMES[who]),
            Action::Connect(who) => self.stage.connect(NAMES[who]),
            Action::Leave(who) => {
                self.left[who] = true;
                self.stage.command(NAMES[who], Command::Leave)
            }
            Action::Rotate(who) => self.stage.command(NAMES[who], Command::RotateNow),
        }
    }

    fn start(&mut self, who: usize) -> Held {
        use standfast_meeting::{Hosts, Part, Policy};
        if who > 0 {
            return self.stage.member(NAMES[who]);
        }
        let scheduled = NAMES[1..].iter().map(|name| self.stage.fp(name)).collect();
        let (admission, hosts) = (Admission::Lobby, Hosts::Scheduled);
        let policy = Policy { admission, hosts, rotate_ms: 300_000 };
        self.stage.start("ines", Part::Organizer { scheduled, policy })
    }

    fn heal(&mut self) -> Held {
        let Some(cut) = self.weather.borrow_mut().cut.take() else { return Ok(()) };
        if self.stage.devices.get(cut).is_some_and(|d| d.line.is_some()) {
            self.stage.disconnect(cut)?;
            self.stage.connect(cut)?;
        }
        Ok(())
    }

    /// Everything that was posted, and everything that each device shows and waits for.
    pub(super) fn digest(&mut self) -> [u8; 32] {
        let mut all = Vec::new();
        for posted in &self.stage.posted {
            all.extend_from_slice(&sha256(posted.envelope.sealed.as_slice()));
        }
        for who in self.stage.names() {
            let Ok(device) = self.stage.device(who) else { continue };
            let (shown, next) = (device.meeting.snapshot(), device.meeting.timeout_ms());
            all.extend_from_slice(&sha256(format!("{who} {shown:?} {next:?}").as_bytes()));
        }
        all.extend_from_slice(&(self.stage.frames.len() as u64).to_be_bytes());
        all.extend_from_slice(&self.stage.now.mono_ms.to_be_bytes());
        sha256(&all)
    }

    pub(super) fn condition(&self) -> Condition {
        let device = |who: Who| self.stage.devices.get(who);
        let cut = self.weather.borrow().cut;
        Condition {
            running: NAMES.map(|who| device(who).is_some()),
            online: NAMES.map(|who| device(who).is_some_and(|d| d.line.is_some())),
            left: self.left,
            cut: cut.and_then(|cut| NAMES.iter().position(|who| *who == cut)),
        }
    }

    /// What everyone shows while time passes, as it does in [`judge`](Self::judge).
    pub(super) fn tell(&mut self) -> Held<Vec<String>> {
        let mut lines = Vec::new();
        self.tell_for(SETTLED_MS + STEP_MS, &mut lines)?;
        lines.push("put right".into());
        self.put_right()?;
        self.tell_for(TOGETHER_MS, &mut lines)?;
        Ok(lines)
    }

    fn tell_for(&mut self, ms: u64, lines: &mut Vec<String>) -> Held {
        let names: BTreeMap<_, Who> = NAMES.map(|who| (self.stage.fp(who), who)).into();
        let mut told = String::new();
        for step in 0..ms / 500 {
            let mut line = String::new();
            for who in NAMES {
                if !self.stage.devices.contains_key(who) {
                    continue;
                }
                let look = self.stage.look(who)?;
                let by = look.generator.and_then(|fp| names.get(&fp)).copied().unwrap_or("-");
                let (number, people) = (look.active.map_or(0, |(_, n)| n), look.members.len());
                let session = look.session.map_or(0, |s| s[0]);
                let (phase, have) = (look.phase, look.confirmed);
                line += &format!(
                    "  {who} {phase:?} {session:02x} epoch {number} by {by}, {have} of {people};"
                );
            }
            if line != told {
                lines.push(format!("{:6} ms {line}", step * 500));
                told = line;
            }
            self.stage.pass(500)?;
        }
        Ok(())
    }

    /// What holds now, and what comes of it. Lets the world go on, so it comes last.
    pub(super) fn judge(&mut self) -> Seen {
        let mut seen = Seen::default();
        if let Err(fault) = self.watch(&mut seen) {
            seen.room = Some(fault.to_string());
        }
        seen
    }

    fn watch(&mut self, seen: &mut Seen) -> Held {
        seen.outsider = self.outsider()?;
        // Nothing further happens: each side of the split finds its generator.
        self.stage.pass(SETTLED_MS + STEP_MS)?;
        let apart = self.apart(seen)?;
        seen.outsider = seen.outsider.take().or(self.outsider()?);
        self.put_right()?;
        self.stage.pass(TOGETHER_MS)?;
        seen.convergence = self.together()?;
        seen.healed = apart && seen.convergence.is_none();
        seen.outsider = seen.outsider.take().or(self.outsider()?);
        Ok(())
    }

    /// No split, everyone runs and has a line.
    fn put_right(&mut self) -> Held {
        self.heal()?;
        for (at, who) in NAMES.into_iter().enumerate() {
            let online = self.stage.devices.get(who).map(|device| device.line.is_some());
            match online {
                None => self.start(at)?,
                Some(false) if !self.left[at] => self.stage.connect(who)?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn live(&mut self) -> Held<Vec<(Who, Look)>> {
        let mut live = Vec::new();
        for who in NAMES {
            if self.stage.devices.contains_key(who) {
                let look = self.stage.look(who)?;
                if look.phase == Phase::Live {
                    live.push((who, look));
                }
            }
        }
        Ok(live)
    }

    /// One generator on each side, whom all on that side follow. Says whether there are two.
    fn apart(&mut self, seen: &mut Seen) -> Held<bool> {
        let cut = self.weather.borrow().cut;
        let live = self.live()?;
        let mut sides = 0;
        for side in [true, false] {
            let here: Vec<_> = live.iter().filter(|(who, _)| (Some(*who) == cut) == side).collect();
            let Some((_, first)) = here.first() else { continue };
            sides += 1;
            let mut own = Vec::new();
            for (who, look) in &here {
                let fp = self.stage.fp(who);
                own.extend((look.generator == Some(fp)).then_some(*who));
                if look.generator != first.generator {
                    seen.generators = Some(format!("{who} follows another generator"));
                }
            }
            if own.len() != 1 {
                seen.generators = Some(format!("{own:?} look after the key on one side"));
            }
            seen.taken_over |= own.iter().any(|who| *who != "ines");
        }
        Ok(sides == 2)
    }

    /// All who are to be there are live in one epoch, and hear each other.
    fn together(&mut self) -> Held<Option<String>> {
        let there: Vec<Who> = (0..3).filter(|at| !self.left[*at]).map(|at| NAMES[at]).collect();
        let live = self.live()?;
        for who in &there {
            let Some((_, look)) = live.iter().find(|(name, _)| name == who) else {
                let phase = self.stage.look(who)?.phase;
                return Ok(Some(format!("{who} is {phase:?}")));
            };
            let first = &live[0].1;
            if (look.active, &look.code) != (first.active, &first.code) || look.coming.is_some() {
                return Ok(Some(format!("{who} is in another epoch")));
            }
            if (look.confirmed, look.members.len()) != (there.len(), there.len()) {
                let (of, have) = (look.members.len(), look.confirmed);
                return Ok(Some(format!("{who} shows {have} of {of}")));
            }
        }
        let generators = there.clone();
        let mut count = 0;
        for who in generators {
            let fp = self.stage.fp(who);
            count += usize::from(self.stage.look(who)?.generator == Some(fp));
            let hearers = self.stage.hearers(who)?.len();
            if hearers + 1 != there.len() {
                return Ok(Some(format!("{hearers} of {} hear {who}", there.len() - 1)));
            }
        }
        Ok((count != 1 && !there.is_empty()).then(|| format!("{count} generators")))
    }

    /// Nobody holds a key whose roster does not name it, or another key than the others for one
    /// announce; who waits outside holds none.
    fn outsider(&mut self) -> Held<Option<String>> {
        let outside = self.stage.look(OUTSIDER)?;
        if outside.phase == Phase::Live || outside.code.is_some() {
            return Ok(Some(format!("{OUTSIDER} is {:?}", outside.phase)));
        }
        if !self.stage.device(OUTSIDER)?.heard.is_empty() {
            return Ok(Some(format!("{OUTSIDER} hears something")));
        }
        let (mut of_announce, mut of_code) = (BTreeMap::new(), BTreeMap::new());
        for (who, look) in self.live()? {
            let me = self.stage.fp(who);
            if !look.lists(me) && look.code.is_some() {
                return Ok(Some(format!("{who} holds a key and is not listed")));
            }
            let (Some((h, _)), Some(code)) = (look.active, look.code) else { continue };
            let one = of_announce.entry(h).or_insert_with(|| code.clone()) == &code;
            let other = of_code.entry(code).or_insert(h) == &h;
            if !(one && other) {
                return Ok(Some(format!("{who} holds another key for its announce")));
            }
        }
        for (who, look) in self.live()? {
            for hearer in self.stage.hearers(who)? {
                let fp = self.stage.fp(hearer);
                if !look.lists(fp) {
                    return Ok(Some(format!("{hearer} hears {who}, who does not list it")));
                }
            }
        }
        Ok(None)
    }
}
