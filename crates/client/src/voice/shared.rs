//! What both threads and the owner of a voice see.
//!
//! The threads here are not the sound library's callbacks: short locks are fine, and held only to
//! copy.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use standfast_media::{IncomingStats, Level, MicrophoneTrouble};

use super::AudioError;

/// How a device or its stand-in is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceState {
    /// None was asked for.
    Off,
    /// It is being opened.
    Opening,
    /// It works. The name for a person.
    Open(String),
    /// It does not; it is tried again, ever more seldom up to every 16 seconds.
    Failed(AudioError),
}

/// Both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Devices {
    /// The microphone.
    pub input: DeviceState,
    /// The loudspeaker.
    pub output: DeviceState,
}

/// How loud everyone is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Levels {
    /// The own microphone after processing, muted or not.
    pub input: Level,
    /// Whether the own microphone hears speech, muted or not.
    pub input_speaking: bool,
    /// What is wrong with the own microphone, muted or not.
    pub input_trouble: Option<MicrophoneTrouble>,
    /// Everyone of whom frames came.
    pub speakers: Vec<SpeakerLevel>,
}

/// How loud one speaker is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeakerLevel {
    /// As given to [`Voice::play`](super::Voice::play).
    pub speaker: u64,
    /// The loudest of the last 50 ms.
    pub level: Level,
    /// Whether they speak, pauses bridged.
    pub speaking: bool,
}

/// One speaker's reception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeakerStats {
    /// As given to [`Voice::play`](super::Voice::play).
    pub speaker: u64,
    /// Counts and delay.
    pub incoming: IncomingStats,
}

/// Counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VoiceStats {
    /// Frames handed over for sending.
    pub frames_captured: u64,
    /// Frames dropped because nobody took the ones before.
    pub frames_dropped: u64,
    /// Frames dropped because the playout thread was behind.
    pub frames_unplayed: u64,
    /// Times that sound was lost between microphone and capture thread.
    pub input_glitches: u64,
    /// Times that the loudspeaker found too little to play.
    pub output_glitches: u64,
    /// Whether the WAV file of the input was spoken to its end.
    pub input_ended: bool,
    /// Every speaker.
    pub speakers: Vec<SpeakerStats>,
}

/// What the playout thread tells.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) levels: Vec<SpeakerLevel>,
    pub(super) stats: Vec<SpeakerStats>,
}

pub(super) struct Shared {
    started: Instant,
    stopping: AtomicBool,
    muted: AtomicBool,
    hear_yourself: AtomicBool,
    input_ended: AtomicBool,
    frames_captured: AtomicU64,
    frames_dropped: AtomicU64,
    frames_unplayed: AtomicU64,
    input_glitches: AtomicU64,
    output_glitches: AtomicU64,
    /// Microseconds after the start, plus one; 0 before.
    first_audio_us: AtomicU64,
    input_level: Mutex<(Level, bool, Option<MicrophoneTrouble>)>,
    heard: Mutex<Heard>,
    devices: Mutex<Devices>,
}

/// Locks; what a panicked thread left is still a plain value.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(muted: bool) -> Self {
        Self {
            started: Instant::now(),
            stopping: AtomicBool::new(false),
            muted: AtomicBool::new(muted),
            hear_yourself: AtomicBool::new(false),
            input_ended: AtomicBool::new(false),
            frames_captured: AtomicU64::new(0),
            frames_dropped: AtomicU64::new(0),
            frames_unplayed: AtomicU64::new(0),
            input_glitches: AtomicU64::new(0),
            output_glitches: AtomicU64::new(0),
            first_audio_us: AtomicU64::new(0),
            input_level: Mutex::new((Level::SILENCE, false, None)),
            heard: Mutex::default(),
            devices: Mutex::new(Devices { input: DeviceState::Off, output: DeviceState::Off }),
        }
    }

    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(super) fn set_muted(&self, muted: bool) {
        self.muted.store(muted, Ordering::SeqCst);
    }

    pub(super) fn is_muted(&self) -> bool {
        self.muted.load(Ordering::SeqCst)
    }

    pub(super) fn set_hear_yourself(&self, on: bool) {
        self.hear_yourself.store(on, Ordering::Relaxed);
    }

    pub(super) fn hears_itself(&self) -> bool {
        self.hear_yourself.load(Ordering::Relaxed)
    }

    pub(super) fn set_input_ended(&self, ended: bool) {
        self.input_ended.store(ended, Ordering::Relaxed);
    }

    pub(super) fn count_captured(&self) {
        self.frames_captured.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_dropped(&self) {
        self.frames_dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_unplayed(&self) {
        self.frames_unplayed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_input_glitches(&self, more: u64) {
        self.input_glitches.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn add_output_glitches(&self, more: u64) {
        self.output_glitches.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn set_input_level(
        &self,
        level: Level,
        speaking: bool,
        trouble: Option<MicrophoneTrouble>,
    ) {
        *lock(&self.input_level) = (level, speaking, trouble);
    }

    pub(super) fn set_heard(&self, heard: Heard) {
        *lock(&self.heard) = heard;
    }

    pub(super) fn set_input_state(&self, state: DeviceState) {
        lock(&self.devices).input = state;
    }

    pub(super) fn set_output_state(&self, state: DeviceState) {
        lock(&self.devices).output = state;
    }

    pub(super) fn note_first_audio(&self) {
        let now = self.now_us().saturating_add(1);
        // Only the first time counts.
        let _ = self.first_audio_us.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn first_audio_at(&self) -> Option<Instant> {
        match self.first_audio_us.load(Ordering::Relaxed) {
            0 => None,
            us => self.started.checked_add(Duration::from_micros(us - 1)),
        }
    }

    pub(super) fn devices(&self) -> Devices {
        lock(&self.devices).clone()
    }

    pub(super) fn levels(&self) -> Levels {
        let (input, input_speaking, input_trouble) = *lock(&self.input_level);
        let speakers = lock(&self.heard).levels.clone();
        Levels { input, input_speaking, input_trouble, speakers }
    }

    pub(super) fn stats(&self) -> VoiceStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        VoiceStats {
            frames_captured: count(&self.frames_captured),
            frames_dropped: count(&self.frames_dropped),
            frames_unplayed: count(&self.frames_unplayed),
            input_glitches: count(&self.input_glitches),
            output_glitches: count(&self.output_glitches),
            input_ended: self.input_ended.load(Ordering::Relaxed),
            speakers: lock(&self.heard).stats.clone(),
        }
    }
}
