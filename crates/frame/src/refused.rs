//! Why a frame was not opened.

use thiserror::Error;

/// A coarse reason, for counters only. A refused frame is silence: nothing is answered, and no
/// reason says more about the key or the content than the frame's own header does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Refused {
    /// Not the form of a frame.
    #[error("not a frame")]
    Malformed,
    /// The key id's step is not the counter's.
    #[error("key id and counter disagree")]
    StepMismatch,
    /// The frame names another sender, stream or epoch than this opener's.
    #[error("not for this opener")]
    OtherSender,
    /// A frame with this counter was opened before.
    #[error("replayed")]
    Replayed,
    /// Behind the replay window, or its step's key is erased.
    #[error("too late")]
    TooLate,
    /// More steps ahead than a frame may skip.
    #[error("too far ahead")]
    TooFarAhead,
    /// A long catch-up was tried less than a second ago.
    #[error("catching up too often")]
    TooOften,
    /// It does not open.
    #[error("does not open")]
    NotAuthentic,
}
