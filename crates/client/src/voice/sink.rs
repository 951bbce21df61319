//! Where the playout thread writes to.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use standfast_audio::{AudioError, Choice, Playback};
use standfast_media::{Block, Mix, SAMPLE_RATE};

use super::pcm::{PcmSink, sample16};
use super::source::{Pace, Retry, open_or_default};
use super::{DeviceState, OutputChoice, VoiceError};

/// Blocks after which a recording is brought up to date on disk: one second.
const FLUSH_BLOCKS: u32 = 100;

/// A loudspeaker or what stands in for it.
pub(super) enum Sink {
    Null(Pace),
    Device(Box<DeviceSink>),
    Wav(WavSink),
    Pcm { pcm: PcmSink, wav: Option<WavSink>, pace: Pace },
}

impl Sink {
    pub(super) fn new(choice: &OutputChoice) -> Result<Self, VoiceError> {
        Ok(match choice {
            OutputChoice::Null => Self::Null(Pace::default()),
            OutputChoice::Device(choice) => Self::Device(Box::new(DeviceSink::new(choice.clone()))),
            OutputChoice::Wav(path) => Self::Wav(WavSink::create(path)?),
            OutputChoice::Pcm { wav } => Self::Pcm {
                pcm: PcmSink::new(std::io::stdout())?,
                wav: wav.as_deref().map(WavSink::create).transpose()?,
                pace: Pace::default(),
            },
        })
    }

    /// Whether another block is needed now.
    pub(super) fn wants_block(&mut self) -> bool {
        match self {
            Self::Null(pace) => pace.is_due(),
            Self::Device(device) => device.wants_block(),
            Self::Wav(wav) => wav.pace.is_due(),
            Self::Pcm { pace, .. } => pace.is_due(),
        }
    }

    /// Writes for as many ears as there are: files and programs have one.
    pub(super) fn write(&mut self, mix: &Mix) {
        match self {
            Self::Null(_) => {}
            Self::Device(device) => device.write(mix),
            Self::Wav(wav) => wav.write(&mix.middle),
            Self::Pcm { pcm, wav, .. } => {
                pcm.write(&mix.middle);
                if let Some(wav) = wav {
                    wav.write(&mix.middle);
                }
            }
        }
    }

    /// The state, each time it is another.
    pub(super) fn changed_state(&mut self) -> Option<DeviceState> {
        match self {
            Self::Device(device) => device.changed.take(),
            _ => None,
        }
    }

    pub(super) fn first_state(&self) -> DeviceState {
        match self {
            Self::Null(_) => DeviceState::Off,
            Self::Device(_) => DeviceState::Opening,
            Self::Wav(_) => DeviceState::Open("WAV file".into()),
            Self::Pcm { .. } => DeviceState::Open("standard output".into()),
        }
    }

    /// Whether a microphone can hear it.
    pub(super) fn sounds_in_the_room(&self) -> bool {
        matches!(self, Self::Device(device) if device.playback.is_some())
    }

    pub(super) fn new_glitches(&mut self) -> u64 {
        match self {
            Self::Device(device) => device.new_glitches(),
            _ => 0,
        }
    }
}

/// A loudspeaker that may be missing. Meanwhile sound is mixed at its pace and thrown away, so
/// that meters and jitter buffers go on.
pub(super) struct DeviceSink {
    choice: Choice,
    playback: Option<Playback>,
    retry: Retry,
    meanwhile: Pace,
    seen_glitches: u64,
    changed: Option<DeviceState>,
}

impl DeviceSink {
    fn new(choice: Choice) -> Self {
        Self {
            choice,
            playback: None,
            retry: Retry::default(),
            meanwhile: Pace::default(),
            seen_glitches: 0,
            changed: None,
        }
    }

    fn wants_block(&mut self) -> bool {
        let Some(playback) = &self.playback else {
            self.open();
            return self.meanwhile.is_due();
        };
        match playback.fault() {
            Some(fault) => {
                self.fail(fault.into());
                false
            }
            None => playback.wants_block(),
        }
    }

    fn write(&mut self, mix: &Mix) {
        if let Some(playback) = &mut self.playback {
            playback.write(mix);
        }
    }

    fn open(&mut self) {
        if !self.retry.is_due() {
            return;
        }
        match open_or_default(&self.choice, Playback::open) {
            Ok(playback) => {
                self.changed = Some(DeviceState::Open(playback.device_name().to_owned()));
                self.seen_glitches = 0;
                self.retry = Retry::default();
                self.playback = Some(playback);
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: AudioError) {
        self.playback = None;
        self.meanwhile = Pace::default();
        self.retry.after_failure();
        self.changed = Some(DeviceState::Failed(error));
    }

    fn new_glitches(&mut self) -> u64 {
        let all = self.playback.as_ref().map_or(0, Playback::underruns);
        all.saturating_sub(std::mem::replace(&mut self.seen_glitches, all))
    }
}

/// Records what is heard. The file is complete when dropped, and up to date every second before.
pub(super) struct WavSink {
    writer: hound::WavWriter<BufWriter<File>>,
    pace: Pace,
    unflushed: u32,
}

impl WavSink {
    fn create(path: &Path) -> Result<Self, VoiceError> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let writer = hound::WavWriter::create(path, spec)
            .map_err(|e| VoiceError::File { path: path.to_owned(), reason: e.to_string() })?;
        Ok(Self { writer, pace: Pace::default(), unflushed: 0 })
    }

    fn write(&mut self, block: &Block) {
        // A full disk must not end the meeting: the recording stops growing.
        for sample in block {
            if self.writer.write_sample(sample16(*sample)).is_err() {
                return;
            }
        }
        self.unflushed += 1;
        if self.unflushed >= FLUSH_BLOCKS {
            self.unflushed = 0;
            let _ = self.writer.flush();
        }
    }
}
