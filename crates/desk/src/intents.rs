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
    if !allowed(&view.meeting.rights, &intent) {
        return refuse(ErrorCode::NotAllowed);
    }
    call.command(intent);
    Ok(())
}

fn intent(s: &Snapshot, command: &Command) -> Outcome<Intent> {
    let request = |id: &str| parse_hex(id).ok_or(ErrorCode::BadRequest);
    Ok(match command {
        Command::Admit { request: id } => Intent::Admit(request(id)?),
        Command::KeepOut { request: id } => Intent::KeepOut(request(id)?),
        Command::Remove { idx } => Intent::Remove(key_of(s, *idx)?),
        Command::Readmit { fingerprint } => Intent::Readmit(removed(s, fingerprint)?),
        Command::SetLocked { locked } => Intent::SetLocked(*locked),
        Command::SetMuted { muted } => Intent::SetMuted(*muted),
        Command::RotateNow => Intent::RotateNow,
        Command::Leave => Intent::Leave,
        Command::EndForAll => Intent::End,
        _ => return refuse(ErrorCode::BadRequest),
    })
}

fn allowed(rights: &Rights, intent: &Intent) -> bool {
    match intent {
        Intent::Admit(_)
        | Intent::KeepOut(_)
        | Intent::Remove(_)
        | Intent::SetLocked(_)
        | Intent::RotateNow => rights.host,
        Intent::Readmit(_) => rights.organizer,
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

    #[test]
    fn what_needs_a_host_or_the_organizer_is_refused_to_others() {
        let fp = Fingerprint([1; 32]);
        let hosts = [
            Intent::Admit([0; 32]),
            Intent::KeepOut([0; 32]),
            Intent::Remove(fp),
            Intent::SetLocked(true),
            Intent::RotateNow,
        ];
        let (none, host) = (Rights::default(), Rights { host: true, ..Rights::default() });
        for intent in &hosts {
            assert!(!allowed(&none, intent) && allowed(&host, intent), "{intent:?}");
        }
        for intent in [Intent::Readmit(fp), Intent::End] {
            assert!(!allowed(&host, &intent), "{intent:?}");
        }
        for intent in [Intent::SetMuted(true), Intent::Leave] {
            assert!(allowed(&none, &intent), "{intent:?}");
        }
    }
}
