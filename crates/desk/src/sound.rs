//! Devices, the microphone test and the test tone.

use std::path::Path;
use std::time::{Duration, Instant};

use standfast_client::clock::wall_ms;
use standfast_client::voice::{
    AudioError, Choice, DeviceState, Devices as Working, Direction, InputChoice, MicTest,
    OutputChoice, ProcessingConfig, Voice, VoiceConfig, list_devices,
};
use standfast_ipc::{
    AudioDevice, DeviceChoice, DeviceKind, Devices, ErrorCode, Hint, MicrophoneTest,
};

use crate::errors::{Outcome, refuse};
use crate::plugged::Plugged;
use crate::prefs::Prefs;
use crate::work::{Done, Worker};

/// Devices are listed anew this often while nothing else asks.
const LIST_EVERY: Duration = Duration::from_secs(3);
/// Below this a microphone counts as silent: quieter than any room.
const SILENT_RMS: f32 = 0.000_3;
/// After so much silence the test says so.
const SILENT_MS: u64 = 5_000;
/// The test tone's length.
const TONE: Duration = Duration::from_millis(900);

pub(crate) struct Sound {
    inputs: Plugged,
    outputs: Plugged,
    listed: Option<Instant>,
    test: Option<Test>,
    tone: bool,
}

struct Test {
    mic: MicTest,
    since_ms: u64,
    heard_ms: u64,
}

impl Sound {
    pub(crate) fn new() -> Self {
        let (inputs, outputs) = (Plugged::default(), Plugged::default());
        Self { inputs, outputs, listed: None, test: None, tone: false }
    }

    /// Lists devices now and then, and watches the test's level.
    pub(crate) fn tick(&mut self) {
        if self.listed.is_none_or(|at| at.elapsed() >= LIST_EVERY) {
            let now = Instant::now();
            self.listed = Some(now);
            self.inputs.look(list(Direction::Capture), now);
            self.outputs.look(list(Direction::Playback), now);
        }
        if let Some(test) = &mut self.test
            && test.mic.level().rms > SILENT_RMS
        {
            test.heard_ms = wall_ms();
        }
    }

    pub(crate) fn view(&self, prefs: &Prefs, working: Option<&Working>) -> Devices {
        let own = self.test.as_ref().map(|t| t.mic.devices());
        let now = working.or(own.as_ref());
        Devices {
            inputs: self.inputs.devices().to_vec(),
            outputs: self.outputs.devices().to_vec(),
            input: prefs.input.clone(),
            output: prefs.output.clone(),
            input_now: now.map_or_else(
                || chosen(self.inputs.devices(), &prefs.input),
                |d| open_name(&d.input),
            ),
            output_now: now.map_or_else(
                || chosen(self.outputs.devices(), &prefs.output),
                |d| open_name(&d.output),
            ),
        }
    }

    /// Devices that were plugged in lately and are not in use.
    pub(crate) fn arrived(&self, working: &Working) -> Vec<Hint> {
        let unused = |what, plugged: &Plugged, state: &DeviceState| {
            let now = open_name(state);
            let unused = plugged.came().filter(move |d| Some(&d.name) != now.as_ref());
            unused.map(move |d| Hint::DeviceArrived { what, device: d.clone() }).collect::<Vec<_>>()
        };
        let mut hints = unused(DeviceKind::Microphone, &self.inputs, &working.input);
        hints.extend(unused(DeviceKind::Speaker, &self.outputs, &working.output));
        hints
    }

    /// Follows the system's preference where that is the user's.
    pub(crate) fn follow(&mut self, prefs: &Prefs, voice: &Voice) {
        let working = voice.devices();
        // Devices need no file, so that choosing them cannot fail.
        if elsewhere(&prefs.input, &working.input, self.inputs.new_default()) {
            let _ = voice.set_input(&input(prefs));
        }
        if elsewhere(&prefs.output, &working.output, self.outputs.new_default()) {
            let _ = voice.set_output(&output(prefs));
        }
    }

    pub(crate) fn test_view(&self) -> MicrophoneTest {
        let Some(test) = &self.test else { return MicrophoneTest::Off };
        match test.mic.devices().input {
            DeviceState::Failed(AudioError::Denied) => MicrophoneTest::Denied,
            DeviceState::Failed(_) => MicrophoneTest::NoDevice,
            _ => MicrophoneTest::Running {
                since_ms: test.since_ms,
                silent: wall_ms() >= test.heard_ms + SILENT_MS,
            },
        }
    }

    pub(crate) fn test(&mut self, prefs: &Prefs, on: bool) -> Outcome<()> {
        self.test = None;
        if on {
            let mic = MicTest::start(input(prefs), OutputChoice::Null)
                .map_err(|_| ErrorCode::NoDevice)?;
            self.test = Some(Test { mic, since_ms: wall_ms(), heard_ms: wall_ms() });
        }
        Ok(())
    }

    pub(crate) fn testing(&self) -> bool {
        self.test.is_some()
    }

    /// The test's level; `None` without one.
    pub(crate) fn test_rms(&self) -> Option<f32> {
        self.test.as_ref().map(|t| t.mic.level().rms)
    }

    /// Plays a short tone on the chosen speaker.
    pub(crate) fn tone(&mut self, prefs: &Prefs, directory: &Path, worker: &Worker) -> Outcome<()> {
        if self.tone {
            return Ok(());
        }
        let path = directory.join("tone.wav");
        if write_tone(&path).is_err() {
            return refuse(ErrorCode::StoreUnavailable);
        }
        let config = VoiceConfig {
            input: InputChoice::Wav(path),
            output: output(prefs),
            processing: ProcessingConfig::OFF,
            ..VoiceConfig::default()
        };
        let Ok((voice, frames)) = Voice::start(config) else { return refuse(ErrorCode::NoDevice) };
        voice.set_hear_yourself(true);
        self.tone = true;
        worker.run("tone", move || {
            std::thread::sleep(TONE + Duration::from_millis(400));
            drop((voice, frames));
            Done::ToneOver
        });
        Ok(())
    }

    pub(crate) fn tone_over(&mut self) {
        self.tone = false;
    }
}

/// Sound for a meeting.
pub(crate) fn voice(prefs: &Prefs) -> VoiceConfig {
    VoiceConfig {
        input: input(prefs),
        output: output(prefs),
        processing: prefs.processing(),
        profile: prefs.profile(),
        muted: true,
        placing: prefs.placing,
    }
}

pub(crate) fn input(prefs: &Prefs) -> InputChoice {
    InputChoice::Device(choice(&prefs.input))
}

pub(crate) fn output(prefs: &Prefs) -> OutputChoice {
    OutputChoice::Device(choice(&prefs.output))
}

fn choice(choice: &DeviceChoice) -> Choice {
    match choice {
        DeviceChoice::FollowSystem => Choice::Default,
        DeviceChoice::Fixed { id } => Choice::Id(id.clone()),
    }
}

fn list(direction: Direction) -> Vec<AudioDevice> {
    let devices = list_devices(direction).unwrap_or_default();
    devices.into_iter().map(|d| AudioDevice { id: d.id, name: d.name }).collect()
}

/// The name of what would be used; devices are listed with the default first.
fn chosen(devices: &[AudioDevice], choice: &DeviceChoice) -> Option<String> {
    let device = match choice {
        DeviceChoice::FollowSystem => devices.first(),
        DeviceChoice::Fixed { id } => devices.iter().find(|d| d.id == *id),
    };
    device.map(|d| d.name.clone())
}

/// Whether the system prefers another device now than the one that follows it. One that failed is
/// looked for anyway.
fn elsewhere(choice: &DeviceChoice, now: &DeviceState, default: Option<&AudioDevice>) -> bool {
    let (Some(default), Some(name)) = (default, open_name(now)) else { return false };
    *choice == DeviceChoice::FollowSystem && name != default.name
}

fn open_name(state: &DeviceState) -> Option<String> {
    match state {
        DeviceState::Open(name) => Some(name.clone()),
        _ => None,
    }
}

/// Two notes, faded in and out.
fn write_tone(path: &Path) -> Result<(), hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec)?;
    let samples = 48_000 * TONE.as_millis() as u32 / 1_000;
    for i in 0..samples {
        let (t, hz) = (i as f32 / 48_000.0, if i < samples / 2 { 523.25 } else { 659.25 });
        let fade = (i.min(samples - i) as f32 / 2_400.0).min(1.0);
        wav.write_sample((6_000.0 * fade * (std::f32::consts::TAU * hz * t).sin()) as i16)?;
    }
    wav.finalize()
}
