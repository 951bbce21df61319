//! The paths that speech is sent over.

use anyhow::ensure;
use standfast_testkit::path::{Conditions, Form};

/// Half a continent away; every path has it that is not named for another.
const RTT_US: u64 = 40_000;

/// A path with a name.
#[derive(Clone, Copy)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) conditions: Conditions,
}

/// All of them. Loss, jitter and delay are the same in both directions.
fn all() -> Vec<Named> {
    [datagrams(), hard_times(), streams()].concat()
}

/// Those of these names, or all if there are none.
///
/// # Errors
/// When there is no path of a name.
pub(crate) fn chosen(names: &[String]) -> anyhow::Result<Vec<Named>> {
    let all = all();
    let unknown = names.iter().find(|name| all.iter().all(|path| path.name != **name));
    ensure!(unknown.is_none(), "no path {unknown:?}");
    let wanted = |path: &Named| names.is_empty() || names.iter().any(|name| name == path.name);
    Ok(all.into_iter().filter(wanted).collect())
}

/// Losses, jitter and distance, one at a time.
fn datagrams() -> Vec<Named> {
    let plain = Conditions { rtt_us: RTT_US, ..Conditions::default() };
    let loss = |loss| Conditions { loss, ..plain };
    let jitter = |jitter_us| Conditions { jitter_us, ..plain };
    vec![
        named("clean", plain),
        named("loss-1", loss(0.01)),
        named("loss-5", loss(0.05)),
        named("loss-10", loss(0.1)),
        named("loss-20", loss(0.2)),
        named("burst-5", Conditions { burst: 3, ..loss(0.05) }),
        named("jitter-10", jitter(10_000)),
        named("jitter-30", jitter(30_000)),
        named("reorder", Conditions { reorder: 0.1, reorder_us: 30_000, ..plain }),
        named("rtt-200", Conditions { rtt_us: 200_000, ..plain }),
    ]
}

/// Several things at once, or one that is worse.
fn hard_times() -> Vec<Named> {
    let plain = Conditions { rtt_us: RTT_US, ..Conditions::default() };
    let mobile = Conditions { loss: 0.03, burst: 3, jitter_us: 20_000, rtt_us: 80_000, ..plain };
    vec![
        named("mobile", mobile),
        // Too narrow for copies, and lossy enough to ask for them.
        named("rate-64", Conditions { rate_bps: Some(64_000), loss: 0.02, ..plain }),
        named("outage", Conditions { outage_us: Some((20_000_000, 21_000_000)), ..plain }),
    ]
}

/// One TCP connection for everything, as the product sends today.
fn streams() -> Vec<Named> {
    let stream = |fast, loss, rtt_us| Conditions {
        form: Form::Stream { fast },
        loss,
        rtt_us,
        ..Conditions::default()
    };
    vec![
        named("tcp-clean", stream(true, 0.0, RTT_US)),
        named("tcp-1", stream(false, 0.01, RTT_US)),
        named("tcp-1-fast", stream(true, 0.01, RTT_US)),
        named("tcp-5-rtt-100-fast", stream(true, 0.05, 100_000)),
    ]
}

fn named(name: &'static str, conditions: Conditions) -> Named {
    Named { name, conditions }
}

/// Bytes that the network adds to a packet: IP and UDP, or IP, TCP, TLS and WebSocket.
pub(crate) fn overhead_bytes(form: Form) -> usize {
    match form {
        Form::Datagrams => 28,
        Form::Stream { .. } => 52 + 22 + 4,
    }
}
