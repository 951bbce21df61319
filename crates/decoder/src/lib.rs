//! The Opus decoder, with what the `opus` crate does not reach: deep concealment (a network that
//! continues speech, in libopus since 1.5) and asking a packet for in-band FEC.
//!
//! The only crate of ours that calls C. Everything else forbids unsafe code.
#![expect(unsafe_code, reason = "calls libopus; each block says why it is sound")]

use std::ffi::c_int;
use std::ptr::NonNull;

use opusic_sys::{
    OPUS_OK, OPUS_RESET_STATE, OPUS_SET_COMPLEXITY_REQUEST, OpusDecoder, opus_decode_float,
    opus_decoder_create, opus_decoder_ctl, opus_decoder_destroy, opus_packet_get_nb_samples,
    opus_packet_has_lbrr,
};

/// Samples per second that the decoder gives.
pub const SAMPLE_RATE: u32 = 48_000;
/// libopus: from this on the decoder conceals with its network.
const DEEP: c_int = 5;
/// No packet is longer (RFC 6716 §3.2.1 allows 1,275 bytes for one frame).
const PACKET_MAX: usize = 1_275;

/// libopus refused, with its error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusError(pub i32);

/// How a missing packet is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concealment {
    /// By a network; some 0.7 ms for 20 ms of sound.
    Deep,
    /// By repeating what was; some 0.03 ms.
    Classic,
}

/// A mono decoder at 48 kHz.
#[derive(Debug)]
pub struct Decoder(NonNull<OpusDecoder>);

// SAFETY: the state is owned by this value alone, libopus keeps no state per thread, and every call
// that touches it takes `&mut self`.
unsafe impl Send for Decoder {}

impl Decoder {
    /// A fresh decoder.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new() -> Result<Self, OpusError> {
        let mut error = OPUS_OK;
        // SAFETY: the rate and the count of channels are ones that libopus takes, and `error` lives
        // longer than the call.
        let state = unsafe { opus_decoder_create(SAMPLE_RATE as i32, 1, &mut error) };
        let mut decoder = Self(NonNull::new(state).ok_or(OpusError(error))?);
        decoder.set_complexity(DEEP)?;
        Ok(decoder)
    }

    fn set_complexity(&mut self, complexity: c_int) -> Result<(), OpusError> {
        // SAFETY: the state is alive, and this request takes one int.
        let code =
            unsafe { opus_decoder_ctl(self.0.as_ptr(), OPUS_SET_COMPLEXITY_REQUEST, complexity) };
        if code == OPUS_OK { Ok(()) } else { Err(OpusError(code)) }
    }

    /// Decodes a packet into `out`. The number of samples that it held.
    ///
    /// # Errors
    /// For a packet that is empty, too long or no Opus, and where `out` is too short for it.
    pub fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, OpusError> {
        // An empty packet would mean concealment.
        let len = length(packet).ok_or(OpusError(opusic_sys::OPUS_INVALID_PACKET))?;
        self.run(packet.as_ptr(), len, out, false)
    }

    /// Fills `out` with what `packet` says of the sound before its own, coarsely ([`has_fec`]).
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_fec(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, OpusError> {
        let len = length(packet).ok_or(OpusError(opusic_sys::OPUS_INVALID_PACKET))?;
        self.run(packet.as_ptr(), len, out, true)
    }

    /// Fills `out`, a multiple of 2.5 ms, with a continuation of the last sound.
    ///
    /// # Errors
    /// When `out` has another length.
    pub fn conceal(&mut self, how: Concealment, out: &mut [f32]) -> Result<usize, OpusError> {
        if how == Concealment::Classic {
            self.set_complexity(0)?;
        }
        let done = self.run(std::ptr::null(), 0, out, false);
        // The network follows every packet that came, so it is switched on again before the next.
        self.set_complexity(DEEP)?;
        done
    }

    fn run(
        &mut self,
        packet: *const u8,
        len: i32,
        out: &mut [f32],
        fec: bool,
    ) -> Result<usize, OpusError> {
        let room = c_int::try_from(out.len()).unwrap_or(c_int::MAX);
        // SAFETY: the state is alive; `packet` is null with length 0 or points to `len` bytes that
        // the caller borrows; at most `room` samples of one channel are written, which `out` holds.
        let samples = unsafe {
            opus_decode_float(self.0.as_ptr(), packet, len, out.as_mut_ptr(), room, fec.into())
        };
        usize::try_from(samples).map_err(|_| OpusError(samples))
    }
}

impl Drop for Decoder {
    /// Wipes the sound that it remembers before the C library frees it as it is.
    fn drop(&mut self) {
        // SAFETY: the state is alive, and this request takes nothing.
        let _ = unsafe { opus_decoder_ctl(self.0.as_ptr(), OPUS_RESET_STATE) };
        // SAFETY: it came from `opus_decoder_create`, and nobody uses it after.
        unsafe { opus_decoder_destroy(self.0.as_ptr()) };
    }
}

/// Samples at 48 kHz in a packet; `None` if it is no Opus.
#[must_use]
pub fn samples(packet: &[u8]) -> Option<usize> {
    let len = length(packet)?;
    // SAFETY: `packet` holds `len` bytes, and is only read.
    let samples = unsafe { opus_packet_get_nb_samples(packet.as_ptr(), len, SAMPLE_RATE as i32) };
    usize::try_from(samples).ok()
}

/// Whether a packet holds a coarse copy of the one before it.
#[must_use]
pub fn has_fec(packet: &[u8]) -> bool {
    length(packet).is_some_and(|len| {
        // SAFETY: `packet` holds `len` bytes, and is only read.
        (unsafe { opus_packet_has_lbrr(packet.as_ptr(), len) }) == 1
    })
}

fn length(packet: &[u8]) -> Option<i32> {
    i32::try_from(packet.len()).ok().filter(|_| (1..=PACKET_MAX).contains(&packet.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_refused_and_does_no_harm() {
        let mut decoder = Decoder::new().expect("a decoder");
        let mut out = [0.0; 960];
        for packet in [&[][..], &[0xFB], &[0xFF; 1_276], &[0x0B, 0xFF]] {
            assert!(decoder.decode(packet, &mut out).is_err(), "{packet:?}");
            assert!(decoder.decode_fec(packet, &mut out).is_err(), "{packet:?}");
            assert!(!has_fec(packet));
        }
        assert_eq!((samples(&[]), samples(&[0xFB])), (None, None));
        assert!(decoder.decode(&[0xF8, 0, 0], &mut out[..100]).is_err(), "no room for 20 ms");
        assert!(decoder.conceal(Concealment::Deep, &mut out[..7]).is_err(), "no such length");
        assert_eq!(decoder.conceal(Concealment::Deep, &mut out), Ok(960));
        assert_eq!(decoder.conceal(Concealment::Classic, &mut out), Ok(960));
    }
}
