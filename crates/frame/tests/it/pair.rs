//! The harness: a sender and a receiver that share a base secret.

use standfast_crypto::Secret;
use standfast_frame::{
    FrameContext, Opener, PAYLOAD_HEADER_BYTES, ParsedFrame, Refused, Sealer, Stream,
};

/// The plaintext length that these tests pretend is their profile's.
pub(crate) const PLAINTEXT_BYTES: usize = 120;

pub(crate) const CONTEXT: FrameContext =
    FrameContext { aad_metadata: [0x5f; 32], stream: Stream::Audio, idx: 3, epoch: 258 };

pub(crate) fn base(seed: u8) -> Secret<64> {
    Secret::from_fn(|bytes: &mut [u8; 64]| {
        for (byte, at) in bytes.iter_mut().zip(0u8..) {
            *byte = seed.wrapping_mul(31) ^ at;
        }
    })
}

pub(crate) struct Pair {
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(&CONTEXT)
    }

    pub(crate) fn with(context: &FrameContext) -> Self {
        Self {
            sealer: Sealer::new(base(1), context).unwrap(),
            opener: Opener::new(base(1), context).unwrap(),
        }
    }

    pub(crate) fn seal(&mut self) -> Vec<u8> {
        let mut frame = Vec::new();
        self.sealer.seal(&plaintext(), &mut frame).unwrap();
        frame
    }

    pub(crate) fn seal_many(&mut self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.seal()).collect()
    }

    pub(crate) fn skip_steps(&mut self, steps: usize) {
        for _ in 0..steps {
            self.seal();
            self.sealer.skip_to_next_step().unwrap();
        }
    }

    pub(crate) fn open(&mut self, frame: &[u8], now_ms: u64) -> Result<Vec<u8>, Refused> {
        open(&mut self.opener, frame, now_ms)
    }
}

pub(crate) fn open(opener: &mut Opener, frame: &[u8], now_ms: u64) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    opener.screen(ParsedFrame::parse(frame)?, now_ms)?.open(&mut out)?;
    Ok(out)
}

/// An empty payload of the profile's size.
pub(crate) fn plaintext() -> Vec<u8> {
    let mut plaintext = vec![0; PLAINTEXT_BYTES];
    plaintext[..PAYLOAD_HEADER_BYTES].copy_from_slice(&[1, 2, 3, 4, 0, 0]);
    plaintext
}

pub(crate) fn ctr_of(frame: &[u8]) -> u32 {
    u32::from_be_bytes([0, frame[5], frame[6], frame[7]])
}

/// The same frame under another key id, as someone without keys can make it.
pub(crate) fn relabelled(frame: &[u8], bits: u32) -> Vec<u8> {
    let mut forged = frame.to_vec();
    forged[1..5].copy_from_slice(&bits.to_be_bytes());
    forged
}
