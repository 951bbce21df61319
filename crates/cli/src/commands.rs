//! What a script asks for while the meeting runs, one line each, with `--commands`.
//!
//! `admit NAME`, `keep-out NAME`, `remove NAME`, `readmit NAME`, `lock`, `unlock`, `rotate`, `mute`,
//! `unmute`, `off BOT`, `on BOT`, `own BOT`, `look-after BOT`, `offer-device`, `withdraw-device`,
//! `vouch`, `spoken`, `deputy NAME`, `no-deputy NAME`, `open`, `leave`, `end`. Instead of a name, a
//! fingerprint's id or QR text names somebody for certain. Every line is answered by an event
//! `command`.

use std::io::BufRead as _;

use serde_json::{Value, json};
use standfast_crypto::Fingerprint;
use standfast_meeting::{Command, Snapshot};
use tokio::sync::mpsc;

use crate::part::fingerprint;

/// Why a line was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// No such command.
    #[error("there is no such command")]
    Unknown,
    /// Nobody of that name is where the command looks.
    #[error("nobody of that name is there")]
    Nobody,
    /// More than one.
    #[error("more than one has that name: give the fingerprint")]
    Several,
    /// No device has shown the pairing code.
    #[error("no device has shown the code")]
    NoDevice,
    /// There is nothing to open, or it is not this device's to open.
    #[error("this device cannot open the meeting now")]
    NotOpen,
}

/// Reads standard input on a thread of its own, which ends with the input or with the process.
pub(crate) fn listen() -> std::io::Result<mpsc::UnboundedReceiver<String>> {
    let (lines, received) = mpsc::unbounded_channel();
    std::thread::Builder::new().name("commands".into()).spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(received)
}

/// What a line asks of the engine, in the meeting as it is now.
pub(crate) fn read(line: &str, s: &Snapshot) -> Result<Command, Refused> {
    let line = line.trim();
    let (verb, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let name = name.trim();
    Ok(match (verb, name.is_empty()) {
        ("lock", true) => Command::SetLocked(true),
        ("unlock", true) => Command::SetLocked(false),
        ("rotate", true) => Command::RotateNow,
        ("mute", true) => Command::SetMuted(true),
        ("unmute", true) => Command::SetMuted(false),
        ("offer-device", true) => Command::OfferDevice,
        ("withdraw-device", true) => Command::WithdrawDevice,
        ("vouch", true) => Command::Vouch(device(s)?),
        ("spoken", true) => Command::StartSpokenCode,
        ("leave", true) => Command::Leave,
        ("end", true) => Command::End,
        ("admit", false) => Command::Admit(waiting(s, name)?),
        ("keep-out", false) => Command::KeepOut(waiting(s, name)?),
        ("own", false) => Command::Own(waiting(s, name)?),
        ("remove", false) => Command::Remove(member(s, name)?),
        ("deputy", false) => Command::SetDeputy(member(s, name)?),
        ("no-deputy", false) => Command::UnsetDeputy(member(s, name)?),
        ("readmit", false) => {
            Command::Readmit(one(s.removed.iter().map(|r| (r.fp, r.name.as_str(), r.fp)), name)?)
        }
        ("off", false) => Command::OffRecord(bot(s, name)?),
        ("on", false) => Command::OnRecord(bot(s, name)?),
        ("look-after", false) => Command::TakeOverBot(bot(s, name)?),
        _ => return Err(Refused::Unknown),
    })
}

/// The answer to a line. What came of it shows in the state.
pub(crate) fn answer(line: &str, outcome: Result<(), Refused>) -> Value {
    json!({
        "event": "command",
        "command": line.trim(),
        "given": outcome.is_ok(),
        "why": outcome.err().map(|err| err.to_string()),
    })
}

/// The one that has this name or this fingerprint.
fn one<'a, T>(
    all: impl Iterator<Item = (Fingerprint, &'a str, T)>,
    name: &str,
) -> Result<T, Refused> {
    let exact = fingerprint(name).ok();
    let mut found =
        all.filter(|(fp, called, _)| exact.map_or(*called == name, |exact| *fp == exact));
    let first = found.next().ok_or(Refused::Nobody)?;
    if found.next().is_some() { Err(Refused::Several) } else { Ok(first.2) }
}

fn waiting(s: &Snapshot, name: &str) -> Result<[u8; 32], Refused> {
    one(s.lobby.iter().map(|k| (k.fp, k.name.as_str(), k.request)), name)
}

fn member(s: &Snapshot, name: &str) -> Result<Fingerprint, Refused> {
    one(s.members.iter().map(|m| (m.fp, m.name.as_str(), m.fp)), name)
}

fn bot(s: &Snapshot, name: &str) -> Result<Fingerprint, Refused> {
    let bots = s.members.iter().filter(|m| m.bot.is_some());
    one(bots.map(|m| (m.fp, m.name.as_str(), m.fp)), name)
}

fn device(s: &Snapshot) -> Result<[u8; 32], Refused> {
    let request = s.device.as_ref().and_then(|offer| offer.request);
    request.map(|(request, _)| request).ok_or(Refused::NoDevice)
}

#[cfg(test)]
mod tests {
    use standfast_meeting::{Knock, Removed, Trust};

    use super::*;
    use crate::testing::snapshot;

    fn knock(n: u8, name: &str) -> Knock {
        Knock {
            request: [n; 32],
            fp: Fingerprint([n; 32]),
            name: name.into(),
            trust: Trust::NotVerified,
            pinned: None,
            since_ms: 0,
            bot: None,
            owned: false,
        }
    }

    #[test]
    fn a_name_that_several_have_names_nobody() {
        let mut s = snapshot();
        s.lobby = vec![knock(1, "Leo"), knock(2, "Noor"), knock(3, "Leo")];
        assert_eq!(read("admit Noor", &s), Ok(Command::Admit([2; 32])));
        assert_eq!(read("admit Leo", &s), Err(Refused::Several));
        let id = "03".repeat(32);
        assert_eq!(read(&format!("keep-out {id}"), &s), Ok(Command::KeepOut([3; 32])));
        assert_eq!(read("admit Mina", &s), Err(Refused::Nobody));
        // Somebody may be called like a fingerprint: the key decides.
        s.lobby.push(knock(4, &id));
        assert_eq!(read(&format!("admit {id}"), &s), Ok(Command::Admit([3; 32])));
    }

    #[test]
    fn names_are_looked_for_where_the_command_acts() {
        let mut s = snapshot();
        s.lobby = vec![knock(1, "Leo")];
        s.removed = vec![Removed { fp: Fingerprint([7; 32]), name: "Tom as".into() }];
        assert_eq!(read("readmit Tom as", &s), Ok(Command::Readmit(Fingerprint([7; 32]))));
        for bad in ["readmit Leo", "remove Leo", "off Leo", "look-after Leo"] {
            assert_eq!(read(bad, &s), Err(Refused::Nobody), "{bad}");
        }
        assert_eq!(read("vouch", &s), Err(Refused::NoDevice));
    }

    #[test]
    fn a_line_that_is_not_quite_a_command_does_nothing() {
        let s = snapshot();
        assert_eq!(read("  end \n", &s), Ok(Command::End));
        assert_eq!(read("lock", &s), Ok(Command::SetLocked(true)));
        for bad in ["", "End", "end now", "lock it", "admit", "own  ", "dance"] {
            assert_eq!(read(bad, &s), Err(Refused::Unknown), "{bad}");
        }
    }
}
