//! Carries the microphone through the whole voice pipeline to the loudspeaker, without a meeting.
//!
//! `cargo run --release -p standfast-client --example loopback -- [SECONDS] [PROCESSING]` uses the
//! system's default devices (with PulseAudio: `PULSE_SOURCE` and `PULSE_SINK`). PROCESSING is
//! `all`, `no-echo` or `off`.

use std::time::{Duration, Instant};

use standfast_client::voice::{
    Choice, InputChoice, OutputChoice, ProcessingConfig, Voice, VoiceConfig,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(10), |s| s.parse())?;
    let processing = match arguments.next().as_deref() {
        Some("off") => ProcessingConfig::OFF,
        Some("no-echo") => ProcessingConfig { echo: false, ..ProcessingConfig::default() },
        _ => ProcessingConfig::default(),
    };
    let (voice, mut frames) = Voice::start(VoiceConfig {
        input: InputChoice::Device(Choice::Default),
        output: OutputChoice::Device(Choice::Default),
        processing,
        muted: false,
        ..VoiceConfig::default()
    })?;
    let started = Instant::now();
    let end = tokio::time::sleep(Duration::from_secs(seconds));
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            Some(frame) = frames.recv() => {
                voice.play(1, frame.media_ts, &frame.packet, false);
            }
        }
    }
    let first = voice.first_audio_at().map(|at| at - started);
    println!("{:#?}\n{:#?}\nfirst audio after {first:?}", voice.devices(), voice.stats());
    Ok(())
}
