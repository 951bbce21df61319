//! Taking the key's care out of turn, and a handover that was meant for somebody else.

use standfast_crypto::sha256;
use standfast_meeting::{Command, LeftWhy, Phase};
use standfast_wire::control::{HandedEnd, Handover, Kind, Sealed};
use standfast_wire::relay::end_hash_input;

use super::announces::RIGHT;
use super::{MEMBERS, team};
use crate::evil::forge::{flipped, read};
use crate::evil::rogue::Made;
use crate::evil::stage::{Stage, Who};
use crate::evil::{Fault, Held, Outcome};

/// Without a heartbeat for so long the first in the succession may take over, ms.
const TAKEOVER_MS: u64 = 8_000;

/// `by` takes over from the head, and wraps for `to`.
fn takeover(stage: &mut Stage, by: Who, to: Who) -> Held<Made> {
    let head = stage.head()?;
    let next = stage.next(&head, by)?;
    stage.make(by, next, &[to], RIGHT, |_| {})
}

fn others(who: Who) -> Vec<Who> {
    MEMBERS.into_iter().filter(|other| *other != who).collect()
}

/// A takeover by a stranger, or by somebody in line while the generator lives.
pub(super) fn takeover_out_of_turn(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let mut outcome = Outcome::default();
    let (ines, mut last) = (stage.fp("ines"), None);
    for _ in 0..most.min(12) {
        let to = stage.dice.pick(&MEMBERS).unwrap_or("mina");
        let by = stage.dice.pick(&others(to)).unwrap_or("jonas");
        let stranger = stage.dice.chance(25);
        // The relay keeps all that the generator says from the victim, for less than 8 s, or only
        // lies about its line.
        let silent_ms = stage.dice.between(0, TAKEOVER_MS - 2_100);
        let hint = stage.dice.chance(50);
        stage.censor = Some(Box::new(move |who, _| who != to));
        stage.withheld.clear();
        if hint {
            let poster = stage.identity("ines").pseudonym("relay.evil", &stage.link.meeting_id);
            let poster = poster.public();
            stage.input(to, standfast_meeting::Input::PeerGone { poster })?;
        }
        stage.pass(silent_ms)?;
        let by = if stranger { "otto" } else { by };
        let made = takeover(&mut stage, by, to)?;
        let before = stage.look(to)?;
        let offered = stage.offer(to, &made)?;
        let after = stage.look(to)?;
        let moved = after.generator != Some(ines) && before.generator == Some(ines);
        outcome.tried(offered.installed || moved, || {
            format!("by {by} to {to} after {silent_ms} ms of silence, line hint: {hint}")
        });
        if offered.installed || moved {
            return Ok(outcome);
        }
        stage.censor = None;
        for (to, poster, envelope) in std::mem::take(&mut stage.withheld) {
            stage.hand(to, poster, &envelope)?;
        }
        stage.pass(2_500)?;
        // A new epoch: what was kept aside builds on an older one now.
        stage.command("ines", Command::RotateNow)?;
        stage.pass(2_500)?;
        last = Some(to);
    }
    // The same in turn: the generator is silent for as long as it takes.
    let to = last.filter(|who| *who != "mina").unwrap_or("jonas");
    let made = takeover(&mut stage, "mina", to)?;
    stage.censor = Some(Box::new(move |who, _| who != to));
    let early = stage.offer(to, &made)?;
    stage.must(!early.installed && !early.refused, "an early takeover is kept aside")?;
    stage.pass(TAKEOVER_MS + 500)?;
    for wrap in &made.wraps {
        let poster = stage.dice.bytes();
        stage.hand(to, poster, wrap)?;
    }
    let mina = stage.fp("mina");
    let followed = stage.look(to)?.generator == Some(mina);
    stage.must(followed, "a takeover in turn was not followed")?;
    Ok(outcome)
}

/// A handover that its generator did not sign, or signed for somebody else; and what it sealed.
pub(super) fn stolen_handover(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let session_id = stage.session_id()?;
    let ines = stage.fp("ines");
    let (mut outcome, mut real) = (Outcome::default(), None::<Sealed>);
    for round in 0..most.min(24) {
        if round == 12 {
            // From here on a real one is in everyone's hands. The heir is cut off, so that nobody
            // has taken over yet.
            stage.censor = Some(Box::new(|who, _| who != "mina"));
            stage.command("ines", Command::Leave)?;
            real = Some(stage.newest(Kind::Handover).cloned().ok_or_else(|| Fault::of("none"))?);
        }
        let to = stage.dice.pick(&others("mina")).unwrap_or("jonas");
        let thief = stage.dice.pick(&others("mina")).unwrap_or("leo");
        let thief = if thief == to { "mallory" } else { thief };
        let (at_h, _) = stage.head()?;
        let end = Some(HandedEnd { n: stage.dice.below(5) as u32, ct: stage.dice.bytes() });
        let heir = stage.fp(thief).0;
        let said = Handover { at_h, to: heir, end };
        let by = stage.identity(thief);
        let (way, bit) = (stage.dice.below(3), stage.dice.word() as usize);
        let forged = match (&real, way) {
            (Some(real), 0) => flipped(real, bit),
            (Some(real), 1) => {
                // The real seal, for the thief, signed by the thief.
                let said = Handover { to: heir, ..read::<Handover>(real)? };
                Sealed { from: ines.0, ..stage.letter(&by, Kind::Handover, &said)? }
            }
            (_, 2) => Sealed { from: ines.0, ..stage.letter(&by, Kind::Handover, &said)? },
            _ => stage.letter(&by, Kind::Handover, &said)?,
        };
        // What could delete the board: everything that a thief can read.
        let preimage = match &real {
            Some(real) => {
                let ct = read::<Handover>(real)?.end.map_or([0; 48], |end| end.ct);
                let at = stage.dice.below(17);
                let mut part = [0; 32];
                part.copy_from_slice(&ct[at..at + 32]);
                if stage.dice.chance(50) { part } else { sha256(&end_hash_input(&part)) }
            }
            None => stage.dice.bytes(),
        };
        let envelope = stage.enclose(&forged)?;
        let poster = stage.dice.bytes();
        stage.hand(to, poster, &envelope)?;
        let made = takeover(&mut stage, if thief == "mallory" { "leo" } else { thief }, to)?;
        let made = if to == "leo" && thief == "mallory" { None } else { Some(made) };
        let mut followed = false;
        if let Some(made) = made.filter(|_| real.is_none()) {
            followed = stage.offer(to, &made)?.installed;
        }
        stage.end_board(session_id, preimage)?;
        let accepted = followed || stage.deleted > 0;
        outcome.tried(accepted, || format!("way {way} by {thief}, shown to {to}"));
        if accepted {
            return Ok(outcome);
        }
        if real.is_none() {
            stage.command("ines", Command::RotateNow)?;
            stage.pass(2_500)?;
        }
    }
    if real.is_none() {
        stage.command("ines", Command::Leave)?;
    }
    stage.censor = None;
    for (to, poster, envelope) in std::mem::take(&mut stage.withheld) {
        stage.hand(to, poster, &envelope)?;
    }
    stage.pass(2_500)?;
    let mina = stage.fp("mina");
    let heir = stage.look("jonas")?.generator == Some(mina);
    stage.must(heir, "the heir did not take over")?;
    stage.command("mina", Command::End)?;
    stage.pass(2_000)?;
    let over = stage.look("leo")?.phase == Phase::Left(LeftWhy::Ended);
    let deleted = stage.deleted > 0;
    stage.must(over && deleted, "the heir could not end the meeting and delete its board")?;
    Ok(outcome)
}
