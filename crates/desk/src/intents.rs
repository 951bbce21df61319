//! What the engine decides about: from the UI's handles to the engine's commands.
//!
//! The desk refuses what this user may not do, so that the UI can say so at once; the engine and
//! every other device check again.

use standfast_client::call::Call;
use standfast_crypto::Fingerprint;
use standfast_ipc::{Command, ErrorCode, UiError};
use standfast_meeting::{Command as Intent, Rights, Snapshot};

use crate::errors::{Outcome, refuse};
use crate::prints::{parse_hex, parse_id};

/// Hands a command to the engine.
pub(crate) fn intend(call: &Call, command: &Command) -> Outcome<()> {
    let view = call.view();
    let intent = intent(&view.meeting, command)?;
    let owns = |bot: &Fingerprint| {
        let bot = view.meeting.members.iter().find(|m| m.fp == *bot);
        bot.and_then(|m| m.bot.as_ref()).is_some_and(|owner| owner.me)
    };
    if !allowed(&view.meeting.rights, &intent, owns) {
        return refuse(ErrorCode::NotAllowed);
    }
    call.command(intent);
    Ok(())
}

/// Opens the meeting without its organizer, where this device may.
pub(crate) fn open(call: &Call) -> Outcome<()> {
    if !call.view().meeting.may_open {
        return refuse(ErrorCode::NotAllowed);
    }
    call.open();
    Ok(())
}

fn intent(s: &Snapshot, command: &Command) -> Outcome<Intent> {
    let request = |id: &str| parse_hex(id).ok_or(ErrorCode::BadRequest);
    Ok(match command {
        Command::Admit { request: id } => Intent::Admit(request(id)?),
        Command::KeepOut { request: id } => Intent::KeepOut(request(id)?),
        Command::Remove { idx } => Intent::Remove(key_of(s, *idx)?),
        Command::Readmit { fingerprint } => Intent::Readmit(removed(s, fingerprint)?),
        Command::SetDeputy { idx, on: true } => Intent::SetDeputy(key_of(s, *idx)?),
        Command::SetDeputy { idx, on: false } => Intent::UnsetDeputy(key_of(s, *idx)?),
        Command::SetLocked { locked } => Intent::SetLocked(*locked),
        Command::OwnBot { request: id } => Intent::Own(request(id)?),
        // Only a host can send it away; anybody else's "no" stays on this device.
        Command::DisownBot { request: id } => Intent::KeepOut(request(id)?),
        Command::LookAfterBot { idx } => Intent::TakeOverBot(key_of(s, *idx)?),
        Command::SetOnRecord { idx, on: true } => Intent::OnRecord(key_of(s, *idx)?),
        Command::SetOnRecord { idx, on: false } => Intent::OffRecord(key_of(s, *idx)?),
        Command::OfferDevice => Intent::OfferDevice,
        Command::WithdrawDevice => Intent::WithdrawDevice,
        Command::Vouch { request: id } => Intent::Vouch(request(id)?),
        Command::StartSpokenCode => Intent::StartSpokenCode,
        Command::SetMuted { muted } => Intent::SetMuted(*muted),
        Command::RotateNow => Intent::RotateNow,
        Command::Leave => Intent::Leave,
        Command::EndForAll => Intent::End,
        _ => return refuse(ErrorCode::BadRequest),
    })
}

fn allowed(rights: &Rights, intent: &Intent, owns: impl Fn(&Fingerprint) -> bool) -> bool {
    match intent {
        Intent::Admit(_)
        | Intent::KeepOut(_)
        | Intent::Remove(_)
        | Intent::SetLocked(_)
        | Intent::OnRecord(_)
        | Intent::RotateNow => rights.host,
        Intent::OffRecord(bot) => rights.host || owns(bot),
        Intent::Readmit(_) | Intent::SetDeputy(_) | Intent::UnsetDeputy(_) => rights.organizer,
        Intent::End => rights.end,
        _ => true,
    }
}

/// Whose place on the roster it is.
pub(crate) fn key_of(s: &Snapshot, idx: u16) -> Result<Fingerprint, UiError> {
    let member = s.members.iter().find(|m| m.idx == idx);
    member.map(|m| m.fp).ok_or_else(|| ErrorCode::Gone.into())
}

fn removed(s: &Snapshot, id: &str) -> Result<Fingerprint, UiError> {
    let fp = parse_id(id).ok_or(ErrorCode::BadRequest)?;
    if s.removed.iter().any(|r| r.fp == fp) { Ok(fp) } else { refuse(ErrorCode::Gone) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FP: Fingerprint = Fingerprint([1; 32]);
    const NONE: Rights = Rights { host: false, organizer: false, end: false };
    const HOST: Rights = Rights { host: true, organizer: false, end: false };

    #[test]
    fn what_needs_a_host_or_the_organizer_is_refused_to_others() {
        let hosts = [
            Intent::Admit([0; 32]),
            Intent::KeepOut([0; 32]),
            Intent::Remove(FP),
            Intent::SetLocked(true),
            Intent::OnRecord(FP),
            Intent::RotateNow,
        ];
        for intent in &hosts {
            assert!(!allowed(&NONE, intent, |_| true), "{intent:?}");
            assert!(allowed(&HOST, intent, |_| false), "{intent:?}");
        }
        for intent in [Intent::Readmit(FP), Intent::End] {
            assert!(!allowed(&HOST, &intent, |_| true), "{intent:?}");
        }
        for intent in [Intent::SetMuted(true), Intent::Leave, Intent::Own([0; 32])] {
            assert!(allowed(&NONE, &intent, |_| false), "{intent:?}");
        }
    }

    #[test]
    fn an_owner_takes_the_own_bot_off_the_record_and_no_other() {
        let off = Intent::OffRecord(FP);
        assert!(allowed(&NONE, &off, |bot| *bot == FP));
        assert!(!allowed(&NONE, &off, |_| false));
        assert!(allowed(&HOST, &off, |_| false));
    }
}
