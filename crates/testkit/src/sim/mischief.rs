//! What goes wrong, and what people do.

use standfast_meeting::{Command, LeftWhy};

use super::net::{Break, Weather};
use super::queue::{Event, Happening};
use super::world::{Held, World};

/// Both sides of a connection that turned into a black hole notice it within this time: what the
/// client and the relay wait at most, and a ping.
const BLACK_HOLE_MS: u64 = 6_000;

/// One kind of mischief.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Weather,
    Break,
    BlackHole,
    Outage,
    Crash,
    Sleep,
    Stall,
    Split,
    Move,
    RelayRestart,
    Leave,
    ComeBack,
    Rotate,
    Remove,
    Lock,
    OneWay,
    Evil,
}

impl World<'_> {
    /// Something goes wrong now, and again a little later.
    pub(crate) fn mischief(&mut self) -> Held {
        if self.calm_ms.is_some() {
            return Ok(());
        }
        let kinds = self.kinds();
        if let Some(kind) = self.dice.pick(&kinds) {
            self.do_mischief(kind)?;
        }
        let pause_ms = match self.dice.below(4) {
            0 => self.dice.between(1, 300), // one blow upon the other
            1 => self.dice.between(5_000, 15_000),
            _ => self.dice.between(300, 4_000),
        };
        self.queue.push(self.now_ms + pause_ms, Event::Mischief);
        Ok(())
    }

    fn kinds(&self) -> Vec<Kind> {
        let f = &self.faults;
        let two = self.relay.nodes() > 1;
        let all = [
            (Kind::Weather, true),
            (Kind::Break, f.breaks),
            (Kind::BlackHole, f.black_holes),
            (Kind::Outage, f.outage),
            (Kind::Crash, f.crash || f.generator_crash),
            (Kind::Sleep, f.sleep),
            (Kind::Stall, f.stall),
            (Kind::Split, f.partition && two && self.relay.joined),
            (Kind::Split, f.partition && two && self.relay.joined),
            (Kind::Move, f.moves && two),
            (Kind::RelayRestart, f.relay_restart),
            (Kind::Leave, f.leave),
            (Kind::ComeBack, true),
            (Kind::Rotate, f.rotate),
            (Kind::Remove, f.remove),
            (Kind::Lock, f.lock),
            (Kind::OneWay, f.one_way),
            (Kind::Evil, f.evil),
        ];
        all.into_iter().filter(|(_, on)| *on).map(|(kind, _)| kind).collect()
    }

    fn do_mischief(&mut self, kind: Kind) -> Held {
        let at = self.dice.below(self.devices.len() as u64) as usize;
        match kind {
            Kind::Weather => {
                self.weather = Weather::any(self.faults.media, &mut self.dice);
                self.say(|w| format!("{:?}", w.weather));
            }
            Kind::Break => self.snap(at),
            Kind::BlackHole => self.black_hole(at),
            Kind::Outage => self.outage(at),
            Kind::Crash => self.crash(at),
            Kind::Sleep => self.sleep(at),
            Kind::Stall => {
                let until_ms = self.now_ms + self.dice.between(50, 2_900);
                self.say(|w| format!("{} stalls", w.devices[at].name));
                self.pause(at, false, until_ms);
            }
            Kind::Split => self.split(),
            Kind::Move => {
                self.devices[at].node = 1 - self.devices[at].node;
                self.say(|w| {
                    format!("{} moves to node {}", w.devices[at].name, w.devices[at].node)
                });
                self.snap(at);
            }
            Kind::RelayRestart => {
                self.say(|_| "the relay is restarted".to_owned());
                let down_ms = self.dice.between(20, 8_000);
                self.relay_restart(down_ms);
            }
            Kind::Leave => return self.leave(at),
            Kind::ComeBack => self.come_back(at),
            Kind::Rotate => self.as_host(at, Command::RotateNow),
            Kind::Remove => self.remove(at),
            Kind::Lock => {
                let locked = self.dice.chance(50);
                self.as_host(at, Command::SetLocked(locked));
            }
            Kind::OneWay => self.one_way(at),
            Kind::Evil => {
                self.evil_until_ms = self.now_ms + self.dice.between(500, 20_000);
                self.say(|_| "the relay is evil".to_owned());
            }
        }
        Ok(())
    }

    /// The connection breaks, and both sides see it soon.
    fn snap(&mut self, at: usize) {
        let end = Break {
            client_notices_ms: self.dice.below(200),
            relay_notices_ms: self.dice.below(200),
        };
        self.say(|w| format!("the line of {} breaks", w.devices[at].name));
        self.break_line_of(at, end);
    }

    fn black_hole(&mut self, at: usize) {
        let end = Break {
            client_notices_ms: self.dice.below(BLACK_HOLE_MS),
            relay_notices_ms: self.dice.below(BLACK_HOLE_MS),
        };
        self.say(|w| format!("the line of {} is a black hole", w.devices[at].name));
        self.break_line_of(at, end);
    }

    fn break_line_of(&mut self, at: usize, end: Break) {
        let process = self.devices[at].process.as_ref();
        if let Some(line) = process.and_then(|p| p.line.or(p.dialling)) {
            self.break_line(line, end);
        }
    }

    /// The relay cuts a device off, and goes on telling it everything: it has left, and listens.
    fn one_way(&mut self, at: usize) {
        let process = self.devices[at].process.as_ref();
        let Some(line) = process.and_then(|p| p.line) else { return };
        self.say(|w| format!("{} is heard by nobody", w.devices[at].name));
        self.mute_line(line);
        let most = if self.dice.chance(30) { 60_000 } else { 8_000 };
        self.queue.push(self.now_ms + self.dice.between(500, most), Event::Snap(line));
    }

    fn outage(&mut self, at: usize) {
        self.devices[at].offline = true;
        self.black_hole(at);
        let most = if self.dice.chance(15) { 90_000 } else { 20_000 };
        let back_ms = self.now_ms + self.dice.between(500, most);
        self.queue.push(back_ms, Event::NetworkBack(at));
    }

    fn crash(&mut self, at: usize) {
        let generator = self.devices[at].shown().is_some_and(|shown| shown.generator);
        let organizer = at == 0;
        let allowed =
            if generator || organizer { self.faults.generator_crash } else { self.faults.crash };
        if !allowed || self.devices[at].process.is_none() {
            return;
        }
        self.say(|w| format!("{} crashes", w.devices[at].name));
        if let Some(line) = self.kill(at) {
            // The kernel closes the socket of a dead process; a computer without power does not.
            let most = if self.dice.chance(70) { 50 } else { BLACK_HOLE_MS };
            let relay_notices_ms = self.dice.below(most);
            self.break_line(line, Break { client_notices_ms: 0, relay_notices_ms });
        }
        let gone = self.faults.generator_gone && (generator || organizer);
        if self.devices[at].wanted && !gone {
            self.devices[at].starting = true;
            let most = if self.dice.chance(20) { 60_000 } else { 8_000 };
            let start_ms = self.now_ms + self.dice.between(200, most);
            self.queue.push(start_ms, Event::Start(at));
        }
    }

    fn sleep(&mut self, at: usize) {
        if self.devices[at].process.is_none() || self.devices[at].paused.is_some() {
            return;
        }
        let most = if self.dice.chance(20) { 90_000 } else { 20_000 };
        let until_ms = self.now_ms + self.dice.between(4_500, most);
        self.say(|w| format!("{} sleeps", w.devices[at].name));
        // It notices for itself when it wakes up.
        let client_notices_ms = until_ms - self.now_ms + 10;
        let relay_notices_ms = self.dice.below(BLACK_HOLE_MS);
        self.break_line_of(at, Break { client_notices_ms, relay_notices_ms });
        self.pause(at, true, until_ms);
    }

    fn split(&mut self) {
        let told = self.dice.chance(50);
        self.say(|_| format!("the nodes lose each other, told: {told}"));
        let now = self.relay_time();
        self.relay.split(told, now);
        self.write();
        let most = if self.dice.chance(20) { 90_000 } else { 25_000 };
        let heal_ms = self.now_ms + self.dice.between(300, most);
        self.queue.push(heal_ms, Event::Heal);
    }

    fn leave(&mut self, at: usize) -> Held {
        let Some(process) = &self.devices[at].process else { return Ok(()) };
        let (id, generator) = (process.id, process.shown.generator);
        if (generator || at == 0) && !self.faults.generator_leave {
            return Ok(());
        }
        self.done.left.push(id);
        let want = Happening::Want(id, Command::Leave);
        self.queue.push(self.now_ms, Event::Device(at, want));
        Ok(())
    }

    /// Somebody who left, or crashed for good, comes again.
    fn come_back(&mut self, at: usize) {
        if self.devices[at].process.is_none() && !self.devices[at].starting {
            self.devices[at].starting = true;
            self.queue.push(self.now_ms, Event::Start(at));
        }
    }

    /// The user of this device wants something, if it is one who may.
    fn as_host(&mut self, at: usize, command: Command) {
        let Some(process) = &self.devices[at].process else { return };
        if process.shown.host && process.shown.live() {
            let want = Happening::Want(process.id, command);
            self.queue.push(self.now_ms, Event::Device(at, want));
        }
    }

    /// Somebody is removed; or, at times, the organizer lets somebody who was ask again.
    fn remove(&mut self, at: usize) {
        let removed = self.devices[0].shown().map(|shown| shown.removed.clone());
        let removed = self.dice.pick(&removed.unwrap_or_default());
        if let (Some(fp), true) = (removed, self.dice.chance(50)) {
            self.done.readmitted = true;
            return self.as_host(0, Command::Readmit(fp));
        }
        let (organizer, me) = (self.devices[0].fp, self.devices[at].fp);
        let listed = self.devices[at].shown().map(|shown| shown.members.clone());
        let others = listed.unwrap_or_default().into_iter();
        let others: Vec<_> = others.filter(|fp| *fp != organizer && *fp != me).collect();
        if let (Some(fp), true) = (self.dice.pick(&others), self.dice.chance(40)) {
            self.as_host(at, Command::Remove(fp));
        }
    }

    /// Somebody who may decides on the lobby: mostly lets in.
    pub(crate) fn look_at_lobby(&mut self, at: usize, id: u64) -> Held {
        let Some(process) = self.devices[at].run(id) else { return Ok(()) };
        process.looking_at_lobby = false;
        let lobby = process.shown.lobby.clone();
        for (request, fp) in lobby {
            let out = self.calm_ms.is_none() && self.dice.chance(15);
            if out {
                self.done.kept_out.push(fp);
            }
            let command = if out { Command::KeepOut(request) } else { Command::Admit(request) };
            self.want(at, command)?;
        }
        Ok(())
    }

    /// Nobody is out of the meeting without a reason.
    pub(crate) fn explain(&self, at: usize, id: u64, why: LeftWhy) -> Held {
        let explained = match why {
            LeftWhy::Left => self.done.left.contains(&id),
            LeftWhy::Ended => self.truth.ended,
            LeftWhy::KeptOut => self.done.kept_out.contains(&self.devices[at].fp),
            LeftWhy::Removed => self.truth.ever_removed.contains(&self.devices[at].fp),
            LeftWhy::Replaced | LeftWhy::WrongPassphrase | LeftWhy::Elsewhere => false,
        };
        if explained { Ok(()) } else { Err(format!("is out for no reason: {why:?}")) }
    }
}
