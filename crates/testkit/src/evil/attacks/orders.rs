//! Words of people who have no say, and words that were spoken before.

use standfast_crypto::Scope;
use standfast_meeting::Command;
use standfast_wire::codec::Blob;
use standfast_wire::control::{Act, Carried, Hash, Kind, Order, Sealed};

use super::announces::{honest, offered, order, victim};
use super::{GUESTS, HOSTS, team};
use crate::evil::rogue::orders;
use crate::evil::stage::{Stage, Who};
use crate::evil::{Fault, Held, Outcome};

/// Tries in one room.
const EACH: u64 = 60;

const ACTS: [Act; 8] = [
    Act::Admit,
    Act::Remove,
    Act::Readmit,
    Act::Lock,
    Act::Unlock,
    Act::OffRecord,
    Act::OnRecord,
    Act::Rotate,
];

/// Posts a statement and waits long enough for any announce. Says whether anything came of it.
fn posted_works(stage: &mut Stage, sealed: &Sealed) -> Held<bool> {
    let before = (stage.looks()?, stage.head()?.0);
    let envelope = stage.enclose(sealed)?;
    stage.post(&envelope)?;
    stage.pass(350)?;
    Ok((stage.looks()?, stage.head()?.0) != before)
}

fn as_sealed(carried: &Carried) -> Held<Sealed> {
    let body = Blob::new(carried.body.as_slice().to_vec());
    Ok(Sealed {
        kind: carried.kind,
        from: carried.from,
        body: body.map_err(|_| Fault::of("too long"))?,
        sig: Some(carried.sig),
        mac: None,
    })
}

fn target(stage: &mut Stage, act: Act, knocked: Hash) -> Hash {
    let who = stage.dice.pick(&["mina", "jonas", "leo", "sana"]).unwrap_or("leo");
    match act {
        Act::Admit => knocked,
        Act::Lock | Act::Unlock | Act::Rotate => [0; 32],
        _ => stage.fp(who).0,
    }
}

/// Orders by somebody who is no host, or under a host's name by somebody else.
pub(super) fn forged_order(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let (knock, knocked) = stage.ask("noor", |_| {})?;
    let envelope = stage.enclose(&knock)?;
    stage.post(&envelope)?;
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let act = stage.dice.pick(&ACTS).unwrap_or(Act::Rotate);
        let by = stage.dice.pick(&["leo", "sana", "noor", "otto"]).unwrap_or("leo");
        let target = target(&mut stage, act, knocked);
        let mut carried = order(&mut stage, by, act, target)?;
        let as_host = stage.dice.chance(40);
        if as_host {
            let host = stage.dice.pick(&HOSTS).unwrap_or("mina");
            carried.from = stage.fp(host).0;
        }
        let way = format!("{act:?} by {by}, under a host's name: {as_host}");
        let accepted = if stage.dice.chance(40) {
            let sealed = as_sealed(&carried)?;
            posted_works(&mut stage, &sealed)?
        } else {
            let to = victim(&mut stage);
            offered(&mut stage, to, |_, a| {
                a.locked = a.locked || act == Act::Lock;
                orders(a, vec![carried])
            })?
            .1
        };
        outcome.tried(accepted, || way);
        if accepted {
            return Ok(outcome);
        }
    }
    // The same kinds of words, by a host: on the board, and carried.
    stage.command("jonas", Command::SetLocked(true))?;
    stage.pass(2_500)?;
    let locked = stage.look("leo")?.locked;
    stage.must(locked, "a host's word was not carried out")?;
    let to = victim(&mut stage);
    honest(&mut stage, to, |stage, a| {
        let rotate = order(stage, "mina", Act::Rotate, [0; 32])?;
        orders(a, vec![rotate])
    })?;
    Ok(outcome)
}

/// A word that was carried out, overtaken, or spoken in another session or too long ago.
pub(super) fn order_replayed(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let guest: Who = stage.dice.pick(&GUESTS).unwrap_or("leo");
    let host: Who = stage.dice.pick(&HOSTS).unwrap_or("mina");
    let fp = stage.fp(guest);
    // Too old from here on: six epochs pass.
    let (long_ago, _) = stage.head()?;
    stage.command(host, Command::Remove(fp))?;
    stage.pass(2_500)?;
    stage.command("ines", Command::Readmit(fp))?;
    stage.pass(2_500)?;
    stage.member(guest)?;
    stage.pass(8_000)?;
    let back = stage.look(host)?.lists(fp);
    if !back {
        stage.admit(host, guest)?;
    }
    let back = stage.look(host)?.lists(fp);
    stage.must(back, "readmitted, and not let in")?;
    for locked in [true, false] {
        stage.command(host, Command::SetLocked(locked))?;
        stage.pass(2_500)?;
    }
    let all = stage.announces()?;
    let spoken: Vec<Carried> = all.iter().flat_map(|(_, a)| a.orders.as_slice()).cloned().collect();
    let other = Scope { meeting_id: stage.link.meeting_id, session_id: stage.dice.bytes() };
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let act = stage.dice.pick(&[Act::Remove, Act::Lock, Act::Rotate]).unwrap_or(Act::Lock);
        let target = if act == Act::Remove { fp.0 } else { [0; 32] };
        let by = stage.dice.pick(&["ines", "mina", "jonas"]).unwrap_or("ines");
        let (at_h, _) = stage.head()?;
        let (way, carried) = match stage.dice.below(4) {
            0 => ("carried out before", stage.dice.pick(&spoken)),
            1 => {
                let me = stage.identity(by);
                let said = Order { at_h, act, target };
                let sealed = stage.letter_in(&other, &me, Kind::Order, &said)?;
                let body = Blob::new(sealed.body.into_vec()).unwrap_or_default();
                let sig = sealed.sig.unwrap_or([0; 64]);
                (
                    "of another session",
                    Some(Carried { kind: Kind::Order, from: sealed.from, body, sig }),
                )
            }
            2 => {
                let said = Order { at_h: long_ago, act, target };
                ("too old", Some(stage.carried(by, Kind::Order, &said)?))
            }
            _ => {
                let said = Order { at_h: stage.dice.bytes(), act, target };
                ("of another history", Some(stage.carried(by, Kind::Order, &said)?))
            }
        };
        let carried = carried.ok_or_else(|| Fault::of("nothing was carried"))?;
        let said = standfast_wire::codec::from_bytes::<Order>(carried.body.as_slice());
        let said = said.map(|order| order.act);
        let posted = stage.dice.chance(40);
        let accepted = if posted {
            let sealed = as_sealed(&carried)?;
            posted_works(&mut stage, &sealed)?
        } else {
            let to = victim(&mut stage);
            offered(&mut stage, to, |stage, a| {
                let removes = act == Act::Remove && way != "carried out before";
                if removes {
                    let stay = a.roster.as_slice().iter().filter(|e| e.fp != fp.0).cloned();
                    let stay = stay.collect();
                    stage.list(a, stay, &HOSTS)?;
                    (a.reason, a.max_ms) = (standfast_wire::control::Reason::Removal, 300);
                }
                a.locked = act == Act::Lock && way != "carried out before";
                orders(a, vec![carried])
            })?
            .1
        };
        outcome.tried(accepted, || format!("{way}, {said:?}, posted: {posted}"));
        if accepted {
            return Ok(outcome);
        }
    }
    let to = victim(&mut stage);
    honest(&mut stage, to, |stage, a| {
        a.locked = true;
        let lock = order(stage, host, Act::Lock, [0; 32])?;
        orders(a, vec![lock])
    })?;
    Ok(outcome)
}
