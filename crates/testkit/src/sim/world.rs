//! The world: devices around a relay, and the order in which everything happens.

use std::fmt::Write as _;

use standfast_crypto::{Fingerprint, Link, LinkKeys};
use standfast_wire::control::Hash;

use super::device::Device;
use super::dice::Dice;
use super::net::{Break, LineId, Lines, Weather};
use super::plan::{Faults, Plan};
use super::queue::{Event, Happening, Queue};
use super::relay::{NAME, Relay};
use super::truth::{Truth, digest};
use super::{Figures, Violation};

/// An invariant holds, or in words why not.
pub(crate) type Held = Result<(), String>;

/// Where lines about what happens go, if anybody wants them.
pub type Trace<'t> = Option<&'t mut dyn FnMut(&str)>;

/// Two nodes, so often.
const TWO_NODES_PERCENT: u64 = 35;
/// The relay forgets what is due this often.
const HUB_TICK_MS: u64 = 5_000;

/// What the people of this meeting have done that explains why somebody is out of it.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) left: Vec<u64>,
    pub(crate) kept_out: Vec<Fingerprint>,
    pub(crate) readmitted: bool,
}

pub(crate) struct World<'t> {
    pub(crate) now_ms: u64,
    pub(crate) events: u64,
    pub(crate) queue: Queue,
    pub(crate) dice: Dice,
    pub(crate) faults: Faults,
    pub(crate) trouble_ms: u64,
    pub(crate) link: Link,
    pub(crate) meeting_id: [u8; 16],
    pub(crate) devices: Vec<Device>,
    pub(crate) scheduled: Vec<Fingerprint>,
    pub(crate) lobby: bool,
    pub(crate) relay: Relay,
    pub(crate) lines: Lines,
    pub(crate) lines_made: LineId,
    /// When the last copy arrives at each node.
    pub(crate) copies_ms: [u64; 2],
    pub(crate) weather: Weather,
    /// Until when the relay is evil.
    pub(crate) evil_until_ms: u64,
    pub(crate) truth: Truth,
    pub(crate) done: Done,
    pub(crate) processes: u64,
    pub(crate) calm_ms: Option<u64>,
    /// Since when all have been together.
    pub(crate) together_ms: Option<u64>,
    /// Packets of the last act, and who has heard them.
    pub(crate) finale: Option<super::finale::Finale>,
    pub(crate) over: bool,
    pub(crate) figures: Figures,
    seed: u64,
    pub(crate) trace: Trace<'t>,
    /// Of everything that happened, to see that a seed repeats.
    pub(crate) digest: u64,
}

impl<'t> World<'t> {
    pub(crate) fn new(seed: u64, plan: &Plan, trace: Trace<'t>) -> Self {
        let mut dice = Dice::new(seed, 0);
        let faults = plan.faults.some(&mut dice);
        let nodes = if dice.chance(TWO_NODES_PERCENT) { 2 } else { 1 };
        let mut meeting_id = dice.bytes();
        let mut devices = Vec::new();
        // The link needs the organizer's fingerprint and the pseudonyms need the link's id, so the
        // id is drawn first and put into the link.
        for n in 0..plan.members {
            let node = dice.below(nodes as u64) as usize;
            devices.push(Device::new(format!("m{n}"), node, &meeting_id, &mut dice));
        }
        let made = Link::create(NAME, devices[0].fp, None, &mut dice);
        let secret = standfast_crypto::Secret::from_fn(|out: &mut [u8; 16]| {
            out.copy_from_slice(made.secret().expose());
        });
        let link = Link::restore(NAME.to_owned(), meeting_id, 1, devices[0].fp, None, secret);
        meeting_id = link.meeting_id;
        let lobby = faults.lobby;
        let scheduled = devices[1..].iter().filter(|_| dice.chance(70)).map(|d| d.fp).collect();
        let keys: LinkKeys = link.keys();
        let mut world = Self {
            now_ms: 0,
            events: 0,
            queue: Queue::default(),
            faults,
            trouble_ms: plan.trouble_ms,
            meeting_id,
            devices,
            scheduled,
            lobby,
            relay: Relay::new(nodes, meeting_id, Dice::new(seed, 1)),
            lines: Lines::new(),
            lines_made: 0,
            copies_ms: [0; 2],
            weather: Weather::FAIR,
            evil_until_ms: 0,
            truth: Truth::new(keys),
            done: Done::default(),
            processes: 0,
            calm_ms: None,
            together_ms: None,
            finale: None,
            over: false,
            figures: Figures::default(),
            seed,
            trace,
            digest: seed,
            link,
            dice,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.say(|w| format!("goes wrong: {}", w.faults.told()));
        self.put_prekeys();
        self.queue.push(HUB_TICK_MS, Event::HubTick);
        self.queue.push(self.trouble_ms, Event::Calm);
        self.queue.push(1_000, Event::Mischief);
        for at in 0..self.devices.len() {
            let late = self.faults.late && self.dice.chance(30);
            let latest = if late { self.trouble_ms - 5_000 } else { 6_000 };
            let start = self.dice.below(latest);
            self.devices[at].starting = true;
            self.queue.push(start, Event::Start(at));
        }
    }

    /// A source of chance for one process, equal to no other.
    pub(crate) fn process_dice(&self) -> Dice {
        Dice::new(self.seed, 1_000 + self.processes)
    }

    /// Everything, from the first to the last moment.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        while !self.over {
            let Some((at_ms, event)) = self.queue.pop() else { break };
            self.now_ms = at_ms;
            self.events += 1;
            self.happen(event).map_err(|what| self.violation(what))?;
        }
        Ok(())
    }

    pub(crate) fn violation(&self, what: String) -> Violation {
        Violation { seed: self.seed, at_ms: self.now_ms, step: self.events, what }
    }

    fn happen(&mut self, event: Event) -> Held {
        match event {
            Event::Device(at, happening) => self.happen_on(at, happening)?,
            Event::Login(line) => self.login(line)?,
            Event::Up(line, message) => self.arrive_up(line, message)?,
            Event::ReadOn(line) => self.read_on(line)?,
            Event::UpMedia(line, message) => self.arrive_up_media(line, message)?,
            Event::Snap(line) => {
                let end = Break { client_notices_ms: 0, relay_notices_ms: 0 };
                self.break_line(line, end);
            }
            Event::HubLost(line) => self.hub_lost(line),
            Event::Copy { to, copied } => self.arrive_copy(to, copied),
            Event::HubTick => {
                self.relay.tick(self.relay_time());
                self.queue.push(self.now_ms + HUB_TICK_MS, Event::HubTick);
            }
            Event::RelayUp => self.relay.up = true,
            Event::Heal => self.heal(),
            Event::NetworkBack(at) => self.devices[at].offline = false,
            Event::Resume(at) => self.resume(at)?,
            Event::Start(at) => self.start(at)?,
            Event::Mischief => self.mischief()?,
            Event::Calm => self.calm()?,
            Event::Probe => self.probe()?,
            Event::Finale(act) => self.act(act)?,
        }
        Ok(())
    }

    /// On a device that gets no time to run it happens later.
    fn happen_on(&mut self, at: usize, happening: Happening) -> Held {
        match &mut self.devices[at].paused {
            Some(pause) => {
                pause.held.push(happening);
                Ok(())
            }
            None => self
                .drive(at, happening)
                .map_err(|what| format!("{}: {what}", self.devices[at].name)),
        }
    }

    /// Somebody reads the trace.
    pub(crate) fn is_told(&self) -> bool {
        self.trace.is_some()
    }

    /// A line of the trace; costs nothing when nobody reads it.
    pub(crate) fn say(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let mut text = format!("{:>9.3} ", self.now_ms as f64 / 1_000.0);
            text.push_str(&line(self));
            if let Some(trace) = &mut self.trace {
                trace(&text);
            }
        }
    }

    /// Something happened that a repetition has to repeat.
    pub(crate) fn mark(&mut self, at: usize, bytes: &[u8]) {
        let mut text = String::new();
        let _ = write!(text, "{} {} {} {at}", self.digest, self.now_ms, digest(bytes));
        self.digest = digest(text.as_bytes());
    }
}

/// The beginning of a hash, for people.
pub(crate) fn short(h: &Hash) -> String {
    h[..3].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
