//! Recording from a microphone.

use std::sync::Arc;

use cpal::traits::DeviceTrait;
use cpal::{I24, SampleFormat, SizedSample};
use rtrb::{Consumer, RingBuffer};
use standfast_media::{Block, FRAME_SAMPLES};

use crate::callback::CaptureBody;
use crate::gauge::Gauge;
use crate::{AudioError, Choice, Direction, Fault, IntoBlocks, devices, open};

/// What the ring between the callback and the reader holds at most.
const RING_MS: u32 = 200;
/// A reader that is this far behind skips to the present: old sound is worse than a gap.
const BACKLOG_MS: u32 = 80;

/// A running recording. Stops when dropped.
pub struct Capture {
    /// Held only to keep the recording going.
    _stream: cpal::Stream,
    ring: Consumer<f32>,
    converter: IntoBlocks,
    /// Samples at the device's rate for one block.
    samples: Vec<f32>,
    rate: u32,
    gauge: Arc<Gauge>,
    name: String,
}

impl Capture {
    /// Opens and starts a device. Takes up to some seconds if the sound system hangs.
    pub fn open(choice: &Choice) -> Result<Self, AudioError> {
        Self::open_found(choice).map_err(|error| open::explain(choice, error))
    }

    fn open_found(choice: &Choice) -> Result<Self, AudioError> {
        let device = devices::find(choice, Direction::Capture)?;
        let format = open::format(&device, Direction::Capture)?;
        let gauge = Arc::new(Gauge::default());
        let mut reader = None;
        let stream = open::start(format, |config| {
            let (writer, ring) = RingBuffer::new((format.rate * RING_MS / 1_000) as usize);
            reader = Some(ring);
            let body = CaptureBody::new(writer, format.channels, Arc::clone(&gauge));
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
        let converter = IntoBlocks::new(format.rate)?;
        tracing::debug!(?format, "capture started");
        Ok(Self {
            _stream: stream,
            ring: reader.ok_or(AudioError::Unsupported)?,
            samples: vec![0.0; converter.needed_at_most()],
            converter,
            rate: format.rate,
            gauge,
            name: device.description().map_or_else(|_| String::new(), |d| d.name().to_owned()),
        })
    }

    /// Reads the next 10 ms; false if they are not complete yet.
    pub fn read(&mut self, block: &mut Block) -> bool {
        let needed = self.converter.needed();
        let Some(samples) = self.samples.get_mut(..needed) else {
            return false;
        };
        if self.ring.pop_entire_slice(samples).is_err() {
            return false;
        }
        self.converter.convert(samples, block);
        true
    }

    /// After a stall of the reader, drops what is too old. The number of 20 ms frames dropped.
    pub fn skip_backlog(&mut self) -> u32 {
        let waiting = self.ring.slots();
        if waiting < (self.rate * BACKLOG_MS / 1_000) as usize {
            return 0;
        }
        let frame = self.rate as usize * FRAME_SAMPLES / standfast_media::SAMPLE_RATE as usize;
        let frame = frame.max(1); // of a device that names no rate
        // Keep one frame, so that the next read does not have to wait.
        let frames = (waiting / frame).saturating_sub(1);
        if let Ok(chunk) = self.ring.read_chunk(frames * frame) {
            chunk.commit_all();
        }
        u32::try_from(frames).unwrap_or(0)
    }

    /// Why the recording stopped, if it did.
    pub fn fault(&self) -> Option<Fault> {
        self.gauge.fault()
    }

    /// How often sound was lost between the device and the reader.
    pub fn overruns(&self) -> u64 {
        self.gauge.glitches()
    }

    /// The device's name for a person.
    pub fn device_name(&self) -> &str {
        &self.name
    }
}

fn build<T: SizedSample>(
    device: &cpal::Device,
    config: cpal::StreamConfig,
    mut body: CaptureBody,
    gauge: Arc<Gauge>,
) -> Result<cpal::Stream, cpal::Error>
where
    f32: cpal::FromSample<T>,
{
    device.build_input_stream(
        config,
        move |samples: &[T], _| body.run(samples),
        move |error| gauge.note_error(error.kind()),
        Some(open::OPEN_TIMEOUT),
    )
}
