//! What somebody who was removed does through those who are still in.

use standfast_meeting::Command;
use standfast_wire::control::{Act, EpochAnnounce, Hash, Kind, Order};

use super::announces::RIGHT;
use super::branches::lives;
use super::{GUESTS, HOSTS, team};
use crate::evil::rogue::orders;
use crate::evil::stage::{Stage, Who};
use crate::evil::{Fault, Held, Outcome};

/// Epochs from which a history can be forked.
const EPOCHS: u64 = 6;

/// A host who was removed has an accomplice fork the history from before, with the host's orders, and
/// come in from there: they are to remove others, or to lock the door.
pub(super) fn removed_host_through_accomplice(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let host = stage.dice.pick(&HOSTS).unwrap_or("mina");
    let other_host = if host == HOSTS[0] { HOSTS[1] } else { HOSTS[0] };
    let accomplice = stage.dice.pick(&GUESTS).unwrap_or("leo");
    let victim = if accomplice == GUESTS[0] { GUESTS[1] } else { GUESTS[0] };
    for _ in 0..EPOCHS {
        stage.command("ines", Command::RotateNow)?;
        stage.pass(1_500)?;
    }
    let host_fp = stage.fp(host);
    stage.command("ines", Command::Remove(host_fp))?;
    stage.pass(1_500)?;
    stage.stop(host)?;
    stage.stop(accomplice)?;
    let gone = stage.dice.between(0, 20_000);
    stage.pass(gone)?;
    let mut bases = bases(&mut stage, [host, accomplice, victim])?;
    let last = bases.pop().ok_or_else(|| Fault::of("nothing to fork"))?;
    let victim_fp = stage.fp(victim);
    let mut outcome = Outcome::default();
    for base in bases.iter().take(usize::try_from(most).unwrap_or(usize::MAX)) {
        let act = stage.dice.pick(&[Act::Remove, Act::Lock]).unwrap_or(Act::Lock);
        comes_from_a_fork(&mut stage, base, (host, accomplice, victim), act)?;
        let looks = stage.looks()?;
        let accepted = looks.iter().any(|look| look.locked || look.removed.contains(&victim_fp));
        outcome.tried(accepted, || format!("{act:?} by {host}, from epoch {}", base.1.epoch));
        if accepted {
            return Ok(outcome);
        }
    }
    // The same by a host who was not removed comes along.
    comes_from_a_fork(&mut stage, &last, (other_host, accomplice, victim), Act::Remove)?;
    let removed = stage.look("ines")?.removed.contains(&victim_fp);
    stage.must(removed, "what a host had ordered in another branch was lost")?;
    Ok(outcome)
}

/// Announces that list all of these.
fn bases(stage: &mut Stage, who: [Who; 3]) -> Held<Vec<(Hash, EpochAnnounce)>> {
    let fps = who.map(|who| stage.fp(who).0);
    let lists =
        |a: &EpochAnnounce| fps.iter().all(|fp| a.roster.as_slice().iter().any(|e| e.fp == *fp));
    Ok(stage.announces()?.into_iter().filter(|(_, a)| lists(a)).collect())
}

/// `accomplice` makes a branch with an order of `host` on `base`, lets it live for a while, and asks
/// to join from there.
fn comes_from_a_fork(
    stage: &mut Stage,
    base: &(Hash, EpochAnnounce),
    (host, accomplice, victim): (Who, Who, Who),
    act: Act,
) -> Held {
    let (victim, host_fp) = (stage.fp(victim).0, stage.fp(host).0);
    let target = if act == Act::Remove { victim } else { [0; 32] };
    let order = stage.carried(host, Kind::Order, &Order { at_h: base.0, act, target })?;
    let mut next = stage.next(base, accomplice)?;
    let without_host = stage.dice.chance(70);
    let stays = |fp: Hash| fp != target && !(without_host && fp == host_fp);
    let roster = next.roster.as_slice().iter().filter(|e| stays(e.fp)).cloned().collect();
    stage.list(&mut next, roster, &HOSTS)?;
    (next.max_ms, next.locked) = (300, act == Act::Lock);
    orders(&mut next, vec![order])?;
    let made = stage.make(accomplice, next, &[], RIGHT, |_| {})?;
    let poster = stage.dice.bytes();
    for who in stage.names() {
        stage.hand(who, poster, &made.announce)?;
    }
    if stage.dice.chance(50) {
        lives(stage, accomplice, &made, "ines")?;
    }
    let (join, _) = stage.ask(accomplice, |join| join.resume_head = Some(made.h))?;
    let join = stage.enclose(&join)?;
    stage.post(&join)?;
    stage.pass(3_000)
}
