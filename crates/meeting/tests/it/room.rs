//! A room: engines around a board that loses nothing, on a clock that only moves when told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use standfast_crypto::{
    Enc, Entropy, Identity, Link, LinkKeys, PassphraseKey, PrivateBundle, Secret, kdf,
};
use standfast_meeting::{
    Admission, Command, Config, Hosts, Input, Known, Meeting, Now, Output, PacketShape, Part,
    Policy, Snapshot,
};
use standfast_wire::relay::Envelope;

pub struct Seeded(pub u64, pub u64);

impl Entropy for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(64) {
            self.1 += 1;
            let block = kdf::<64>(b"", &self.0.to_be_bytes(), Enc::new("room").uint(self.1));
            chunk.copy_from_slice(&block.expose()[..chunk.len()]);
        }
    }
}

/// Given the receiver and a message, what is delivered instead.
pub type Tamper = Box<dyn FnMut(&str, &Envelope) -> Option<Envelope>>;

/// Given the receiver and whether it is control, the delays of the copies that arrive.
pub type Fate = Box<dyn FnMut(&str, bool) -> Vec<u64>>;

/// Something on its way to a device.
enum Flying {
    Control(&'static str, Envelope),
    Media(Vec<u8>),
}

/// One device: its engine, and what came out for ear and keychain.
pub struct Device {
    pub meeting: Meeting,
    /// Index and media clock of packets that came again.
    pub copies: Vec<(u16, u32)>,
    pub heard: Vec<(u16, u32, Vec<u8>)>,
    pub stored: Vec<PrivateBundle>,
    pub erased: Vec<[u8; 16]>,
    pub deputies: Option<Vec<u8>>,
    pub online: bool,
    /// How often it read the board again.
    pub reads: u32,
}

pub struct Room {
    pub devices: BTreeMap<&'static str, Device>,
    pub board: Vec<(&'static str, Envelope)>,
    pub bundles: BTreeMap<[u8; 32], Vec<u8>>,
    pub sent: Vec<(&'static str, Vec<u8>)>,
    pub ended: bool,
    pub now: Now,
    pub link: Link,
    /// With it, deliveries take time, get lost or come twice: delays in ms, one per copy.
    pub fate: Option<Fate>,
    flying: BTreeMap<(u64, u64), (&'static str, Flying)>,
    flights: u64,
    /// Changes or drops what is delivered to a device.
    pub tamper: Option<Tamper>,
    /// Stretched passphrases, for devices that are added from here on.
    pub passphrases: BTreeMap<&'static str, u8>,
}

pub fn identity(name: &str) -> Identity {
    Identity::from_seed(Secret::from_fn(|seed| {
        seed.copy_from_slice(kdf::<32>(b"id", name.as_bytes(), Enc::new("room")).expose())
    }))
}

pub fn poster(name: &str) -> [u8; 32] {
    *kdf::<32>(b"poster", name.as_bytes(), Enc::new("room")).expose()
}

impl Room {
    pub fn new() -> Self {
        let link =
            Link::create("relay.test", identity("ines").fingerprint(), None, &mut Seeded(9, 0));
        Self {
            devices: BTreeMap::new(),
            board: Vec::new(),
            bundles: BTreeMap::new(),
            sent: Vec::new(),
            ended: false,
            now: Now { mono_ms: 1_000_000, wall_ms: 1_800_000_000_000 },
            link,
            fate: None,
            flying: BTreeMap::new(),
            flights: 0,
            tamper: None,
            passphrases: BTreeMap::new(),
        }
    }

    pub fn organizer(&mut self, scheduled: &[&str], admission: Admission) {
        let scheduled = scheduled.iter().map(|name| identity(name).fingerprint()).collect();
        let policy = Policy { admission, hosts: Hosts::Scheduled, rotate_ms: 300_000 };
        self.add("ines", Part::Organizer { scheduled, policy }, Vec::new());
    }

    pub fn member(&mut self, name: &'static str, prekeys: Vec<PrivateBundle>) {
        self.add(name, Part::Member { prekeys }, Vec::new());
    }

    pub fn add(&mut self, name: &'static str, part: Part, known: Vec<Known>) {
        self.add_process(name, name, part, known);
    }

    fn keys_of(&self, name: &str) -> LinkKeys {
        let key = |byte: u8| PassphraseKey::restore(Secret::from_fn(|out| out.fill(byte)));
        let given = self.passphrases.get(name);
        given.map_or_else(|| self.link.keys(), |byte| self.link.keys_with(&key(*byte)))
    }

    /// A process called `name` with the identity of `whose`.
    pub fn add_process(&mut self, name: &'static str, whose: &str, part: Part, known: Vec<Known>) {
        self.start(name, whose, part, known);
        self.connect(name);
    }

    /// One that is not connected yet.
    pub fn offline(&mut self, name: &'static str, part: Part) {
        self.start(name, name, part, Vec::new());
    }

    fn start(&mut self, name: &'static str, whose: &str, part: Part, known: Vec<Known>) {
        let config = Config {
            identity: Arc::new(identity(whose)),
            meeting_id: self.link.meeting_id,
            organizer: self.link.organizer,
            link: self.keys_of(name),
            name: whose.to_owned(),
            part,
            known,
            muted: false,
            audio: PacketShape::of_20_ms(80),
        };
        let seed = u64::from_be_bytes(poster(name)[..8].try_into().unwrap()) ^ self.now.mono_ms;
        let meeting = Meeting::new(config, Box::new(Seeded(seed, 0)), self.now);
        let device = Device {
            meeting,
            heard: Vec::new(),
            copies: Vec::new(),
            stored: Vec::new(),
            erased: Vec::new(),
            deputies: None,
            online: false,
            reads: 0,
        };
        // What a process before it posted comes first in any relay's order.
        let of_before = |what: &Flying| matches!(what, Flying::Control(from, _) if *from == name);
        for (key, (to, what)) in std::mem::take(&mut self.flying) {
            match what {
                what if of_before(&what) => self.arrive(to, what),
                what if to != name => drop(self.flying.insert(key, (to, what))),
                _ => {}
            }
        }
        self.devices.insert(name, device);
    }

    /// Connects and reads the whole board.
    pub fn connect(&mut self, name: &'static str) {
        self.devices.get_mut(name).unwrap().online = true;
        self.input(name, Input::Connected);
        self.input(name, Input::Boards(usize::from(!self.board.is_empty())));
        self.show_boards(name);
        self.run();
    }

    fn show_boards(&mut self, name: &'static str) {
        // What earlier connections of its own posted, too.
        for (from, envelope) in self.board.clone() {
            self.deliver(name, from, &envelope);
        }
        let mut sessions: Vec<_> = self.board.iter().map(|(_, e)| e.session_id).collect();
        sessions.dedup();
        for session_id in sessions {
            self.input(name, Input::CaughtUp { session_id });
        }
    }

    pub fn disconnect(&mut self, name: &'static str) {
        self.devices.get_mut(name).unwrap().online = false;
        self.flying.retain(|_, (to, _)| *to != name);
        self.input(name, Input::Disconnected);
        self.run();
    }

    pub fn input(&mut self, name: &str, input: Input<'_>) {
        self.devices.get_mut(name).unwrap().meeting.handle(input, self.now);
    }

    pub fn command(&mut self, name: &str, command: Command) {
        self.input(name, Input::Command(command));
        self.run();
    }

    fn deliver(&mut self, to: &str, from: &str, envelope: &Envelope) {
        let envelope = match &mut self.tamper {
            Some(tamper) => match tamper(to, envelope) {
                Some(envelope) => envelope,
                None => return,
            },
            None => envelope.clone(),
        };
        self.input(to, Input::Delivered { poster: poster(from), envelope: &envelope });
    }

    /// On its way at once, or as fate has it.
    fn send(&mut self, to: &'static str, what: Flying) {
        let control = matches!(what, Flying::Control(..));
        let Some(fate) = &mut self.fate else { return self.arrive(to, what) };
        for delay in fate(to, control) {
            let copy = match &what {
                Flying::Control(from, envelope) => Flying::Control(from, envelope.clone()),
                Flying::Media(frame) => Flying::Media(frame.clone()),
            };
            self.flights += 1;
            self.flying.insert((self.now.mono_ms + delay, self.flights), (to, copy));
        }
    }

    fn arrive(&mut self, to: &'static str, what: Flying) {
        if !self.devices.contains_key(to) {
            return;
        }
        match what {
            Flying::Control(from, envelope) => self.deliver(to, from, &envelope),
            Flying::Media(frame) => self.input(to, Input::Media(&frame)),
        }
    }

    /// Given to a device as from a stranger, and what follows from it.
    pub fn inject(&mut self, to: &str, envelope: &Envelope) {
        self.input(to, Input::Delivered { poster: poster("mallory"), envelope });
        self.run();
    }

    /// Put on the board by a stranger.
    pub fn post(&mut self, envelope: &Envelope) {
        self.board.push(("mallory", envelope.clone()));
        let names: Vec<_> = self.devices.keys().copied().collect();
        let poster = poster("mallory");
        names.into_iter().for_each(|to| self.input(to, Input::Delivered { poster, envelope }));
        self.run();
    }

    /// Carries out outputs until nothing moves.
    pub fn run(&mut self) {
        let mut work: VecDeque<(&'static str, Output)> = VecDeque::new();
        loop {
            for (name, device) in &mut self.devices {
                while let Some(output) = device.meeting.poll_output() {
                    work.push_back((name, output));
                }
            }
            let Some((name, output)) = work.pop_front() else { break };
            self.carry_out(name, output);
        }
    }

    fn carry_out(&mut self, name: &'static str, output: Output) {
        let others: Vec<_> =
            self.devices.iter().filter(|(n, d)| **n != name && d.online).map(|(n, _)| *n).collect();
        match output {
            Output::Post(_) | Output::Media(_) if !self.devices[name].online => {}
            Output::Post(envelope) => {
                self.board.push((name, envelope.clone()));
                others
                    .into_iter()
                    .for_each(|to| self.send(to, Flying::Control(name, envelope.clone())));
            }
            Output::Media(frame) => {
                self.sent.push((name, frame.clone()));
                others.into_iter().for_each(|to| self.send(to, Flying::Media(frame.clone())));
            }
            Output::OpenSession { session_id, .. } => {
                others.into_iter().for_each(|to| self.input(to, Input::CaughtUp { session_id }));
            }
            Output::EndSession { .. } => self.ended = true,
            Output::ReadAgain => {
                self.devices.get_mut(name).unwrap().reads += 1;
                self.show_boards(name);
            }
            Output::FetchBundle { slot } => {
                let blob = self.bundles.get(&slot).cloned();
                self.input(name, Input::Bundle { slot, blob: blob.as_deref() });
            }
            Output::StorePrekey { private, slot, blob, .. } => {
                self.bundles.insert(slot, blob);
                self.devices
                    .get_mut(name)
                    .unwrap()
                    .stored
                    .push(PrivateBundle::from_secret(&private));
            }
            Output::ErasePrekey { bundle_id } => {
                self.devices.get_mut(name).unwrap().erased.push(bundle_id)
            }
            Output::Upload { slot, blob } => drop(self.bundles.insert(slot, blob)),
            Output::KeepDeputies { signed } => {
                self.devices.get_mut(name).unwrap().deputies = Some(signed)
            }
            Output::Play { idx, media_ts, copy: true, .. } => {
                self.devices.get_mut(name).unwrap().copies.push((idx, media_ts));
            }
            Output::Play { idx, media_ts, packet, copy: false } => {
                self.devices.get_mut(name).unwrap().heard.push((idx, media_ts, packet))
            }
            Output::Paused { .. }
            | Output::Forget { .. }
            | Output::Met { .. }
            | Output::Changed => {}
        }
    }

    /// Lets time pass, tick by tick.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now.mono_ms + ms;
        loop {
            let due = self.devices.values().filter_map(|d| d.meeting.timeout_ms());
            let flying = self.flying.keys().map(|(at, _)| *at);
            let next = due.chain(flying).min().unwrap_or(u64::MAX);
            let step = next.clamp(self.now.mono_ms + 1, until.max(self.now.mono_ms + 1));
            self.now.wall_ms += step - self.now.mono_ms;
            self.now.mono_ms = step;
            while let Some(next) = self.flying.first_entry().filter(|e| e.key().0 <= step) {
                let (to, what) = next.remove();
                self.arrive(to, what);
                self.run();
            }
            let names: Vec<_> = self.devices.keys().copied().collect();
            for name in names {
                if self.devices[name].meeting.timeout_ms().is_some_and(|at| at <= step) {
                    self.input(name, Input::Tick);
                    let next = self.devices[name].meeting.timeout_ms();
                    assert!(next.is_none_or(|at| at > step), "{name} is never done at {step}");
                }
            }
            self.run();
            if self.now.mono_ms >= until {
                break;
            }
        }
    }

    pub fn see(&self, name: &str) -> Snapshot {
        self.devices[name].meeting.snapshot()
    }

    pub fn say(&mut self, name: &str, media_ts: u32) {
        self.input(name, Input::Voice { media_ts, packet: b"speech" });
        self.run();
    }

    /// Who hears one packet of `name`, by name.
    pub fn hearers(&mut self, name: &str, media_ts: u32) -> Vec<&'static str> {
        self.say(name, media_ts);
        let heard = |d: &Device| d.heard.iter().any(|(_, ts, p)| *ts == media_ts && p == b"speech");
        self.devices.iter().filter(|(_, d)| heard(d)).map(|(n, _)| *n).collect()
    }

    /// The code that all of these see, if it is one.
    pub fn common_code(&self, names: &[&str]) -> Option<String> {
        let codes: Vec<_> = names.iter().map(|n| self.see(n).code).collect();
        codes.windows(2).all(|w| w[0] == w[1]).then(|| codes[0].clone()).flatten()
    }

    pub fn take_prekeys(&mut self, name: &str) -> Vec<PrivateBundle> {
        std::mem::take(&mut self.devices.get_mut(name).unwrap().stored)
    }
}
