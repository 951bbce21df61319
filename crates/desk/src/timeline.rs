//! The key timeline: one entry per epoch. Facts only, no words.

use standfast_ipc::{KeyPhase, KeyReason, TimelineEntry};
use standfast_meeting::limits::RETIRE_MS;
use standfast_meeting::{EpochRecord, Reason, Snapshot};

use crate::meeting_view::count;

/// Minutes between keys, as the policy of this version says.
const ROTATE_MINUTES: u32 = standfast_client::profile::ROTATE_MS / 60_000;

/// The key timeline, newest first.
pub(crate) fn timeline(s: &Snapshot, now_ms: u64) -> Vec<TimelineEntry> {
    let active = s.active.as_ref().map(|e| e.number);
    s.journal.iter().rev().map(|r| entry(r, s, active, now_ms)).collect()
}

fn entry(r: &EpochRecord, s: &Snapshot, active: Option<u32>, now_ms: u64) -> TimelineEntry {
    let phase = match (r.erased_ms, r.in_use_ms) {
        (Some(_), _) => KeyPhase::Erased,
        (None, Some(_)) if active == Some(r.epoch) => KeyPhase::InUse,
        (None, Some(_)) => KeyPhase::Retiring,
        (None, None) => KeyPhase::Shared,
    };
    let next_in_use = s.journal.iter().filter(|n| n.epoch > r.epoch).find_map(|n| n.in_use_ms);
    let erased_at_ms = match phase {
        KeyPhase::Retiring => Some(next_in_use.unwrap_or(now_ms) + RETIRE_MS),
        _ => r.erased_ms,
    };
    TimelineEntry {
        epoch: r.epoch,
        reason: reason(r, s),
        made_by: s.generator_name.clone().unwrap_or_default(),
        made_here: r.made_here,
        confirmed: count(r.confirmed),
        members: count(r.members),
        phase,
        made_at_ms: r.made_ms,
        in_use_at_ms: r.in_use_ms,
        erased_at_ms,
    }
}

pub(crate) fn reason(r: &EpochRecord, s: &Snapshot) -> KeyReason {
    let names = r.who.clone();
    let one = || r.who.first().cloned().unwrap_or_default();
    let by = || s.generator_name.clone().unwrap_or_default();
    match r.reason {
        Reason::Open => KeyReason::Started,
        Reason::Join => KeyReason::Joined { names },
        Reason::Leave => KeyReason::Left { names },
        Reason::Drop => KeyReason::Dropped { names },
        Reason::Removal => KeyReason::Removed { name: one(), by: by() },
        Reason::Timer => KeyReason::Timer { minutes: ROTATE_MINUTES },
        Reason::Manual => KeyReason::Requested { by: by() },
        Reason::OffRecord => KeyReason::OffRecord { name: one() },
        Reason::OnRecord => KeyReason::OnRecord { name: one() },
        Reason::Takeover => KeyReason::Takeover { name: by() },
        Reason::Device => KeyReason::DeviceChanged { name: one() },
        Reason::Merge => KeyReason::SplitHealed,
    }
}
