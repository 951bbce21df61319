//! Why a message was refused: coarse, for counters and the journal. The peer learns nothing.

/// A message that did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Not sealed under this link and session, or not the one encoding of its kind.
    #[error("malformed")]
    Malformed,
    /// A signature, MAC, seal or commitment does not fit.
    #[error("not authentic")]
    NotAuthentic,
    /// Its sender may not do this.
    #[error("not allowed")]
    NotAllowed,
    /// Repeated, too old, or out of order.
    #[error("stale")]
    Stale,
    /// Builds on an announce that did not come.
    #[error("something before it is missing")]
    Missing,
    /// Says something that contradicts the chain.
    #[error("inconsistent")]
    Inconsistent,
    /// A part of the protocol that this version does not take part in.
    #[error("unsupported")]
    Unsupported,
}

impl From<standfast_crypto::Refused> for Refusal {
    fn from(_: standfast_crypto::Refused) -> Self {
        Self::NotAuthentic
    }
}

impl From<standfast_wire::codec::Malformed> for Refusal {
    fn from(_: standfast_wire::codec::Malformed) -> Self {
        Self::Malformed
    }
}
