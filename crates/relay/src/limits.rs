//! What one relay gives to one connection, one meeting and everybody together, each number with
//! its reason. Sizes that clients hold too are in [`standfast_wire::limits`].

use std::time::Duration;

use standfast_wire::limits::{PING_EVERY_MS, RELAY_DEAD_AFTER_MS};

/// A rate with room for a burst: a bucket of `burst` units that refills with `per_second`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Units a second, at least 1.
    pub per_second: u32,
    /// Units at once.
    pub burst: u32,
}

/// Bounds of the [`crate::hub::Hub`]. [`Limits::default`] is what the binary uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections in one meeting. Teams are under 20; 128 lets a hundred be measured and bounds
    /// what one incoming frame can cost.
    pub connections_per_meeting: usize,
    /// Connections of one pseudonym in one meeting: a reconnect beside its zombie, twice. One more
    /// closes the oldest.
    pub connections_per_pseudonym: usize,
    /// Messages on one board. An hour with 40 epochs of 15 people is about 1,500.
    pub board_entries: usize,
    /// Bytes on one board: an hour with 40 epochs of 100 people.
    pub board_bytes: usize,
    /// Boards of all meetings together, so that opening and leaving does not fill the memory.
    pub boards: usize,
    /// Bytes of all boards together.
    pub all_board_bytes: usize,
    /// A board goes this long after the last connection of its meeting: time for everyone to come
    /// back from a broken network, longer than the 60 s after which devices erase.
    pub board_linger: Duration,
    /// A board may be evicted by a new session after this long without a post. A live session has a
    /// heartbeat every 2 s, and devices erase after 60 s without one.
    pub board_idle: Duration,
    /// Bundles of one meeting.
    pub bundles_per_meeting: usize,
    /// Bundles that one pseudonym may own: its own, the deputies' list, two to spare.
    pub bundles_per_pseudonym: usize,
    /// Bytes of all bundles together: 16,000 devices.
    pub all_bundle_bytes: usize,
    /// A bundle goes this long after it was written. Its owner erases the private half after 96 h.
    pub bundle_age: Duration,
    /// Control messages of one connection. A rotation for 100 people is 100 wraps at once.
    pub control: Rate,
    /// Control bytes of one connection: those wraps at 2 KiB each. More makes the relay stop
    /// reading from it for a while.
    pub control_bytes: Rate,
    /// Seconds that reading the boards again costs one connection, [`SECONDS_A_READ`] each time. A
    /// member does so every 10 s at most, and a few times more when it changes the session.
    pub reads: Rate,
    /// Media messages of one connection: 10 ms frames and what goes beside them. More is dropped.
    pub media: Rate,
    /// Media bytes of one connection: 64 kbit/s sent three times over in packets of 10 ms, with every
    /// header. More is dropped.
    pub media_bytes: Rate,
    /// Frames waiting for one receiver: half a second of one talker. The oldest is dropped.
    pub media_queue: usize,
    /// Answers waiting for one receiver, and as many hints. One more closes it.
    pub reply_queue: usize,
    /// Frames that one flush writes together. More than 5 (100 ms) at once helps no ear.
    pub flush_media: usize,
    /// Control bytes that one flush writes: 2 s of a 64 kbit/s line, well inside the 6 s after
    /// which a connection counts as dead.
    pub flush_control_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_per_meeting: 128,
            connections_per_pseudonym: 4,
            board_entries: 16_384,
            board_bytes: 16 << 20,
            boards: 16_384,
            all_board_bytes: 256 << 20,
            board_linger: Duration::from_secs(600),
            board_idle: Duration::from_secs(60),
            bundles_per_meeting: 256,
            bundles_per_pseudonym: 4,
            all_bundle_bytes: 64 << 20,
            bundle_age: Duration::from_secs(120 * 3600),
            control: Rate { per_second: 32, burst: 256 },
            control_bytes: Rate { per_second: 64 << 10, burst: 512 << 10 },
            reads: Rate { per_second: 1, burst: 32 },
            media: Rate { per_second: 120, burst: 60 },
            media_bytes: Rate { per_second: 32 << 10, burst: 16 << 10 },
            media_queue: 25,
            reply_queue: 256,
            flush_media: 5,
            flush_control_bytes: 16 << 10,
        }
    }
}

/// One reading of all boards stands for so many seconds of [`Limits::reads`].
pub const SECONDS_A_READ: usize = 8;

/// What a stored message costs beside its bytes: the map entry and the allocation around it.
pub const ENTRY_OVERHEAD: usize = 160;

/// Bounds of the driver, before and around the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptLimits {
    /// Connections of all, logged in or not. Each costs about 24 KiB.
    pub connections: usize,
    /// Connections from one address (IPv6: one /64 network): an office behind one address.
    /// Loopback is not counted; whoever is on this machine can do worse.
    pub connections_per_address: usize,
    /// Connections from one address that did not end in a login, at once; one more every 12 s.
    pub failures_per_address: u32,
    /// Addresses remembered at the same time.
    pub addresses: usize,
    /// Logins of all. A signature takes 0.1 ms to check, so this is at most 2 % of a core; a full
    /// relay is back in 20 s after a restart.
    pub logins: Rate,
    /// Bytes of a client's HTTP upgrade. A real one has under 1 KiB.
    pub handshake_bytes: usize,
    /// From accepting a connection until TLS stands.
    pub tls_within: Duration,
    /// From accepting a connection until the WebSocket stands.
    pub upgraded_within: Duration,
    /// From accepting a connection until the login.
    pub login_within: Duration,
    /// Pause between two pings to one connection.
    pub ping_every: Duration,
    /// A connection from which nothing was heard for this long, or which takes nothing for this
    /// long, is dead.
    pub dead_after: Duration,
    /// How long a closed connection may take to say goodbye.
    pub farewell: Duration,
    /// How long a shutdown waits for farewells.
    pub drain: Duration,
}

impl Default for AcceptLimits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            connections_per_address: 32,
            failures_per_address: 10,
            addresses: 16_384,
            logins: Rate { per_second: 200, burst: 200 },
            handshake_bytes: 8 << 10,
            tls_within: Duration::from_secs(3),
            upgraded_within: Duration::from_secs(5),
            login_within: Duration::from_secs(10),
            ping_every: Duration::from_millis(PING_EVERY_MS),
            dead_after: Duration::from_millis(RELAY_DEAD_AFTER_MS),
            farewell: Duration::from_millis(500),
            drain: Duration::from_secs(5),
        }
    }
}

/// Read and write buffer of one WebSocket, bytes. The library's own default is 128 KiB each.
pub const SOCKET_BUFFER: usize = 8 << 10;
/// Most that may wait in a WebSocket's write buffer, bytes: [`SOCKET_BUFFER`] and the largest
/// control message. The library's own default is no limit.
pub const MAX_SOCKET_BUFFER: usize = 96 << 10;
/// Kernel send buffer of one connection, bytes: what is on its way over a slow line, with the
/// kernel's own overhead.
pub const KERNEL_SEND_BUFFER: usize = 32 << 10;
/// Unsent bytes that the kernel may hold for one connection: 200 ms of three talkers. What waits
/// there cannot be dropped when it is stale.
pub const KERNEL_UNSENT: u32 = 4 << 10;
/// Messages read from one connection before others get their turn.
pub const READ_BATCH: usize = 32;
