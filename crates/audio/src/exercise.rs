//! The callbacks' bodies without a device, for whoever counts what they allocate.

use std::sync::Arc;

use cpal::{FromSample, I24, Sample};
use rtrb::RingBuffer;

use crate::callback::{CaptureBody, PlaybackBody};
use crate::gauge::Gauge;

/// Samples of one callback.
const SAMPLES: usize = 512;
/// What a ring holds.
const RING: usize = 1_000;
/// As often as is called back at once: until the ring is full, or dry, and then some.
const CALLS: usize = 20;

/// A callback that is called a few times at each call of this, and how often sound was lost so far.
pub type Exercise = Box<dyn FnMut() -> u64>;

/// The very bodies that streams run: both directions, every sample format, several channels.
#[must_use]
pub fn exercises() -> Vec<Exercise> {
    let captures = [
        capture::<f32>,
        capture::<i16>,
        capture::<u16>,
        capture::<i32>,
        capture::<I24>,
        capture::<u8>,
    ];
    let playbacks = [
        playback::<f32>,
        playback::<i16>,
        playback::<u16>,
        playback::<i32>,
        playback::<I24>,
        playback::<u8>,
    ];
    let channels = [1, 2, 6];
    let captures = captures.into_iter().flat_map(|body| channels.map(body));
    captures.chain(playbacks.into_iter().flat_map(|body| channels.map(body))).collect()
}

fn capture<T: Sample + 'static>(channels: u16) -> Exercise
where
    f32: FromSample<T>,
{
    let (ring, reader) = RingBuffer::new(RING);
    let gauge = Arc::<Gauge>::default();
    let mut body = CaptureBody::new(ring, channels, Arc::clone(&gauge));
    let samples = [T::EQUILIBRIUM; SAMPLES];
    Box::new(move || {
        let _held = &reader;
        (0..CALLS).for_each(|_| body.run(&samples));
        gauge.glitches()
    })
}

fn playback<T: Sample + FromSample<f32> + 'static>(channels: u16) -> Exercise {
    let (mut writer, ring) = RingBuffer::new(RING);
    let gauge = Arc::<Gauge>::default();
    let mut body = PlaybackBody::new(ring, channels, Arc::clone(&gauge));
    let mut samples = [T::EQUILIBRIUM; SAMPLES];
    let _whole = writer.push_entire_slice(&[[0.5, -0.5]; RING]);
    Box::new(move || {
        (0..CALLS).for_each(|_| body.run(&mut samples));
        gauge.glitches()
    })
}
