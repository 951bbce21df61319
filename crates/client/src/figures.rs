//! The figures of one call as JSON, for scripts and measurements. No secret, no code, no link.

use serde_json::{Value, json};
use standfast_meeting::{EpochRecord, Phase, Snapshot};

use crate::call::{Call, CallView};
use crate::profile::hex;

/// How long after the start of the call somebody was heard first, ms. `None` until then, and
/// again when the call has let its devices go.
#[must_use]
pub fn first_audio_ms(call: &Call) -> Option<u64> {
    let at = call.voice()?.first_audio_at()?;
    u64::try_from(at.saturating_duration_since(call.started()).as_millis()).ok()
}

/// A phase in one word.
#[must_use]
pub fn phase(phase: Phase) -> String {
    match phase {
        Phase::Left(why) => format!("left-{why:?}").to_lowercase(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Every epoch, oldest first.
#[must_use]
pub fn journal(s: &Snapshot) -> Value {
    Value::Array(s.journal.iter().map(epoch).collect())
}

fn epoch(r: &EpochRecord) -> Value {
    json!({
        "epoch": r.epoch,
        "term": r.term,
        "reason": format!("{:?}", r.reason).to_lowercase(),
        "who": r.who,
        "generator": hex(&r.generator.0),
        "made_here": r.made_here,
        "roster": r.roster.iter().map(|fp| hex(&fp.0)).collect::<Vec<_>>(),
        "confirmed": r.confirmed,
        "members": r.members,
        "made_ms": r.made_ms,
        "all_confirmed_after_ms": r.all_confirmed_after_ms,
        "in_use_ms": r.in_use_ms,
        "erased_ms": r.erased_ms,
    })
}

/// The figures of the whole call.
#[must_use]
pub fn end(view: &CallView, first_audio_ms: Option<u64>) -> Value {
    let (c, m) = (view.meeting.counters, view.milestones);
    json!({
        "event": "end",
        "phase": phase(view.meeting.phase),
        "frames_sealed": c.frames_sealed,
        "frames_opened": c.frames_opened,
        "frames_refused": c.frames_refused,
        "frames_lost_at_rekey": c.frames_lost_at_rekey,
        "asked_ms": m.asked_ms,
        "live_ms": m.live_ms,
        "first_audio_ms": first_audio_ms,
        "erased_ms": view.meeting.erased_ms,
        "journal": journal(&view.meeting),
    })
}
