//! Frames under another's key id, shown again, reflected, moved or changed.

use standfast_meeting::Command;

use super::{MEMBERS, team};
use crate::evil::stage::{Stage, Who};
use crate::evil::{Fault, Held, Outcome};
use standfast_meeting::Input;

/// Tries in one room.
const EACH: u64 = 150;

/// The first byte of a frame's header is the configuration, the next four are the key id.
const KID: std::ops::Range<usize> = 1..5;

/// Somebody speaks; the frame that was sent, and what it held.
fn spoken(stage: &mut Stage, who: Who) -> Held<(Vec<u8>, Vec<u8>)> {
    let (from, packet) = (stage.frames.len(), stage.dice.bytes::<12>());
    stage.say(who, &packet)?;
    let mine = stage.frames[from..].iter().rev().find(|(by, _)| *by == who);
    let frame = mine.map(|(_, frame)| frame.clone());
    Ok((frame.ok_or_else(|| Fault::of(format!("{who} sent nothing")))?, packet.to_vec()))
}

fn heard(stage: &mut Stage, to: Who) -> Held<usize> {
    Ok(stage.device(to)?.heard.len())
}

/// A frame under another key id than its sender's, or not fresh, or not whole.
pub(super) fn forged_frame(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let everyone = ["ines", "mina", "jonas", "leo", "sana"];
    let (mut old, mut outcome) = (Vec::new(), Outcome::default());
    for round in 0..most.min(EACH) {
        if round % 50 == 25 {
            stage.command("ines", Command::RotateNow)?;
            stage.pass(2_500)?;
        }
        let by = stage.dice.pick(&everyone).unwrap_or("ines");
        let (frame, _) = spoken(&mut stage, by)?;
        old.push(frame.clone());
        let to = stage.dice.pick(&everyone).unwrap_or("mina");
        let (way, bit) = (stage.dice.below(6), stage.dice.word() as usize);
        let mut forged = frame.clone();
        match way {
            // As it was, to whoever heard it or said it; or one from before.
            0 => {}
            1 => forged = stage.dice.pick(&old).unwrap_or(forged),
            2 => forged[(bit / 8) % frame.len()] ^= 1 << (bit % 8),
            // Under another's key id, another stream's or another epoch's.
            3 => {
                let kid = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]);
                let idx = (kid >> 18) & 0x3ff;
                let moved = (idx + 1 + stage.dice.below(5) as u32) % 6;
                let moved = if moved == idx { idx + 1 } else { moved };
                let kid = (kid & !(0x3ff << 18)) | (moved << 18);
                forged[KID].copy_from_slice(&kid.to_be_bytes());
            }
            4 => {
                let kid = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]);
                let mask = 1 << (10 + stage.dice.below(8));
                let stream = (stage.dice.between(0, 7) as u32) << 28;
                let kid = ((kid ^ mask) & !(7 << 28)) | stream;
                forged[KID].copy_from_slice(&kid.to_be_bytes());
            }
            _ => {
                let keep = stage.dice.below(frame.len());
                forged.truncate(keep);
            }
        }
        let before = heard(&mut stage, to)?;
        stage.input(to, Input::Media(&forged))?;
        stage.run()?;
        let accepted = heard(&mut stage, to)? != before;
        outcome.tried(accepted, || format!("way {way} of {by}'s, to {to}"));
        if accepted {
            return Ok(outcome);
        }
    }
    for by in MEMBERS {
        let hearers = stage.hearers(by)?;
        stage.must(hearers.len() == 4, "an honest frame was not heard by all")?;
    }
    Ok(outcome)
}
