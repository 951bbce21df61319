//! Random losses, delays, repeats, reorderings, broken lines, joins and leaves: at every step what
//! must always hold, holds; and when losses end, all converge to one epoch.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use standfast_crypto::Entropy;
use standfast_meeting::{Admission, Command, Phase, Presence};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{EpochAnnounce, Hash, KeyAck, Kind};

use crate::mallory::letter_hash;
use crate::room::{Room, Seeded, identity};

const NAMES: [&str; 5] = ["ines", "mina", "jonas", "leo", "sana"];
const STEPS: usize = 400;

struct Dice(Seeded);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_be_bytes(bytes) % n
    }
}

/// What the board says, read with the link: who may hear what, and who has confirmed.
#[derive(Default)]
struct Truth {
    read: usize,
    rosters: BTreeMap<Hash, BTreeSet<[u8; 32]>>,
    acks: BTreeMap<Hash, BTreeSet<[u8; 32]>>,
    codes: BTreeMap<Hash, String>,
    newest: BTreeMap<(&'static str, Hash), (Hash, u32)>,
    /// Under which epoch each packet was sealed.
    said: BTreeMap<u32, Hash>,
    heard: BTreeMap<&'static str, usize>,
}

impl Truth {
    fn read_board(&mut self, room: &Room) {
        for (_, envelope) in &room.board[self.read..] {
            let sealed = room.unbox(envelope);
            match sealed.kind {
                Kind::Announce => {
                    let a: EpochAnnounce = from_bytes(sealed.body.as_slice()).unwrap();
                    let roster = a.roster.as_slice().iter().map(|e| e.fp).collect();
                    self.rosters.insert(letter_hash("SF1/ann", &sealed), roster);
                }
                Kind::Ack => {
                    let ack: KeyAck = from_bytes(sealed.body.as_slice()).unwrap();
                    self.acks.entry(ack.h_e).or_default().insert(sealed.from);
                }
                _ => {}
            }
        }
        self.read = room.board.len();
    }

    fn check(&mut self, room: &Room) {
        self.read_board(room);
        for name in room.devices.keys().copied() {
            let see = room.see(name);
            self.check_shown(name, &see);
            self.check_heard(room, name);
        }
    }

    /// Same announce, same roster and code; only upward; everyone who can hear is shown; confirmed
    /// is never more than there are signed acks.
    fn check_shown(&mut self, name: &'static str, see: &standfast_meeting::Snapshot) {
        let (Some(active), Some(code)) = (&see.active, &see.code) else { return };
        let known = self.codes.entry(active.h).or_insert_with(|| code.clone());
        assert_eq!(known, code, "{name}: one announce, two codes");
        let shown: BTreeSet<_> = see.members.iter().map(|m| m.fp.0).collect();
        let newest = see.coming.as_ref().unwrap_or(active);
        for epoch in [active, newest] {
            assert!(self.rosters[&epoch.h].is_subset(&shown), "{name}: somebody hears unseen");
            let acks = self.acks.get(&epoch.h).map_or(0, BTreeSet::len);
            assert!(epoch.confirmed <= acks, "{name}: an ack that nobody signed");
        }
        let of_newest = see.members.iter().filter(|m| m.presence != Presence::Leaving);
        let of_newest: BTreeSet<_> = of_newest.map(|m| m.fp.0).collect();
        assert_eq!(of_newest, self.rosters[&newest.h], "{name}: the list is the roster");
        let here = (name, see.session_id.unwrap());
        if let Some((h, number)) = self.newest.insert(here, (active.h, active.number)) {
            assert!(h == active.h || number < active.number, "{name}: an epoch went back");
        }
    }

    /// Only members of the roster under which a packet was sealed have heard it, and once.
    fn check_heard(&mut self, room: &Room, name: &'static str) {
        let heard = &room.devices[name].heard;
        let before = self.heard.insert(name, heard.len()).unwrap_or(0);
        let from = if before > heard.len() { 0 } else { before };
        for (_, ts, _) in &heard[from..] {
            let fp = identity(name).fingerprint().0;
            assert!(self.rosters[&self.said[ts]].contains(&fp), "{name} heard {ts}");
            let times = heard.iter().filter(|(_, other, _)| other == ts).count();
            assert_eq!(times, 1, "{name} heard {ts} twice");
        }
    }

    fn say(&mut self, room: &mut Room, name: &str, ts: u32) {
        if let Some(active) = room.see(name).active {
            self.said.insert(ts, active.h);
            room.say(name, ts);
        }
    }
}

fn storm(seed: u64) {
    let mut dice = Dice(Seeded(seed, 0));
    let mut room = Room::new();
    room.now.mono_ms += seed * 1_000_000;
    room.organizer(&["mina", "jonas"], Admission::AnyoneWithLink);
    room.pass(1_100);
    // 0: calm to 3: everything goes wrong.
    let weather = Rc::new(RefCell::new(0));
    let (outside, mut fate) = (Rc::clone(&weather), Dice(Seeded(seed, 1 << 32)));
    room.fate = Some(Box::new(move |_, control| {
        let storm: u64 = *outside.borrow();
        let lost = fate.below(100) < storm * if control { 2 } else { 10 };
        let twice = fate.below(100) < storm * 5;
        // Control is in order mostly: a delay of its own per message is worse than any relay.
        let mut delay = || 20 + fate.below(1 + storm * if control { 60 } else { 120 });
        (0..usize::from(!lost) + usize::from(twice)).map(|_| delay()).collect()
    }));
    let mut truth = Truth::default();
    for step in 0..STEPS {
        *weather.borrow_mut() = if step < STEPS * 3 / 4 { dice.below(4) } else { 0 };
        happen(&mut room, &mut dice, step < STEPS * 3 / 4);
        for (i, name) in NAMES.iter().enumerate() {
            if room.devices.contains_key(name) {
                truth.say(&mut room, name, 960 * (step * NAMES.len() + i + 1) as u32);
            }
        }
        room.pass(50 + dice.below(450));
        truth.check(&room);
    }
    calm(&mut room, &mut truth);
}

/// One thing that people or lines do.
fn happen(room: &mut Room, dice: &mut Dice, may: bool) {
    let name = NAMES[1 + dice.below(4) as usize];
    let here = room.devices.get(name).map(|d| d.online);
    match dice.below(40) {
        _ if !may => {}
        0..3 => match here {
            None => room.member(name, Vec::new()),
            Some(true) => room.disconnect(name),
            Some(false) => room.connect(name),
        },
        3 if here == Some(true) => {
            room.command(name, Command::Leave);
            room.devices.remove(name);
        }
        // The process ends without a word.
        4 => drop(room.devices.remove(name)),
        5 => room.command("ines", Command::RotateNow),
        6 if room.devices["ines"].online => room.disconnect("ines"),
        7..12 if !room.devices["ines"].online => room.connect("ines"),
        _ => {}
    }
}

/// Losses end: everyone who is there comes into one epoch, and hears everyone.
fn calm(room: &mut Room, truth: &mut Truth) {
    room.fate = None;
    let names: Vec<_> = room.devices.keys().copied().collect();
    for name in &names {
        if !room.devices[name].online {
            room.connect(name);
        }
    }
    for _ in 0..240 {
        room.pass(500);
        truth.check(room);
    }
    for name in &names {
        assert_eq!(room.see(name).phase, Phase::Live, "{name} of {names:?}");
    }
    assert!(room.common_code(&names).is_some(), "{names:?}");
    let active = room.see("ines").active.unwrap();
    assert_eq!((active.confirmed, active.members), (names.len(), names.len()));
    for (i, name) in names.iter().enumerate() {
        let ts = u32::MAX / 2 + 960 * i as u32;
        truth.say(room, name, ts);
        for other in names.iter().filter(|other| *other != name) {
            let heard = room.devices[other].heard.iter().any(|(_, t, _)| *t == ts);
            assert!(heard, "{other} does not hear {name}");
        }
    }
    truth.check(room);
}

fn seeds(from: u64) {
    let only = std::env::var("STORM_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(from..from + 3, |seed| seed..seed + 1) {
        println!("STORM_SEED={seed}");
        storm(seed);
    }
}

#[test]
fn whatever_the_weather_a() {
    seeds(1);
}

#[test]
fn whatever_the_weather_b() {
    seeds(101);
}
