//! Choosing a stream's format and buffer.

use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{BufferSize, SampleFormat, StreamConfig, SupportedStreamConfigRange};
use standfast_media::SAMPLE_RATE;

use crate::{AudioError, Choice, Direction};

/// Frames per callback to ask for, best first: 10 ms, then 20 ms, then what the system likes (often
/// far more, so only as a last resort). 256 frames save 12 to 15 ms on an idle machine, but on a
/// busy one an ordinarily scheduled sound server lost a tenth of the sound with them.
const BUFFER_SIZES: [BufferSize; 3] =
    [BufferSize::Fixed(480), BufferSize::Fixed(960), BufferSize::Default];

/// How long the sound system may take to set up a stream.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// The formats that the callbacks convert, best first.
const FORMATS: [SampleFormat; 6] = [
    SampleFormat::F32,
    SampleFormat::I16,
    SampleFormat::I32,
    SampleFormat::I24,
    SampleFormat::U16,
    SampleFormat::U8,
];

/// A format without its buffer size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) sample: SampleFormat,
    pub(crate) channels: u16,
    pub(crate) rate: u32,
}

impl Format {
    pub(crate) fn config(self, buffer_size: BufferSize) -> StreamConfig {
        StreamConfig { channels: self.channels, sample_rate: self.rate, buffer_size }
    }
}

/// The best format at 48 kHz, or else the device's own.
pub(crate) fn format(device: &cpal::Device, direction: Direction) -> Result<Format, AudioError> {
    let ranges: Vec<SupportedStreamConfigRange> = match direction {
        Direction::Capture => device.supported_input_configs().map(Iterator::collect),
        Direction::Playback => device.supported_output_configs().map(Iterator::collect),
    }
    .unwrap_or_default();
    if let Some(format) = best(&ranges, direction) {
        return Ok(format);
    }
    let own = match direction {
        Direction::Capture => device.default_input_config(),
        Direction::Playback => device.default_output_config(),
    }?;
    if !FORMATS.contains(&own.sample_format()) {
        return Err(AudioError::Unsupported);
    }
    Ok(Format { sample: own.sample_format(), channels: own.channels(), rate: own.sample_rate() })
}

fn best(ranges: &[SupportedStreamConfigRange], direction: Direction) -> Option<Format> {
    // A microphone is one; two loudspeakers are the least that sound from the middle.
    let wanted = match direction {
        Direction::Capture => 1,
        Direction::Playback => 2,
    };
    ranges
        .iter()
        .filter(|range| (range.min_sample_rate()..=range.max_sample_rate()).contains(&SAMPLE_RATE))
        .filter_map(|range| {
            let rank = FORMATS.iter().position(|format| *format == range.sample_format())?;
            let channels = range.channels();
            Some(((rank, channels.abs_diff(wanted)), range.sample_format(), channels))
        })
        .min_by_key(|(order, ..)| *order)
        .map(|(_, sample, channels)| Format { sample, channels, rate: SAMPLE_RATE })
}

/// Builds and starts a stream with the smallest buffer that the device takes.
pub(crate) fn start(
    format: Format,
    mut build: impl FnMut(StreamConfig) -> Result<cpal::Stream, cpal::Error>,
) -> Result<cpal::Stream, AudioError> {
    let mut refused = AudioError::Unsupported;
    for size in BUFFER_SIZES {
        let started = build(format.config(size)).and_then(|stream| {
            stream.play()?;
            Ok(stream)
        });
        match started.map_err(AudioError::from) {
            Ok(stream) => return Ok(stream),
            Err(error @ (AudioError::Unsupported | AudioError::Failed(_))) => refused = error,
            Err(error) => return Err(error),
        }
    }
    Err(refused)
}

/// A default device that cannot be reached means that there is none: ALSA always names one.
pub(crate) fn explain(choice: &Choice, error: AudioError) -> AudioError {
    match error {
        AudioError::Gone | AudioError::Unsupported if *choice == Choice::Default => {
            AudioError::NoDevice
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpal::SupportedBufferSize;

    fn range(channels: u16, rates: (u32, u32), sample: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(
            channels,
            rates.0,
            rates.1,
            SupportedBufferSize::Unknown,
            sample,
        )
    }

    #[test]
    fn float_at_48_khz_with_few_channels_is_best() {
        let ranges = [
            range(2, (44_100, 44_100), SampleFormat::F32),
            range(6, (8_000, 96_000), SampleFormat::F32),
            range(2, (8_000, 96_000), SampleFormat::F32),
            range(1, (8_000, 96_000), SampleFormat::I16),
        ];
        let best = best(&ranges, Direction::Capture).unwrap();
        assert_eq!((best.sample, best.channels, best.rate), (SampleFormat::F32, 2, 48_000));
    }

    #[test]
    fn no_range_at_48_khz_leaves_the_device_its_own() {
        let ranges = [
            range(1, (44_100, 44_100), SampleFormat::F32),
            range(1, (48_000, 48_000), SampleFormat::F64),
        ];
        assert_eq!(best(&ranges, Direction::Capture), None);
    }
}
