//! Prints delay and intelligibility of a two-channel recording: left is spoken, right is heard.
//!
//! `cargo run --release -p standfast-testkit --example measure -- recording.wav`

use standfast_testkit::measure::measure;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which recording?")?;
    let mut reader = hound::WavReader::open(path)?;
    let rate = usize::try_from(reader.spec().sample_rate)?;
    let samples: Vec<f64> = reader
        .samples::<i16>()
        .map(|sample| sample.map(|sample| f64::from(sample) / 32_768.0))
        .collect::<Result<_, _>>()?;
    let spoken: Vec<f64> = samples.iter().step_by(2).copied().collect();
    let heard: Vec<f64> = samples.iter().skip(1).step_by(2).copied().collect();
    println!("{:#?}", measure(&spoken, &heard, rate).ok_or("nothing was recognised")?);
    Ok(())
}
