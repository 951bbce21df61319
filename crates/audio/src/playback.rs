//! Playing to a loudspeaker.

use std::sync::Arc;

use cpal::traits::DeviceTrait;
use cpal::{FromSample, I24, SampleFormat, SizedSample};
use rtrb::{Producer, RingBuffer};
use standfast_media::Mix;

use crate::callback::PlaybackBody;
use crate::convert::{Ears, FromMixes};
use crate::gauge::Gauge;
use crate::{AudioError, Choice, Direction, Fault, devices, open};

/// What the ring between the writer and the callback can hold; it is kept far emptier.
const RING_MS: u32 = 200;
/// Kept beyond the device's period, for a writer that looks every 2 ms and may be late.
const MARGIN_US: u32 = 3_000;
/// Added after each time that the device found too little …
const MARGIN_STEP_US: u32 = 2_000;
/// … up to this. Beyond, another dropout is better than more delay for everyone.
const MAX_MARGIN_US: u32 = 40_000;
/// After this many blocks (20 s) without a dropout, one step is taken back.
const CALM_BLOCKS: u32 = 2_000;

/// A running playback. Plays silence while nothing is written, stops when dropped.
pub struct Playback {
    /// Held only to keep the playback going.
    _stream: cpal::Stream,
    ring: Producer<Ears>,
    converter: FromMixes,
    rate: u32,
    gauge: Arc<Gauge>,
    name: String,
    demand: Demand,
}

/// How much a device wants to have ready.
struct Demand {
    margin_us: u32,
    /// The most frames that it asked for at once in the calm time before this one.
    period: usize,
    seen_underruns: u64,
    calm: u32,
}

impl Default for Demand {
    fn default() -> Self {
        Self { margin_us: MARGIN_US, period: 0, seen_underruns: 0, calm: 0 }
    }
}

impl Demand {
    /// In samples: never so much that a block of 10 ms does not fit into the ring, or another one
    /// would be wanted for ever.
    fn wanted(&self, gauge: &Gauge, capacity: usize, rate: u32) -> usize {
        let margin = (u64::from(rate) * u64::from(self.margin_us) / 1_000_000) as usize;
        let block = rate as usize / 100 + 2; // resampled, it varies by a sample
        let needed = self.period.max(gauge.largest_period()) + margin;
        needed.min(capacity.saturating_sub(block))
    }

    /// After a block: raises the margin after dropouts and lowers it again in calm. A device that
    /// asked for much once, as after a sleep, is not waited for always.
    fn adapt(&mut self, gauge: &Gauge) {
        let underruns = gauge.glitches();
        if underruns != self.seen_underruns {
            self.seen_underruns = underruns;
            self.calm = 0;
            self.margin_us = (self.margin_us + MARGIN_STEP_US).min(MAX_MARGIN_US);
            return;
        }
        self.calm += 1;
        if self.calm >= CALM_BLOCKS {
            self.calm = 0;
            self.margin_us = self.margin_us.saturating_sub(MARGIN_STEP_US).max(MARGIN_US);
            self.period = gauge.take_largest_period();
        }
    }
}

impl Playback {
    /// Opens and starts a device. Takes up to some seconds if the sound system hangs.
    pub fn open(choice: &Choice) -> Result<Self, AudioError> {
        Self::open_found(choice).map_err(|error| open::explain(choice, error))
    }

    fn open_found(choice: &Choice) -> Result<Self, AudioError> {
        let device = devices::find(choice, Direction::Playback)?;
        let format = open::format(&device, Direction::Playback)?;
        let gauge = Arc::new(Gauge::default());
        let mut writer = None;
        let stream = open::start(format, |config| {
            let (ring, reader) = RingBuffer::new((format.rate * RING_MS / 1_000) as usize);
            writer = Some(ring);
            let body = PlaybackBody::new(reader, format.channels, Arc::clone(&gauge));
            let gauge = Arc::clone(&gauge);
            match format.sample {
                SampleFormat::F32 => build::<f32>(&device, config, body, gauge),
                SampleFormat::I16 => build::<i16>(&device, config, body, gauge),
                SampleFormat::I32 => build::<i32>(&device, config, body, gauge),
                SampleFormat::I24 => build::<I24>(&device, config, body, gauge),
                SampleFormat::U16 => build::<u16>(&device, config, body, gauge),
                SampleFormat::U8 => build::<u8>(&device, config, body, gauge),
                _ => Err(cpal::ErrorKind::UnsupportedConfig.into()),
            }
        })?;
        tracing::debug!(?format, "playback started");
        Ok(Self {
            _stream: stream,
            ring: writer.ok_or(AudioError::Unsupported)?,
            converter: FromMixes::new(format.rate)?,
            rate: format.rate,
            gauge,
            name: device.description().map_or_else(|_| String::new(), |d| d.name().to_owned()),
            demand: Demand::default(),
        })
    }

    /// Whether the device will soon need another block. The device's own clock drives this.
    pub fn wants_block(&self) -> bool {
        let capacity = self.ring.buffer().capacity();
        let wanted = self.demand.wanted(&self.gauge, capacity, self.rate);
        capacity - self.ring.slots() < wanted
    }

    /// Hands over the next 10 ms. What does not fit is dropped.
    pub fn write(&mut self, mix: &Mix) {
        let samples = self.converter.convert(mix);
        let (_, _dropped) = self.ring.push_partial_slice(samples);
        self.demand.adapt(&self.gauge);
    }

    /// Why the playback stopped, if it did.
    pub fn fault(&self) -> Option<Fault> {
        self.gauge.fault()
    }

    /// How often the device found too little to play.
    pub fn underruns(&self) -> u64 {
        self.gauge.glitches()
    }

    /// The device's name for a person.
    pub fn device_name(&self) -> &str {
        &self.name
    }
}

fn build<T: SizedSample + FromSample<f32>>(
    device: &cpal::Device,
    config: cpal::StreamConfig,
    mut body: PlaybackBody,
    gauge: Arc<Gauge>,
) -> Result<cpal::Stream, cpal::Error> {
    device.build_output_stream(
        config,
        move |samples: &mut [T], _| body.run(samples),
        move |error| gauge.note_error(error.kind()),
        Some(open::OPEN_TIMEOUT),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_with_periods_beyond_the_ring_is_not_fed_for_ever() {
        for rate in [8_000, 44_100, 48_000, 192_000] {
            let capacity = (rate * RING_MS / 1_000) as usize;
            let mut converter = FromMixes::new(rate).unwrap();
            let (mut ring, _reader) = RingBuffer::new(capacity);
            let (gauge, demand, mut blocks) = (Gauge::default(), Demand::default(), 0);
            gauge.note_period(rate as usize / 2);
            while capacity - ring.slots() < demand.wanted(&gauge, capacity, rate) {
                let silence = Mix { middle: standfast_media::SILENT_BLOCK, side: None };
                let samples = converter.convert(&silence);
                assert!(ring.push_entire_slice(samples).is_ok(), "{rate}: nothing is thrown away");
                blocks += 1;
                assert!(blocks <= 20, "{rate}");
            }
            assert!(blocks >= 18, "{rate}: {blocks} blocks of 10 ms");
        }
    }

    #[test]
    fn what_a_device_asked_for_once_is_forgotten_in_calm() {
        let (gauge, mut demand) = (Gauge::default(), Demand::default());
        let mut wanted = |blocks| {
            for _ in 0..blocks {
                gauge.note_period(480);
                demand.adapt(&gauge);
            }
            demand.wanted(&gauge, 9_600, 48_000)
        };
        assert_eq!(wanted(1), 480 + 144);
        gauge.note_period(4_800);
        assert_eq!(wanted(CALM_BLOCKS - 1), 4_800 + 144);
        assert_eq!(wanted(CALM_BLOCKS - 1), 4_800 + 144, "as may be its habit");
        assert_eq!(wanted(CALM_BLOCKS), 480 + 144);
    }
}
