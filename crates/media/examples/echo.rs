//! Prints how much echo is taken out in a synthetic room, and records what is left of a near end.
//!
//! `cargo run --release -p standfast-media --example echo -- FAR.wav NEAR.wav [DELAY_MS] [PPM]
//! [OUT.wav]` takes recordings at 48 kHz, mono, 16 bit; `-` is something made up that moves like
//! speech. FAR is played in the room, 10 dB down at the microphone; NEAR speaks into it. OUT has NEAR on the left and what is left of both on the right:
//! `cargo run --release -p standfast-testkit --example measure -- OUT.wav` tells how intelligible
//! it is.

#[path = "../tests/it/room.rs"]
mod room;

use room::{Room, loss_db, process, speech_like};
use standfast_media::{Processing, ProcessingConfig, Reference};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let far = read(&arguments.next().ok_or("which far end?")?, 120.0)?;
    let mut near = read(&arguments.next().ok_or("which near end?")?, 210.0)?;
    let delay_ms = arguments.next().map_or(Ok(80.0), |ms| ms.parse())?;
    let drift_ppm = arguments.next().map_or(Ok(200.0), |ppm| ppm.parse())?;
    let room = Room { delay_ms, drift_ppm, loss_db: 10.0, decay_ms: 250.0 };
    near.resize(far.len(), 0.0);

    let echo = room.echo(&far);
    let (left, reference) = cancel(room, &far, &echo);
    println!("far end alone: echo return loss enhancement, second by second");
    for (second, (before, after)) in echo.chunks(48_000).zip(left.chunks(48_000)).enumerate() {
        println!("  {second:3} s  {:5.1} dB", loss_db(before, after));
    }
    let late = 3 * 48_000..left.len();
    println!("after 3 s: {:.1} dB", loss_db(&echo[late.clone()], &left[late]));
    println!("drift found: {:.0} ppm, {} jumps", reference.drift_ppm(), reference.jumps());

    let both: Vec<f32> = echo.iter().zip(&near).map(|(echo, near)| echo + near).collect();
    let (left, _) = cancel(room, &far, &both);
    println!("both talk: near end {:.1} dB down", loss_db(&near, &left));
    if let Some(path) = arguments.next() {
        write(&path, &near, &left)?;
    }
    Ok(())
}

fn cancel(room: Room, far: &[f32], microphone: &[f32]) -> (Vec<f32>, Reference) {
    let config = ProcessingConfig { high_pass: true, echo: true, ..ProcessingConfig::OFF };
    let (mut processing, mut reference) = (Processing::new(config), Reference::default());
    (process(&mut processing, &mut reference, room, far, microphone), reference)
}

fn read(path: &str, pitch_hz: f64) -> Result<Vec<f32>, Failure> {
    if path == "-" {
        return Ok(speech_like(20.0, pitch_hz, pitch_hz as u32));
    }
    let mut reader = hound::WavReader::open(path)?;
    let spec = reader.spec();
    if (spec.sample_rate, spec.channels, spec.bits_per_sample) != (48_000, 1, 16) {
        return Err("not 48 kHz, mono, 16 bit".into());
    }
    Ok(reader
        .samples::<i16>()
        .map(|s| s.map(|s| f32::from(s) / 32_768.0))
        .collect::<Result<_, _>>()?)
}

fn write(path: &str, left: &[f32], right: &[f32]) -> Result<(), Failure> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for (left, right) in left.iter().zip(right) {
        for sample in [left, right] {
            writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16)?;
        }
    }
    Ok(writer.finalize()?)
}
