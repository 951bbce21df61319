//! Opus at a constant size per frame.
//!
//! The size of a frame must not follow what is said: with variable rate or discontinuous
//! transmission the lengths alone reveal speech through the encryption. So the rate is constant
//! and silence is coded like speech.

use opus::{Application, Bitrate, Channels, Signal};
pub use standfast_decoder::Concealment;
use standfast_decoder::OpusError;

use crate::{BLOCK_SAMPLES, FRAME_SAMPLES, Pace, Packet, SAMPLE_RATE, VoiceProfile};

/// Encoder effort, 0–10. 9 costs half as much again as 5 and is still about 1 % of a core.
const COMPLEXITY: i32 = 9;

/// The longest packet that is accepted for decoding: 20 ms at 102 kbit/s, far above what our
/// encoder makes. Bounds what one sender can make a receiver hold.
pub const MAX_PACKET_BYTES: usize = 256;

/// Why a frame could not be coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The packet is empty, too long, not Opus, or does not hold as much sound as was expected.
    #[error("the packet is not the expected 10 or 20 ms of Opus")]
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

/// Codes sound into packets of one size.
pub struct Encoder {
    opus: opus::Encoder,
    profile: VoiceProfile,
}

impl Encoder {
    /// A fresh encoder of the default profile.
    pub fn new() -> Result<Self, CodecError> {
        Self::with(VoiceProfile::default())
    }

    /// A fresh encoder.
    pub fn with(profile: VoiceProfile) -> Result<Self, CodecError> {
        let aim = match profile.pace {
            Pace::Even | Pace::Short => Application::Voip,
            Pace::LowDelay => Application::LowDelay,
        };
        let mut opus = opus::Encoder::new(SAMPLE_RATE, Channels::Mono, aim)?;
        opus.set_bitrate(Bitrate::Bits(profile.rate.bits() as i32))?;
        opus.set_vbr(false)?;
        opus.set_dtx(false)?;
        opus.set_complexity(COMPLEXITY)?;
        opus.set_signal(Signal::Voice)?;
        Ok(Self { opus, profile })
    }

    /// Codes one packet of [`VoiceProfile::packet_bytes`] from [`VoiceProfile::packet_samples`]. Samples that
    /// are not finite count as silence.
    pub fn encode(&mut self, sound: &[f32]) -> Result<Packet, CodecError> {
        if sound.len() != self.profile.packet_samples() {
            return Err(CodecError::Unavailable("not one packet of sound"));
        }
        let mut finite = [0.0; FRAME_SAMPLES];
        for (finite, sample) in finite.iter_mut().zip(sound) {
            *finite = if sample.is_finite() { *sample } else { 0.0 };
        }
        let mut bytes = [0; MAX_PACKET_BYTES];
        let bytes = &mut bytes[..self.profile.packet_bytes()];
        let len = self.opus.encode_float(&finite[..sound.len()], bytes)?;
        Packet::new(bytes)
            .filter(|packet| packet.len() == len)
            .ok_or(CodecError::Unavailable("the encoder left its constant size"))
    }

    /// Samples by which the codec delays the sound.
    pub fn lookahead_samples(&mut self) -> Result<usize, CodecError> {
        Ok(usize::try_from(self.opus.get_lookahead()?).unwrap_or(0))
    }
}

impl Drop for Encoder {
    /// Wipes the sound that it remembers: its memory is the C library's, which frees it as it is.
    fn drop(&mut self) {
        // Cannot fail; an encoder that is not reset leaves 120 ms of sound in freed memory.
        let _ = self.opus.reset_state();
    }
}

/// Decodes the packets of one sender and conceals the ones that are missing.
pub struct Decoder(standfast_decoder::Decoder);

impl Decoder {
    /// A fresh decoder.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self(standfast_decoder::Decoder::new()?))
    }

    /// Decodes one packet that holds exactly as much as `sound`, 10 or 20 ms. On an error `sound` is
    /// left silent.
    pub fn decode(&mut self, packet: &[u8], sound: &mut [f32]) -> Result<(), CodecError> {
        sound.fill(0.0);
        check(packet, sound)?;
        let decoded = self.0.decode(packet, sound);
        whole(decoded, sound)
    }

    /// Fills the time before a packet with what it says of it: coarser than the packet that is
    /// missing, better than concealment. On an error, also where it says nothing, `sound` is left
    /// silent.
    pub fn decode_before(&mut self, packet: &[u8], sound: &mut [f32]) -> Result<(), CodecError> {
        sound.fill(0.0);
        check(packet, sound)?;
        if !standfast_decoder::has_fec(packet) {
            return Err(CodecError::PeerMisbehaved);
        }
        let decoded = self.0.decode_fec(packet, sound);
        whole(decoded, sound)
    }

    /// Continues the last sound for 10 or 20 ms in place of a missing packet.
    pub fn conceal(&mut self, how: Concealment, sound: &mut [f32]) -> Result<(), CodecError> {
        sound.fill(0.0);
        self.0.conceal(how, sound)?;
        Ok(())
    }
}

/// How many samples a packet holds: 480 or 960; `None` if it is none that is taken.
#[must_use]
pub fn packet_samples(packet: &[u8]) -> Option<usize> {
    let samples = standfast_decoder::samples(packet);
    let taken = |samples: &usize| matches!(*samples, BLOCK_SAMPLES | FRAME_SAMPLES);
    samples.filter(taken).filter(|_| packet.len() <= MAX_PACKET_BYTES)
}

fn check(packet: &[u8], sound: &[f32]) -> Result<(), CodecError> {
    let whole = packet_samples(packet) == Some(sound.len());
    if whole { Ok(()) } else { Err(CodecError::PeerMisbehaved) }
}

fn whole(decoded: Result<usize, OpusError>, sound: &mut [f32]) -> Result<(), CodecError> {
    if decoded == Ok(sound.len()) {
        return Ok(());
    }
    sound.fill(0.0);
    Err(CodecError::PeerMisbehaved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Frame;

    fn tone(frame: usize, amplitude: f32) -> Frame {
        std::array::from_fn(|i| {
            let t = (frame * FRAME_SAMPLES + i) as f32 / SAMPLE_RATE as f32;
            amplitude * (std::f32::consts::TAU * 220.0 * t).sin()
        })
    }

    /// Silence, a tone, noise: a second of each.
    fn sounds() -> Vec<f32> {
        let mut noise = 1_u32;
        let mut noisy = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise as f32 / u32::MAX as f32 - 0.5
        };
        let second = 50 * FRAME_SAMPLES;
        let mut sounds = vec![0.0; second];
        (0..50).for_each(|n| sounds.extend(tone(n, 0.9)));
        sounds.extend((0..second).map(|_| noisy()));
        sounds
    }

    #[test]
    fn every_packet_of_a_profile_has_the_same_size() {
        for profile in VoiceProfile::all() {
            let mut encoder = Encoder::with(profile).unwrap();
            for sound in sounds().chunks(profile.packet_samples()) {
                let packet = encoder.encode(sound).unwrap();
                assert_eq!(packet.len(), profile.packet_bytes(), "{profile:?}");
                assert_eq!(packet_samples(&packet), Some(profile.packet_samples()), "{profile:?}");
            }
        }
    }

    #[test]
    fn a_short_pace_is_sooner_and_low_delay_more_so() {
        let lookahead = |pace| {
            let profile = VoiceProfile { pace, ..VoiceProfile::default() };
            Encoder::with(profile).unwrap().lookahead_samples().unwrap()
        };
        assert_eq!(lookahead(Pace::Even), lookahead(Pace::Short));
        assert!(lookahead(Pace::LowDelay) + 150 < lookahead(Pace::Short));
    }

    #[test]
    fn an_encoder_takes_one_packet_of_sound_and_nothing_else() {
        let mut encoder = Encoder::new().unwrap();
        assert!(encoder.encode(&[0.0; BLOCK_SAMPLES]).is_err());
        assert!(encoder.encode(&[0.0; 2 * FRAME_SAMPLES]).is_err());
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
        let energy = |frame: &[f32]| frame.iter().map(|s| s * s).sum::<f32>();
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
        encoder.opus.set_inband_fec(true).unwrap();
        encoder.opus.set_packet_loss_perc(30).unwrap();
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
