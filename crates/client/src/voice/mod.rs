//! The threads that join sound devices and coding: microphone in, encrypted-to-be frames out, and
//! the other way round.
//!
//! [`Voice`] owns two threads. The capture thread processes and codes the microphone and hands
//! [`CapturedFrame`]s to whoever seals and sends them. The playout thread takes opened frames by
//! [`Voice::play`], puts them in order, mixes all speakers and feeds the loudspeaker, whose demand
//! is its clock. Neither knows a key, a name or the network; a speaker is an opaque number.
//!
//! Devices open in the background: [`Voice::start`] does not wait for a sound server, and a
//! machine without a microphone or loudspeaker takes part without it. [`Voice::devices`] tells
//! what became of them; a device that goes away is looked for again.
//!
//! Instead of devices, a WAV file can speak in real time and another record what is heard, through
//! the same pipeline: for the command line and for tests.

mod capture;
mod frames;
mod pcm;
mod places;
mod playout;
#[cfg(feature = "expose-secrets-to-tests")]
mod reveal;
mod shared;
mod sink;
mod source;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::Instant;

pub use standfast_audio::{AudioError, Choice, Device, Direction, list as list_devices};
pub use standfast_media::{
    BitRate, IncomingStats, Level, MicrophoneTrouble, Pace, Packet, ProcessingConfig, VoiceProfile,
};

pub use frames::{CapturedFrame, CapturedFrames};
pub use shared::{DeviceState, Devices, Levels, SpeakerLevel, SpeakerStats, VoiceStats};

use capture::ToCapture;
use playout::ToPlayout;
use shared::Shared;

/// Packets that may wait for the playout thread: 100 speakers for 60 ms, with copies.
const PLAY_QUEUE: usize = 1_024;
/// Played blocks that may wait for the echo stage: 200 ms.
const PLAYED_QUEUE: usize = 20;

/// Where sound comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputChoice {
    /// Nothing is sent.
    Off,
    /// A microphone.
    Device(Choice),
    /// A WAV file of any rate, spoken once in real time, and silence after it.
    Wav(PathBuf),
    /// A WAV file, again and again.
    WavLoop(PathBuf),
    /// Coded silence, as from a quiet room.
    Silence,
}

/// Where sound goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputChoice {
    /// Heard and metered by nobody but the statistics.
    Null,
    /// A loudspeaker.
    Device(Choice),
    /// A WAV file (48 kHz, mono, 16 bit) is recorded until the voice is dropped.
    Wav(PathBuf),
    /// Raw samples (48 kHz, mono, 16 bit, little-endian) on standard output, and in a WAV file if
    /// one is named. A reader that is too slow misses something; the meeting does not wait for it.
    Pcm {
        /// The file.
        wav: Option<PathBuf>,
    },
}

/// How to start a [`Voice`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceConfig {
    /// Where sound comes from.
    pub input: InputChoice,
    /// Where sound goes to.
    pub output: OutputChoice,
    /// What is done to the input before it is coded.
    pub processing: ProcessingConfig,
    /// How it is coded.
    pub profile: VoiceProfile,
    /// Whether nothing is to be sent at first.
    pub muted: bool,
    /// Whether everyone is heard from a place of their own, where there are two channels.
    pub placing: bool,
}

impl Default for VoiceConfig {
    /// The system's devices, all processing, the default profile, muted, all in the centre.
    fn default() -> Self {
        Self {
            input: InputChoice::Device(Choice::Default),
            output: OutputChoice::Device(Choice::Default),
            processing: ProcessingConfig::default(),
            profile: VoiceProfile::default(),
            muted: true,
            placing: false,
        }
    }
}

/// Why a voice could not start. A missing device is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// A WAV file could not be read or written.
    #[error("the file {path} cannot be used: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The codec could not be set up.
    #[error(transparent)]
    Codec(#[from] standfast_media::CodecError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Sound in both directions, until dropped.
pub struct Voice {
    shared: Arc<Shared>,
    to_playout: SyncSender<ToPlayout>,
    /// What must get through and must not wait: the thread stands still while a device hangs.
    playout_orders: Sender<ToPlayout>,
    to_capture: Sender<ToCapture>,
    threads: Vec<JoinHandle<()>>,
}

impl Voice {
    /// Starts the threads. Devices open in the background; a WAV file is opened here.
    pub fn start(config: VoiceConfig) -> Result<(Self, CapturedFrames), VoiceError> {
        let source = source::Source::new(&config.input)?;
        let sink = sink::Sink::new(&config.output)?;
        let shared = Arc::new(Shared::new(config.muted));
        let (to_playout, from_client) = std::sync::mpsc::sync_channel(PLAY_QUEUE);
        let (playout_orders, orders) = std::sync::mpsc::channel();
        let (to_capture, to_obey) = std::sync::mpsc::channel();
        let (frames_in, frames) = frames::channel(Arc::clone(&shared));
        let (played, to_cancel) = rtrb::RingBuffer::new(PLAYED_QUEUE);
        let capture = capture::CaptureThread::new(
            Arc::clone(&shared),
            (config.processing, config.profile),
            frames_in,
            to_playout.clone(),
            to_cancel,
        )?;
        let playout = playout::PlayoutThread::new(
            Arc::clone(&shared),
            from_client,
            orders,
            played,
            config.placing,
        );
        let threads = Vec::new();
        let mut voice = Self { shared, to_playout, playout_orders, to_capture, threads };
        // On an error the voice is dropped, which stops what had started.
        voice.spawn("voice-capture", move || capture.run(source, &to_obey))?;
        voice.spawn("voice-playout", move || playout.run(sink))?;
        Ok((voice, frames))
    }

    fn spawn(
        &mut self,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), std::io::Error> {
        let raised = || {
            crate::priority::raise();
            standfast_crypto::on_wiped_stack(run);
        };
        self.threads.push(std::thread::Builder::new().name(name.into()).spawn(raised)?);
        Ok(())
    }

    /// Plays an opened packet of a speaker, or a copy of one that may not have come. `media_ts` is in
    /// samples; the time of arrival is now.
    /// False if the frame is malformed or the playout thread is far behind.
    pub fn play(&self, speaker: u64, media_ts: u32, packet: &[u8], copy: bool) -> bool {
        let Some(packet) = Packet::new(packet) else {
            return false;
        };
        let arrival_us = self.shared.now_us();
        let frame = ToPlayout::Frame { speaker, media_ts, arrival_us, packet, copy };
        match self.to_playout.try_send(frame) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.shared.count_unplayed();
                false
            }
        }
    }

    /// A speaker muted: what has come is played, and nothing is made up after it.
    pub fn pause(&self, speaker: u64) {
        // Where the thread is far behind, a peer must not make us wait: at worst concealment runs out.
        let _ = self.to_playout.try_send(ToPlayout::Pause(speaker));
    }

    /// Forgets a speaker who left: buffered sound, gain and statistics.
    pub fn forget(&self, speaker: u64) {
        // The thread lives as long as this voice, so sending fails only while stopping.
        let _ = self.playout_orders.send(ToPlayout::Forget(speaker));
    }

    /// How loud to play a speaker: 0 is not at all, 1 as sent, at most 4.
    pub fn set_gain(&self, speaker: u64, gain: f32) {
        let _ = self.playout_orders.send(ToPlayout::Gain(speaker, gain));
    }

    /// Lets everyone be heard from a place of their own, for headphones, or from the centre.
    pub fn set_placing(&self, on: bool) {
        let _ = self.playout_orders.send(ToPlayout::Placing(on));
    }

    /// Who may be heard, by speaker numbers: they share the places. Until it is told, and for
    /// speakers who are not named, it is the centre.
    pub fn set_people(&self, speakers: BTreeSet<u64>) {
        let _ = self.playout_orders.send(ToPlayout::People(speakers));
    }

    /// Stops or resumes sending. When this returns after muting, [`CapturedFrames`] gives no
    /// frame any more; the level meter goes on.
    pub fn set_muted(&self, muted: bool) {
        self.shared.set_muted(muted);
    }

    /// Whether nothing is sent.
    pub fn is_muted(&self) -> bool {
        self.shared.is_muted()
    }

    /// Plays the own microphone back, coded as others would hear it, muted or not.
    pub fn set_hear_yourself(&self, on: bool) {
        self.shared.set_hear_yourself(on);
        if !on {
            self.forget(playout::SELF);
        }
    }

    /// Changes where sound comes from.
    pub fn set_input(&self, input: &InputChoice) -> Result<(), VoiceError> {
        let source = source::Source::new(input)?;
        let _ = self.to_capture.send(ToCapture::Input(Box::new(source)));
        Ok(())
    }

    /// Changes where sound goes to.
    pub fn set_output(&self, output: &OutputChoice) -> Result<(), VoiceError> {
        let sink = sink::Sink::new(output)?;
        let _ = self.playout_orders.send(ToPlayout::Output(Box::new(sink)));
        Ok(())
    }

    /// Changes what is done to the input. Takes up to a second, for new stages learn the room
    /// before they are faded in.
    pub fn set_processing(&self, processing: ProcessingConfig) {
        let _ = self.to_capture.send(ToCapture::Processing(processing));
    }

    /// Changes how the input is coded, from the next packet on. The low-delay pace leaves noise
    /// suppression out, whatever the processing says.
    pub fn set_profile(&self, profile: VoiceProfile) {
        let _ = self.to_capture.send(ToCapture::Profile(profile));
    }

    /// What became of the devices.
    pub fn devices(&self) -> Devices {
        self.shared.devices()
    }

    /// How loud everyone is; changes 20 times a second.
    pub fn levels(&self) -> Levels {
        self.shared.levels()
    }

    /// Counts and delays; changes 20 times a second.
    pub fn stats(&self) -> VoiceStats {
        self.shared.stats()
    }

    /// When the first block that is not silence was mixed from others' frames.
    pub fn first_audio_at(&self) -> Option<Instant> {
        self.shared.first_audio_at()
    }
}

impl Drop for Voice {
    /// Stops the threads and waits for them, so that devices are released and files complete.
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing more to release.
            let _ = thread.join();
        }
    }
}

/// A microphone check without a meeting: the level meter, and the own voice if asked for.
pub struct MicTest {
    voice: Voice,
    /// Kept so that the capture thread goes on; stays empty, as the test is muted.
    _frames: CapturedFrames,
}

impl MicTest {
    /// Starts with the given devices; nothing is played until
    /// [`set_hear_yourself`](Self::set_hear_yourself).
    pub fn start(input: InputChoice, output: OutputChoice) -> Result<Self, VoiceError> {
        // Nobody is heard here but oneself, which is no echo.
        let processing = ProcessingConfig { echo: false, ..ProcessingConfig::default() };
        let config = VoiceConfig { input, output, processing, ..VoiceConfig::default() };
        let (voice, frames) = Voice::start(config)?;
        Ok(Self { voice, _frames: frames })
    }

    /// How loud the microphone is.
    pub fn level(&self) -> Level {
        self.voice.levels().input
    }

    /// What became of the devices.
    pub fn devices(&self) -> Devices {
        self.voice.devices()
    }

    /// Plays the microphone back, coded as others would hear it.
    pub fn set_hear_yourself(&self, on: bool) {
        self.voice.set_hear_yourself(on);
    }
}
