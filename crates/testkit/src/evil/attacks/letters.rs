//! Letters in another's name, letters shown again, letters with a bit flipped, and counts that lie.

use standfast_meeting::Command;
use standfast_wire::control::{
    Arrival, Arrived, End, Hash, HeadAsk, Heartbeat, KeepOut, KeyAck, Kind, Leave, Sealed,
};

use super::{HOSTS, MEMBERS, open_room, team};
use crate::evil::forge::{flipped, hash_of, read};
use crate::evil::look::Look;
use crate::evil::rogue::list;
use crate::evil::stage::{Parcel, Stage, Who};
use crate::evil::{Fault, Held, Outcome};

/// Tries in one room.
const EACH: u64 = 100;

/// A new epoch whose confirmations nobody gets.
fn unconfirmed(stage: &mut Stage) -> Held<Hash> {
    stage.censor =
        Some(Box::new(|_, p| !matches!(p, Parcel::Control(s, _) if s.kind == Kind::Ack)));
    stage.withheld.clear();
    stage.command("ines", Command::RotateNow)?;
    Ok(stage.head()?.0)
}

fn confirmed(look: &Look) -> usize {
    look.members.iter().filter(|m| m.confirmed).count()
}

/// Hands everyone what was withheld; then all show all as confirmed.
fn released(stage: &mut Stage, names: &[Who]) -> Held {
    stage.censor = None;
    for (to, poster, envelope) in std::mem::take(&mut stage.withheld) {
        stage.hand(to, poster, &envelope)?;
    }
    for who in names {
        let look = stage.look(who)?;
        let all = confirmed(&look) == look.members.len();
        stage.must(all, "real confirmations were not counted")?;
    }
    Ok(())
}

/// Somebody confirms in another's name, or without the key.
pub(super) fn forged_ack(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = open_room(seed, &["mina", "jonas", "leo"])?;
    let names = ["ines", "mina", "jonas", "leo"];
    let h = unconfirmed(&mut stage)?;
    let real: Vec<Sealed> = stage.letters(Kind::Ack).cloned().collect();
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let (to, of) = (stage.dice.below(4), stage.dice.below(3));
        let (to, of) = (names[to], names[(to + 1 + of) % 4]);
        let (by, as_fp) = (stage.identity("mallory"), stage.fp(of).0);
        let theirs = stage.newest_of(of, Kind::Ack)?;
        let other = stage.dice.pick(&real).unwrap_or_else(|| theirs.clone());
        let said = KeyAck { h_e: h, liveness_nonce: stage.dice.bytes(), bundle: None };
        let way = stage.dice.below(7);
        let (me, bit) = (stage.identity(of), stage.dice.word() as usize);
        let forged = match way {
            0 => Sealed { from: as_fp, mac: theirs.mac, ..stage.letter(&by, Kind::Ack, &said)? },
            1 => Sealed { mac: Some(stage.dice.bytes()), ..stage.letter(&me, Kind::Ack, &said)? },
            2 => Sealed { sig: None, ..theirs },
            3 => Sealed { mac: None, ..theirs },
            4 if hash_of(&other) != hash_of(&theirs) && other.from != as_fp => {
                Sealed { from: as_fp, ..other }
            }
            // The author of another one, under its own name and for another's count.
            5 => Sealed {
                mac: other.mac.filter(|_| other.from != as_fp),
                ..stage.letter(&me, Kind::Ack, &said)?
            },
            _ => flipped(&theirs, bit),
        };
        let envelope = stage.enclose(&forged)?;
        let before = stage.look(to)?;
        let poster = stage.dice.bytes();
        stage.hand(to, poster, &envelope)?;
        let accepted = stage.look(to)? != before;
        outcome.tried(accepted, || format!("way {way} for {of}, shown to {to}"));
        if accepted {
            return Ok(outcome);
        }
    }
    released(&mut stage, &names)?;
    Ok(outcome)
}

/// The generator's heartbeats say that more have confirmed than have.
pub(super) fn lying_counts(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = open_room(seed, &["mina", "jonas", "leo"])?;
    let names = ["mina", "jonas", "leo"];
    let h = unconfirmed(&mut stage)?;
    let (_, announce) = stage.head()?;
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let to = stage.dice.pick(&names).unwrap_or("mina");
        let all: Vec<u16> = announce.roster.as_slice().iter().map(|e| e.idx).collect();
        let mut acked = if stage.dice.chance(50) { all } else { stage.dice.some(&all) };
        if stage.dice.chance(20) {
            acked.push(stage.dice.below(1_024) as u16);
        }
        let age_ms = stage.dice.between(1_000, 60_000);
        let beat = Heartbeat {
            term: announce.term,
            epoch: announce.epoch,
            h_e: h,
            age_ms,
            acked: list(acked)?,
            arrived_h: stage.dice.bytes(),
            prev_hb: stage.dice.bytes(),
        };
        let by = if stage.dice.chance(80) { "ines" } else { to };
        let envelope = stage.forge(by, Kind::Heartbeat, &beat)?;
        let (before, poster) = (stage.look(to)?, stage.dice.bytes());
        stage.hand(to, poster, &envelope)?;
        let after = stage.look(to)?;
        let accepted = confirmed(&after) > confirmed(&before) || after.confirmed > before.confirmed;
        outcome.tried(accepted, || format!("{:?} shown to {to}", beat.acked.as_slice()));
    }
    released(&mut stage, &["ines", "mina", "jonas", "leo"])?;
    Ok(outcome)
}

/// Any message of the board with a bit, its author or its kind changed.
pub(super) fn flipped_bits(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    stage.command("mina", Command::RotateNow)?;
    stage.pass(2_500)?;
    let all: Vec<Sealed> = stage.posted.iter().map(|p| p.sealed.clone()).collect();
    let kinds = [Kind::Join, Kind::Announce, Kind::Ack, Kind::Leave, Kind::End, Kind::Order];
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        // A wrap bears no signature: its own seal is what tells it from any other.
        let signed: Vec<_> = all.iter().filter(|s| s.sig.is_some()).collect();
        let sealed = stage.dice.pick(&signed).cloned().ok_or_else(|| Fault::of("no letter"))?;
        let (way, bit) = (stage.dice.below(4), stage.dice.word() as usize);
        let forged = match way {
            0 => {
                let mut sig = sealed.sig.unwrap_or([0; 64]);
                sig[bit / 8 % 64] ^= 1 << (bit % 8);
                Sealed { sig: Some(sig), ..sealed.clone() }
            }
            1 => {
                let kinds: Vec<_> = kinds.into_iter().filter(|k| *k != sealed.kind).collect();
                let kind = stage.dice.pick(&kinds).unwrap_or(Kind::End);
                Sealed { kind, ..sealed.clone() }
            }
            2 => {
                let whose = stage.dice.pick(&["ines", "mina", "jonas", "leo", "sana", "otto"]);
                let from = stage.fp(whose.unwrap_or("otto")).0;
                let from = if from == sealed.from { [7; 32] } else { from };
                Sealed { from, ..sealed.clone() }
            }
            _ => flipped(&sealed, bit),
        };
        let to = stage.names();
        let to = stage.dice.pick(&to).unwrap_or("ines");
        let envelope = stage.enclose(&forged)?;
        let (before, poster) = (stage.look(to)?, stage.dice.bytes());
        stage.hand(to, poster, &envelope)?;
        let accepted = stage.look(to)? != before;
        outcome.tried(accepted, || format!("way {way} of {:?} to {to}", sealed.kind));
        if accepted {
            return Ok(outcome);
        }
    }
    // Whole, a message of the same kinds moves everyone.
    stage.command("jonas", Command::SetLocked(true))?;
    stage.pass(2_500)?;
    let moved = stage.look("sana")?.locked;
    stage.must(moved, "an honest message moved nobody")?;
    Ok(outcome)
}

/// What was on the board, in the same box or another, in any order, to anyone.
pub(super) fn letters_replayed(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    stage.command("mina", Command::RotateNow)?;
    stage.pass(2_500)?;
    stage.stop("sana")?;
    stage.member("sana")?;
    stage.pass(4_000)?;
    let all: Vec<_> = stage.posted.iter().map(|p| (p.envelope.clone(), p.sealed.clone())).collect();
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let (envelope, sealed) =
            stage.dice.pick(&all).ok_or_else(|| Fault::of("nothing was posted"))?;
        let envelope = if stage.dice.chance(50) { envelope } else { stage.enclose(&sealed)? };
        let names = stage.names();
        let (to, poster) = (stage.dice.pick(&names).unwrap_or("ines"), stage.dice.bytes());
        let before = (stage.looks()?, stage.head()?.0);
        stage.hand(to, poster, &envelope)?;
        let accepted = (stage.looks()?, stage.head()?.0) != before;
        outcome.tried(accepted, || format!("{:?} to {to}", sealed.kind));
        if accepted {
            return Ok(outcome);
        }
    }
    let before = stage.head()?.0;
    stage.command("jonas", Command::RotateNow)?;
    stage.pass(2_500)?;
    let moved = stage.head()?.0 != before;
    stage.must(moved, "an honest word moved nobody")?;
    Ok(outcome)
}

/// Everything that somebody with the link and no seat can say, in any name.
pub(super) fn stranger_with_the_link(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let knocks = stage.dice.chance(50);
    if knocks {
        let (sealed, _) = stage.ask("otto", |_| {})?;
        let envelope = stage.enclose(&sealed)?;
        stage.post(&envelope)?;
    }
    let otto = stage.identity("otto");
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let (at_h, announce) = stage.head()?;
        let whose = stage.dice.pick(&MEMBERS).unwrap_or("mina");
        let join_h = hash_of(&stage.newest_of(whose, Kind::Join)?);
        let idx = stage.dice.below(6) as u16;
        let beat = stage.newest(Kind::Heartbeat).map(read::<Heartbeat>);
        let beat = beat.ok_or_else(|| Fault::of("no heartbeat"))??;
        let way = stage.dice.below(9);
        let mut sealed = match way {
            0 => {
                let msk_private = stage.dice.bytes();
                stage.letter(&otto, Kind::Leave, &Leave { join_h, msk_private })?
            }
            1 => stage.letter(&otto, Kind::End, &End { at_h })?,
            2 => {
                let named = list(vec![Arrived { idx, join_h }])?;
                stage.letter(&otto, Kind::Arrival, &Arrival { h_e: at_h, named })?
            }
            3 => {
                let age_ms = beat.age_ms + stage.dice.between(1, 90_000);
                stage.letter(&otto, Kind::Heartbeat, &Heartbeat { age_ms, ..beat })?
            }
            4 => stage.letter(&otto, Kind::KeepOut, &KeepOut { join_h })?,
            5 => {
                let nonce = stage.dice.bytes();
                stage.letter(&otto, Kind::HeadAsk, &HeadAsk { at_h, nonce })?
            }
            6 => {
                let liveness_nonce = stage.dice.bytes();
                let said = KeyAck { h_e: at_h, liveness_nonce, bundle: None };
                stage.letter(&otto, Kind::Ack, &said)?
            }
            7 => {
                let mut next = stage.next(&(at_h, announce), "ines")?;
                next.generator =
                    if stage.dice.chance(50) { otto.fingerprint().0 } else { next.generator };
                stage.letter(&otto, Kind::Announce, &next)?
            }
            _ => {
                let body = standfast_wire::codec::Blob::new(stage.dice.bytes::<80>().to_vec());
                let body = body.unwrap_or_default();
                Sealed { kind: Kind::Wrap, from: at_h, body, sig: None, mac: None }
            }
        };
        sealed.mac = Some(stage.dice.bytes());
        let names = ["ines", "mina", "jonas", "otto"];
        let from = stage.dice.pick(&names).unwrap_or("otto");
        sealed.from = stage.fp(from).0;
        let envelope = stage.enclose(&sealed)?;
        let before = stage.looks()?;
        let poster = stage.dice.bytes();
        for to in stage.names() {
            stage.hand(to, poster, &envelope)?;
        }
        let accepted = stage.looks()? != before;
        outcome.tried(accepted, || format!("way {way} as {from}"));
        if accepted {
            return Ok(outcome);
        }
    }
    // Its author's own goodbye is heard.
    let host = stage.dice.pick(&HOSTS).unwrap_or("mina");
    stage.command("leo", Command::Leave)?;
    stage.pass(3_000)?;
    let leo = stage.fp("leo");
    let gone = !stage.look(host)?.lists(leo);
    stage.must(gone, "an honest goodbye was not heard")?;
    Ok(outcome)
}
