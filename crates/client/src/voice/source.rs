//! Where the capture thread reads from.

use std::path::Path;
use std::time::{Duration, Instant};

use standfast_audio::{AudioError, Capture, Choice, IntoBlocks};
use standfast_media::{Block, SILENT_BLOCK};

use super::{DeviceState, InputChoice, VoiceError};

/// A device that failed is tried again after this long, then twice as long, and so on …
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// … up to this: a machine without devices must not be kept busy looking for one.
const LAST_RETRY: Duration = Duration::from_secs(16);
/// One block.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// A thread that stood still for longer than this goes on with the present and catches nothing up.
const CATCH_UP: Duration = Duration::from_secs(2);
/// Blocks of a frame.
const FRAME_BLOCKS: u128 = 2;
/// The longest WAV file: half an hour. It is held in memory.
const MAX_WAV_SECONDS: u32 = 1_800;

/// What a read gave.
pub(super) enum Read {
    /// A block. So many 20 ms frames before it were lost.
    Block { skipped: u32 },
    /// Not yet.
    Wait,
}

/// A microphone or what stands in for it.
pub(super) enum Source {
    Off,
    Device(Box<DeviceSource>),
    Wav(Box<WavSource>),
    Silence(Pace),
}

impl Source {
    pub(super) fn new(choice: &InputChoice) -> Result<Self, VoiceError> {
        Ok(match choice {
            InputChoice::Off => Self::Off,
            InputChoice::Device(choice) => {
                Self::Device(Box::new(DeviceSource::new(choice.clone())))
            }
            InputChoice::Wav(path) => Self::Wav(Box::new(WavSource::open(path, false)?)),
            InputChoice::WavLoop(path) => Self::Wav(Box::new(WavSource::open(path, true)?)),
            InputChoice::Silence => Self::Silence(Pace::default()),
        })
    }

    pub(super) fn read(&mut self, block: &mut Block) -> Read {
        match self {
            Self::Off => Read::Wait,
            Self::Device(device) => device.read(block),
            Self::Wav(wav) => wav.read(block),
            Self::Silence(pace) => {
                *block = SILENT_BLOCK;
                pace.read()
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
            Self::Off => DeviceState::Off,
            Self::Device(_) => DeviceState::Opening,
            Self::Wav(_) => DeviceState::Open("WAV file".into()),
            Self::Silence(_) => DeviceState::Open("silence".into()),
        }
    }

    /// Whether a loudspeaker can be heard through it.
    pub(super) fn hears_the_room(&self) -> bool {
        matches!(self, Self::Device(_))
    }

    pub(super) fn new_glitches(&mut self) -> u64 {
        match self {
            Self::Device(device) => device.new_glitches(),
            _ => 0,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Wav(wav) if wav.ended)
    }
}

/// A microphone that may be missing, and is then looked for again.
pub(super) struct DeviceSource {
    choice: Choice,
    capture: Option<Capture>,
    retry: Retry,
    seen_glitches: u64,
    changed: Option<DeviceState>,
}

impl DeviceSource {
    fn new(choice: Choice) -> Self {
        Self { choice, capture: None, retry: Retry::default(), seen_glitches: 0, changed: None }
    }

    fn read(&mut self, block: &mut Block) -> Read {
        let Some(capture) = &mut self.capture else {
            self.open();
            return Read::Wait;
        };
        if let Some(fault) = capture.fault() {
            self.fail(fault.into());
            return Read::Wait;
        }
        let skipped = capture.skip_backlog();
        if capture.read(block) { Read::Block { skipped } } else { Read::Wait }
    }

    fn open(&mut self) {
        if !self.retry.is_due() {
            return;
        }
        match open_or_default(&self.choice, Capture::open) {
            Ok(capture) => {
                self.changed = Some(DeviceState::Open(capture.device_name().to_owned()));
                self.seen_glitches = 0;
                self.retry = Retry::default();
                self.capture = Some(capture);
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: AudioError) {
        self.capture = None;
        self.retry.after_failure();
        self.changed = Some(DeviceState::Failed(error));
    }

    fn new_glitches(&mut self) -> u64 {
        let all = self.capture.as_ref().map_or(0, Capture::overruns);
        all.saturating_sub(std::mem::replace(&mut self.seen_glitches, all))
    }
}

/// When to try a failed device again.
#[derive(Default)]
pub(super) struct Retry {
    at: Option<Instant>,
    wait: Duration,
}

impl Retry {
    pub(super) fn is_due(&self) -> bool {
        self.at.is_none_or(|at| Instant::now() >= at)
    }

    pub(super) fn after_failure(&mut self) {
        self.wait = (self.wait * 2).clamp(FIRST_RETRY, LAST_RETRY);
        self.at = Some(Instant::now() + self.wait);
    }
}

/// Opens the chosen device, or the default one while the chosen one is away.
pub(super) fn open_or_default<T>(
    choice: &Choice,
    open: impl Fn(&Choice) -> Result<T, AudioError>,
) -> Result<T, AudioError> {
    match open(choice) {
        Err(AudioError::Gone) if *choice != Choice::Default => {
            open(&Choice::Default).map_err(|_| AudioError::Gone)
        }
        opened => opened,
    }
}

/// Gives one block every 10 ms of real time.
#[derive(Default)]
pub(super) struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// Whether another block is due.
    pub(super) fn is_due(&mut self) -> bool {
        self.due(Instant::now()).is_some()
    }

    /// Whether one is, and how many 20 ms frames are left out before it: after a sleep there is no
    /// catching up, for as long as that takes nothing else would be done.
    fn due(&mut self, now: Instant) -> Option<u32> {
        let next = *self.next.get_or_insert(now + TICK);
        let late = now.checked_duration_since(next)?;
        let frames =
            if late > CATCH_UP { late.as_millis() / TICK.as_millis() / FRAME_BLOCKS } else { 0 };
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.next = Some(if frames > 0 { now } else { next } + TICK);
        Some(frames)
    }

    fn read(&mut self) -> Read {
        self.due(Instant::now()).map_or(Read::Wait, |skipped| Read::Block { skipped })
    }
}

/// A WAV file spoken in real time.
pub(super) struct WavSource {
    samples: Vec<f32>,
    at: usize,
    repeat: bool,
    ended: bool,
    converter: IntoBlocks,
    pace: Pace,
}

impl WavSource {
    fn open(path: &Path, repeat: bool) -> Result<Self, VoiceError> {
        let fail = |reason: String| VoiceError::File { path: path.to_owned(), reason };
        let mut reader = hound::WavReader::open(path).map_err(|e| fail(e.to_string()))?;
        let spec = reader.spec();
        if reader.duration() / spec.sample_rate.max(1) > MAX_WAV_SECONDS {
            return Err(fail("longer than half an hour".into()));
        }
        let samples: Result<Vec<f32>, hound::Error> = match spec.sample_format {
            hound::SampleFormat::Float => reader.samples::<f32>().collect(),
            hound::SampleFormat::Int => {
                let scale = 1.0 / 2_f32.powi(i32::from(spec.bits_per_sample) - 1);
                reader.samples::<i32>().map(|s| s.map(|s| s as f32 * scale)).collect()
            }
        };
        let channels = usize::from(spec.channels.max(1));
        let mono = samples
            .map_err(|e| fail(e.to_string()))?
            .chunks_exact(channels)
            .map(|frame| frame.iter().sum::<f32>() / channels as f32)
            .collect();
        let converter = IntoBlocks::new(spec.sample_rate).map_err(|e| fail(e.to_string()))?;
        Ok(Self { samples: mono, at: 0, repeat, ended: false, converter, pace: Pace::default() })
    }

    fn read(&mut self, block: &mut Block) -> Read {
        let read = self.pace.read();
        if let Read::Block { .. } = read {
            let needed: Vec<f32> = (0..self.converter.needed()).map(|_| self.next()).collect();
            self.converter.convert(&needed, block);
        }
        read
    }

    fn next(&mut self) -> f32 {
        if self.at >= self.samples.len() && self.repeat {
            self.at = 0;
        }
        let sample = self.samples.get(self.at).copied();
        self.ended = sample.is_none();
        self.at += usize::from(sample.is_some());
        sample.unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sleep_left_out_is_not_caught_up() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        assert_eq!(pace.due(now), None);
        now += TICK;
        assert_eq!(pace.due(now), Some(0));
        // Late by half a second: every block of it comes.
        now += Duration::from_millis(500);
        let caught_up = std::iter::from_fn(|| pace.due(now)).count();
        assert_eq!(caught_up, 50);
        now += Duration::from_secs(3_600);
        assert_eq!(pace.due(now), Some(179_999));
        assert_eq!(pace.due(now), None);
        assert_eq!(pace.due(now + TICK), Some(0));
    }
}
