//! Real engines in one thread around a board in memory, on a clock that moves when told.
//!
//! The board is the relay's as the engines see it: posts are delivered to everyone else in one
//! order, of a slot other than the log only the newest is shown to newcomers. It costs nothing, so
//! what is measured is the engines. With [`Room::delayed`] everything takes a while, as on a network.

use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::{Context as _, ensure};
use standfast_crypto::Link;
use standfast_meeting::{
    Command, EpochNow, Input, Meeting, Now, Output, PacketShape, Phase, Snapshot,
};
use standfast_wire::relay::{Envelope, Post, SLOT_LOG, ToRelay, pack};

use crate::clock::Stopwatch;
use crate::dice::Dice;
use crate::people::{Os, config, link};

/// The relay's hint that a connection ended comes this long after it did.
const HINT_MS: u64 = 50;

/// One device.
pub(crate) struct Device {
    pub(crate) meeting: Meeting,
    /// Its process runs and is connected.
    pub(crate) alive: bool,
    /// Control messages do not reach it; frames do.
    pub(crate) deaf: bool,
    /// What it would have played: who and when, by the media clock.
    pub(crate) played: Vec<(u16, u32)>,
    due_ms: u64,
    /// No control message arrives before this: the channel keeps its order.
    control_ms: u64,
}

/// Something on its way to a device.
enum Flying {
    Control(usize, Rc<Envelope>),
    Media(Rc<[u8]>),
    Gone(usize),
}

pub(crate) struct Room {
    pub(crate) devices: Vec<Device>,
    pub(crate) link: Link,
    pub(crate) now: Now,
    log: Vec<(usize, Rc<Envelope>)>,
    newest: BTreeMap<(usize, u8), Rc<Envelope>>,
    flying: BTreeMap<(u64, u64), (usize, Flying)>,
    flights: u64,
    /// Everything posted since it was last taken.
    posted: Vec<Rc<Envelope>>,
    delays: Option<(Dice, u64, u64)>,
    rotate_ms: u32,
    /// Takes frames off the network, if there is one.
    tap: Option<Tap>,
    /// Processor time that device 0 took for its inputs, ms; counted while it is there.
    first_cpu_ms: Option<f64>,
}

/// Frames on their way to a network of the caller's, and what was heard of those it gave back.
#[derive(Default)]
pub(crate) struct Tap {
    /// Who sealed it, and the frame.
    pub(crate) sealed: Vec<(usize, Rc<[u8]>)>,
    /// Who heard it, and what.
    pub(crate) heard: Vec<(usize, Packet)>,
    /// Who heard that the speaker muted.
    pub(crate) paused: Vec<usize>,
}

/// A packet to play.
pub(crate) struct Packet {
    /// Media clock, samples.
    pub(crate) media_ts: u32,
    pub(crate) opus: Vec<u8>,
    /// It came with a later one, again.
    pub(crate) copy: bool,
}

/// What one rotation took.
pub(crate) struct Rotation {
    /// From the command to the last confirmation at the last member.
    pub(crate) wall_ms: f64,
    /// Of all members together.
    pub(crate) cpu_ms: f64,
    /// Of the generator alone.
    pub(crate) generator_cpu_ms: f64,
    /// What was posted, in the relay's encoding.
    pub(crate) bytes: usize,
    pub(crate) posts: usize,
}

impl Room {
    pub(crate) fn new(rotate_ms: u32) -> Self {
        Self {
            devices: Vec::new(),
            link: link("relay.test"),
            now: Now { mono_ms: 1_000_000, wall_ms: 1_800_000_000_000 },
            log: Vec::new(),
            newest: BTreeMap::new(),
            flying: BTreeMap::new(),
            flights: 0,
            posted: Vec::new(),
            delays: None,
            rotate_ms,
            tap: None,
            first_cpu_ms: None,
        }
    }

    /// From here on everything takes between `least` and `most` ms. Frames may overtake each other.
    pub(crate) fn delayed(&mut self, seed: u64, least: u64, most: u64) {
        self.delays = Some((Dice::new(seed), least, most));
    }

    /// From here on no frame is delivered but by [`frame`](Self::frame): the network is the caller's.
    pub(crate) fn tapped(&mut self) {
        self.tap = Some(Tap::default());
    }

    /// What happened to frames since this was last asked.
    pub(crate) fn take_tap(&mut self) -> Tap {
        self.tap.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// A frame reaches a device.
    pub(crate) fn frame(&mut self, to: usize, frame: &[u8]) {
        self.input(to, Input::Media(frame));
    }

    /// A device's microphone changes to packets of another shape.
    pub(crate) fn shape(&mut self, n: usize, shape: PacketShape) {
        self.input(n, Input::Shape(shape));
        self.settle();
    }

    /// A packet comes from a device's microphone.
    pub(crate) fn voice(&mut self, n: usize, media_ts: u32, packet: &[u8]) {
        self.input(n, Input::Voice { media_ts, packet });
        self.settle();
    }

    /// A meeting of `members`, all live, in one epoch that all have confirmed.
    ///
    /// # Errors
    /// When they do not come together.
    pub(crate) fn gather(members: usize, rotate_ms: u32) -> anyhow::Result<Self> {
        let mut room = Self::new(rotate_ms);
        (0..members).for_each(|_| room.add());
        for _ in 0..100 {
            room.pass(100);
            if room.agreed(members).is_ok() {
                return Ok(room);
            }
        }
        room.agreed(members).with_context(|| format!("gathering {members} members"))?;
        Ok(room)
    }

    /// One more device, which reads the board and asks to join.
    pub(crate) fn add(&mut self) {
        let n = self.devices.len();
        let config = config(n, &self.link, self.rotate_ms);
        self.devices.push(Device {
            meeting: Meeting::new(config, Box::new(Os), self.now),
            alive: true,
            deaf: false,
            played: Vec::new(),
            due_ms: u64::MAX,
            control_ms: 0,
        });
        self.input(n, Input::Connected);
        self.input(n, Input::Boards(usize::from(!self.log.is_empty())));
        let board: Vec<_> = self.log.iter().map(|(from, e)| (*from, Rc::clone(e))).collect();
        let slots: Vec<_> =
            self.newest.iter().map(|((from, _), e)| (*from, Rc::clone(e))).collect();
        for (from, envelope) in board.into_iter().chain(slots) {
            self.arrive(n, &Flying::Control(from, envelope));
        }
        if let Some((_, last)) = self.log.last() {
            let session_id = last.session_id;
            self.input(n, Input::CaughtUp { session_id });
        }
        self.settle();
    }

    /// Its process ends without a word; the relay notices.
    pub(crate) fn kill(&mut self, n: usize) {
        self.devices[n].alive = false;
        for to in self.others(n) {
            self.send_at(to, self.now.mono_ms + HINT_MS, Flying::Gone(n));
        }
    }

    pub(crate) fn command(&mut self, n: usize, command: Command) {
        self.input(n, Input::Command(command));
    }

    pub(crate) fn see(&self, n: usize) -> Snapshot {
        self.devices[n].meeting.snapshot()
    }

    /// Whether all living devices are live in one epoch of `members` that all have confirmed, and
    /// which one.
    ///
    /// # Errors
    /// Says which device is where.
    pub(crate) fn agreed(&self, members: usize) -> anyhow::Result<EpochNow> {
        let mut common: Option<EpochNow> = None;
        for n in (0..self.devices.len()).filter(|n| self.devices[*n].alive) {
            let seen = self.see(n);
            ensure!(seen.phase == Phase::Live, "member {n} is {:?}", seen.phase);
            let newest = seen.coming.or(seen.active).context("no epoch")?;
            let (confirmed, of) = (newest.confirmed, newest.members);
            ensure!((confirmed, of) == (members, members), "member {n} has {confirmed} of {of}");
            let same = common.as_ref().is_none_or(|c| c.h == newest.h);
            ensure!(same, "member {n} is in another epoch");
            common = Some(newest);
        }
        common.context("nobody is there")
    }

    /// A new key by command, until everyone has confirmed it to everyone.
    ///
    /// # Errors
    /// When they do not agree.
    pub(crate) fn rotate(&mut self) -> anyhow::Result<Rotation> {
        let members = self.devices.len();
        let before = self.agreed(members)?;
        self.posted.clear();
        self.first_cpu_ms = Some(0.0);
        let watch = Stopwatch::start();
        self.command(0, Command::RotateNow);
        self.settle();
        let (wall_ms, cpu_ms) = (watch.wall_ms(), watch.cpu_ms());
        self.rotated(&before, wall_ms, cpu_ms)
    }

    /// A new key because the old one is due, with fresh keys on both sides: the asymmetric part
    /// runs again. Takes as much of the room's time as an epoch lasts.
    ///
    /// # Errors
    /// When they do not agree.
    pub(crate) fn renew(&mut self) -> anyhow::Result<Rotation> {
        let members = self.devices.len();
        let before = self.agreed(members)?;
        loop {
            // Anything else that is due at the same moment would count as part of the rotation.
            let due = self.next_due_ms();
            self.go_to(due);
            self.posted.clear();
            self.first_cpu_ms = Some(0.0);
            let watch = Stopwatch::start();
            self.tick_due();
            self.settle();
            let (wall_ms, cpu_ms) = (watch.wall_ms(), watch.cpu_ms());
            if self.agreed(members).map_or(true, |now| now.number != before.number) {
                return self.rotated(&before, wall_ms, cpu_ms);
            }
        }
    }

    fn rotated(
        &mut self,
        before: &EpochNow,
        wall_ms: f64,
        cpu_ms: f64,
    ) -> anyhow::Result<Rotation> {
        let generator_cpu_ms = self.first_cpu_ms.take().unwrap_or_default();
        let now = self.agreed(self.devices.len())?;
        ensure!(now.number == before.number + 1, "epoch {} after {}", now.number, before.number);
        let posts = self.posted.len();
        let bytes = self.posted.drain(..).map(|e| posted_bytes(&e)).sum();
        Ok(Rotation { wall_ms, cpu_ms, generator_cpu_ms, bytes, posts })
    }

    /// Lets time pass, from one thing that is due to the next.
    pub(crate) fn pass(&mut self, ms: u64) {
        let until = self.now.mono_ms + ms;
        self.settle();
        loop {
            let next = self.next_due_ms();
            self.go_to(next.min(until));
            self.tick_due();
            self.settle();
            if self.now.mono_ms >= until {
                break;
            }
        }
    }

    pub(crate) fn say(&mut self, n: usize, media_ts: u32) {
        self.voice(n, media_ts, b"twenty milliseconds of speech");
    }

    fn next_due_ms(&self) -> u64 {
        let due = self.devices.iter().filter(|d| d.alive).map(|d| d.due_ms);
        let flying = self.flying.keys().map(|(at, _)| *at);
        due.chain(flying.take(1)).min().unwrap_or(u64::MAX).max(self.now.mono_ms + 1)
    }

    fn go_to(&mut self, mono_ms: u64) {
        self.now.wall_ms += mono_ms - self.now.mono_ms;
        self.now.mono_ms = mono_ms;
    }

    fn tick_due(&mut self) {
        for n in 0..self.devices.len() {
            if self.devices[n].alive && self.devices[n].due_ms <= self.now.mono_ms {
                self.input(n, Input::Tick);
            }
        }
    }

    /// Delivers until nothing moves without time.
    pub(crate) fn settle(&mut self) {
        while let Some(next) = self.flying.first_entry() {
            if next.key().0 > self.now.mono_ms {
                break;
            }
            let (to, what) = next.remove();
            self.arrive(to, &what);
        }
    }

    fn arrive(&mut self, to: usize, what: &Flying) {
        match what {
            Flying::Control(..) if self.devices[to].deaf => {}
            Flying::Control(from, envelope) => {
                self.input(to, Input::Delivered { poster: poster(*from), envelope });
            }
            Flying::Media(frame) => self.input(to, Input::Media(frame)),
            Flying::Gone(from) => self.input(to, Input::PeerGone { poster: poster(*from) }),
        }
    }

    fn input(&mut self, n: usize, input: Input<'_>) {
        if !self.devices[n].alive {
            return;
        }
        let meter = (n == 0 && self.first_cpu_ms.is_some()).then(Stopwatch::start);
        self.devices[n].meeting.handle(input, self.now);
        self.devices[n].due_ms = self.devices[n].meeting.timeout_ms().unwrap_or(u64::MAX);
        while let Some(output) = self.devices[n].meeting.poll_output() {
            self.carry_out(n, output);
        }
        if let (Some(meter), Some(sum)) = (meter, &mut self.first_cpu_ms) {
            *sum += meter.cpu_ms();
        }
    }

    fn carry_out(&mut self, n: usize, output: Output) {
        match output {
            Output::Post(envelope) => self.post(n, Rc::new(envelope)),
            Output::Media(frame) => {
                let frame: Rc<[u8]> = frame.into();
                if let Some(tap) = &mut self.tap {
                    return tap.sealed.push((n, frame));
                }
                self.others(n).for_each(|to| self.send(to, Flying::Media(Rc::clone(&frame))));
            }
            Output::OpenSession { session_id, .. } => {
                self.others(n).for_each(|to| self.input(to, Input::CaughtUp { session_id }));
            }
            Output::Paused { .. } => {
                if let Some(tap) = &mut self.tap {
                    tap.paused.push(n);
                }
            }
            Output::Play { media_ts, packet, copy, .. } if self.tap.is_some() => {
                let heard = Packet { media_ts, opus: packet, copy };
                if let Some(tap) = &mut self.tap {
                    tap.heard.push((n, heard));
                }
            }
            Output::Play { idx, media_ts, copy: false, .. } => {
                self.devices[n].played.push((idx, media_ts))
            }
            _ => {}
        }
    }

    fn post(&mut self, n: usize, envelope: Rc<Envelope>) {
        if envelope.slot == SLOT_LOG {
            self.log.push((n, Rc::clone(&envelope)));
        } else {
            self.newest.insert((n, envelope.slot), Rc::clone(&envelope));
        }
        self.others(n).for_each(|to| self.send(to, Flying::Control(n, Rc::clone(&envelope))));
        self.posted.push(envelope);
    }

    fn others(&self, n: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.devices.len()).filter(move |to| *to != n)
    }

    fn send(&mut self, to: usize, what: Flying) {
        let delay = match &mut self.delays {
            Some((dice, least, most)) => dice.between(*least, *most),
            None => 0,
        };
        let mut at = self.now.mono_ms + delay;
        if matches!(what, Flying::Control(..)) {
            at = at.max(self.devices[to].control_ms);
            self.devices[to].control_ms = at;
        }
        self.send_at(to, at, what);
    }

    fn send_at(&mut self, to: usize, at_ms: u64, what: Flying) {
        self.flights += 1;
        self.flying.insert((at_ms, self.flights), (to, what));
    }
}

/// A pseudonym, as the relay would name it.
fn poster(n: usize) -> [u8; 32] {
    let mut poster = [0; 32];
    poster[..8].copy_from_slice(&n.to_be_bytes());
    poster
}

fn posted_bytes(envelope: &Envelope) -> usize {
    pack(&ToRelay::from(Post { request: 1_000, envelope: envelope.clone() })).len()
}
