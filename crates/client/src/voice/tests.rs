//! The whole pipeline without devices, in real time.

use std::f32::consts::TAU;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;

const SPEAKER: u64 = 7;

/// Writes a WAV file of a tone that is on and off in turns of 100 ms.
fn speech_like(path: &Path, rate: u32, channels: u16, seconds: u32) {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..rate * seconds {
        let t = i as f32 / rate as f32;
        let on = (i / (rate / 10)).is_multiple_of(2);
        let sample = if on { (TAU * 300.0 * t).sin() * 12_000.0 } else { 0.0 };
        (0..channels).for_each(|_| writer.write_sample(sample as i16).unwrap());
    }
    writer.finalize().unwrap();
}

fn start(input: InputChoice, output: OutputChoice, muted: bool) -> (Voice, CapturedFrames) {
    let processing = ProcessingConfig::OFF;
    Voice::start(VoiceConfig { input, output, processing, muted, ..Default::default() }).unwrap()
}

/// Carries frames from one voice to another for a while; how many.
fn carry(frames: &mut CapturedFrames, to: &Voice, time: Duration) -> usize {
    let until = Instant::now() + time;
    let mut carried = 0;
    while Instant::now() < until {
        while let Some(frame) = frames.try_recv() {
            assert!(to.play(SPEAKER, frame.media_ts, &frame.packet, false));
            carried += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    carried
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

#[test]
fn what_one_speaks_the_other_hears() {
    let dir = tempfile::tempdir().unwrap();
    let (spoken, heard) = (dir.path().join("spoken.wav"), dir.path().join("heard.wav"));
    speech_like(&spoken, 44_100, 2, 1);
    let (listener, _silence) = start(InputChoice::Silence, OutputChoice::Wav(heard.clone()), true);
    let (speaker, mut frames) = start(InputChoice::Wav(spoken), OutputChoice::Null, false);
    let begun = Instant::now();
    let carried = carry(&mut frames, &listener, Duration::from_millis(1_500));
    assert!((70..=76).contains(&carried), "{carried} frames in 1.5 s");
    assert!(speaker.stats().input_ended);
    assert_eq!(speaker.stats().frames_dropped, 0);
    let first = listener.first_audio_at().expect("something was heard") - begun;
    assert!(first < Duration::from_millis(200), "{first:?}");
    let stats = listener.stats();
    assert_eq!(stats.speakers.len(), 1);
    assert_eq!(stats.speakers[0].speaker, SPEAKER);
    assert!(stats.speakers[0].incoming.jitter.played >= 65, "{stats:?}");
    listener.forget(SPEAKER);
    drop((speaker, listener));

    let samples: Vec<f32> = hound::WavReader::open(&heard)
        .unwrap()
        .samples::<i16>()
        .map(|s| f32::from(s.unwrap()) / 32_768.0)
        .collect();
    let loud = samples.chunks(480).filter(|block| rms(block) > 0.15).count();
    assert!((40..=60).contains(&loud), "{loud} loud blocks for half a second of tone");
}

#[test]
fn muted_nothing_leaves_but_the_meter_works() {
    let dir = tempfile::tempdir().unwrap();
    let spoken = dir.path().join("spoken.wav");
    speech_like(&spoken, 48_000, 1, 1);
    let (voice, mut frames) = start(InputChoice::WavLoop(spoken), OutputChoice::Null, false);
    std::thread::sleep(Duration::from_millis(200));
    assert!(frames.try_recv().is_some());
    voice.set_muted(true);
    let mut loudest = 0.0_f32;
    for _ in 0..50 {
        assert!(frames.try_recv().is_none(), "a frame left while muted");
        loudest = loudest.max(voice.levels().input.rms);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(loudest > 0.1, "{loudest}");
    let before = voice.stats().frames_captured;
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(voice.stats().frames_captured, before);
    voice.set_muted(false);
    std::thread::sleep(Duration::from_millis(100));
    let frame = frames.try_recv().expect("frames flow again");
    assert!(frame.media_ts > 30_000, "the media clock went on: {}", frame.media_ts);
}

#[test]
fn stages_are_switched_while_frames_flow() {
    let dir = tempfile::tempdir().unwrap();
    let spoken = dir.path().join("spoken.wav");
    speech_like(&spoken, 48_000, 1, 1);
    let (speaker, mut frames) = start(InputChoice::WavLoop(spoken), OutputChoice::Null, false);
    let (listener, _silence) = start(InputChoice::Silence, OutputChoice::Null, true);
    let all = ProcessingConfig::default();
    for processing in [all, ProcessingConfig { noise: false, ..all }, ProcessingConfig::OFF] {
        carry(&mut frames, &listener, Duration::from_millis(200));
        speaker.set_processing(processing);
    }
    carry(&mut frames, &listener, Duration::from_millis(200));
    let stats = speaker.stats();
    assert!((36..=42).contains(&stats.frames_captured), "{stats:?}");
    assert_eq!((stats.frames_dropped, stats.input_glitches), (0, 0));
    assert_eq!(speaker.levels().input_trouble, None);
}

#[test]
fn the_profile_is_switched_while_frames_flow() {
    let dir = tempfile::tempdir().unwrap();
    let spoken = dir.path().join("spoken.wav");
    speech_like(&spoken, 48_000, 1, 1);
    let (speaker, mut frames) = start(InputChoice::WavLoop(spoken), OutputChoice::Null, false);
    let (listener, _silence) = start(InputChoice::Silence, OutputChoice::Null, true);
    let best = VoiceProfile { rate: BitRate::K64, pace: Pace::LowDelay };
    let mut next_ts = None;
    for profile in [VoiceProfile::default(), best, VoiceProfile::default()] {
        speaker.set_profile(profile);
        let until = Instant::now() + Duration::from_millis(300);
        let mut coded = 0;
        while Instant::now() < until {
            while let Some(frame) = frames.try_recv() {
                assert!(listener.play(SPEAKER, frame.media_ts, &frame.packet, false));
                let expected =
                    next_ts.replace(frame.media_ts + frame.profile.packet_samples() as u32);
                assert!(
                    expected.is_none_or(|ts| ts == frame.media_ts),
                    "no gap in the media clock"
                );
                assert_eq!(frame.packet.len(), frame.profile.packet_bytes());
                coded += u32::from(frame.profile == profile);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(coded >= 10, "{coded} of {profile:?}");
    }
    std::thread::sleep(Duration::from_millis(100));
    let stats = listener.stats().speakers[0].incoming;
    assert_eq!((stats.undecodable, stats.jitter.lost), (0, 0), "{stats:?}");
}

#[test]
fn one_can_hear_oneself_without_sending() {
    let dir = tempfile::tempdir().unwrap();
    let (spoken, heard) = (dir.path().join("spoken.wav"), dir.path().join("heard.wav"));
    speech_like(&spoken, 48_000, 1, 1);
    let test = MicTest::start(InputChoice::WavLoop(spoken), OutputChoice::Wav(heard.clone()));
    let test = test.unwrap();
    test.set_hear_yourself(true);
    let mut loudest = 0.0_f32;
    for _ in 0..60 {
        loudest = loudest.max(test.level().peak);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(loudest > 0.1, "{loudest}");
    assert_eq!(test.voice.stats().frames_captured, 0);
    assert_eq!(test.voice.first_audio_at(), None, "the own voice is not a meeting's audio");
    drop(test);
    let mut reader = hound::WavReader::open(&heard).unwrap();
    assert!(reader.samples::<i16>().any(|s| s.unwrap().unsigned_abs() > 5_000));
}

#[test]
fn a_missing_device_is_told_and_does_no_harm() {
    let choice = || Choice::Id("no such device".into());
    let (voice, mut frames) =
        start(InputChoice::Device(choice()), OutputChoice::Device(choice()), false);
    let until = Instant::now() + Duration::from_secs(10);
    let settled = |devices: &Devices| {
        devices.input != DeviceState::Opening && devices.output != DeviceState::Opening
    };
    while !settled(&voice.devices()) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    // On a machine with devices the default ones stand in.
    if voice.devices().input == DeviceState::Failed(AudioError::Gone) {
        assert!(frames.try_recv().is_none());
    }
    assert!(settled(&voice.devices()), "{:?}", voice.devices());
    voice.set_input(&InputChoice::Silence).unwrap();
    voice.set_output(&OutputChoice::Null).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(frames.try_recv().is_some());
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let missing = InputChoice::Wav("/no/such/file.wav".into());
    let config = VoiceConfig { input: missing, output: OutputChoice::Null, ..Default::default() };
    assert!(matches!(Voice::start(config), Err(VoiceError::File { .. })));
}

#[test]
fn a_playout_thread_that_stands_still_holds_up_nobody() {
    let (to_playout, frames) = std::sync::mpsc::sync_channel(1);
    let (playout_orders, orders) = std::sync::mpsc::channel();
    let (to_capture, _capture) = std::sync::mpsc::channel();
    let shared = Arc::new(Shared::new(true));
    let voice = Voice { shared, to_playout, playout_orders, to_capture, threads: Vec::new() };
    assert!(voice.play(SPEAKER, 0, &[0; 80], false));
    assert!(!voice.play(SPEAKER, 960, &[0; 80], false), "the control: nobody takes them");
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        voice.forget(SPEAKER);
        voice.set_gain(SPEAKER, 0.5);
        let _ = done.send(());
    });
    assert!(is_done.recv_timeout(Duration::from_secs(5)).is_ok(), "the call waits for the sound");
    assert_eq!((frames.try_iter().count(), orders.try_iter().count()), (1, 2));
}
