//! The jitter buffer: puts one sender's packets in order and decides, each time sound is needed,
//! whether to play a packet, to conceal its absence, or to be silent. Packets hold 10 or 20 ms, as
//! their sender likes, who may change that at any time.
//!
//! Packets are indexed by media timestamp. Playing runs `target` behind the fastest path seen, or as
//! long as the last packets needed (see `delay`); when it has drifted from there, a frame is asked to
//! be shortened or lengthened by about a pitch period, at most twice a second, or more often while
//! the delay is far too long and that is not heard. When the buffer runs dry, sound is concealed
//! without moving on: if the awaited packet still comes, the delay has grown by as much.

use std::collections::VecDeque;

use crate::{BLOCK_SAMPLES, FRAME_SAMPLES, MAX_PACKET_BYTES, SAMPLE_RATE, delay::DelayEstimate};

/// Most media time held for one sender: 0.64 s, three times the longest target.
const MAX_HELD_SAMPLES: i64 = 32 * FRAME_SAMPLES as i64;
/// And so many packets at most, which are as much of 10 ms.
const MAX_HELD: usize = 64;
/// A timestamp this far from the one awaited (1 s) is not jitter but another timeline.
const MAX_DISTANCE: i64 = SAMPLE_RATE as i64;
/// Packets in a row on another timeline after which it is followed.
const JUMPS_TO_FOLLOW: u32 = 3;
/// Sound concealed in a row (100 ms) before falling silent: longer sounds like a machine.
pub(crate) const MAX_CONCEALED_SAMPLES: i64 = 4_800;
/// Sound played between two adjustments of the delay: 0.5 s …
const ADJUST_EVERY_SAMPLES: i64 = 24_000;
/// … or 80 ms when it is far too long and frames can be shortened unheard, in silence each.
const ADJUST_SOON_SAMPLES: i64 = 3_840;
const FAR_TOO_LONG_US: i64 = 40_000;
/// Beyond this, as after a stall of the loudspeaker, frames are left out: shortening would take
/// seconds. More than the longest target, so that no word is cut when a queue is over.
const HOPELESS_US: i64 = 240_000;
/// How far the delay may leave its target before it is adjusted. The sum exceeds the longest
/// single adjustment (10 ms), so that one does not provoke the other.
const TOO_LONG_US: i64 = 7_500;
const TOO_SHORT_US: i64 = 5_000;

/// One packet, copied out of the network's buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    bytes: [u8; MAX_PACKET_BYTES],
    len: usize,
}

impl Packet {
    /// Copies a packet of 1 to [`MAX_PACKET_BYTES`] bytes; `None` for any other length.
    pub fn new(packet: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_PACKET_BYTES];
        let room = bytes.get_mut(..packet.len()).filter(|room| !room.is_empty())?;
        room.copy_from_slice(packet);
        Some(Self { bytes, len: packet.len() })
    }
}

impl std::ops::Deref for Packet {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packet({} bytes)", self.len)
    }
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// It waits to be played.
    Held,
    /// Its time has passed.
    Late,
    /// It is already held.
    Duplicate,
    /// Empty, too long, or on a timeline that nothing else confirms yet.
    Refused,
}

/// How a played frame should be changed in length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjust {
    /// Not at all.
    Keep,
    /// Play it shorter if that is inaudible.
    Shorten,
    /// Play it shorter even if that is audible: the delay is far too long.
    MustShorten,
    /// Play it longer.
    Lengthen,
}

/// What to do next.
#[derive(Debug)]
pub enum Pop {
    /// Decode and play this.
    Play(Packet, Adjust),
    /// One is missing, and this comes after it: it may hold a coarse copy.
    Before(Packet),
    /// Continue the last sound.
    Conceal,
    /// Nothing to play.
    Silence,
}

/// Counts since the buffer was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JitterStats {
    /// Packets played.
    pub played: u64,
    /// Packets' times concealed, for loss or lateness.
    pub concealed: u64,
    /// Packets that never came in time to be played.
    pub lost: u64,
    /// Packets that came too late.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets played that came only as a copy in a later one.
    pub repaired: u64,
    /// The present target of the delay beyond the fastest path.
    pub target_us: u64,
    /// The present delay beyond the fastest path.
    pub delay_us: u64,
}

struct Slot {
    ts: i64,
    samples: i64,
    packet: Packet,
    copy: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has come, or nothing for long.
    Idle,
    /// Packets wait for the target delay to pass.
    Filling,
    Playing,
}

/// The jitter buffer of one sender. Never holds more than 0.64 s.
pub struct JitterBuffer {
    slots: VecDeque<Slot>,
    /// What the sender's newest packet held.
    samples: i64,
    phase: Phase,
    /// The timestamp to play next, extended so that it does not wrap; `None` before all packets.
    next_ts: Option<i64>,
    delay: DelayEstimate,
    /// Timestamps of the last packets that were missing when their time came.
    missed: VecDeque<i64>,
    /// Samples concealed since the last played packet.
    concealed_run: i64,
    /// Of these, the packets' times concealed without moving on, because nothing was held.
    stalled: i64,
    /// Packets in a row on another timeline.
    jumps: u32,
    /// The least delay since the last adjustment, and samples since.
    least_delay_us: i64,
    since_adjust: i64,
    /// Frames should be shortened where it is inaudible, until one was.
    shorten: bool,
    /// The sender said that nothing more comes for now.
    paused: bool,
    stats: JitterStats,
}

impl Default for JitterBuffer {
    fn default() -> Self {
        Self {
            slots: VecDeque::with_capacity(MAX_HELD + 1),
            samples: FRAME_SAMPLES as i64,
            phase: Phase::Idle,
            next_ts: None,
            delay: DelayEstimate::default(),
            missed: VecDeque::with_capacity(MAX_HELD),
            concealed_run: 0,
            stalled: 0,
            jumps: 0,
            least_delay_us: i64::MAX,
            since_adjust: 0,
            shorten: false,
            paused: false,
            stats: JitterStats::default(),
        }
    }
}

impl JitterBuffer {
    /// The packets that come from here on hold so many samples, 480 or 960; before this is called,
    /// 960.
    pub fn expect(&mut self, samples: usize) {
        self.samples = samples.clamp(BLOCK_SAMPLES, FRAME_SAMPLES) as i64;
    }

    /// What the packet that is now missing would hold, as far as can be told.
    pub(crate) fn missing_samples(&self) -> usize {
        usize::try_from(self.samples).unwrap_or(FRAME_SAMPLES)
    }

    /// Takes a packet that arrived at `now_us` with media timestamp `ts` (in samples, wrapping).
    pub fn push(&mut self, now_us: u64, ts: u32, packet: &[u8]) -> Push {
        let Some(packet) = Packet::new(packet) else {
            return Push::Refused;
        };
        let Some(ts) = self.place(ts) else {
            return Push::Refused;
        };
        let held = self.slots.iter_mut().find(|slot| slot.ts == ts);
        // A copy that overtook it is the packet itself.
        let overtaken = held.map(|slot| std::mem::take(&mut slot.copy));
        if overtaken == Some(false) {
            self.stats.duplicates += 1;
            return Push::Duplicate;
        }
        self.delay.observe(now_us, now_us as i64 - micros(ts), micros(self.samples));
        if overtaken.is_some() {
            return Push::Held;
        }
        if self.next_ts.is_some_and(|next| ts < next) {
            self.stats.late += 1;
            return Push::Late;
        }
        self.paused = false;
        self.hold(Slot { ts, samples: self.samples, packet, copy: false });
        if self.phase == Phase::Idle {
            self.phase = Phase::Filling;
        }
        Push::Held
    }

    /// Takes a packet that came again with a later one, and is wanted only if it did not come
    /// before.
    pub fn push_copy(&mut self, now_us: u64, ts: u32, packet: &[u8]) -> Push {
        let Some(packet) = Packet::new(packet) else {
            return Push::Refused;
        };
        let (first, last) = (self.slots.front(), self.slots.back());
        let begin = if self.phase == Phase::Playing { self.next_ts } else { first.map(|s| s.ts) };
        // Nothing begins with a copy.
        let (Some(begin), Some(near)) = (begin, last.map(|s| s.ts).or(self.next_ts)) else {
            return Push::Refused;
        };
        let ts = near + i64::from(ts.wrapping_sub(near as u32) as i32);
        if (ts - near).abs() > MAX_DISTANCE || ts > near {
            return Push::Refused;
        }
        if self.slots.iter().any(|slot| slot.ts == ts) {
            return Push::Duplicate;
        }
        let transit_us = now_us as i64 - micros(ts);
        if ts < begin {
            if let Some(at) = self.missed.iter().position(|missed| *missed == ts) {
                self.missed.remove(at);
                self.delay.observe_repair(transit_us);
            }
            return Push::Late;
        }
        self.delay.observe_repair(transit_us);
        self.hold(Slot { ts, samples: self.samples, packet, copy: true });
        Push::Held
    }

    /// Extends a timestamp near the one awaited. Follows another timeline when nothing is being
    /// played or several packets in a row are on it.
    fn place(&mut self, ts: u32) -> Option<i64> {
        let Some(near) = self.next_ts.or(self.slots.front().map(|slot| slot.ts)) else {
            return Some(i64::from(ts));
        };
        let extended = near + i64::from(ts.wrapping_sub(near as u32) as i32);
        if (extended - near).abs() <= MAX_DISTANCE {
            self.jumps = 0;
            return Some(extended);
        }
        self.jumps += 1;
        if self.phase != Phase::Idle && self.jumps < JUMPS_TO_FOLLOW {
            return None;
        }
        let stats = self.stats;
        *self = Self { stats, ..Self::default() };
        Some(i64::from(ts))
    }

    fn hold(&mut self, slot: Slot) {
        let after = self.slots.iter().rposition(|held| held.ts < slot.ts).map_or(0, |i| i + 1);
        self.slots.insert(after, slot);
        while self.slots.len() > MAX_HELD || self.held_samples() >= MAX_HELD_SAMPLES {
            // Too far behind to catch up by shortening: give up the oldest.
            self.slots.pop_front();
            self.stats.lost += 1;
            self.next_ts = self.slots.front().map(|slot| slot.ts);
        }
    }

    /// The sender muted: what is held is still played, and nothing is made up after it.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Whether the sender muted.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Decides on the next packet's time. `ahead_us` is how much decoded sound is still to be played
    /// before them.
    pub fn pop(&mut self, now_us: u64, ahead_us: u64) -> Pop {
        let play_at_us = now_us.saturating_add(ahead_us) as i64;
        match (self.phase, self.slots.front().map(|slot| slot.ts)) {
            (Phase::Idle, _) | (Phase::Filling, None) => Pop::Silence,
            (Phase::Filling, Some(ts)) => {
                if self.delay_us(play_at_us, ts) < self.delay.target_us() {
                    return Pop::Silence;
                }
                self.phase = Phase::Playing;
                self.concealed_run = 0;
                self.stalled = 0;
                self.restart_adjusting();
                self.play(play_at_us)
            }
            (Phase::Playing, None) => self.stall(),
            (Phase::Playing, Some(ts)) => self.play_or_conceal(play_at_us, ts),
        }
    }

    fn play_or_conceal(&mut self, play_at_us: i64, first_ts: i64) -> Pop {
        let mut next = self.next_ts.unwrap_or(first_ts);
        // After a change of length a gap may be half a packet, which is passed over.
        let missing = ((first_ts - next) / self.samples).max(0);
        // What was concealed while the buffer was dry stands for packets that turned out lost.
        let settled = missing.min(self.stalled);
        (0..settled).for_each(|n| self.miss(next + n * self.samples));
        next += settled * self.samples;
        self.stats.lost += settled as u64;
        self.stalled = 0;
        self.next_ts = Some(next);
        if missing == settled {
            return self.play(play_at_us);
        }
        self.next_ts = Some(next + self.samples);
        self.stats.lost += 1;
        self.miss(next);
        match self.conceal() {
            Pop::Conceal if missing == settled + 1 => self.before(),
            other => other,
        }
    }

    /// The missing frame is the last before one that is held.
    fn before(&self) -> Pop {
        self.slots.front().map_or(Pop::Conceal, |slot| Pop::Before(slot.packet))
    }

    fn miss(&mut self, ts: i64) {
        if self.missed.len() == MAX_HELD {
            self.missed.pop_front();
        }
        self.missed.push_back(ts);
    }

    fn play(&mut self, play_at_us: i64) -> Pop {
        self.leave_out();
        let Some(slot) = self.slots.pop_front() else {
            return Pop::Silence;
        };
        self.next_ts = Some(slot.ts + slot.samples);
        self.concealed_run = 0;
        self.stats.played += 1;
        self.stats.repaired += u64::from(slot.copy);
        self.since_adjust += slot.samples;
        Pop::Play(slot.packet, self.adjust(self.delay_us(play_at_us, slot.ts)))
    }

    /// Leaves out the oldest frames if hopelessly many wait. Counts what is held, not the delay
    /// beyond the fastest path: after a stall of the sender that is stale for two seconds.
    fn leave_out(&mut self) {
        let target_us = self.delay.target_us();
        if self.held_us() < target_us + HOPELESS_US {
            return;
        }
        while self.held_us() > target_us {
            self.slots.pop_front();
            self.stats.lost += 1;
        }
        self.restart_adjusting();
    }

    /// The media time between the oldest and the newest packet held.
    fn held_us(&self) -> i64 {
        micros(self.held_samples())
    }

    fn held_samples(&self) -> i64 {
        match (self.slots.front(), self.slots.back()) {
            (Some(first), Some(last)) => last.ts - first.ts,
            _ => 0,
        }
    }

    fn stall(&mut self) -> Pop {
        // After the last word one frame fades out, against a click.
        let over = self.paused && self.concealed_run > 0;
        if over || self.concealed_run >= MAX_CONCEALED_SAMPLES {
            // The sender stopped. What comes next starts anew with the full target delay.
            self.phase = Phase::Idle;
            return Pop::Silence;
        }
        self.stalled += 1;
        self.conceal()
    }

    fn conceal(&mut self) -> Pop {
        self.concealed_run += self.samples;
        if self.concealed_run > MAX_CONCEALED_SAMPLES {
            return Pop::Silence;
        }
        self.stats.concealed += 1;
        Pop::Conceal
    }

    /// How long after the fastest path's arrival the frame at `ts` is played.
    fn delay_us(&self, play_at_us: i64, ts: i64) -> i64 {
        play_at_us - micros(ts) - self.delay.fastest_us().unwrap_or(0)
    }

    fn adjust(&mut self, delay_us: i64) -> Adjust {
        self.stats.delay_us = u64::try_from(delay_us).unwrap_or(0);
        // Devices ask in uneven steps: the shortest delay is the one that must suffice.
        self.least_delay_us = self.least_delay_us.min(delay_us);
        let target_us = self.delay.target_us();
        // What a queue makes everything wait now is not too long.
        let excess_us = self.least_delay_us - target_us.max(self.delay.needed_us());
        let too_short = self.least_delay_us < target_us - TOO_SHORT_US;
        let far_too_long = excess_us > FAR_TOO_LONG_US;
        if self.since_adjust < ADJUST_EVERY_SAMPLES {
            let soon = far_too_long && self.since_adjust >= ADJUST_SOON_SAMPLES;
            return if soon { Adjust::Shorten } else { self.wish() };
        }
        self.restart_adjusting();
        if far_too_long {
            return Adjust::MustShorten;
        }
        self.shorten = excess_us > TOO_LONG_US;
        if too_short { Adjust::Lengthen } else { self.wish() }
    }

    fn wish(&self) -> Adjust {
        if self.shorten { Adjust::Shorten } else { Adjust::Keep }
    }

    /// Tells that the asked adjustment was made, so that its effect is measured afresh. After one
    /// `in_silence` the next need not wait.
    pub fn adjusted(&mut self, in_silence: bool) {
        self.shorten = false;
        self.restart_adjusting();
        if in_silence {
            self.since_adjust = ADJUST_SOON_SAMPLES;
        }
    }

    fn restart_adjusting(&mut self) {
        self.least_delay_us = i64::MAX;
        self.since_adjust = 0;
    }

    /// Packets waiting.
    pub fn held(&self) -> usize {
        self.slots.len()
    }

    /// Counts and the present delay.
    pub fn stats(&self) -> JitterStats {
        JitterStats { target_us: u64::try_from(self.delay.target_us()).unwrap_or(0), ..self.stats }
    }
}

/// Media time in microseconds.
fn micros(ts: i64) -> i64 {
    ts * 1_000 / (i64::from(SAMPLE_RATE) / 1_000)
}

#[cfg(test)]
#[path = "jitter_tests.rs"]
mod tests;
