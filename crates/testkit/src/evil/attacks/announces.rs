//! A generator that announces what it must not. It holds every key that an honest one has.

use standfast_wire::control::{Act, Carried, Entry, EpochAnnounce, Hash, Kind, Order, Role, State};

use super::{GUESTS, HOSTS, MEMBERS, open_room, team};
use crate::evil::rogue::{Commit, Made, Wrapping, orders};
use crate::evil::stage::{Stage, Who};
use crate::evil::{Fault, Held, Outcome};

pub(super) const RIGHT: (Commit, Wrapping) = (Commit::ToThis, Wrapping::Honest);

/// Tries in one room.
const EACH: u64 = 100;

/// Everyone to whom a generator could wrap.
pub(super) fn victim(stage: &mut Stage) -> Who {
    stage.dice.pick(&MEMBERS).unwrap_or("mina")
}

/// An announce after the head that is honest but for `change`, offered to one member.
pub(super) fn offered(
    stage: &mut Stage,
    to: Who,
    change: impl FnOnce(&mut Stage, &mut EpochAnnounce) -> Held,
) -> Held<(Made, bool)> {
    let head = stage.head()?;
    let mut next = stage.next(&head, "ines")?;
    change(stage, &mut next)?;
    let made = stage.make("ines", next, &[to], RIGHT, |_| {})?;
    let offered = stage.offer(to, &made)?;
    Ok((made, !offered.is_refused()))
}

/// The control of all that an evil generator announces: without the change it is followed.
pub(super) fn honest(
    stage: &mut Stage,
    to: Who,
    change: impl FnOnce(&mut Stage, &mut EpochAnnounce) -> Held,
) -> Held {
    let head = stage.head()?;
    let mut next = stage.next(&head, "ines")?;
    change(stage, &mut next)?;
    let made = stage.make("ines", next, &[to], RIGHT, |_| {})?;
    let offered = stage.offer(to, &made)?;
    stage.must(offered.installed, "an honest announce was not followed")
}

pub(super) fn order(stage: &mut Stage, by: Who, act: Act, target: Hash) -> Held<Carried> {
    let (at_h, _) = stage.head()?;
    stage.carried(by, Kind::Order, &Order { at_h, act, target })
}

/// The entry of somebody who asked with the request `join_h`.
pub(super) fn entry(stage: &mut Stage, who: Who, join_h: Hash, idx: u16) -> Entry {
    let fp = stage.fp(who).0;
    Entry {
        idx,
        fp,
        join_h,
        role: Role::Person,
        state: State::In,
        nonce: stage.dice.bytes(),
        owner: None,
        replaces: None,
    }
}

pub(super) fn added(stage: &mut Stage, a: &mut EpochAnnounce, new: Entry) -> Held {
    let mut roster = a.roster.as_slice().to_vec();
    roster.push(new);
    stage.list(a, roster, &HOSTS)
}

pub(super) fn free_idx(stage: &mut Stage) -> Held<u16> {
    let all = stage.announces()?;
    let given = all.iter().flat_map(|(_, a)| a.roster.as_slice()).map(|e| e.idx).max();
    Ok(given.unwrap_or(0) + 1 + stage.dice.below(20) as u16)
}

/// Somebody is listed whom nobody let in.
pub(super) fn invented_member(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let (knock, knocked) = stage.ask("noor", |_| {})?;
    let envelope = stage.enclose(&knock)?;
    stage.post(&envelope)?;
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let to = victim(&mut stage);
        let ways = [
            "nobody knows whom",
            "who was not let in",
            "by a guest's word",
            "under another's request",
            "as invited",
            "as a bot of one's own",
            "in another's place",
            "by a forged word",
            "twice",
        ];
        let way = stage.dice.pick(&ways).unwrap_or("twice");
        let idx = free_idx(&mut stage)?;
        let (_, accepted) = offered(&mut stage, to, |stage, a| {
            let unknown = stage.dice.bytes();
            let mut new = entry(stage, "noor", knocked, idx);
            match way {
                "nobody knows whom" => (new.fp, new.join_h) = (stage.dice.bytes(), unknown),
                "by a guest's word" => {
                    let by = stage.dice.pick(&GUESTS).unwrap_or("leo");
                    let order = order(stage, by, Act::Admit, knocked)?;
                    orders(a, vec![order])?;
                }
                "under another's request" => new.fp = stage.fp("otto").0,
                "as invited" => (new.state, new.join_h) = (State::Invited, [0; 32]),
                "as a bot of one's own" => {
                    (new.role, new.owner) = (Role::Bot, Some(stage.fp("ines").0));
                }
                "in another's place" => {
                    new.idx = stage.dice.pick(a.roster.as_slice()).map_or(0, |e| e.idx);
                }
                "by a forged word" => {
                    let mut order = order(stage, "otto", Act::Admit, knocked)?;
                    order.from = stage.fp("mina").0;
                    orders(a, vec![order])?;
                }
                "twice" => {
                    let twice = stage.dice.pick(a.roster.as_slice());
                    new = Entry { idx, ..twice.unwrap_or(new) };
                }
                _ => {}
            }
            added(stage, a, new)
        })?;
        outcome.tried(accepted, || format!("{way}, shown to {to}"));
        if accepted {
            return Ok(outcome);
        }
    }
    let (to, idx) = (victim(&mut stage), free_idx(&mut stage)?);
    honest(&mut stage, to, |stage, a| {
        let order = order(stage, "mina", Act::Admit, knocked)?;
        orders(a, vec![order])?;
        let new = entry(stage, "noor", knocked, idx);
        added(stage, a, new)
    })?;
    Ok(outcome)
}

/// The roster is another than the secret was committed to, or the secret is.
pub(super) fn changed_after_commit(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = open_room(seed, &["mina", "jonas", "leo"])?;
    let to = stage.dice.pick(&["mina", "jonas", "leo"]).unwrap_or("mina");
    let mut base = stage.head()?;
    let mut outcome = Outcome::default();
    for _ in 0..most.min(40) {
        let next = stage.next(&base, "ines")?;
        let victim = stage.fp(to).0;
        let others: Vec<u16> = next.roster.as_slice().iter().map(|e| e.idx).collect();
        let spared = |e: &Entry| e.fp == victim || e.fp == next.generator;
        let others: Vec<u16> = others
            .into_iter()
            .filter(|idx| next.roster.as_slice().iter().any(|e| e.idx == *idx && !spared(e)))
            .collect();
        let (at, drops) = (stage.dice.pick(&others).unwrap_or(0), stage.dice.chance(30));
        let another = others.is_empty() || stage.dice.chance(30);
        let (nonce, mut roster) = (stage.dice.bytes(), next.roster.as_slice().to_vec());
        if drops {
            roster.retain(|e| e.idx != at);
        } else if let Some(e) = roster.iter_mut().find(|e| e.idx == at) {
            e.nonce = nonce;
        }
        let how = if another {
            (Commit::ToThis, Wrapping::Another)
        } else {
            (Commit::ToBefore, Wrapping::Honest)
        };
        let mut changed = next.clone();
        if !another {
            stage.list(&mut changed, roster, &[])?;
            changed.max_ms = if drops { 1_000 } else { changed.max_ms };
        }
        let made = stage.make("ines", next, &[to], how, |a| *a = changed)?;
        let offered = stage.offer(to, &made)?;
        outcome.tried(offered.installed, || format!("{how:?} to {to}"));
        if offered.installed {
            return Ok(outcome);
        }
        // The announce itself is one that a generator may make: the next builds on it.
        if !offered.refused {
            base = (made.h, made.said);
        }
    }
    let next = stage.next(&base, "ines")?;
    let made = stage.make("ines", next, &[to], RIGHT, |_| {})?;
    let offered = stage.offer(to, &made)?;
    stage.must(offered.installed, "an honest wrap was not opened")?;
    Ok(outcome)
}

/// A new face in a locked meeting, or a door opened without a host's word.
pub(super) fn lock_circumvented(seed: u64, most: u64) -> Result<Outcome, Fault> {
    use standfast_meeting::Command;
    let mut stage = team(seed)?;
    // Unlocking words of before: of this session, overtaken since.
    for locked in [true, false, true] {
        let by = stage.dice.pick(&["ines", "mina", "jonas"]).unwrap_or("ines");
        stage.command(by, Command::SetLocked(locked))?;
        stage.pass(2_500)?;
        let shown = stage.look("sana")?.locked;
        stage.must(shown == locked, "a host's word on the lock was not carried out")?;
    }
    let all = stage.announces()?;
    let old = all.iter().flat_map(|(_, a)| a.orders.as_slice()).find(|carried| {
        standfast_wire::codec::from_bytes::<Order>(carried.body.as_slice())
            .is_ok_and(|order| order.act == Act::Unlock)
    });
    let old = old.cloned().ok_or_else(|| Fault::of("no unlocking was carried"))?;
    let (knock, knocked) = stage.ask("noor", |_| {})?;
    let envelope = stage.enclose(&knock)?;
    stage.post(&envelope)?;
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let to = victim(&mut stage);
        let way = stage.dice.below(6);
        let by = stage.dice.pick(&GUESTS).unwrap_or("leo");
        let host = stage.dice.pick(&HOSTS).unwrap_or("mina");
        let idx = free_idx(&mut stage)?;
        let seats = way == 0 || stage.dice.chance(50);
        let (_, accepted) = offered(&mut stage, to, |stage, a| {
            let mut said = Vec::new();
            if seats {
                said.push(order(stage, host, Act::Admit, knocked)?);
                let new = entry(stage, "noor", knocked, idx);
                added(stage, a, new)?;
            }
            a.locked = way == 0;
            match way {
                2 => said.push(order(stage, by, Act::Unlock, [0; 32])?),
                3 => said.push(old.clone()),
                4 => {
                    let mut forged = order(stage, by, Act::Unlock, [0; 32])?;
                    forged.from = stage.fp(host).0;
                    said.push(forged);
                }
                5 => {
                    // A word for unlocking, and one for locking.
                    said.push(order(stage, host, Act::Unlock, [0; 32])?);
                    said.push(order(stage, "ines", Act::Lock, [0; 32])?);
                }
                _ => {}
            }
            orders(a, said)
        })?;
        outcome.tried(accepted, || format!("way {way}, shown to {to}"));
        if accepted {
            return Ok(outcome);
        }
    }
    let (to, idx) = (victim(&mut stage), free_idx(&mut stage)?);
    honest(&mut stage, to, |stage, a| {
        let unlock = order(stage, "mina", Act::Unlock, [0; 32])?;
        let admit = order(stage, "jonas", Act::Admit, knocked)?;
        orders(a, vec![unlock, admit])?;
        a.locked = false;
        let new = entry(stage, "noor", knocked, idx);
        added(stage, a, new)
    })?;
    Ok(outcome)
}

/// A generator that makes many announces for one epoch and shows the one that it likes best: its
/// secret, and so the code, is chosen after the others have seen one.
pub(super) fn grinding_generator(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = open_room(seed, &["mina", "jonas", "leo"])?;
    let to = ["mina", "jonas", "leo"];
    let base = stage.head()?;
    let next = stage.next(&base, "ines")?;
    let first = stage.make("ines", next.clone(), &to, RIGHT, |_| {})?;
    for who in to {
        let offered = stage.offer(who, &first)?;
        stage.must(offered.installed, "the first announce was not followed")?;
    }
    let code = stage.look("mina")?.code;
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let who = stage.dice.pick(&to).unwrap_or("mina");
        // Ground until it begins as it should.
        let wanted = stage.dice.below(4) as u8;
        let mut ground = stage.make("ines", next.clone(), &[who], RIGHT, |_| {})?;
        for _ in 0..6 {
            if ground.h[0] & 3 == wanted {
                break;
            }
            ground = stage.make("ines", next.clone(), &[who], RIGHT, |_| {})?;
        }
        let offered = stage.offer(who, &ground)?;
        let moved = stage.look(who)?.code != code;
        outcome.tried(!offered.is_refused() || moved, || format!("shown to {who}"));
    }
    for who in to {
        let kept = stage.see(who)?.evidence.len();
        let shown = outcome.tries < 20 || kept > 0;
        stage.must(shown, "two announces for one epoch left no evidence")?;
    }
    let then = stage.next(&(first.h, first.said), "ines")?;
    let second = stage.make("ines", then, &to, RIGHT, |_| {})?;
    for who in to {
        let offered = stage.offer(who, &second)?;
        stage.must(offered.installed, "the next announce was not followed")?;
    }
    Ok(outcome)
}
