//! A device that takes somebody's seat without that somebody's word, or long after it.

use standfast_crypto::{PairingCode, Scope};
use standfast_wire::codec::Blob;
use standfast_wire::control::{
    Carried, EpochAnnounce, Hash, Heartbeat, Kind, Pairing, Reason, Vouch,
};

use super::announces::{entry, free_idx, honest, offered};
use super::{HOSTS, MEMBERS, team};
use crate::evil::forge::read;
use crate::evil::rogue::orders;
use crate::evil::stage::{Stage, Who};
use crate::evil::{Fault, Held, Outcome};

/// Tries in one room.
const EACH: u64 = 60;
/// A vouch is void so long after it was signed, ms (`docs/protocol.md` §6, *Device change*).
const VOUCH_MS: u64 = 120_000;
/// And members allow so much for its way to them, ms.
const LATE_MS: u64 = 6_500;

/// What a vouch says and who signs it.
struct Word {
    by: Who,
    new: Hash,
    join_h: Hash,
    age_ms: u64,
}

fn vouch(stage: &mut Stage, word: &Word) -> Held<Carried> {
    let (at_h, _) = stage.head()?;
    let Word { new, join_h, age_ms, .. } = *word;
    stage.carried(word.by, Kind::Vouch, &Vouch { at_h, new, join_h, age_ms })
}

/// The new device in the old one's stead.
fn swapped(
    stage: &mut Stage,
    a: &mut EpochAnnounce,
    (new, join_h): (Who, Hash),
    old: Who,
    said: Vec<Carried>,
) -> Held {
    let (old, idx) = (stage.fp(old).0, free_idx(stage)?);
    let mut device = entry(stage, new, join_h, idx);
    device.replaces = Some(old);
    let mut roster = a.roster.as_slice().to_vec();
    roster.retain(|e| e.fp != old);
    roster.push(device);
    (a.reason, a.max_ms) = (Reason::Device, 1_000);
    orders(a, said)?;
    stage.list(a, roster, &HOSTS)
}

/// A device that asks to replace `old`, on the board.
fn asks(stage: &mut Stage, who: Who, old: Hash) -> Held<Hash> {
    let (me, code) = (stage.fp(who), PairingCode::generate(&mut stage.dice));
    let (sealed, h) = stage.ask(who, |join| {
        join.vouch = Some(Pairing { old, proof: code.proof(me, &join.join_nonce) });
    })?;
    let envelope = stage.enclose(&sealed)?;
    stage.post(&envelope)?;
    Ok(h)
}

/// The generator's age by its newest heartbeat.
fn age_ms(stage: &Stage) -> Held<u64> {
    let beat = stage.newest(Kind::Heartbeat).ok_or_else(|| Fault::of("no heartbeat"))?;
    Ok(read::<Heartbeat>(beat)?.age_ms)
}

/// A vouch that the old device did not sign, or for something else, or long ago.
pub(super) fn forged_vouch(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let old = stage.dice.pick(&MEMBERS).unwrap_or("leo");
    let old_fp = stage.fp(old).0;
    // Old enough that something can be too old.
    stage.pass(VOUCH_MS + 40_000)?;
    let join_h = asks(&mut stage, "phone", old_fp)?;
    let other_h = asks(&mut stage, "tablet", old_fp)?;
    let ines = stage.fp("ines").0;
    let foreign_h = asks(&mut stage, "watch", ines)?;
    let (phone, other) = (stage.fp("phone").0, stage.dice.bytes());
    let other = Scope { meeting_id: stage.link.meeting_id, session_id: other };
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let to = MEMBERS.into_iter().filter(|who| *who != old).collect::<Vec<_>>();
        let to = stage.dice.pick(&to).unwrap_or("mina");
        let thief = ["ines", "mina", "jonas", "leo", "sana", "phone", "otto"];
        let thief = stage.dice.pick(&thief).filter(|who| *who != old).unwrap_or("phone");
        let age = age_ms(&stage)?;
        let (way, late) = (stage.dice.below(7), stage.dice.between(LATE_MS, LATE_MS + 10_000));
        let fresh = Word { by: old, new: phone, join_h, age_ms: age };
        let (_, accepted) = offered(&mut stage, to, |stage, a| {
            let mut seat = ("phone", join_h);
            let said = match way {
                // Nobody's word.
                0 => Vec::new(),
                // A thief's, in its own name or in the old device's.
                1 => vec![vouch(stage, &Word { by: thief, ..fresh })?],
                2 => {
                    let mut forged = vouch(stage, &Word { by: thief, ..fresh })?;
                    forged.from = old_fp;
                    vec![forged]
                }
                // The old device's word, for another request than the one that is seated.
                3 => {
                    seat = ("tablet", other_h);
                    vec![vouch(stage, &fresh)?]
                }
                // For a request that names another device.
                4 => {
                    seat = ("watch", foreign_h);
                    let new = stage.fp("watch").0;
                    vec![vouch(stage, &Word { new, join_h: foreign_h, ..fresh })?]
                }
                // Of another session.
                5 => {
                    let (me, (at_h, _)) = (stage.identity(old), stage.head()?);
                    let word = Vouch { at_h, new: phone, join_h, age_ms: age };
                    let sealed = stage.letter_in(&other, &me, Kind::Vouch, &word)?;
                    let body = Blob::new(sealed.body.into_vec()).unwrap_or_default();
                    let sig = sealed.sig.unwrap_or([0; 64]);
                    vec![Carried { kind: Kind::Vouch, from: old_fp, body, sig }]
                }
                // Too late.
                _ => {
                    let signed = age.saturating_sub(VOUCH_MS + late);
                    vec![vouch(stage, &Word { age_ms: signed, ..fresh })?]
                }
            };
            swapped(stage, a, seat, old, said)
        })?;
        outcome.tried(accepted, || format!("way {way} by {thief} for {old}'s, to {to}"));
        if accepted {
            return Ok(outcome);
        }
    }
    let to = MEMBERS.into_iter().find(|who| *who != old).unwrap_or("mina");
    let fresh = Word { by: old, new: phone, join_h, age_ms: age_ms(&stage)? };
    honest(&mut stage, to, |stage, a| {
        let said = vec![vouch(stage, &fresh)?];
        swapped(stage, a, ("phone", join_h), old, said)
    })?;
    Ok(outcome)
}
