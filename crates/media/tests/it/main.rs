//! The echo of a synthetic room, cancelled.

mod echo;
mod room;
