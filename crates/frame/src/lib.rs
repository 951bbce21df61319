//! Sealing and opening of media frames: SFrame (RFC 9605) with suite 5, `AES_256_GCM_SHA512_128`,
//! a ratchet within the epoch, a replay window and padding to one length per profile.
//!
//! **Owns** everything between a sender's 64-byte base secret and the bytes on the wire: key ids,
//! counters, the ratchet, what is accepted late or again, and the layout of the plaintext.
//! **Knows nothing** of people, epochs beyond their number, Opus, transport, clocks or randomness:
//! the base secret and the time are inputs.
//!
//! **The caller's contract:** each base secret goes into at most one [`Sealer`] ever (it is derived
//! from a join nonce that only this process has), and no [`Opener`] is made for one's own idx.
//!
//! A received frame passes a chain of types, each made only by the one before: [`ParsedFrame`] has
//! the form of a frame, [`ScreenedFrame`] is worth one decryption with one key, [`OpenedFrame`] is
//! authentic and new. Until the last, nothing is recorded. A refused frame is silence.
//!
//! ```
//! use standfast_crypto::Secret;
//! use standfast_frame::{FrameContext, Opener, ParsedFrame, Payload, Sealer, Stream};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let context = FrameContext { aad_metadata: [7; 32], stream: Stream::Audio, idx: 3, epoch: 1 };
//! let base = || Secret::from_fn(|bytes: &mut [u8; 64]| bytes.fill(42)); // both sides derive it
//! let mut sealer = Sealer::new(base(), &context)?;
//! let mut opener = Opener::new(base(), &context)?;
//!
//! let (mut plaintext, mut frame) = (Vec::new(), Vec::new());
//! Payload::write(&mut plaintext, 120, 960, 0, &[b"an Opus packet"])?;
//! sealer.seal(&plaintext, &mut frame)?;
//!
//! let mut opened = Vec::new();
//! let heard = opener.screen(ParsedFrame::parse(&frame)?, 0)?.open(&mut opened)?;
//! assert!(heard.payload()?.packets().eq([b"an Opus packet"]));
//!
//! assert!(opener.screen(ParsedFrame::parse(&frame)?, 1).is_err()); // once only
//! # Ok(())
//! # }
//! ```
//!
//! # The `sframe` crate
//!
//! From it come the header's encoding and the key types, with the backend in `suite.rs` that keeps
//! the expanded key. Not used are its ratchet (another label and length than RFC 9605 §5.1 in
//! 2.1.0), its key stores and frame types (they clone keys and allocate per frame) and its header
//! parser (it admits every encoding; ours has one).

mod context;
mod keys;
mod kid;
mod opener;
mod parsed;
mod payload;
mod ratchet;
mod refused;
mod replay;
mod sealer;
mod suite;
#[cfg(test)]
mod vectors;

pub use context::{
    FrameContext, HEADER_BYTES, MAX_FRAME_BYTES, MAX_PLAINTEXT_BYTES, OVERHEAD_BYTES, SetupError,
    TAG_BYTES,
};
pub use keys::{CATCH_UP_STEPS, FREE_CATCH_UP_STEPS, LONG_CATCH_UP_INTERVAL_MS, PREVIOUS_STEP_MS};
pub use kid::{CTR_LIMIT, FIRST_CTR, FRAMES_PER_STEP, IDX_LIMIT, Kid, Stream};
pub use opener::{OpenedFrame, Opener, ScreenedFrame};
pub use parsed::ParsedFrame;
pub use payload::{PACKET_HEADER_BYTES, PAYLOAD_HEADER_BYTES, Payload, PayloadError};
pub use refused::Refused;
pub use replay::REPLAY_WINDOW;
pub use sealer::{SealError, Sealer};
pub use suite::BASE_BYTES;
