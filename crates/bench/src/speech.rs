//! People who talk while keys change, and what the others hear of it.

use std::collections::BTreeSet;

use anyhow::ensure;
use serde::Serialize;
use standfast_meeting::Command;

use crate::dice::Dice;
use crate::room::Room;

/// One packet, ms.
pub(crate) const PACKET_MS: u64 = 20;
/// And samples at 48 kHz.
pub(crate) const PACKET_SAMPLES: u32 = 960;
/// The slowest delivery, ms; nobody waits longer for what is on its way.
const SLOWEST_MS: u64 = 80;
/// Members who stay all the time.
const STAYING: usize = 5;

/// Packets said so far.
pub(crate) struct Speech {
    speakers: Vec<usize>,
    said: BTreeSet<(usize, u32)>,
    next_ts: u32,
}

impl Speech {
    /// All of these talk at once and never pause.
    pub(crate) fn new(speakers: Vec<usize>) -> Self {
        Self { speakers, said: BTreeSet::new(), next_ts: 0 }
    }

    /// One packet of everyone, then the time that it takes to say it.
    pub(crate) fn packet(&mut self, room: &mut Room) {
        for n in self.speakers.clone() {
            room.say(n, self.next_ts);
            self.said.insert((n, self.next_ts));
        }
        self.next_ts += PACKET_SAMPLES;
        room.pass(PACKET_MS);
    }

    pub(crate) fn go_on(&mut self, room: &mut Room, ms: u64) {
        (0..ms / PACKET_MS).for_each(|_| self.packet(room));
    }

    /// Packets that should have been heard by now, over all of `listeners`, and those that were not:
    /// not sealed, not delivered, or not opened.
    pub(crate) fn count(&self, room: &Room, listeners: &[usize]) -> (usize, usize) {
        let (mut expected, mut lost) = (0, 0);
        for listener in listeners {
            let played: BTreeSet<_> = room.devices[*listener].played.iter().copied().collect();
            for speaker in self.speakers.iter().filter(|speaker| *speaker != listener) {
                let idx = room.see(*speaker).me.unwrap_or(u16::MAX);
                let said = self.said.iter().filter(|(by, _)| by == speaker);
                let missing = said.clone().filter(|(_, ts)| !played.contains(&(idx, *ts)));
                (expected, lost) = (expected + said.count(), lost + missing.count());
            }
        }
        (expected, lost)
    }
}

/// What rotations did to the sound.
#[derive(Serialize)]
pub(crate) struct Rotations {
    rotations: u32,
    frames: usize,
    pub(crate) lost: usize,
}

/// Lets three of five people talk through `events`: new keys on demand, joins and leaves, over a
/// network that takes 5 to 80 ms for everything and reorders frames.
///
/// # Errors
/// When the meeting falls apart.
pub(crate) fn through_rotations(events: usize, seed: u64) -> anyhow::Result<Rotations> {
    let mut room = Room::gather(STAYING, 60_000)?;
    room.delayed(seed, 5, SLOWEST_MS);
    let mut dice = Dice::new(seed);
    let mut speech = Speech::new(vec![0, 1, 2]);
    let mut guests: Vec<usize> = Vec::new();
    let first = room.agreed(STAYING)?.number;
    for _ in 0..events {
        match (dice.between(0, 2), guests.pop()) {
            (0, guest) => {
                guests.extend(guest);
                room.command(0, Command::RotateNow);
            }
            (1, Some(guest)) => {
                room.command(guest, Command::Leave);
                speech.go_on(&mut room, SLOWEST_MS);
                room.devices[guest].alive = false;
            }
            (_, guest) => {
                guests.extend(guest);
                guests.push(room.devices.len());
                room.add();
            }
        }
        speech.go_on(&mut room, dice.between(200, 3_000));
    }
    speech.go_on(&mut room, 3_000);
    room.pass(SLOWEST_MS);
    let rotations = room.agreed(STAYING + guests.len())?.number - first;
    ensure!(rotations as usize * 2 > events, "only {rotations} rotations of {events} events");
    let listeners: Vec<_> = (0..STAYING).collect();
    let (frames, lost) = speech.count(&room, &listeners);
    Ok(Rotations { rotations, frames, lost })
}
