//! Sound without devices: Opus, jitter buffer, concealment, mixer, levels and processing.
//!
//! Everything here is pure. Time and media timestamps are arguments, nothing reads a clock, opens
//! a device or starts a thread, and no key or name of a person is known. The `audio` crate moves
//! samples to and from devices; `client::voice` joins the two.
//!
//! All sound is mono 32-bit float at 48 kHz, nominally within ±1, until a [`Mixer`] gives each
//! voice a [`Place`] between two ears. It moves in [`Block`]s of 10 ms and is coded in packets of
//! 20 ms, a [`Frame`], or of 10 ms, by the sender's [`VoiceProfile`].
//!
//! The contract a caller keeps: [`Incoming::pull`] is called once per 10 ms of sound that is
//! needed, with a clock that never runs backwards and is the same as that given to
//! [`Incoming::push`].
//!
//! ```
//! use standfast_media::{DeepBudget, Encoder, FRAME_SAMPLES, Incoming, SILENT_BLOCK};
//!
//! let mut encoder = Encoder::new()?;
//! let mut incoming = Incoming::new()?;
//! let packet = encoder.encode(&[0.0; FRAME_SAMPLES])?;
//! incoming.push(0, 0, &packet);
//! let mut block = SILENT_BLOCK;
//! let mut deep = DeepBudget::PER_BLOCK;
//! assert!(incoming.pull(40_000, &mut deep, &mut block), "after 40 ms the frame is being played");
//! # Ok::<(), standfast_media::CodecError>(())
//! ```

mod codec;
mod comfort;
mod delay;
mod drift;
mod incoming;
mod jitter;
mod level;
mod limiter;
mod mixer;
mod place;
mod processing;
mod profile;
mod reference;
mod stretch;
mod switch;
mod watch;

pub use codec::{CodecError, Concealment, Decoder, Encoder, MAX_PACKET_BYTES, packet_samples};
pub use incoming::{DeepBudget, Incoming, IncomingStats};
pub use jitter::{Adjust, JitterBuffer, JitterStats, Packet, Pop, Push};
pub use level::{Activity, Level};
pub use limiter::Limiter;
pub use mixer::{MAX_SPEAKERS, Mix, Mixer};
pub use place::Place;
pub use processing::{Processing, ProcessingConfig};
pub use profile::{BitRate, Pace, VoiceProfile};
pub use reference::Reference;
pub use watch::{MicrophoneTrouble, MicrophoneWatch};

/// Samples per second of all sound inside the program.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples in 10 ms, the step of processing, mixing and playing.
pub const BLOCK_SAMPLES: usize = 480;
/// Samples in 20 ms, the longest and most common packet.
pub const FRAME_SAMPLES: usize = 960;

/// 10 ms of sound.
pub type Block = [f32; BLOCK_SAMPLES];
/// 20 ms of sound.
pub type Frame = [f32; FRAME_SAMPLES];

/// 10 ms of silence.
pub const SILENT_BLOCK: Block = [0.0; BLOCK_SAMPLES];
