//! Playing to a loudspeaker.

use std::sync::Arc;

use cpal::traits::DeviceTrait;
use cpal::{FromSample, I24, SampleFormat, SizedSample};
use rtrb::{Producer, RingBuffer};
use standfast_media::Block;

use crate::callback::PlaybackBody;
use crate::gauge::Gauge;
use crate::{AudioError, Choice, Direction, Fault, FromBlocks, devices, open};

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
    ring: Producer<f32>,
    converter: FromBlocks,
    rate: u32,
    gauge: Arc<Gauge>,
    name: String,
    margin_us: u32,
    seen_underruns: u64,
    calm: u32,
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
            converter: FromBlocks::new(format.rate)?,
            rate: format.rate,
            gauge,
            name: device.description().map_or_else(|_| String::new(), |d| d.name().to_owned()),
            margin_us: MARGIN_US,
            seen_underruns: 0,
            calm: 0,
        })
    }

    /// Whether the device will soon need another block. The device's own clock drives this.
    pub fn wants_block(&self) -> bool {
        let held = self.ring.buffer().capacity() - self.ring.slots();
        let margin = (u64::from(self.rate) * u64::from(self.margin_us) / 1_000_000) as usize;
        held < self.gauge.largest_period() + margin
    }

    /// Hands over the next 10 ms. What does not fit is dropped.
    pub fn write(&mut self, block: &Block) {
        let samples = self.converter.convert(block);
        let (_, _dropped) = self.ring.push_partial_slice(samples);
        self.adapt();
    }

    /// Raises the margin after dropouts and lowers it again in calm.
    fn adapt(&mut self) {
        let underruns = self.gauge.glitches();
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
        }
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
