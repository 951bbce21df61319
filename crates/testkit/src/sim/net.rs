//! Connections between devices and the relay: delayed, broken, found broken late.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use standfast_relay::hub::ConnectionId;
use standfast_wire::codec::from_bytes;
use standfast_wire::relay::{BoardPosition, MEDIA, Packet, ToClient};

use super::dice::Dice;
use super::queue::{Event, Happening};
use super::relay::{Copied, What, Written};
use super::world::{Held, World};

pub(crate) type LineId = u64;

/// How good the lines are now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) delay_ms: u64,
    pub(crate) jitter_ms: u64,
    pub(crate) media_jitter_ms: u64,
    pub(crate) lost_percent: u64,
    pub(crate) twice_percent: u64,
}

impl Weather {
    pub(crate) const FAIR: Self = Self {
        delay_ms: 20,
        jitter_ms: 20,
        media_jitter_ms: 20,
        lost_percent: 0,
        twice_percent: 0,
    };

    /// From fair to very bad; media on its own only suffers when `media` says so.
    pub(crate) fn any(media: bool, dice: &mut Dice) -> Self {
        let bad = dice.below(4);
        let (lost, twice) = if media { (bad * 10, bad * 3) } else { (0, 0) };
        Self {
            delay_ms: dice.between(2, 20 + 40 * bad),
            jitter_ms: dice.between(1, 20 + 80 * bad),
            media_jitter_ms: dice.between(1, 20 + if media { 100 * bad } else { 0 }),
            lost_percent: dice.below(lost + 1),
            twice_percent: dice.below(twice + 1),
        }
    }

    fn control(&self, dice: &mut Dice) -> u64 {
        self.delay_ms + dice.below(self.jitter_ms)
    }

    /// Delays of the copies of one frame that arrive.
    fn media(&self, dice: &mut Dice) -> Vec<u64> {
        let copies =
            u64::from(!dice.chance(self.lost_percent)) + u64::from(dice.chance(self.twice_percent));
        (0..copies).map(|_| self.delay_ms + dice.below(self.media_jitter_ms)).collect()
    }
}

/// One connection, from dialling until both sides know its end.
pub(crate) struct Line {
    pub(crate) device: usize,
    pub(crate) node: usize,
    have: Vec<BoardPosition>,
    /// The relay's end, while it has one.
    hub: Option<ConnectionId>,
    /// The device has not given it up.
    pub(crate) open: bool,
    /// What the device sends arrives.
    up: bool,
    /// What the relay sends arrives.
    down: bool,
    /// When the last control message in each direction arrives: none overtakes another.
    up_ms: u64,
    down_ms: u64,
    /// What the relay has not read yet, because it had enough for now.
    inbox: VecDeque<Bytes>,
    read_on_ms: u64,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Break {
    pub(crate) client_notices_ms: u64,
    pub(crate) relay_notices_ms: u64,
}

pub(crate) type Lines = BTreeMap<LineId, Line>;

impl World<'_> {
    pub(crate) fn relay_time(&self) -> Duration {
        Duration::from_millis(self.now_ms)
    }

    /// A device connects. The answer is the relay's welcome, or [`Happening::Lost`].
    pub(crate) fn dial(&mut self, device: usize, have: Vec<BoardPosition>) -> LineId {
        self.lines_made += 1;
        let (id, node) = (self.lines_made, self.devices[device].node);
        // TCP, TLS, upgrade and challenge: three round trips before the login goes out.
        let at_ms = self.now_ms + 7 * self.weather.control(&mut self.dice);
        let reachable = self.relay.up && !self.devices[device].offline;
        let line = Line {
            device,
            node,
            have,
            hub: None,
            open: true,
            up: reachable,
            down: reachable,
            up_ms: at_ms,
            down_ms: at_ms,
            inbox: VecDeque::new(),
            read_on_ms: 0,
        };
        self.lines.insert(id, line);
        if reachable {
            self.queue.push(at_ms, Event::Login(id));
        } else {
            let after_ms = if self.dice.chance(50) { 5 } else { 3_000 };
            let lost = Event::Device(device, Happening::Lost(id));
            self.queue.push(self.now_ms + after_ms, lost);
        }
        id
    }

    pub(crate) fn login(&mut self, id: LineId) -> Held {
        let Some(line) = self.lines.get_mut(&id).filter(|line| line.up) else { return Ok(()) };
        let (device, node, have) = (line.device, line.node, std::mem::take(&mut line.have));
        let now = self.relay_time();
        let who = &self.devices[device].pseudonym;
        let admitted = self.relay.login(node, id, who, have, now);
        match (admitted, self.lines.get_mut(&id)) {
            (Ok(hub), Some(line)) => line.hub = Some(hub),
            (Err(code), _) => return Err(format!("the relay refused a login: {code:?}")),
            _ => {}
        }
        self.write();
        Ok(())
    }

    /// A device sends a control message. What it sends on a broken line is lost.
    pub(crate) fn send(&mut self, id: LineId, message: Vec<u8>) {
        let delay = self.weather.control(&mut self.dice);
        if let Some(line) = self.lines.get_mut(&id).filter(|line| line.up) {
            line.up_ms = line.up_ms.max(self.now_ms + delay);
            self.queue.push(line.up_ms, Event::Up(id, message.into()));
        }
    }

    pub(crate) fn send_media(&mut self, id: LineId, message: Vec<u8>) {
        if self.lines.get(&id).is_some_and(|line| line.up) {
            let message = Bytes::from(message);
            for delay in self.weather.media(&mut self.dice) {
                self.queue.push(self.now_ms + delay, Event::UpMedia(id, message.clone()));
            }
        }
    }

    pub(crate) fn arrive_up(&mut self, id: LineId, message: Bytes) -> Held {
        let Some(line) = self.lines.get_mut(&id).filter(|line| line.up) else { return Ok(()) };
        line.inbox.push_back(message);
        self.read_on(id)
    }

    /// The relay reads what a connection sent, until it has enough of it for now.
    pub(crate) fn read_on(&mut self, id: LineId) -> Held {
        loop {
            let Some(line) = self.lines.get_mut(&id) else { return Ok(()) };
            let Some(hub) = line.hub else { return Ok(()) };
            if self.now_ms < line.read_on_ms {
                self.queue.push(line.read_on_ms, Event::ReadOn(id));
                return Ok(());
            }
            let Some(message) = line.inbox.pop_front() else { return Ok(()) };
            self.received(id, hub, message)?;
        }
    }

    pub(crate) fn arrive_up_media(&mut self, id: LineId, message: Bytes) -> Held {
        let hub = self.lines.get(&id).filter(|line| line.up).and_then(|line| line.hub);
        hub.map_or(Ok(()), |hub| self.received(id, hub, message))
    }

    fn received(&mut self, id: LineId, hub: ConnectionId, message: Bytes) -> Held {
        let now = self.relay_time();
        let Some(line) = self.lines.get_mut(&id) else { return Ok(()) };
        let (node, device) = (line.node, line.device);
        match self.relay.receive(node, hub, &message, now) {
            Some(read_on) => line.read_on_ms = read_on.as_millis() as u64,
            None => return Err(format!("the relay refused a message of device {device}")),
        }
        self.copy(node, device, What::Message(message));
        self.write();
        Ok(())
    }

    /// Tells the other node.
    fn copy(&mut self, from: usize, device: usize, what: What) {
        if self.relay.nodes() < 2 {
            return;
        }
        let (to, start) = (1 - from, self.relay.start);
        let media = matches!(&what, What::Message(message) if message.first() == Some(&MEDIA));
        let copied = Copied { start, device, what };
        if self.relay.joined {
            let delay = self.dice.between(1, 5);
            self.copies_ms[to] = self.copies_ms[to].max(self.now_ms + delay);
            self.queue.push(self.copies_ms[to], Event::Copy { to, copied });
        } else if !media {
            self.relay.keep_copy(to, copied);
        }
    }

    pub(crate) fn arrive_copy(&mut self, to: usize, copied: Copied) {
        if copied.start == self.relay.start && self.relay.up {
            let now = self.relay_time();
            let who = &self.devices[copied.device].pseudonym;
            self.relay.take_copy(to, copied, who, now);
            self.write();
        }
    }

    /// The nodes find each other and tell each other everything.
    pub(crate) fn heal(&mut self) {
        self.relay.joined = true;
        for to in 0..self.relay.nodes() {
            for copied in self.relay.kept(to) {
                self.copies_ms[to] = self.copies_ms[to].max(self.now_ms) + self.dice.below(2);
                self.queue.push(self.copies_ms[to], Event::Copy { to, copied });
            }
        }
    }

    /// What the relay writes is on its way.
    pub(crate) fn write(&mut self) {
        for written in self.relay.write() {
            match written {
                Written::Control(id, message) => self.write_control(id, message),
                Written::Media(id, message) => self.write_media(id, message),
                Written::Closed(id) => {
                    self.break_line(id, Break { client_notices_ms: 0, relay_notices_ms: 0 });
                }
            }
        }
    }

    fn write_control(&mut self, id: LineId, message: Bytes) {
        let delay = self.weather.control(&mut self.dice);
        let Some(line) = self.lines.get_mut(&id).filter(|line| line.down) else { return };
        if self.now_ms < self.evil_until_ms && is_from_board(&message) {
            return self.write_evil(id, message);
        }
        line.down_ms = line.down_ms.max(self.now_ms + delay);
        let down = Happening::Down(id, message);
        self.queue.push(line.down_ms, Event::Device(line.device, down));
    }

    /// An evil relay: what is on its board comes late, out of order, again, or never.
    fn write_evil(&mut self, id: LineId, message: Bytes) {
        let delays: &[u64] = match self.dice.below(100) {
            0..6 => &[],
            6..12 => &[30, 3_000],
            12..16 => &[30, 25_000],
            16..20 => &[400],
            20..24 => &[8_000],
            _ => &[30],
        };
        let Some(line) = self.lines.get(&id) else { return };
        for delay in delays {
            let at_ms = self.now_ms + delay + self.dice.below(*delay);
            let down = Happening::Down(id, message.clone());
            self.queue.push(at_ms, Event::Device(line.device, down));
        }
    }

    fn write_media(&mut self, id: LineId, message: Bytes) {
        let Some(line) = self.lines.get(&id).filter(|line| line.down) else { return };
        for delay in self.weather.media(&mut self.dice) {
            let down = Happening::Down(id, message.clone());
            self.queue.push(self.now_ms + delay, Event::Device(line.device, down));
        }
    }

    /// Whether what was on this line when it broke still arrives.
    pub(crate) fn carries(&self, id: LineId) -> bool {
        self.lines.get(&id).is_some_and(|line| line.open && line.down)
    }

    /// Whether a device and the relay hear each other.
    pub(crate) fn works(&self, id: LineId) -> bool {
        self.lines.get(&id).is_some_and(|line| line.open && line.up && line.down)
    }

    /// From here on nothing arrives, in either direction.
    pub(crate) fn break_line(&mut self, id: LineId, end: Break) {
        let Some(line) = self.lines.get_mut(&id).filter(|line| line.up || line.down) else {
            return;
        };
        (line.up, line.down) = (false, false);
        let lost = Event::Device(line.device, Happening::Lost(id));
        self.queue.push(self.now_ms + end.client_notices_ms, lost);
        self.queue.push(self.now_ms + end.relay_notices_ms, Event::HubLost(id));
    }

    /// The relay hears nothing from it any more.
    pub(crate) fn mute_line(&mut self, id: LineId) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.up = false;
        }
    }

    /// The device closes: what it has sent still arrives.
    pub(crate) fn close_line(&mut self, id: LineId) {
        let delay = self.weather.control(&mut self.dice);
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.open = false;
        if line.up {
            line.up_ms = line.up_ms.max(self.now_ms + delay);
        }
        self.queue.push(line.up_ms.max(self.now_ms), Event::HubLost(id));
    }

    /// The relay finds a connection ended.
    pub(crate) fn hub_lost(&mut self, id: LineId) {
        let now = self.relay_time();
        let Some(line) = self.lines.get_mut(&id) else { return };
        (line.up, line.down) = (false, false);
        let (node, device) = (line.node, line.device);
        if let Some(hub) = line.hub.take() {
            self.relay.gone(node, hub, now);
            self.copy(node, device, What::Gone);
            self.write();
        }
    }

    /// The relay stops; everyone is cut off.
    pub(crate) fn relay_restart(&mut self, down_ms: u64) {
        self.relay.up = false;
        self.relay.restart();
        let all: Vec<_> = self.lines.keys().copied().collect();
        for id in all {
            if let Some(line) = self.lines.get_mut(&id) {
                line.hub = None;
            }
            let client_notices_ms = self.dice.below(50);
            self.break_line(id, Break { client_notices_ms, relay_notices_ms: 0 });
        }
        self.queue.push(self.now_ms + down_ms, Event::RelayUp);
    }
}

/// Whether a relay's message is one from a board.
fn is_from_board(message: &Bytes) -> bool {
    let Ok(Packet::Control(body)) = Packet::parse(message) else { return false };
    matches!(from_bytes(body), Ok(ToClient::Delivered(_)))
}
