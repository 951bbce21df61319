//! What runs on the sound library's threads.
//!
//! These bodies may not allocate, lock, log, wait or call the system: they move samples between a
//! slice and a ring, and count. They are plain types so that tests can run them without a device.

use std::sync::Arc;

use cpal::{FromSample, Sample};
use rtrb::{Consumer, Producer};

use crate::convert::Ears;
use crate::gauge::Gauge;

/// Takes what a microphone delivers.
pub(crate) struct CaptureBody {
    ring: Producer<f32>,
    channels: usize,
    gauge: Arc<Gauge>,
}

impl CaptureBody {
    pub(crate) fn new(ring: Producer<f32>, channels: u16, gauge: Arc<Gauge>) -> Self {
        Self { ring, channels: usize::from(channels.max(1)), gauge }
    }

    /// Averages the channels into the ring. What does not fit is dropped and counted.
    pub(crate) fn run<T: Copy>(&mut self, samples: &[T])
    where
        f32: FromSample<T>,
    {
        let frames = samples.len() / self.channels;
        self.gauge.note_period(frames);
        let fitting = frames.min(self.ring.slots());
        if fitting < frames {
            self.gauge.note_glitch();
        }
        let scale = 1.0 / self.channels as f32;
        let mono = samples
            .chunks_exact(self.channels)
            .map(|frame| frame.iter().map(|s| f32::from_sample_(*s)).sum::<f32>() * scale);
        if let Ok(chunk) = self.ring.write_chunk_uninit(fitting) {
            chunk.fill_from_iter(mono);
        }
    }
}

/// Gives what a loudspeaker asks for.
pub(crate) struct PlaybackBody {
    ring: Consumer<Ears>,
    channels: usize,
    gauge: Arc<Gauge>,
    /// Nothing is missed before the first sample came.
    started: bool,
}

impl PlaybackBody {
    pub(crate) fn new(ring: Consumer<Ears>, channels: u16, gauge: Arc<Gauge>) -> Self {
        Self { ring, channels: usize::from(channels.max(1)), gauge, started: false }
    }

    /// Spreads the ring over the channels. What is missing is silence, and counted.
    pub(crate) fn run<T: Sample + FromSample<f32>>(&mut self, samples: &mut [T]) {
        let frames = samples.len() / self.channels;
        self.gauge.note_period(frames);
        let present = frames.min(self.ring.slots());
        self.started |= present > 0;
        if present < frames && self.started {
            self.gauge.note_glitch();
        }
        let (sounding, missing) = samples.split_at_mut(present * self.channels);
        if let Ok(chunk) = self.ring.read_chunk(present) {
            for (frame, ears) in sounding.chunks_exact_mut(self.channels).zip(chunk) {
                spread(ears, frame);
            }
        }
        missing.fill(T::EQUILIBRIUM);
    }
}

/// One channel plays the mean of both ears; of more, those with even numbers the left one.
fn spread<T: Sample + FromSample<f32>>([left, right]: Ears, frame: &mut [T]) {
    if let [only] = frame {
        *only = T::from_sample_((left + right) / 2.0);
        return;
    }
    for pair in frame.chunks_mut(2) {
        for (channel, ear) in pair.iter_mut().zip([left, right]) {
            *channel = T::from_sample_(ear);
        }
    }
}

#[cfg(test)]
mod tests {
    use assert_no_alloc::{AllocDisabler, assert_no_alloc};
    use rtrb::RingBuffer;

    use super::*;

    /// Aborts the test when a body allocates or frees.
    #[global_allocator]
    static ALLOCATOR: AllocDisabler = AllocDisabler;

    #[test]
    fn the_callbacks_do_not_allocate() {
        for mut exercise in crate::exercises() {
            let lost = assert_no_alloc(&mut exercise);
            assert!(lost > 0, "the ring was meant to overflow, or to run dry");
        }
    }

    #[test]
    fn reporting_an_error_does_not_allocate() {
        let gauge = Gauge::default();
        assert_no_alloc(|| {
            gauge.note_error(cpal::ErrorKind::Xrun);
            gauge.note_error(cpal::ErrorKind::StreamInvalidated);
        });
        assert_eq!((gauge.glitches(), gauge.fault()), (1, Some(crate::Fault::Gone)));
    }

    #[test]
    fn channels_are_averaged() {
        let (ring, mut reader) = RingBuffer::new(10);
        let mut body = CaptureBody::new(ring, 2, Arc::default());
        body.run(&[1.0_f32, 0.0, -0.5, -0.5]);
        assert_eq!(reader.pop(), Ok(0.5));
        assert_eq!(reader.pop(), Ok(-0.5));
        assert!(reader.is_empty());
    }

    #[test]
    fn every_channel_plays_and_what_is_missing_is_silence() {
        let (mut writer, ring) = RingBuffer::new(10);
        let gauge = Arc::new(Gauge::default());
        let mut body = PlaybackBody::new(ring, 2, Arc::clone(&gauge));
        let mut samples = [9_i16; 6];
        body.run(&mut samples);
        assert_eq!((samples, gauge.glitches()), ([0; 6], 0));
        writer.push_entire_slice(&[[0.5; 2], [-0.5, 0.25]]).unwrap();
        body.run(&mut samples);
        assert_eq!((samples, gauge.glitches()), ([16_384, 16_384, -16_384, 8_192, 0, 0], 1));
        assert_eq!(gauge.largest_period(), 3);
    }

    #[test]
    fn any_number_of_channels_plays_both_ears() {
        let spread = |channels: usize| {
            let mut frame = vec![9.0_f32; channels];
            super::spread([0.5, 0.25], &mut frame);
            frame
        };
        assert_eq!(spread(1), [0.375]);
        assert_eq!(spread(2), [0.5, 0.25]);
        assert_eq!(spread(3), [0.5, 0.25, 0.5]);
        assert_eq!(spread(6), [0.5, 0.25, 0.5, 0.25, 0.5, 0.25]);
    }
}
