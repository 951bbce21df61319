//! The thread from the microphone to coded frames.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use rtrb::Consumer;
use standfast_media::{
    Activity, BLOCK_SAMPLES, Block, CodecError, Encoder, FRAME_SAMPLES, Level, MicrophoneWatch,
    Pace, Processing, ProcessingConfig, Reference, SAMPLE_RATE, SILENT_BLOCK, VoiceProfile,
};

use super::frames::{CapturedFrame, FramesIn};
use super::playout::{Played, SELF, ToPlayout};
use super::shared::Shared;
use super::source::{Read, Source};

/// How often to look for sound. A callback may not wake this thread (that is a system call), so
/// it looks; half of this is the mean delay it adds.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How fast the shown level falls, per block: to a tenth in about 150 ms.
const METER_FALL: f32 = 0.86;

/// What the capture thread is told.
pub(super) enum ToCapture {
    Input(Box<Source>),
    Processing(ProcessingConfig),
    Profile(VoiceProfile),
}

pub(super) struct CaptureThread {
    shared: Arc<Shared>,
    processing: Processing,
    /// What the user wants of it.
    wanted: ProcessingConfig,
    played: Consumer<Played>,
    reference: Reference,
    encoder: Encoder,
    profile: VoiceProfile,
    frames: FramesIn,
    to_playout: SyncSender<ToPlayout>,
    /// The half frame that waits for its other half.
    half: Option<Block>,
    /// The timestamp of the next block. Follows the real time over gaps.
    ts: u64,
    meter: Level,
    activity: Activity,
    watch: MicrophoneWatch,
}

impl CaptureThread {
    pub(super) fn new(
        shared: Arc<Shared>,
        (wanted, profile): (ProcessingConfig, VoiceProfile),
        frames: FramesIn,
        to_playout: SyncSender<ToPlayout>,
        played: Consumer<Played>,
    ) -> Result<Self, CodecError> {
        Ok(Self {
            shared,
            processing: Processing::new(fitting(wanted, profile)),
            wanted,
            played,
            reference: Reference::default(),
            encoder: Encoder::with(profile)?,
            profile,
            frames,
            to_playout,
            half: None,
            ts: 0,
            meter: Level::SILENCE,
            activity: Activity::default(),
            watch: MicrophoneWatch::default(),
        })
    }

    pub(super) fn run(mut self, mut source: Source, orders: &Receiver<ToCapture>) {
        self.shared.set_input_state(source.first_state());
        while !self.shared.is_stopping() {
            for order in orders.try_iter() {
                self.obey(order, &mut source);
            }
            let mut block = SILENT_BLOCK;
            match source.read(&mut block) {
                Read::Block { skipped } => {
                    if skipped > 0 {
                        self.half = None;
                        self.ts += u64::from(skipped) * FRAME_SAMPLES as u64;
                        self.shared.add_input_glitches(1);
                    }
                    self.take(block, source.hears_the_room());
                }
                Read::Wait => std::thread::sleep(LOOK_EVERY),
            }
            if let Some(state) = source.changed_state() {
                self.shared.set_input_state(state);
                self.fall_silent();
                self.reference.restart();
                self.skip_to_now();
            }
            self.shared.set_input_ended(source.has_ended());
            self.shared.add_input_glitches(source.new_glitches());
        }
    }

    fn obey(&mut self, order: ToCapture, source: &mut Source) {
        match order {
            ToCapture::Input(new) => {
                // The old device is closed before the new one opens: they may be the same.
                *source = *new;
                self.fall_silent();
                self.shared.set_input_state(source.first_state());
                self.skip_to_now();
            }
            ToCapture::Processing(wanted) => {
                self.wanted = wanted;
                self.processing.set(fitting(wanted, self.profile));
            }
            ToCapture::Profile(profile) => self.set_profile(profile),
        }
    }

    /// With a codec that cannot be set up the one before goes on.
    fn set_profile(&mut self, profile: VoiceProfile) {
        let (true, Ok(encoder)) = (profile != self.profile, Encoder::with(profile)) else { return };
        if let Some(half) = self.half.take() {
            // Its other half would be of the next packet: silence ends this one.
            self.code_frame(&half, &SILENT_BLOCK, self.ts - BLOCK_SAMPLES as u64);
            self.ts += BLOCK_SAMPLES as u64;
        }
        (self.encoder, self.profile) = (encoder, profile);
        self.processing.set(fitting(self.wanted, profile));
    }

    /// After a pause of the device, timestamps go on where the real time is.
    fn skip_to_now(&mut self) {
        self.half = None;
        let now = self.shared.now_us() * u64::from(SAMPLE_RATE) / 1_000_000;
        self.ts = self.ts.max(now);
    }

    fn fall_silent(&mut self) {
        self.meter = Level::SILENCE;
        self.activity = Activity::default();
        self.watch = MicrophoneWatch::default();
        self.shared.set_input_level(Level::SILENCE, false, None);
    }

    fn take(&mut self, mut block: Block, in_the_room: bool) {
        self.show_played(in_the_room);
        self.watch.observe(Level::of(&block));
        self.processing.process(&mut block);
        let level = Level::of(&block);
        self.activity.observe(level);
        self.meter = level
            .max(Level { rms: self.meter.rms * METER_FALL, peak: self.meter.peak * METER_FALL });
        let speaking = self.activity.is_speaking();
        self.shared.set_input_level(self.meter, speaking, self.watch.trouble());
        let ts = self.ts;
        self.ts += BLOCK_SAMPLES as u64;
        if self.shared.is_muted() && !self.shared.hears_itself() {
            self.half = None;
            return;
        }
        match (self.profile.packet_samples(), self.half.take()) {
            (BLOCK_SAMPLES, _) => self.code(&block, ts),
            (_, None) => self.half = Some(block),
            (_, Some(first)) => self.code_frame(&first, &block, ts - BLOCK_SAMPLES as u64),
        }
    }

    /// Shows the echo stage what was played when the block was captured. A file that speaks has no
    /// echo.
    fn show_played(&mut self, in_the_room: bool) {
        while let Ok(played) = self.played.pop() {
            if played.by_another_device {
                self.reference.restart();
            }
            self.reference.played(&played.block, played.at_us);
        }
        if in_the_room {
            self.processing.analyse_played(&self.reference.captured(self.shared.now_us()));
        }
    }

    fn code_frame(&mut self, first: &Block, second: &Block, ts: u64) {
        let mut frame = [0.0; FRAME_SAMPLES];
        frame[..BLOCK_SAMPLES].copy_from_slice(first);
        frame[BLOCK_SAMPLES..].copy_from_slice(second);
        self.code(&frame, ts);
    }

    /// Codes one packet of sound.
    fn code(&mut self, sound: &[f32], ts: u64) {
        let Ok(packet) = self.encoder.encode(sound) else {
            // A frame that cannot be coded is a lost frame, which the receivers conceal.
            return;
        };
        #[cfg(feature = "expose-secrets-to-tests")]
        super::reveal::spoken(sound, &packet);
        // Wraps after a day.
        let media_ts = ts as u32;
        if self.shared.hears_itself() {
            let arrival_us = self.shared.now_us();
            let own = ToPlayout::Frame { speaker: SELF, media_ts, arrival_us, packet, copy: false };
            // If the playout thread is behind, hearing oneself later would not help.
            let _ = self.to_playout.try_send(own);
        }
        let (profile, captured_at) = (self.profile, Instant::now());
        let level = Level::of(sound);
        self.frames.offer(CapturedFrame { media_ts, profile, packet, level, captured_at });
    }
}

/// Noise suppression costs 7 ms, which the low-delay pace has not.
fn fitting(wanted: ProcessingConfig, profile: VoiceProfile) -> ProcessingConfig {
    ProcessingConfig { noise: wanted.noise && profile.pace != Pace::LowDelay, ..wanted }
}
