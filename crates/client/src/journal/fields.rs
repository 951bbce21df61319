//! One step as JSON: everything that its encoding holds, under names that people can read.

use serde_json::{Value, json};
use standfast_meeting::{Event, Exhibit, Listed, Named};

use crate::profile::hex;

/// A unit variant in kebab-case: `OffRecord` is `off-record`.
fn word(variant: impl std::fmt::Debug) -> String {
    let mut word = String::new();
    for c in format!("{variant:?}").chars() {
        if c.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}

fn listed(l: &Listed) -> Value {
    json!({ "idx": l.idx, "key": hex(&l.fp), "role": word(l.role), "state": word(l.state) })
}

fn named(n: &Named) -> Value {
    json!({ "key": hex(&n.fp), "name": n.name.as_str() })
}

/// The event with its name under `event`.
pub(super) fn event(event: &Event) -> Value {
    match event {
        Event::SessionOpened { session_id, open_h } => json!({
            "event": "session-opened", "session": hex(session_id), "open_hash": hex(open_h),
        }),
        Event::SessionFound { session_id, open_h, opener } => json!({
            "event": "session-found", "session": hex(session_id), "open_hash": hex(open_h),
            "opener": hex(opener),
        }),
        Event::EpochAnnounced { .. }
        | Event::Acked { .. }
        | Event::AllConfirmed { .. }
        | Event::Arrived { .. }
        | Event::InUse { .. }
        | Event::Retired { .. }
        | Event::Erased { .. }
        | Event::AllErased {} => of_epoch(event),
        Event::JoinAsked { .. }
        | Event::Waits { .. }
        | Event::Admitted { .. }
        | Event::KeptOut { .. }
        | Event::Locked { .. }
        | Event::Removed { .. }
        | Event::Readmitted { .. }
        | Event::DeviceChanged { .. }
        | Event::BotOwned { .. } => of_people(event),
        _ => of_meeting(event),
    }
}

fn of_epoch(event: &Event) -> Value {
    match event {
        Event::EpochAnnounced {
            epoch,
            term,
            h,
            reason,
            generator,
            roster,
            wrapped,
            who,
            locked,
        } => json!({
            "event": "epoch-announced", "epoch": epoch, "term": term, "announce_hash": hex(h),
            "reason": word(reason), "generator": hex(generator),
            "roster": roster.as_slice().iter().map(listed).collect::<Vec<_>>(),
            "wrapped": wrapped.as_slice(),
            "who": who.as_slice().iter().map(named).collect::<Vec<_>>(),
            "locked": locked,
        }),
        Event::Acked { epoch, by } => {
            json!({ "event": "confirmed", "epoch": epoch, "by": hex(by) })
        }
        Event::AllConfirmed { epoch, members, after_ms } => json!({
            "event": "all-confirmed", "epoch": epoch, "members": members, "after_ms": after_ms,
        }),
        Event::Arrived { epoch, idx } => json!({ "event": "arrived", "epoch": epoch, "idx": idx }),
        Event::InUse { epoch } => json!({ "event": "in-use", "epoch": epoch }),
        Event::Retired { epoch } => json!({ "event": "retired", "epoch": epoch }),
        Event::Erased { epoch } => json!({ "event": "erased", "epoch": epoch }),
        _ => json!({ "event": "all-erased" }),
    }
}

fn of_people(event: &Event) -> Value {
    match event {
        Event::JoinAsked { join_h, who, role } => json!({
            "event": "join-asked", "request": hex(join_h), "who": named(who), "role": word(role),
        }),
        Event::Waits { join_h, fp } => {
            json!({ "event": "waits", "request": hex(join_h), "who": hex(fp) })
        }
        Event::Admitted { join_h, fp, by } => json!({
            "event": "admitted", "request": hex(join_h), "who": hex(fp), "by": hex(by),
        }),
        Event::KeptOut { join_h, fp, by } => json!({
            "event": "kept-out", "request": hex(join_h), "who": hex(fp), "by": hex(by),
        }),
        Event::Locked { locked, by } => {
            json!({ "event": "locked", "locked": locked, "by": hex(by) })
        }
        Event::Removed { fp, by } => {
            json!({ "event": "removed", "who": hex(fp), "by": hex(by) })
        }
        Event::Readmitted { fp, by } => {
            json!({ "event": "readmitted", "who": hex(fp), "by": hex(by) })
        }
        Event::DeviceChanged { old, new } => {
            json!({ "event": "device-changed", "old": hex(old), "new": hex(new) })
        }
        Event::BotOwned { bot, owner } => {
            json!({ "event": "bot-owned", "bot": hex(bot), "owner": hex(owner) })
        }
        _ => Value::Null,
    }
}

fn of_meeting(event: &Event) -> Value {
    match event {
        Event::TookOver { term, by, from } => json!({
            "event": "took-over", "term": term, "by": hex(by), "from": hex(from),
        }),
        Event::HandedOver { from, to } => {
            json!({ "event": "handed-over", "from": hex(from), "to": hex(to) })
        }
        Event::SplitSeen { from_ms, their_h, generator } => json!({
            "event": "split-seen", "from_ms": from_ms, "their_announce_hash": hex(their_h),
            "generator": hex(generator),
        }),
        Event::Merged { epoch, merged_h, from_ms, until_ms } => json!({
            "event": "merged", "epoch": epoch, "merged_announce_hash": hex(merged_h),
            "from_ms": from_ms, "until_ms": until_ms,
        }),
        Event::Pulse { now } => json!({ "event": "generator", "now": word(now) }),
        Event::Line { up } => json!({ "event": "connection", "up": up }),
        Event::Refused { cause, by, count, since_ms } => json!({
            "event": "refused", "cause": word(cause), "by": by.as_ref().map(|fp| hex(fp)),
            "count": count, "since_ms": since_ms,
        }),
        Event::Evidence { charge, against, exhibit_h } => json!({
            "event": "evidence", "of": word(charge), "against": against.as_ref().map(|fp| hex(fp)),
            "exhibit_hash": hex(exhibit_h),
        }),
        Event::Spoken { run_id, h_e, how, by } => json!({
            "event": "spoken-code", "run": hex(run_id), "announce_hash": hex(h_e), "how": word(how),
            "by": by.as_ref().map(|fp| hex(fp)),
        }),
        Event::Omitted { count } => json!({ "event": "omitted", "count": count }),
        Event::Over { why } => json!({ "event": "over", "why": word(why) }),
        _ => Value::Null,
    }
}

/// An exhibit as people read it; the signed bytes are in its `coded`.
pub(super) fn exhibit(exhibit: &Exhibit) -> Value {
    let signed_by = exhibit.signed_by().map(|fp| hex(&fp.0));
    match exhibit {
        Exhibit::TwoAnnounces { session_id, .. } => json!({
            "of": "two-announces", "session": hex(session_id), "signed_by": signed_by,
        }),
        Exhibit::ForgedFrame { h_e, under, stream, frame_h, bytes } => json!({
            "of": "forged-frame", "announce_hash": hex(h_e), "under": hex(under), "stream": stream,
            "frame_hash": hex(frame_h), "bytes": bytes,
        }),
        Exhibit::OtherSession { session_id, .. } => json!({
            "of": "other-session", "session": hex(session_id), "signed_by": signed_by,
        }),
    }
}
