//! Threads that a frame passes through (voice and call) go before the rest of the machine's work,
//! where the system allows it.
//!
//! On Linux a thread started by another inherits its scheduling, so the sound library's callback
//! threads, which are started when a device opens, follow the thread that opens it.

/// Low among real-time priorities: sound servers and the kernel's own threads go first.
#[cfg(target_os = "linux")]
const REAL_TIME_PRIORITY: u8 = 5;

/// Raises the current thread. An unprivileged process may be refused; then sound suffers on a
/// busy machine and nothing else.
pub(crate) fn raise() {
    let raised = try_raise();
    tracing::debug!(?raised, "thread priority");
}

#[cfg(target_os = "linux")]
fn try_raise() -> Result<(), thread_priority::Error> {
    use thread_priority::{
        RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let priority = ThreadPriorityValue::try_from(REAL_TIME_PRIORITY)
        .map_or(ThreadPriority::Min, ThreadPriority::Crossplatform);
    set_thread_priority_and_policy(
        thread_native_id(),
        priority,
        ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin),
    )
}

#[cfg(not(target_os = "linux"))]
fn try_raise() -> Result<(), thread_priority::Error> {
    thread_priority::ThreadPriority::Max.set_for_current()
}
