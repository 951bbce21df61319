//! Plays a recording on the loudspeaker and prints how much of it is left at the microphone.
//!
//! `cargo run --release -p standfast-client --example echo_devices -- FAR.wav [SECONDS]` uses the system's
//! default devices (with PulseAudio: `PULSE_SOURCE` and `PULSE_SINK`; the monitor of a null sink is
//! a room without walls). The echo stage is off for the first 5 s, and then switched on.

use std::time::{Duration, Instant};

use standfast_client::voice::{
    Choice, InputChoice, OutputChoice, ProcessingConfig, Voice, VoiceConfig,
};

const OFF: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let far = arguments.next().ok_or("which recording?")?;
    let seconds = arguments.next().map_or(Ok(25), |s| s.parse())?;
    let (_far, mut frames) = Voice::start(VoiceConfig {
        input: InputChoice::WavLoop(far.into()),
        output: OutputChoice::Null,
        processing: ProcessingConfig::OFF,
        muted: false,
        ..VoiceConfig::default()
    })?;
    let high_pass = ProcessingConfig { high_pass: true, ..ProcessingConfig::OFF };
    let (voice, _captured) = Voice::start(VoiceConfig {
        input: InputChoice::Device(Choice::Default),
        output: OutputChoice::Device(Choice::Default),
        processing: high_pass,
        muted: true,
        ..VoiceConfig::default()
    })?;
    let (started, mut on) = (Instant::now(), false);
    let mut look = tokio::time::interval(EVERY);
    let (mut power, mut looks, mut second) = (0.0, 0, 0);
    while second < seconds {
        tokio::select! {
            Some(frame) = frames.recv() => {
                voice.play(1, frame.media_ts, &frame.packet, false);
            }
            _ = look.tick() => {
                power += f64::from(voice.levels().input.rms).powi(2);
                looks += 1;
            }
        }
        if !on && started.elapsed() >= OFF {
            on = true;
            voice.set_processing(ProcessingConfig { echo: true, ..high_pass });
        }
        if started.elapsed().as_secs() > second {
            let dbfs = 10.0 * (power / f64::from(looks)).max(1e-12).log10();
            println!("{second:3} s  {dbfs:6.1} dBFS{}", if on { "  echo stage on" } else { "" });
            (power, looks, second) = (0.0, 0, second + 1);
        }
    }
    println!("{:#?}", voice.devices());
    let stats = voice.stats();
    println!("{} input glitches, {} output glitches", stats.input_glitches, stats.output_glitches);
    Ok(())
}
