//! What is printed: one JSON object a line.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use standfast_client::call::{CallView, LineState};
use standfast_client::figures;
use standfast_client::profile::hex;
use standfast_crypto::Fingerprint;
use standfast_meeting::{DeviceOffer, Knock, Owner, Snapshot, SpokenNow};

/// Standard output carries sound.
static ASIDE: AtomicBool = AtomicBool::new(false);

/// From here on, lines go to standard error: standard output is for sound.
pub(crate) fn to_standard_error() {
    ASIDE.store(true, Ordering::Relaxed);
}

/// Prints one line.
pub(crate) fn line(value: &Value) {
    if ASIDE.load(Ordering::Relaxed) {
        eprintln!("{value}");
    } else {
        println!("{value}");
    }
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
        "lobby": s.lobby.iter().map(knock).collect::<Vec<_>>(),
        "locked": s.locked,
        "host": s.rights.host,
        "may_open": s.may_open,
        "deputies": s.members.iter().filter(|m| m.deputy).map(|m| m.name.as_str()).collect::<Vec<_>>(),
        "removed": s.removed.iter().map(|r| json!({ "name": r.name, "fingerprint": hex(&r.fp.0) })).collect::<Vec<_>>(),
        "looks_after_key": s.generator_name,
        "taken_over_from": s.taken_over_from,
        "split": s.split.map(|split| json!({ "from_ms": split.from_ms, "until_ms": split.until_ms, "epoch": split.epoch })),
        "spoken": spoken(s.spoken),
        "evidence": s.evidence.len(),
        "device": s.device.as_ref().map(device),
        "pulse": format!("{:?}", s.pulse).to_lowercase(),
        "microphone": format!("{:?}", s.microphone),
    })
}

fn owner(owner: &Owner) -> Value {
    json!({ "name": owner.name, "me": owner.me, "fingerprint": hex(&owner.fp.0) })
}

fn knock(k: &Knock) -> Value {
    json!({
        "name": k.name,
        "fingerprint": hex(&k.fp.0),
        "trust": format!("{:?}", k.trust),
        "owner": k.bot.as_ref().map(owner),
        "owned": k.owned,
    })
}

/// Three words once they are there, otherwise how far it has come.
fn spoken(now: SpokenNow) -> Value {
    match now {
        SpokenNow::Idle => Value::Null,
        SpokenNow::Running { have, of } => json!({ "have": have, "of": of }),
        SpokenNow::Code(words) => json!(words),
        SpokenNow::Failed { times } => json!({ "failed": times }),
        SpokenNow::CompareFingerprints => json!("compare fingerprints"),
    }
}

/// The pairing code was asked for with `offer-device`, so it is printed.
fn device(offer: &DeviceOffer) -> Value {
    json!({
        "code": offer.code,
        "until_ms": offer.until_ms,
        "asks": offer.request.map(|(_, fp)| hex(&fp.0)),
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
            "organizer": m.organizer,
            "host": m.host,
            "owner": m.bot.as_ref().map(owner),
            "replaces": m.replaces.as_ref().map(|old| old.name.as_str()),
        })
    };
    s.members.iter().map(member).collect()
}
