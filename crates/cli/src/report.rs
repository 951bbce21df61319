//! What is printed: one JSON object a line.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use standfast_client::call::{CallView, LineState};
use standfast_client::figures;
use standfast_client::profile::hex;
use standfast_crypto::Fingerprint;
use standfast_meeting::Snapshot;

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
        "phase": figures::phase(s.phase),
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
