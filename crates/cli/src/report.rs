//! What is printed: one JSON object a line.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use standfast_client::call::{Call, CallView, LineState};
use standfast_client::profile::hex;
use standfast_crypto::Fingerprint;
use standfast_meeting::{EpochRecord, Phase, Snapshot};

/// Prints one line.
pub(crate) fn line(value: &Value) {
    println!("{value}");
}

/// Prints a fingerprint in all its forms.
pub(crate) fn fingerprint(fp: Fingerprint) -> Result<()> {
    let shown = fp.display().context("64 MiB of memory are needed to show a fingerprint")?;
    line(
        &json!({ "event": "fingerprint", "id": hex(&fp.0), "words": shown.words, "digits": shown.digits, "qr": fp.qr_text() }),
    );
    Ok(())
}

/// The meeting as it is now.
pub(crate) fn state(view: &CallView) -> Value {
    let s = &view.meeting;
    json!({
        "event": "state",
        "phase": phase(s.phase),
        "connected": matches!(view.line, LineState::Up { .. }),
        "epoch": s.active.as_ref().map(|e| e.number),
        "confirmed": s.active.as_ref().map(|e| e.confirmed),
        "members": s.active.as_ref().map(|e| e.members),
        "coming": s.coming.as_ref().map(|e| e.number),
        "code": s.code,
        "roster": roster(s),
        "lobby": s.lobby.iter().map(|k| json!({ "name": k.name, "fingerprint": hex(&k.fp.0) })).collect::<Vec<_>>(),
        "pulse": format!("{:?}", s.pulse).to_lowercase(),
        "microphone": format!("{:?}", s.microphone),
    })
}

fn roster(s: &Snapshot) -> Vec<Value> {
    let member = |m: &standfast_meeting::Member| {
        json!({
            "idx": m.idx,
            "name": m.name,
            "me": m.me,
            "fingerprint": hex(&m.fp.0),
            "presence": format!("{:?}", m.presence),
            "trust": format!("{:?}", m.trust),
            "confirmed": m.confirmed,
            "muted": m.muted,
        })
    };
    s.members.iter().map(member).collect()
}

/// A phase in one word.
pub(crate) fn phase(phase: Phase) -> String {
    match phase {
        Phase::Left(why) => format!("left-{why:?}").to_lowercase(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Every epoch, oldest first.
pub(crate) fn journal(s: &Snapshot) -> Value {
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
pub(crate) fn end(call: &Call, first_audio_ms: Option<u64>) -> Value {
    let view = call.view();
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
