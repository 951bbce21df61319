//! The end: trouble is over, all come together, talk, rotate, and end the meeting.

use std::collections::{BTreeMap, BTreeSet};

use standfast_meeting::Command;
use standfast_wire::control::Hash;

use super::net::Weather;
use super::queue::Event;
use super::world::{Held, World};

/// How often it is looked whether all have come together.
const PROBE_MS: u64 = 50;
/// And they stay so for so long: longer than what was sent before is on its way.
const TOGETHER_MS: u64 = 300;
/// So long after that nobody says any more that the meeting is split: another branch lives for 6 s
/// after its generator was heard.
const TOLD_MS: u64 = 8_000;
/// A locked meeting is unlocked, once in so long until it is.
const DOOR_MS: u64 = 1_000;
/// Speech after that: one packet each this often,
const PACKET_MS: u64 = 20;
/// for this long, with a rotation within.
const SPEECH_MS: u64 = 3_000;
/// All that was said has arrived.
const ARRIVED_MS: u64 = 500;
/// Every key is gone so soon after End, less the way of the message.
const ENDED_MS: u64 = 1_000;

/// Packets of the last act: who has heard each.
#[derive(Default)]
pub(crate) struct Finale {
    heard: BTreeMap<u32, BTreeSet<usize>>,
    until_ms: u64,
    /// Who was together when it began.
    present: Vec<usize>,
    session: Option<Hash>,
}

impl World<'_> {
    /// All must have come together so soon after the trouble ends, ms.
    ///
    /// Broken connections are noticed after 6 s, members who are gone after 15 s of silence, boards
    /// are read again at most every 15 s; and section 10 of the protocol gives the generator 8 s +
    /// 2 s for each member.
    fn bound_ms(&self) -> u64 {
        6_000 + 15_000 + 15_000 + 8_000 + 2_000 * self.devices.len() as u64
    }

    /// The trouble is over.
    pub(crate) fn calm(&mut self) -> Held {
        self.calm_ms = Some(self.now_ms);
        self.say(|_| "the trouble is over".to_owned());
        self.weather = Weather::FAIR;
        self.relay.up = true;
        self.evil_until_ms = 0;
        if !self.relay.joined {
            self.heal();
        }
        let organizer_away = self.faults.generator_gone && self.dice.chance(50);
        for at in 0..self.devices.len() {
            self.devices[at].offline = false;
            self.resume(at)?;
            let line = self.devices[at].process.as_ref().and_then(|p| p.line);
            if let Some(line) = line.filter(|line| self.carries(*line) && !self.works(*line)) {
                self.queue.push(self.now_ms, Event::Snap(line));
            }
        }
        // Without the organizer a meeting goes on, if one of its hosts is in it, and none begins.
        let goes_on = (1..self.devices.len()).any(|at| self.holds_the_meeting(at));
        for at in 0..self.devices.len() {
            let expected = match at {
                0 => !(organizer_away && goes_on),
                _ => self.devices[at].starting,
            };
            if expected && self.devices[at].process.is_none() {
                self.devices[at].starting = true;
                self.start(at)?;
            }
        }
        self.queue.push(self.now_ms + PROBE_MS, Event::Probe);
        Ok(())
    }

    /// Has everyone come together? In time?
    pub(crate) fn probe(&mut self) -> Held {
        let Some(calm_ms) = self.calm_ms else { return Ok(()) };
        match self.together() {
            Ok(()) => {
                let since_ms = *self.together_ms.get_or_insert(self.now_ms);
                let split = self.told_of_a_split();
                if let Some(at) = split.filter(|_| self.now_ms > since_ms + TOLD_MS) {
                    let name = &self.devices[at].name;
                    return Err(format!("{name} still says that the meeting is split"));
                }
                if split.is_some() || self.now_ms < since_ms + TOGETHER_MS {
                    self.queue.push(self.now_ms + PROBE_MS, Event::Probe);
                    return Ok(());
                }
                self.figures.converged_ms = since_ms - calm_ms;
                self.say(|_| "all are together".to_owned());
                let until_ms = self.now_ms + SPEECH_MS;
                let present = self.present();
                self.finale = Some(Finale { until_ms, present, ..Finale::default() });
                self.queue.push(self.now_ms, Event::Finale(0));
            }
            // Whoever removed those who are left is gone.
            Err(_) if self.present().is_empty() && self.now_ms > calm_ms + self.bound_ms() => {
                self.over = true;
            }
            Err(why) if self.now_ms > calm_ms + self.bound_ms() => {
                return Err(format!("{why}, {} ms after the trouble", self.now_ms - calm_ms));
            }
            Err(_) => {
                self.together_ms = None;
                if (self.now_ms - calm_ms).is_multiple_of(DOOR_MS) {
                    self.open_the_door()?;
                }
                self.queue.push(self.now_ms + PROBE_MS, Event::Probe);
            }
        }
        Ok(())
    }

    fn holds_the_meeting(&self, at: usize) -> bool {
        let process = self.devices[at].process.as_ref();
        process.is_some_and(|p| {
            p.shown.live() && p.shown.host && p.line.is_some_and(|line| self.works(line))
        })
    }

    /// Who is to be in the meeting at the end.
    fn present(&self) -> Vec<usize> {
        (0..self.devices.len())
            .filter(|at| self.devices[*at].process.is_some() && !self.is_barred(*at))
            .collect()
    }

    /// Removed, as some device that is live sees it, and knows it itself or was never in; or nobody is
    /// left who saw it but itself.
    fn is_barred(&self, at: usize) -> bool {
        let fp = self.devices[at].fp;
        let mut all = self.devices.iter().enumerate().filter_map(|(n, d)| Some((n, d.shown()?)));
        let removed =
            all.any(|(n, shown)| (shown.live() || n == at) && shown.removed.contains(&fp));
        removed && self.devices[at].shown().is_none_or(|shown| shown.active.is_none())
    }

    /// Somebody whose user is told that the meeting is in two parts.
    fn told_of_a_split(&self) -> Option<usize> {
        let split = |at: &usize| self.devices[*at].shown().is_some_and(|shown| shown.split);
        self.present().into_iter().find(split)
    }

    /// Hosts open the door again.
    fn open_the_door(&mut self) -> Held {
        for at in 0..self.devices.len() {
            let Some(shown) = self.devices[at].shown().filter(|s| s.live() && s.host) else {
                continue;
            };
            if shown.locked && shown.coming.is_none() {
                return self.want(at, Command::SetLocked(false));
            }
        }
        Ok(())
    }

    /// Everyone who is there is live in one epoch, with one generator, and all say so.
    fn together(&self) -> Held {
        let present = self.present();
        let mut epoch = None;
        let mut generators = 0;
        for at in &present {
            let (name, shown) = (&self.devices[*at].name, self.devices[*at].shown());
            let line = self.devices[*at].process.as_ref().and_then(|p| p.line);
            if !line.is_some_and(|line| self.works(line)) {
                return Err(format!("{name} is not connected"));
            }
            let Some(shown) = shown.filter(|s| s.live() && s.coming.is_none()) else {
                return Err(format!("{name} is not live in a settled epoch"));
            };
            if *epoch.get_or_insert(shown.active) != shown.active {
                return Err(format!("{name} is in another epoch"));
            }
            if (shown.members.len(), shown.confirmed) != (present.len(), present.len()) {
                let (confirmed, members) = (shown.confirmed, shown.members.len());
                return Err(format!("{name} shows {confirmed} of {members}"));
            }
            generators += usize::from(shown.generator);
        }
        let organizer = self.devices[0].shown();
        if organizer.is_some_and(|organizer| !organizer.generator) {
            return Err("the organizer has not taken the term back".to_owned());
        }
        if generators == 1 { Ok(()) } else { Err(format!("{generators} generators")) }
    }

    pub(crate) fn heard(&mut self, at: usize, packet: &[u8]) {
        let serial = packet.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
        if let (Some(serial), Some(finale)) = (serial, &mut self.finale)
            && let Some(heard) = finale.heard.get_mut(&serial)
        {
            heard.insert(at);
        }
    }

    pub(crate) fn act(&mut self, act: u8) -> Held {
        match act {
            0 => self.converse(),
            1 => self.all_was_heard(),
            _ => self.all_is_over(),
        }
    }

    /// Everyone speaks, and in the middle of it the key is rotated.
    fn converse(&mut self) -> Held {
        let Some(finale) = &self.finale else { return Ok(()) };
        let until_ms = finale.until_ms;
        if self.now_ms >= until_ms {
            self.queue.push(self.now_ms + ARRIVED_MS, Event::Finale(1));
            return Ok(());
        }
        for at in self.present() {
            let serial = self.truth.said.len() as u32;
            if let Some(finale) = &mut self.finale {
                finale.heard.insert(serial, BTreeSet::from([at]));
            }
            self.speak(at)?;
        }
        if self.now_ms + SPEECH_MS * 2 / 3 == until_ms {
            self.as_generator(Command::RotateNow)?;
        }
        self.queue.push(self.now_ms + PACKET_MS, Event::Finale(0));
        Ok(())
    }

    fn as_generator(&mut self, command: Command) -> Held {
        let generator = |at: &usize| self.devices[*at].shown().is_some_and(|s| s.generator);
        match self.present().into_iter().find(generator) {
            Some(at) => self.want(at, command),
            None => Err("nobody looks after the key".to_owned()),
        }
    }

    /// Nothing was lost at the rotation. Then the meeting is ended.
    fn all_was_heard(&mut self) -> Held {
        // An order of a host that came late took somebody out, or let in whoever had waited outside:
        // all come together anew, in the time that they had for it.
        let others = self.finale.as_ref().is_some_and(|finale| finale.present != self.present());
        if others || self.together().is_err() {
            (self.finale, self.together_ms) = (None, None);
            return self.probe();
        }
        let present: BTreeSet<_> = self.present().into_iter().collect();
        let Some(finale) = &self.finale else { return Ok(()) };
        for (serial, heard) in &finale.heard {
            if *heard != present {
                let said = &self.truth.said[*serial as usize];
                let missing = present.difference(heard).map(|at| self.devices[*at].name.as_str());
                let missing = missing.collect::<Vec<_>>().join(", ");
                let by = &self.devices[said.by].name;
                return Err(format!(
                    "packet {serial} of {by}, said at {}, is not heard by {missing}",
                    said.at_ms
                ));
            }
        }
        let session = self.devices.iter().find_map(|d| {
            // Whoever took over does not know what deletes the board; the relay forgets it later.
            let shown = d.shown().filter(|shown| shown.generator)?;
            let announced = self.truth.announces.get(&shown.active?.0)?;
            let deletes = |session: &Hash| {
                let knows = d.process.as_ref().is_some_and(|p| p.opened == Some(*session));
                knows && !self.truth.undeletable.contains(session)
            };
            shown.session.filter(|session| announced.term == 1 && deletes(session))
        });
        self.finale = Some(Finale { session, ..Finale::default() });
        self.as_generator(Command::End)?;
        let way_ms = 2 * (Weather::FAIR.delay_ms + Weather::FAIR.jitter_ms);
        self.queue.push(self.now_ms + ENDED_MS + way_ms, Event::Finale(2));
        Ok(())
    }

    /// Everyone is out, and the relay has nothing left.
    fn all_is_over(&mut self) -> Held {
        self.over = true;
        let live = |d: &&super::device::Device| d.shown().is_some_and(|shown| shown.live());
        if let Some(device) = self.devices.iter().find(live) {
            return Err(format!("{} is still in the meeting after its end", device.name));
        }
        let now = self.relay_time();
        let left = self.relay.sessions(&self.devices[0].pseudonym, now);
        let ended = self.finale.as_ref().and_then(|finale| finale.session);
        if ended.is_some_and(|session| left.contains(&session)) {
            return Err("the board is left after the end of the meeting".to_owned());
        }
        Ok(())
    }
}
