//! What travels: messages, ids, limits and their one deterministic encoding.
//!
//! A leaf: knows no keys, no sockets and no clock. [`control`] holds what members say to each other
//! inside sealed envelopes, which the relay cannot read; [`relay`] holds what a client and a relay
//! say to each other, and [`boards`] what a client remembers of that. The meaning of every field is in `docs/protocol.md`.
//!
//! ```
//! use standfast_wire::codec::{from_bytes, to_bytes};
//! use standfast_wire::control::Leave;
//!
//! let leave = Leave { join_h: [7; 32], msk_private: [9; 32] };
//! assert_eq!(from_bytes::<Leave>(&to_bytes(&leave)), Ok(leave));
//! ```

pub mod boards;
pub mod codec;
pub mod control;
pub mod limits;
pub mod relay;
