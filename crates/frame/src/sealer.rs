//! The sending side.

use sframe::crypto::EncryptionBufferView;
use thiserror::Error;

use standfast_crypto::Secret;

use crate::{
    context::{
        Binding, FrameContext, HEADER_BYTES, KeyScheduleError, MAX_PLAINTEXT_BYTES, SetupError,
        TAG_BYTES,
    },
    kid::{CTR_LIMIT, FIRST_CTR, FRAMES_PER_STEP, step_of},
    ratchet::Chain,
    suite::{BASE_BYTES, SealingKey},
};

/// Why a frame was not sealed. The output buffer is then as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The counter is used up: the meeting has to draw a new epoch.
    #[error("counter used up, a new epoch is needed")]
    NewEpochNeeded,
    /// Misuse: more than [`MAX_PLAINTEXT_BYTES`].
    #[error("plaintext too long for a frame")]
    PlaintextTooLong,
    /// The cryptographic backend refused. With the fixed lengths used here it never does.
    #[error("sealing failed")]
    Backend,
}

impl From<KeyScheduleError> for SealError {
    fn from(_: KeyScheduleError) -> Self {
        Self::Backend
    }
}

/// Seals the frames of one member, stream and epoch.
///
/// It owns key and counter and cannot be cloned, so a nonce cannot be used twice. Two sealers must
/// not be made from one base secret: the caller derives it from a fresh `join_nonce` and hands it
/// over. Dropping erases the key of the current step; those before are gone already.
///
/// ```compile_fail
/// fn copied(sealer: &standfast_frame::Sealer) -> standfast_frame::Sealer {
///     sealer.clone()
/// }
/// ```
pub struct Sealer {
    binding: Binding,
    chain: Chain,
    key: SealingKey,
    next_ctr: u32,
}

impl Sealer {
    /// A sealer at the first counter.
    pub fn new(base: Secret<BASE_BYTES>, context: &FrameContext) -> Result<Self, SetupError> {
        let binding = Binding::new(context)?;
        let chain = Chain::new(base);
        let key = chain.sealing_key(binding.kid())?;
        Ok(Self { binding, chain, key, next_ctr: FIRST_CTR })
    }

    /// Appends the sealed frame, `plaintext.len() + OVERHEAD_BYTES` bytes, to `out`, and returns
    /// its counter. Allocates only if `out` has no room, and once per step for its key.
    ///
    /// The counter is spent even if sealing fails.
    pub fn seal(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<u32, SealError> {
        if plaintext.len() > MAX_PLAINTEXT_BYTES {
            return Err(SealError::PlaintextTooLong);
        }
        self.move_to_step_of_counter()?;
        let ctr = self.next_ctr;
        self.next_ctr += 1;
        let start = out.len();
        let sealed = self.seal_as(ctr, plaintext, out);
        if sealed.is_err() {
            out.truncate(start);
        }
        sealed.map(|()| ctr)
    }

    /// Called when the sender falls silent (no frame for 1 s): moves the counter to the next
    /// multiple of 64 and erases the key that sealed what was said. Does nothing where no frame
    /// was sealed in the step.
    pub fn skip_to_next_step(&mut self) -> Result<(), SealError> {
        self.next_ctr = self.next_ctr.next_multiple_of(FRAMES_PER_STEP);
        self.move_to_step_of_counter()
    }

    /// Frames that can still be sealed before [`SealError::NewEpochNeeded`].
    pub fn frames_left(&self) -> u32 {
        CTR_LIMIT - self.next_ctr
    }

    fn move_to_step_of_counter(&mut self) -> Result<(), SealError> {
        let step = step_of(self.next_ctr).ok_or(SealError::NewEpochNeeded)?;
        while self.chain.step() < step {
            // Both or neither: a key must never be used under another step's key id.
            let chain = self.chain.next()?;
            self.key = chain.sealing_key(self.binding.kid())?;
            self.chain = chain;
        }
        Ok(())
    }

    fn seal_as(&mut self, ctr: u32, plain: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let kid = self.binding.kid().at_step(self.chain.step());
        let aad = self.binding.aad_for(kid, ctr).ok_or(SealError::Backend)?;
        out.reserve(HEADER_BYTES + plain.len() + TAG_BYTES);
        out.extend_from_slice(&aad[..HEADER_BYTES]);
        let data_start = out.len();
        out.extend_from_slice(plain);
        out.extend_from_slice(&[0; TAG_BYTES]);
        let (data, tag) = out[data_start..].split_at_mut(plain.len());
        self.key
            .encrypt(EncryptionBufferView { aad, data, tag }, u64::from(ctr))
            .map_err(|_| SealError::Backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;

    const LAST_STEP: u32 = (CTR_LIMIT - FIRST_CTR) / FRAMES_PER_STEP - 1;

    /// A sealer in the last step of its life, without the days in between.
    fn old_sealer() -> Sealer {
        let context =
            FrameContext { aad_metadata: [0; 32], stream: Stream::Audio, idx: 0, epoch: 0 };
        let mut sealer = Sealer::new(Secret::from_fn(|_| {}), &context).unwrap();
        sealer.chain = Chain::forged(Secret::from_fn(|_| {}), LAST_STEP);
        sealer.next_ctr = CTR_LIMIT - FRAMES_PER_STEP;
        sealer
    }

    fn is_used_up(sealer: &mut Sealer) -> bool {
        let mut out = Vec::new();
        sealer.seal(b"", &mut out) == Err(SealError::NewEpochNeeded)
            && sealer.skip_to_next_step() == Err(SealError::NewEpochNeeded)
            && out.is_empty()
            && sealer.frames_left() == 0
    }

    #[test]
    fn at_the_limit_a_new_epoch_is_asked_for() {
        let mut sealer = old_sealer();
        let mut frame = Vec::new();
        for left in (0..FRAMES_PER_STEP).rev() {
            frame.clear();
            sealer.seal(b"", &mut frame).unwrap();
            assert_eq!(sealer.frames_left(), left);
        }
        assert_eq!(frame[5..8], [0xff; 3]);
        assert_eq!(frame.len(), crate::OVERHEAD_BYTES);
        assert!(is_used_up(&mut sealer) && is_used_up(&mut sealer));
    }

    #[test]
    fn silence_in_the_last_step_uses_the_sealer_up() {
        let mut sealer = old_sealer();
        sealer.seal(b"", &mut Vec::new()).unwrap();
        assert_eq!(sealer.skip_to_next_step(), Err(SealError::NewEpochNeeded));
        assert!(is_used_up(&mut sealer) && is_used_up(&mut sealer));
    }
}
