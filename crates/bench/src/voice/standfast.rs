//! The product: two real engines seal, open, report loss and repeat packets; its own jitter buffer,
//! decoder, concealment and mixer play. Only the path between them is simulated, for frames; control
//! messages pass at once.

use std::rc::Rc;

use standfast_media::{Block, DeepBudget, Incoming, Mixer, VoiceProfile};
use standfast_meeting::Command;
use standfast_testkit::path::{Conditions, Passed, Path};

use super::hear::{SoFar, System};
use super::paths::overhead_bytes;
use crate::room::Room;

/// Who speaks, and who listens.
const SPEAKER: usize = 0;
const LISTENER: usize = 1;

/// A meeting of two, one of whom speaks.
pub(crate) struct Standfast {
    room: Room,
    begin_ms: u64,
    overhead_bytes: usize,
    forth: Path<Rc<[u8]>>,
    /// The way of the listener's reports.
    back: Path<Rc<[u8]>>,
    incoming: Incoming,
    mixer: Mixer,
}

impl Standfast {
    /// Both are in the meeting and share a key.
    ///
    /// # Errors
    /// When they do not come together.
    pub(crate) fn new(conditions: Conditions, seed: u64) -> anyhow::Result<Self> {
        Self::coded(VoiceProfile::default(), conditions, seed)
    }

    /// The same, with a voice that is coded in another way.
    ///
    /// # Errors
    /// When they do not come together.
    pub(crate) fn coded(
        profile: VoiceProfile,
        conditions: Conditions,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let mut room = Room::gather(2, standfast_client::profile::ROTATE_MS)?;
        room.shape(SPEAKER, standfast_client::call::shape(profile));
        room.tapped();
        Ok(Self {
            begin_ms: room.now.mono_ms,
            room,
            overhead_bytes: overhead_bytes(conditions.form),
            forth: Path::new(conditions, seed),
            back: Path::new(conditions, seed ^ 0xb4c4),
            incoming: Incoming::new()?,
            mixer: Mixer::default(),
        })
    }

    /// Carries what the engines did: frames to the paths, packets that arrived at `at_us` to the
    /// jitter buffer.
    fn carry(&mut self, now_us: u64, at_us: u64) {
        let tap = self.room.take_tap();
        for (from, frame) in tap.sealed {
            let bytes = frame.len() + self.overhead_bytes;
            match from {
                SPEAKER => self.forth.send(now_us, bytes, frame),
                _ => self.back.send(now_us, bytes, frame),
            }
        }
        for (_, heard) in tap.heard.iter().filter(|(to, _)| *to == LISTENER) {
            if heard.copy {
                self.incoming.push_copy(at_us, heard.media_ts, &heard.opus);
            } else {
                self.incoming.push(at_us, heard.media_ts, &heard.opus);
            }
        }
        if tap.paused.contains(&LISTENER) {
            self.incoming.pause();
        }
    }

    /// The speaker mutes: nothing more is said.
    pub(crate) fn mute(&mut self, now_us: u64) {
        self.room.command(SPEAKER, Command::SetMuted(true));
        self.carry(now_us, now_us);
    }
}

impl System for Standfast {
    fn say(&mut self, now_us: u64, media_ts: u32, packet: &[u8]) {
        self.room.voice(SPEAKER, media_ts, packet);
        self.carry(now_us, now_us);
    }

    fn go_to(&mut self, now_us: u64) {
        let until_ms = self.begin_ms + now_us / 1_000;
        self.room.pass(until_ms.saturating_sub(self.room.now.mono_ms));
        self.carry(now_us, now_us);
        while let Some((at_us, frame)) = self.forth.arrive(now_us) {
            self.room.frame(LISTENER, &frame);
            self.carry(now_us, at_us);
        }
        while let Some((at_us, frame)) = self.back.arrive(now_us) {
            self.room.frame(SPEAKER, &frame);
            self.carry(now_us, at_us);
        }
    }

    fn pull(&mut self, now_us: u64, block: &mut Block) {
        let mut deep = DeepBudget::PER_BLOCK;
        if self.incoming.pull(now_us, &mut deep, block) {
            self.mixer.add(block, 1.0);
        }
        *block = self.mixer.finish().middle;
    }

    fn so_far(&self) -> SoFar {
        let jitter = self.incoming.stats().jitter;
        SoFar {
            played: jitter.played,
            concealed: jitter.concealed,
            buffer_us: jitter.delay_us,
            target_us: jitter.target_us,
        }
    }

    fn passed(&self) -> Passed {
        self.forth.passed()
    }
}
