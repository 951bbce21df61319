//! Opus at a constant size per frame.
//!
//! The size of a frame must not follow what is said: with variable rate or discontinuous
//! transmission the lengths alone reveal speech through the encryption. So the rate is constant
//! and silence is coded like speech.

use opus::{Application, Bitrate, Channels, Signal};
pub use standfast_decoder::Concealment;
use standfast_decoder::OpusError;

use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

/// Bits per second. Fullband speech needs 28–40 kbit/s by RFC 6716 and 24 kbit/s measures
/// STOI 0.992, so the rest is kept for sending frames twice.
pub const BITRATE: u32 = 24_000;

/// Encoder effort, 0–10. 9 costs half as much again as 5 and is still about 1 % of a core.
const COMPLEXITY: i32 = 9;

/// Bytes of every encoded frame: 24 kbit/s for 20 ms.
pub const PACKET_BYTES: usize = 60;

/// The longest packet that is accepted for decoding: 20 ms at 102 kbit/s, far above what our
/// encoder makes. Bounds what one sender can make a receiver hold.
pub const MAX_PACKET_BYTES: usize = 256;

/// Why a frame could not be coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The packet is empty, too long, not Opus, or does not hold exactly 20 ms.
    #[error("the packet is not 20 ms of Opus")]
    PeerMisbehaved,
    /// The codec could not be set up or refused its own input.
    #[error("the codec is unavailable: {0}")]
    Unavailable(&'static str),
}

impl From<OpusError> for CodecError {
    fn from(_: OpusError) -> Self {
        Self::Unavailable("the decoder")
    }
}

impl From<opus::Error> for CodecError {
    fn from(error: opus::Error) -> Self {
        Self::Unavailable(error.code().description())
    }
}

/// Codes 20 ms frames into packets of [`PACKET_BYTES`].
pub struct Encoder(opus::Encoder);

impl Encoder {
    /// A fresh encoder for speech.
    pub fn new() -> Result<Self, CodecError> {
        let mut encoder = opus::Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(BITRATE as i32))?;
        encoder.set_vbr(false)?;
        encoder.set_dtx(false)?;
        encoder.set_complexity(COMPLEXITY)?;
        encoder.set_signal(Signal::Voice)?;
        Ok(Self(encoder))
    }

    /// Codes one frame. Samples that are not finite count as silence.
    pub fn encode(&mut self, frame: &Frame) -> Result<[u8; PACKET_BYTES], CodecError> {
        let finite = frame.map(|sample| if sample.is_finite() { sample } else { 0.0 });
        let mut packet = [0; PACKET_BYTES];
        match self.0.encode_float(&finite, &mut packet)? {
            PACKET_BYTES => Ok(packet),
            _ => Err(CodecError::Unavailable("the encoder left its constant size")),
        }
    }

    /// Samples by which the codec delays the sound.
    pub fn lookahead_samples(&mut self) -> Result<usize, CodecError> {
        Ok(usize::try_from(self.0.get_lookahead()?).unwrap_or(0))
    }
}

impl Drop for Encoder {
    /// Wipes the sound that it remembers: its memory is the C library's, which frees it as it is.
    fn drop(&mut self) {
        // Cannot fail; an encoder that is not reset leaves 120 ms of sound in freed memory.
        let _ = self.0.reset_state();
    }
}

/// Decodes the packets of one sender and conceals the ones that are missing.
pub struct Decoder(standfast_decoder::Decoder);

impl Decoder {
    /// A fresh decoder.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self(standfast_decoder::Decoder::new()?))
    }

    /// Decodes one packet of exactly 20 ms. On an error `frame` is left silent.
    pub fn decode(&mut self, packet: &[u8], frame: &mut Frame) -> Result<(), CodecError> {
        frame.fill(0.0);
        check(packet)?;
        let decoded = self.0.decode(packet, frame);
        whole(decoded, frame)
    }

    /// Fills 20 ms with what the packet after them says of them: coarser than the packet that is
    /// missing, better than concealment. On an error, also where it says nothing, `frame` is left
    /// silent.
    pub fn decode_before(&mut self, packet: &[u8], frame: &mut Frame) -> Result<(), CodecError> {
        frame.fill(0.0);
        check(packet)?;
        if !standfast_decoder::has_fec(packet) {
            return Err(CodecError::PeerMisbehaved);
        }
        let decoded = self.0.decode_fec(packet, frame);
        whole(decoded, frame)
    }

    /// Continues the last sound for 20 ms in place of a missing packet.
    pub fn conceal(&mut self, how: Concealment, frame: &mut Frame) -> Result<(), CodecError> {
        frame.fill(0.0);
        self.0.conceal(how, frame)?;
        Ok(())
    }
}

fn check(packet: &[u8]) -> Result<(), CodecError> {
    let fits = packet.len() <= MAX_PACKET_BYTES;
    let whole = fits && standfast_decoder::samples(packet) == Some(FRAME_SAMPLES);
    if whole { Ok(()) } else { Err(CodecError::PeerMisbehaved) }
}

fn whole(decoded: Result<usize, OpusError>, frame: &mut Frame) -> Result<(), CodecError> {
    if decoded == Ok(FRAME_SAMPLES) {
        return Ok(());
    }
    frame.fill(0.0);
    Err(CodecError::PeerMisbehaved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frame: usize, amplitude: f32) -> Frame {
        std::array::from_fn(|i| {
            let t = (frame * FRAME_SAMPLES + i) as f32 / SAMPLE_RATE as f32;
            amplitude * (std::f32::consts::TAU * 220.0 * t).sin()
        })
    }

    #[test]
    fn every_packet_has_the_same_size() {
        let mut encoder = Encoder::new().unwrap();
        let mut noise = 1_u32;
        for i in 0..300 {
            let frame = match i / 100 {
                0 => [0.0; FRAME_SAMPLES],
                1 => tone(i, 0.9),
                _ => std::array::from_fn(|_| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    noise as f32 / u32::MAX as f32 - 0.5
                }),
            };
            let packet = encoder.encode(&frame).unwrap();
            assert_eq!(opus::packet::get_nb_samples(&packet, SAMPLE_RATE).unwrap(), FRAME_SAMPLES);
        }
    }

    #[test]
    fn a_tone_survives_coding() {
        let mut encoder = Encoder::new().unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut heard = [0.0; FRAME_SAMPLES];
        for i in 0..10 {
            let packet = encoder.encode(&tone(i, 0.5)).unwrap();
            decoder.decode(&packet, &mut heard).unwrap();
        }
        let rms = (heard.iter().map(|s| s * s).sum::<f32>() / FRAME_SAMPLES as f32).sqrt();
        assert!((0.3..0.4).contains(&rms), "{rms}");
    }

    #[test]
    fn concealment_continues_and_fades() {
        fades(Concealment::Deep);
        fades(Concealment::Classic);
    }

    fn fades(how: Concealment) {
        let mut encoder = Encoder::new().unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut frame = [0.0; FRAME_SAMPLES];
        for i in 0..10 {
            decoder.decode(&encoder.encode(&tone(i, 0.5)).unwrap(), &mut frame).unwrap();
        }
        let energy = |frame: &Frame| frame.iter().map(|s| s * s).sum::<f32>();
        let before = energy(&frame);
        decoder.conceal(how, &mut frame).unwrap();
        assert!(energy(&frame) > before / 4.0);
        for _ in 0..20 {
            decoder.conceal(how, &mut frame).unwrap();
        }
        assert!(energy(&frame) < before / 10.0);
    }

    #[test]
    fn a_packet_with_fec_says_the_one_before_coarsely() {
        let mut encoder = Encoder::new().unwrap();
        encoder.0.set_inband_fec(true).unwrap();
        encoder.0.set_packet_loss_perc(30).unwrap();
        // FEC is of the voiced part: a buzz with overtones.
        let buzz = |frame: usize| -> Frame {
            std::array::from_fn(|i| {
                let t = (frame * FRAME_SAMPLES + i) as f32 / SAMPLE_RATE as f32;
                (1..12).map(|n| (std::f32::consts::TAU * 130.0 * n as f32 * t).sin() / 40.0).sum()
            })
        };
        let packets: Vec<_> = (0..40).map(|n| encoder.encode(&buzz(n)).unwrap()).collect();
        let (mut decoder, mut frame) = (Decoder::new().unwrap(), [0.0; FRAME_SAMPLES]);
        let (mut said, mut loud) = (0, 0.0_f32);
        for pair in packets.chunks(2) {
            if decoder.decode_before(&pair[1], &mut frame).is_ok() {
                said += 1;
                loud = frame.iter().fold(loud, |loud, s| loud.max(s.abs()));
            }
            decoder.decode(&pair[1], &mut frame).unwrap();
        }
        assert!(said >= 10 && loud > 0.05, "{said} of 20, {loud}");
    }

    #[test]
    fn a_packet_without_fec_says_nothing_of_the_one_before() {
        let mut encoder = Encoder::new().unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut frame = [1.0; FRAME_SAMPLES];
        let packet = encoder.encode(&tone(0, 0.5)).unwrap();
        let said = decoder.decode_before(&packet, &mut frame);
        assert_eq!(said, Err(CodecError::PeerMisbehaved));
        assert_eq!(frame, [0.0; FRAME_SAMPLES]);
    }

    #[test]
    fn what_is_not_20_ms_of_opus_is_refused() {
        let mut decoder = Decoder::new().unwrap();
        let mut frame = [1.0; FRAME_SAMPLES];
        // Table of contents 0b11111_0_00: 20 ms; 0b11110_0_00: 10 ms; code 1: two frames.
        for packet in [&[][..], &[0xF0, 1, 2], &[0xF9, 1, 2, 3, 4], &[0xFB], &[0xF8; 257]] {
            frame.fill(1.0);
            assert_eq!(decoder.decode(packet, &mut frame), Err(CodecError::PeerMisbehaved));
            assert!(frame.iter().all(|s| *s == 0.0));
        }
    }

    #[test]
    fn samples_that_are_not_numbers_are_silence() {
        let mut encoder = Encoder::new().unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut frame = [0.0; FRAME_SAMPLES];
        let packet = encoder.encode(&[f32::NAN; FRAME_SAMPLES]).unwrap();
        decoder.decode(&packet, &mut frame).unwrap();
        assert!(frame.iter().all(|s| s.abs() < 1e-3));
    }
}
