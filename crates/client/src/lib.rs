//! The driver that joins socket, sound, vault and the meeting engine.

pub mod transport;
pub mod voice;
