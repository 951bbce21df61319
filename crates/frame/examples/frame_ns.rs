//! Nanoseconds per frame, of sealing and opening 120 bytes, and of the rarer steps.
//!
//! `cargo run --release -p standfast-frame --example frame_ns`
#![expect(clippy::disallowed_methods, reason = "an example that measures needs the clock")]

use std::{error::Error, hint::black_box, time::Instant};

use standfast_crypto::Secret;
use standfast_frame::{
    CATCH_UP_STEPS, FRAMES_PER_STEP, FrameContext, Opener, ParsedFrame, Sealer, Stream,
};

const PLAINTEXT: [u8; 120] = [7; 120];
const ROUNDS: usize = 200;
const FRAMES: usize = FRAMES_PER_STEP as usize;
const CONTEXT: FrameContext =
    FrameContext { aad_metadata: [1; 32], stream: Stream::Audio, idx: 1, epoch: 1 };

fn base() -> Secret<64> {
    Secret::from_fn(|bytes: &mut [u8; 64]| bytes.fill(3))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut sealer = Sealer::new(base(), &CONTEXT)?;
    let mut opener = Opener::new(base(), &CONTEXT)?;
    let (mut seal, mut open) = (Vec::new(), Vec::new());
    let (mut seal_step, mut open_step) = (Vec::new(), Vec::new());
    let mut frames: Vec<_> = (0..FRAMES).map(|_| Vec::with_capacity(256)).collect();
    let mut out = Vec::with_capacity(256);
    for _ in 0..ROUNDS {
        for (at, frame) in frames.iter_mut().enumerate() {
            frame.clear();
            let began = Instant::now();
            sealer.seal(black_box(&PLAINTEXT), frame)?;
            let took = began.elapsed().as_nanos();
            if at == 0 { &mut seal_step } else { &mut seal }.push(took);
        }
        for (at, frame) in frames.iter().enumerate() {
            out.clear();
            let began = Instant::now();
            let parsed = ParsedFrame::parse(black_box(frame))?;
            black_box(opener.screen(parsed, 0)?.open(&mut out)?.plaintext());
            let took = began.elapsed().as_nanos();
            if at == 0 { &mut open_step } else { &mut open }.push(took);
        }
    }
    report("seal 120 bytes", &mut seal);
    report("open 120 bytes", &mut open);
    report("seal, first of a step", &mut seal_step);
    report("open, first of a step", &mut open_step);
    report("open after the longest gap", &mut longest_gaps()?);
    report("the clock itself", &mut clock());
    Ok(())
}

fn longest_gaps() -> Result<Vec<u128>, Box<dyn Error>> {
    let mut sealer = Sealer::new(base(), &CONTEXT)?;
    let (mut frame, mut out) = (Vec::new(), Vec::new());
    for _ in 0..CATCH_UP_STEPS {
        sealer.seal(&PLAINTEXT, &mut frame)?;
        sealer.skip_to_next_step()?;
    }
    frame.clear();
    sealer.seal(&PLAINTEXT, &mut frame)?;
    let mut took = Vec::new();
    for _ in 0..10 {
        let mut opener = Opener::new(base(), &CONTEXT)?;
        let began = Instant::now();
        opener.screen(ParsedFrame::parse(&frame)?, 0)?.open(&mut out)?;
        took.push(began.elapsed().as_nanos());
    }
    Ok(took)
}

fn clock() -> Vec<u128> {
    (0..10_000).map(|_| Instant::now().elapsed().as_nanos()).collect()
}

fn report(what: &str, samples: &mut [u128]) {
    samples.sort_unstable();
    let at = |percent: usize| samples[(samples.len() - 1) * percent / 100];
    println!("{what:28} median {:>9} ns   p99 {:>9} ns", at(50), at(99));
}
