//! Engines around a relay that does what an attack wants, on a clock that moves only when told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use standfast_crypto::{
    Enc, Fingerprint, Identity, Link, LinkKeys, PRIVATE_BUNDLE, PassphraseKey, PrivateBundle,
    Pseudonym, Secret, kdf,
};
use standfast_meeting::{
    Admission, Command, Config, Hosts, Input, Meeting, Now, PacketShape, Part, Policy, Snapshot,
};
use standfast_relay::hub::ConnectionId;
use standfast_wire::control::{Hash, Sealed};
use standfast_wire::relay::{BoardId, EndSession, Envelope, Post, ToRelay};

use super::dice::Dice;
use super::look::Look;
use super::relay::{NAME, Relay};
use super::{Fault, Held};

/// Who, by the name of the process. People have the name that comes before a blank.
pub(crate) type Who = &'static str;

/// A message as the relay holds it in its hands.
pub(crate) enum Parcel<'p> {
    /// And by whose connection it was posted.
    Control(&'p Sealed, [u8; 32]),
    /// By whom.
    Media(Who),
    Gone,
}

/// Whether the relay hands a parcel to this device now.
pub(crate) type Censor = Box<dyn FnMut(Who, &Parcel<'_>) -> bool>;

/// One process of the app.
pub(crate) struct Device {
    pub(crate) meeting: Meeting,
    pub(crate) line: Option<ConnectionId>,
    /// What it played: idx and packet.
    pub(crate) heard: Vec<(u16, Vec<u8>)>,
    pub(crate) stored: Vec<PrivateBundle>,
    pub(crate) requests: u32,
    pub(crate) slots: BTreeMap<u32, [u8; 32]>,
}

/// A message that an honest device posted, opened with the link.
pub(crate) struct Posted {
    pub(crate) envelope: Envelope,
    pub(crate) sealed: Sealed,
}

pub(crate) struct Stage {
    pub(crate) dice: Dice,
    people: BTreeMap<String, Arc<Identity>>,
    seed: u64,
    pub(crate) link: Link,
    pub(crate) relay: Relay,
    pub(crate) devices: BTreeMap<Who, Device>,
    pub(crate) posted: Vec<Posted>,
    /// Frames that honest devices sent.
    pub(crate) frames: Vec<(Who, Vec<u8>)>,
    /// The session of each board that the relay named.
    pub(crate) boards: BTreeMap<BoardId, Hash>,
    pub(crate) now: Now,
    pub(crate) censor: Option<Censor>,
    /// What the censor kept, in order.
    pub(crate) withheld: Vec<(Who, [u8; 32], Envelope)>,
    /// Stretched passphrases, one byte each, for devices that are added from here on.
    pub(crate) passphrases: BTreeMap<Who, u8>,
    /// Boards that were deleted.
    pub(crate) deleted: usize,
    pub(crate) mallory: Option<ConnectionId>,
    entropy: u64,
}

impl Stage {
    /// An empty room with a link whose organizer is Ines.
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let organizer = identity(seed, "ines").fingerprint();
        let link = Link::create(NAME, organizer, None, &mut dice);
        let relay = Relay::new(link.meeting_id, dice.split());
        let now = Now { mono_ms: 1_000_000 + dice.between(0, 1 << 30), wall_ms: 1_800_000_000_000 };
        Self {
            dice,
            people: BTreeMap::new(),
            seed,
            link,
            relay,
            devices: BTreeMap::new(),
            posted: Vec::new(),
            frames: Vec::new(),
            boards: BTreeMap::new(),
            now,
            censor: None,
            withheld: Vec::new(),
            passphrases: BTreeMap::new(),
            deleted: 0,
            mallory: None,
            entropy: 0,
        }
    }

    /// The identity of a person, or of a bot.
    pub(crate) fn identity(&mut self, name: &str) -> Arc<Identity> {
        let person = name.split(' ').next().unwrap_or(name);
        let (seed, known) = (self.seed, self.people.entry(person.to_owned()));
        Arc::clone(known.or_insert_with(|| Arc::new(identity(seed, person))))
    }

    pub(crate) fn fp(&mut self, name: &str) -> Fingerprint {
        self.identity(name).fingerprint()
    }

    pub(crate) fn pseudonym(&mut self, name: &str) -> Pseudonym {
        let meeting_id = self.link.meeting_id;
        self.identity(name).pseudonym(NAME, &meeting_id)
    }

    pub(crate) fn keys_for(&self, who: Who) -> LinkKeys {
        let key = |byte: u8| PassphraseKey::restore(Secret::from_fn(|out| out.fill(byte)));
        let given = self.passphrases.get(who);
        given.map_or_else(|| self.link.keys(), |byte| self.link.keys_with(&key(*byte)))
    }

    pub(crate) fn since(&self) -> Duration {
        Duration::from_millis(self.now.mono_ms)
    }

    /// Ines opens, with these scheduled, who are hosts.
    pub(crate) fn open(&mut self, scheduled: &[Who], admission: Admission) -> Held {
        let scheduled = scheduled.iter().map(|name| self.fp(name)).collect();
        let policy = Policy { admission, hosts: Hosts::Scheduled, rotate_ms: 300_000 };
        self.start("ines", Part::Organizer { scheduled, policy })?;
        self.pass(1_100)
    }

    pub(crate) fn member(&mut self, who: Who) -> Held {
        self.start(who, Part::Member { prekeys: Vec::new() })
    }

    /// A process starts and connects.
    pub(crate) fn start(&mut self, who: Who, part: Part) -> Held {
        self.entropy += 1;
        let entropy = Dice::new(self.seed ^ self.entropy.rotate_left(17) ^ name_word(who));
        self.start_with(who, part, entropy)
    }

    /// With the randomness of another, as after a restored snapshot.
    pub(crate) fn start_with(&mut self, who: Who, part: Part, entropy: Dice) -> Held {
        self.stop(who)?;
        let config = Config {
            identity: self.identity(who),
            meeting_id: self.link.meeting_id,
            organizer: self.link.organizer,
            link: self.keys_for(who),
            name: who.to_owned(),
            part,
            known: Vec::new(),
            muted: false,
            audio: PacketShape::of_20_ms(80),
        };
        let device = Device {
            meeting: Meeting::new(config, Box::new(entropy), self.now),
            line: None,
            heard: Vec::new(),
            stored: Vec::new(),
            requests: 0,
            slots: BTreeMap::new(),
        };
        self.devices.insert(who, device);
        self.connect(who)
    }

    /// The process ends without a word.
    pub(crate) fn stop(&mut self, who: Who) -> Held {
        let now = self.since();
        let line = self.devices.remove(who).and_then(|device| device.line);
        line.into_iter().for_each(|line| self.relay.gone(line, now));
        self.run()
    }

    pub(crate) fn connect(&mut self, who: Who) -> Held {
        let (pseudonym, now) = (self.pseudonym(who), self.since());
        let line = self.relay.admit(&pseudonym, now)?;
        self.device(who)?.line = Some(line);
        self.input(who, Input::Connected)?;
        self.run()
    }

    pub(crate) fn disconnect(&mut self, who: Who) -> Held {
        let now = self.since();
        if let Some(line) = self.device(who)?.line.take() {
            self.relay.gone(line, now);
        }
        self.input(who, Input::Disconnected)?;
        self.run()
    }

    pub(crate) fn device(&mut self, who: Who) -> Held<&mut Device> {
        self.devices.get_mut(who).ok_or_else(|| Fault::of(format!("{who} is not there")))
    }

    pub(crate) fn input(&mut self, who: Who, input: Input<'_>) -> Held {
        let now = self.now;
        self.device(who)?.meeting.handle(input, now);
        Ok(())
    }

    pub(crate) fn command(&mut self, who: Who, command: Command) -> Held {
        self.input(who, Input::Command(command))?;
        self.run()
    }

    /// Hands an envelope to a device, as the relay can at any time.
    pub(crate) fn hand(&mut self, to: Who, poster: [u8; 32], envelope: &Envelope) -> Held {
        self.input(to, Input::Delivered { poster, envelope })?;
        self.run()
    }

    /// Puts an envelope on the board from Mallory's own connection.
    pub(crate) fn post(&mut self, envelope: &Envelope) -> Held {
        let line = self.mallory()?;
        let post = ToRelay::from(Post { request: 1, envelope: envelope.clone() });
        let now = self.since();
        self.relay.say(line, &post, now)?;
        self.run()
    }

    pub(crate) fn mallory(&mut self) -> Held<ConnectionId> {
        if let Some(line) = self.mallory {
            return Ok(line);
        }
        let (pseudonym, now) = (self.pseudonym("mallory"), self.since());
        let line = self.relay.admit(&pseudonym, now)?;
        self.mallory = Some(line);
        Ok(line)
    }

    /// Mallory tries to delete a board.
    pub(crate) fn end_board(&mut self, session_id: Hash, preimage: [u8; 32]) -> Held {
        let (line, now) = (self.mallory()?, self.since());
        self.relay.say(line, &ToRelay::from(EndSession { session_id, preimage }), now)?;
        self.run()
    }

    /// Lets time pass, tick by tick.
    pub(crate) fn pass(&mut self, ms: u64) -> Held {
        let until = self.now.mono_ms + ms;
        while self.now.mono_ms < until {
            let due = self.devices.values().filter_map(|d| d.meeting.timeout_ms()).min();
            let next = due.unwrap_or(u64::MAX).clamp(self.now.mono_ms + 1, until);
            self.now.wall_ms += next - self.now.mono_ms;
            self.now.mono_ms = next;
            let names: Vec<_> = self.devices.keys().copied().collect();
            for who in names {
                if self.device(who)?.meeting.timeout_ms().is_some_and(|at| at <= next) {
                    self.input(who, Input::Tick)?;
                }
            }
            self.run()?;
        }
        Ok(())
    }

    pub(crate) fn see(&mut self, who: Who) -> Held<Snapshot> {
        Ok(self.device(who)?.meeting.snapshot())
    }

    pub(crate) fn look(&mut self, who: Who) -> Held<Look> {
        Ok(Look::of(&self.see(who)?))
    }

    /// Everyone who is there.
    pub(crate) fn names(&self) -> Vec<Who> {
        self.devices.keys().copied().collect()
    }

    pub(crate) fn looks(&mut self) -> Held<Vec<Look>> {
        self.names().into_iter().map(|who| self.look(who)).collect()
    }

    /// Messages that this device refused.
    pub(crate) fn refusals(&mut self, who: Who) -> Held<u64> {
        let c = self.see(who)?.counters;
        let forged = c.malformed + c.not_authentic + c.not_allowed;
        Ok(forged + c.stale + c.inconsistent + c.unsupported + c.missing)
    }

    pub(crate) fn say(&mut self, who: Who, packet: &[u8]) -> Held {
        let media_ts = (self.now.mono_ms * 48) as u32;
        self.input(who, Input::Voice { media_ts, packet })?;
        self.run()
    }

    /// Who hears a fresh packet of `who`.
    pub(crate) fn hearers(&mut self, who: Who) -> Held<Vec<Who>> {
        let packet = self.dice.bytes::<12>();
        self.say(who, &packet)?;
        let heard = |d: &Device| d.heard.iter().any(|(_, p)| p[..] == packet[..]);
        Ok(self.devices.iter().filter(|(_, d)| heard(d)).map(|(who, _)| *who).collect())
    }

    /// Lets somebody in from the lobby that `host` sees.
    pub(crate) fn admit(&mut self, host: Who, who: Who) -> Held {
        let fp = self.fp(who);
        let knock = self.see(host)?.lobby.into_iter().find(|knock| knock.fp == fp);
        let knock = knock.ok_or_else(|| Fault::of(format!("{who} is not in the lobby")))?;
        self.command(host, Command::Admit(knock.request))?;
        self.pass(2_500)
    }

    /// The honest part of a run did not come out as it should: the attack proves nothing then.
    pub(crate) fn must(&mut self, holds: bool, what: &str) -> Held {
        if holds { Ok(()) } else { Err(Fault::of(what)) }
    }
}

/// A private bundle once more, as a backup of a keychain has it.
pub(crate) fn copy(private: &Secret<PRIVATE_BUNDLE>) -> PrivateBundle {
    PrivateBundle::from_secret(private)
}

fn identity(seed: u64, person: &str) -> Identity {
    Identity::from_seed(Secret::from_fn(|out| {
        let key = kdf::<32>(&seed.to_be_bytes(), person.as_bytes(), Enc::new("evil"));
        out.copy_from_slice(key.expose());
    }))
}

fn name_word(who: Who) -> u64 {
    who.bytes().fold(0, |word, byte| word.rotate_left(9) ^ u64::from(byte))
}
