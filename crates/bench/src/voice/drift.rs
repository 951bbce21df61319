//! A sender's clock that runs at another speed than the listener's: what the jitter buffer does
//! about it, and whether that is heard as clicks.

use std::collections::VecDeque;

use serde::Serialize;
use standfast_media::{Decoder, DeepBudget, Encoder, FRAME_SAMPLES, Frame, Incoming, SILENT_BLOCK};

use super::hear::{PACKET_MS, PACKET_SAMPLES};
use super::words::Words;

/// One way of the path, µs: even, so that the clock is all that is wrong.
const WAY_US: u64 = 20_000;
/// Reference blocks around a heard one that may hold the same sound: 40 ms to each side.
const AROUND_BLOCKS: i64 = 4;
/// Reference blocks kept: 1 s.
const KEPT_BLOCKS: usize = 100;
/// A step between two samples is a click when it is so many times the largest nearby …
const FACTOR: f32 = 1.5;
/// … and larger by this (−54 dBFS).
const FLOOR: f32 = 0.002;

/// What came of it.
#[derive(Serialize)]
pub(crate) struct Drift {
    /// By how much the sender's clock is too fast.
    ppm: i64,
    hours: f64,
    /// Steps between samples beyond what the same packets hold when they are decoded straight on.
    clicks: u64,
    buffer_ms_max: f64,
    unplayable_pct: f64,
    shortened: u64,
    lengthened: u64,
}

/// Speaks for `hours` by a clock that is too fast by `ppm`.
///
/// # Errors
/// When there is no codec.
pub(crate) fn drift(words: &Words, ppm: i64, hours: f64) -> anyhow::Result<Drift> {
    let frames = (hours * 3_600_000.0 / PACKET_MS as f64) as u64;
    let (mut encoder, mut incoming) = (Encoder::new()?, Incoming::new()?);
    let mut reference = Reference::new()?;
    let (mut clicks, mut buffer_us_max, mut last) = (0, 0, 0.0);
    let mut pull_us = 0;
    for n in 0..frames {
        let packet = encoder.encode(spoken(words, n)?)?;
        reference.decode(&packet)?;
        let due_us = (n + 1) * PACKET_MS * 1_000;
        let sent_us = due_us.saturating_add_signed(-(due_us as i64 * ppm / 1_000_000));
        while pull_us < sent_us + WAY_US {
            let (mut block, mut deep) = (SILENT_BLOCK, DeepBudget::PER_BLOCK);
            incoming.pull(pull_us, &mut deep, &mut block);
            let buffer_us = incoming.stats().jitter.delay_us;
            // When this was spoken, by the sender's clock.
            let way_us = PACKET_MS * 1_000 + WAY_US + buffer_us;
            let at_us = pull_us as i64 - way_us as i64 + pull_us as i64 * ppm / 1_000_000;
            clicks += u64::from(reference.is_click(at_us, largest_step(&mut last, &block)));
            buffer_us_max = buffer_us_max.max(buffer_us);
            pull_us += 10_000;
        }
        incoming.push(sent_us + WAY_US, n as u32 * PACKET_SAMPLES, &packet);
    }
    let stats = incoming.stats();
    Ok(Drift {
        ppm,
        hours,
        clicks,
        buffer_ms_max: buffer_us_max as f64 / 1e3,
        unplayable_pct: 100.0 * stats.jitter.lost as f64 / frames.max(1) as f64,
        shortened: stats.shortened,
        lengthened: stats.lengthened,
    })
}

/// The words again and again.
fn spoken(words: &Words, n: u64) -> anyhow::Result<&Frame> {
    let at = n as usize % words.packets.len() * FRAME_SAMPLES;
    Ok(<&Frame>::try_from(&words.samples[at..at + FRAME_SAMPLES])?)
}

/// The largest step between neighbours of a block and the sample before it.
fn largest_step(last: &mut f32, samples: &[f32]) -> f32 {
    samples
        .iter()
        .fold(0.0, |largest, sample| largest.max((sample - std::mem::replace(last, *sample)).abs()))
}

/// The same packets decoded one after the other: how large the steps of the sound are.
struct Reference {
    decoder: Decoder,
    /// The largest step of each 10 ms, the newest last.
    steps: VecDeque<f32>,
    /// Of blocks that were forgotten.
    gone: i64,
    last: f32,
}

impl Reference {
    fn new() -> anyhow::Result<Self> {
        let decoder = Decoder::new()?;
        Ok(Self { decoder, steps: VecDeque::new(), gone: 0, last: 0.0 })
    }

    fn decode(&mut self, packet: &[u8]) -> anyhow::Result<()> {
        let mut frame = [0.0; FRAME_SAMPLES];
        self.decoder.decode(packet, &mut frame)?;
        self.add(&frame);
        Ok(())
    }

    fn add(&mut self, frame: &Frame) {
        for half in frame.chunks_exact(FRAME_SAMPLES / 2) {
            self.steps.push_back(largest_step(&mut self.last, half));
        }
        while self.steps.len() > KEPT_BLOCKS {
            self.steps.pop_front();
            self.gone += 1;
        }
    }

    /// Whether a block that was spoken at about `at_us` has a step that is not the sound's.
    fn is_click(&self, at_us: i64, step: f32) -> bool {
        let near = |block: i64| usize::try_from(block - self.gone).unwrap_or(0);
        let block = at_us.div_euclid(10_000);
        let (from, to) = (near(block - AROUND_BLOCKS), near(block + AROUND_BLOCKS + 1));
        let around = self.steps.range(from.min(self.steps.len())..to.min(self.steps.len()));
        step > around.fold(0.0, |most: f32, step| most.max(*step)) * FACTOR + FLOOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(at: usize) -> f32 {
        (std::f32::consts::TAU * 300.0 * at as f32 / 48_000.0).sin() * 0.3
    }

    /// Clicks in a tone of half a second that leaves out `cut` samples in the middle.
    fn clicks(cut: usize) -> usize {
        let mut reference = Reference::new().unwrap();
        (0..30).for_each(|n| {
            reference.add(&std::array::from_fn(|i| tone(n * FRAME_SAMPLES + i)));
        });
        let mut last = 0.0;
        let block = |n: usize| -> Vec<f32> {
            (0..480).map(|i| tone(n * 480 + i + if n >= 25 { cut } else { 0 })).collect()
        };
        (0..50)
            .filter(|n| {
                let step = largest_step(&mut last, &block(*n));
                reference.is_click(*n as i64 * 10_000, step)
            })
            .count()
    }

    #[test]
    fn a_cut_is_a_click_and_a_whole_period_is_none() {
        assert_eq!(clicks(0), 0);
        assert_eq!(clicks(160), 0, "one period of 300 Hz");
        assert_eq!(clicks(80), 0, "half a period meets a zero crossing: not found");
        assert_eq!(clicks(40), 1, "a quarter of a period");
    }
}
