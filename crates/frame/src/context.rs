//! Whose frames: the part of a sender's keys that is not secret.

use sframe::header::SframeHeader;
use thiserror::Error;

use crate::kid::{Kid, Stream};

/// The length of the SFrame header: one config byte, four of key id, three of counter.
pub const HEADER_BYTES: usize = 8;

/// The length of the authentication tag.
pub const TAG_BYTES: usize = 16;

/// What sealing adds to a plaintext, always.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// The longest frame. A QUIC datagram on a path of 1,280 bytes carries some 1,200; the rest is
/// left to the prefix by which a relay addresses packets.
pub const MAX_FRAME_BYTES: usize = 1_152;

/// The longest plaintext that can be sealed.
pub const MAX_PLAINTEXT_BYTES: usize = MAX_FRAME_BYTES - OVERHEAD_BYTES;

const METADATA_BYTES: usize = 32;
const AAD_BYTES: usize = HEADER_BYTES + METADATA_BYTES;

/// What binds a sender's frames to their place. Sealer and opener must be given the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameContext {
    /// `H("SF1/frame", meeting_id, session_id, h_e, FP, stream)`: authenticated with every frame,
    /// never sent.
    pub aad_metadata: [u8; METADATA_BYTES],
    /// The stream.
    pub stream: Stream,
    /// The sender's number on the roster, below [`IDX_LIMIT`](crate::IDX_LIMIT).
    pub idx: u16,
    /// The epoch; its low eight bits travel in the key id.
    pub epoch: u64,
}

/// Why no [`Sealer`](crate::Sealer) or [`Opener`](crate::Opener) could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SetupError {
    /// Misuse: the context's `idx` does not fit the key id.
    #[error("member idx does not fit a key id")]
    IdxOutOfRange,
    /// The cryptographic backend refused. With the fixed lengths used here it never does.
    #[error("key schedule failed")]
    KeySchedule,
}

impl From<KeyScheduleError> for SetupError {
    fn from(_: KeyScheduleError) -> Self {
        Self::KeySchedule
    }
}

/// The backend refused a derivation; says no more on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyScheduleError;

/// The key id at step 0 and the associated data, of which only the header part changes.
pub(crate) struct Binding {
    kid: Kid,
    aad: [u8; AAD_BYTES],
}

impl Binding {
    pub(crate) fn new(context: &FrameContext) -> Result<Self, SetupError> {
        let kid = Kid::new(context.stream, context.idx, context.epoch, 0)
            .ok_or(SetupError::IdxOutOfRange)?;
        let mut aad = [0; AAD_BYTES];
        aad[HEADER_BYTES..].copy_from_slice(&context.aad_metadata);
        Ok(Self { kid, aad })
    }

    pub(crate) fn kid(&self) -> Kid {
        self.kid
    }

    /// The associated data of RFC 9605 §4.4.3, `header || metadata`, for a frame being sealed.
    pub(crate) fn aad_for(&mut self, kid: Kid, ctr: u32) -> Option<&mut [u8; AAD_BYTES]> {
        let header = SframeHeader::new(u64::from(kid.to_bits()), u64::from(ctr));
        if header.len() != HEADER_BYTES {
            return None;
        }
        header.serialize(&mut self.aad[..HEADER_BYTES]).ok()?;
        Some(&mut self.aad)
    }

    /// The same, with the header of a frame that arrived.
    pub(crate) fn aad_with(&mut self, header: &[u8; HEADER_BYTES]) -> &mut [u8; AAD_BYTES] {
        self.aad[..HEADER_BYTES].copy_from_slice(header);
        &mut self.aad
    }
}
