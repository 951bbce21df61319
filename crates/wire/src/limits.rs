//! Sizes that a client and a relay both hold, each with the reason for its number.

/// Largest WebSocket message before the login is accepted, bytes, prefix included. A login is under
/// 1 KiB; everything above is somebody else's protocol.
pub const MAX_BEFORE_LOGIN: usize = 4 * 1024;

/// Largest control message, bytes, prefix included: an announce with a full roster and room to
/// spare.
pub const MAX_CONTROL: usize = 64 * 1024;

/// Largest media message, bytes, prefix included. One Ethernet frame, so that the same sealed frame
/// also fits a datagram where one is used instead.
pub const MAX_MEDIA: usize = 1_500;

/// Largest box in an [`crate::relay::Envelope`], bytes: [`MAX_CONTROL`] less 1 KiB for what the
/// relay puts around it.
pub const MAX_BOX: usize = MAX_CONTROL - 1024;

/// Largest stored prekey bundle, bytes. A boxed bundle takes about 2 KiB, almost all of it the
/// ML-KEM key and the signature; twice that leaves room for a second key of the next suite.
pub const MAX_BUNDLE: usize = 4 * 1024;

/// Sessions of one meeting that a relay keeps at the same time. One runs, one ends; the rest is for
/// splits and crashes.
pub const MAX_SESSIONS: usize = 4;

/// Longest name of a relay as a client dials it, bytes: a DNS name of at most 253, a port.
pub const MAX_RELAY_NAME: usize = 260;

/// Connections of one meeting that a relay tells a newcomer about. Equal to the most that it lets
/// into one meeting.
pub const MAX_PEERS: usize = 128;

/// The relay sends a WebSocket ping this often, milliseconds; the other side always has something
/// to hear.
pub const PING_EVERY_MS: u64 = 2_000;

/// A relay closes a connection that it has heard nothing from for this long, milliseconds: three
/// pings.
pub const RELAY_DEAD_AFTER_MS: u64 = 6_000;

/// A client gives up a connection that it has heard nothing from for this long, milliseconds. Two
/// missed pings and a second of jitter, so that a black hole shows within 6 s.
pub const CLIENT_DEAD_AFTER_MS: u64 = 5_000;

/// A challenge is good for this long after it was sent, milliseconds.
pub const CHALLENGE_TTL_MS: u64 = 10_000;
