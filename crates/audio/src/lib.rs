//! Sound devices: their list, capture and playback streams, rate conversion.
//!
//! The crate moves samples between devices and the rest of the program, which sees only blocks of
//! 10 ms at 48 kHz: mono ones come in, mixes for two ears go out. It knows no meeting, no key and
//! no network, and starts no thread of its own; the system's sound library calls back on its
//! threads, and what runs there (`callback`) only moves samples through a lock-free ring and counts.
//!
//! The contract a caller keeps: one thread per stream that reads or writes often, at least every
//! few milliseconds, and looks at [`Capture::fault`] or [`Playback::fault`] as it does so. Streams
//! stop when dropped.

mod callback;
mod capture;
mod convert;
mod devices;
mod error;
mod exercise;
mod gauge;
mod host;
mod open;
mod playback;

pub use capture::Capture;
pub use convert::IntoBlocks;
pub use devices::{Choice, Device, Direction, list};
pub use error::{AudioError, Fault};
#[doc(hidden)]
pub use exercise::{Exercise, exercises};
pub use playback::Playback;
