//! What a removed member still opens.
//!
//! It is as strong as a member can be that is cut off from the key: its program goes on as if
//! nothing had happened, because no control message reaches it any more, and it gets every frame.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use standfast_meeting::Command;

use crate::dice::Dice;
use crate::room::Room;
use crate::speech::{PACKET_MS, PACKET_SAMPLES};

/// A frame that an honest sender seals so long after it installed the epoch without the member
/// must be closed to it, ms.
const GRACE_MS: u64 = 300;
/// Trials in one room: everyone who was ever there stays in its history.
const TRIALS_IN_ROOM: usize = 25;
/// Who talks: the generator, and a member.
const SENDERS: [usize; 2] = [0, 1];
/// How long the senders talk after the removal, ms.
const TALK_MS: u64 = 2_000;

/// What removed members opened.
#[derive(Serialize, Default)]
pub(crate) struct Removed {
    pub(crate) trials: usize,
    /// Of [`frames`](Self::frames). Must be 0.
    pub(crate) opened: usize,
    /// Sealed at least 300 ms after their sender installed the epoch without the member.
    frames: usize,
    /// Opened of those sealed before the removal: shows that the count can count.
    opened_before: usize,
}

/// Removes a member `trials` times, while two others talk over a network that takes 5 to 200 ms.
///
/// # Errors
/// When the meeting does not come to an epoch without the member.
pub(crate) fn trials(trials: usize) -> anyhow::Result<Removed> {
    let mut sum = Removed::default();
    let mut dice = Dice::new(3);
    while sum.trials < trials {
        let mut room = Room::gather(SENDERS.len(), 60_000)?;
        room.delayed(dice.between(1, 1 << 40), 5, 200);
        for _ in 0..TRIALS_IN_ROOM.min(trials - sum.trials) {
            trial(&mut room, &mut dice, &mut sum)?;
        }
    }
    Ok(sum)
}

fn trial(room: &mut Room, dice: &mut Dice, sum: &mut Removed) -> anyhow::Result<()> {
    let victim = room.devices.len();
    room.add();
    let (epoch, idx) = come_together(room).context("a member that is to be removed")?;
    room.pass(dice.between(0, 3_000));
    let fp = room.see(0).members.into_iter().find(|m| m.idx == idx).context("the victim")?.fp;
    let mut ts = 0;
    talk(room, &mut ts, dice.between(200, 400), |_, _| {});
    let heard_before = room.devices[victim].played.len();
    room.devices[victim].deaf = true;
    room.command(0, Command::Remove(fp));
    let mut installed_ms = [None; SENDERS.len()];
    let mut late = BTreeSet::new();
    talk(room, &mut ts, TALK_MS, |room, ts| {
        for (n, installed_ms) in SENDERS.into_iter().zip(&mut installed_ms) {
            let seen = room.see(n);
            if seen.coming.or(seen.active).is_some_and(|newest| newest.number > epoch) {
                installed_ms.get_or_insert(room.now.mono_ms);
            }
            if installed_ms.is_some_and(|since| room.now.mono_ms >= since + GRACE_MS) {
                late.insert((seen.me.unwrap_or(u16::MAX), ts));
            }
        }
    });
    ensure!(installed_ms.iter().all(Option::is_some), "the engine does not carry out a removal");
    room.pass(1_000);
    let played = &room.devices[victim].played;
    sum.trials += 1;
    sum.frames += late.len();
    sum.opened += played.iter().filter(|frame| late.contains(frame)).count();
    sum.opened_before += heard_before;
    room.devices[victim].alive = false;
    Ok(())
}

/// Waits until the three are in one epoch; gives its number and the victim's place.
fn come_together(room: &mut Room) -> anyhow::Result<(u32, u16)> {
    let (victim, members) = (room.devices.len() - 1, SENDERS.len() + 1);
    for _ in 0..200 {
        room.pass(100);
        if let Ok(epoch) = room.agreed(members) {
            return Ok((epoch.number, room.see(victim).me.context("no place")?));
        }
    }
    let epoch = room.agreed(members)?;
    bail!("epoch {} came too late", epoch.number)
}

/// Both senders say a packet every 20 ms for `ms`. `note` sees each before it is sealed.
fn talk(room: &mut Room, ts: &mut u32, ms: u64, mut note: impl FnMut(&mut Room, u32)) {
    for _ in 0..ms / PACKET_MS {
        note(room, *ts);
        SENDERS.into_iter().for_each(|n| room.say(n, *ts));
        room.pass(PACKET_MS);
        *ts += PACKET_SAMPLES;
    }
}
