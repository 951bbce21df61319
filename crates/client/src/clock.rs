//! The clocks that the engine is told.

use std::time::{SystemTime, UNIX_EPOCH};

use standfast_meeting::Now;

/// Milliseconds since 1970.
#[must_use]
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds of a clock that never runs backwards and goes on while the computer sleeps.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[must_use]
pub fn mono_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (s, ns) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    s.unwrap_or_default() * 1_000 + ns.unwrap_or_default() / 1_000_000
}

/// Milliseconds of a clock that never runs backwards. On macOS and Windows the standard library's
/// clock also counts sleep or stands still in it, depending on the version; a gap shows in the
/// heartbeats either way.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[must_use]
pub fn mono_ms() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Processor time that this process has used so far; `None` where it is not asked for.
#[must_use]
pub fn cpu_us() -> Option<u64> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let (s, ns) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?);
        Some(s * 1_000_000 + ns / 1_000)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    None
}

/// This moment.
#[must_use]
pub fn now() -> Now {
    Now { mono_ms: mono_ms(), wall_ms: wall_ms() }
}
