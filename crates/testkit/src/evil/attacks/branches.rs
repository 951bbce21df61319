//! Histories beside the history: forks, twins, and two boards.

use standfast_meeting::{Command, Phase};
use standfast_wire::control::{Entry, EpochAnnounce, Hash, Kind, Reason};

use super::announces::RIGHT;
use super::{HOSTS, MEMBERS, team};
use crate::evil::look::Look;
use crate::evil::rogue::Made;
use crate::evil::stage::{Stage, Who};
use crate::evil::{Fault, Held, Outcome};

/// `by` forks the history after `base`, with these on its roster.
fn fork(
    stage: &mut Stage,
    base: &(Hash, EpochAnnounce),
    (by, to): (Who, Who),
    keep: impl Fn(&Entry) -> bool,
) -> Held<Made> {
    let mut next = stage.next(base, by)?;
    let stay: Vec<_> = next.roster.as_slice().iter().filter(|e| keep(e)).cloned().collect();
    if stay.len() < next.roster.as_slice().len() {
        next.max_ms = 1_000;
    }
    stage.list(&mut next, stay, &HOSTS)?;
    stage.make(by, next, &[to], RIGHT, |_| {})
}

/// Heartbeats of a fork, as if its generator lived.
pub(super) fn lives(stage: &mut Stage, by: Who, made: &Made, to: Who) -> Held {
    let mut age_ms = stage.dice.between(0, 100_000);
    for _ in 0..3 {
        let beat = stage.beat(by, made.h, &made.said, age_ms)?;
        let poster = stage.dice.bytes();
        stage.hand(to, poster, &beat)?;
        let step = stage.dice.between(100, 700);
        stage.pass(step)?;
        age_ms += 2_000;
    }
    Ok(())
}

/// Somebody who was removed forks the history, from before or after its removal, to return.
pub(super) fn removed_forks_history(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let gone = stage.dice.pick(&MEMBERS).unwrap_or("leo");
    let fp = stage.fp(gone);
    if stage.dice.chance(50) {
        stage.command("ines", Command::RotateNow)?;
        stage.pass(2_500)?;
    }
    let before = stage.announces()?;
    let host = HOSTS.into_iter().find(|host| *host != gone).unwrap_or("mina");
    stage.command(host, Command::Remove(fp))?;
    stage.pass(1_500)?;
    stage.stop(gone)?;
    let here: Vec<_> = MEMBERS.into_iter().filter(|who| *who != gone).collect();
    let listed =
        before.into_iter().filter(|(_, a)| a.roster.as_slice().iter().any(|e| e.fp == fp.0));
    let bases: Vec<_> = listed.collect();
    let mut outcome = Outcome::default();
    for _ in 0..most.min(10) {
        let to = stage.dice.pick(&here).unwrap_or("mina");
        let base =
            if stage.dice.chance(80) { stage.dice.pick(&bases) } else { Some(stage.head()?) };
        let base = base.ok_or_else(|| Fault::of("it was never there"))?;
        // The relay may hide the real generator meanwhile.
        let hides = stage.dice.chance(50);
        if hides {
            stage.censor = Some(Box::new(move |who, _| who != to));
            let hidden = stage.dice.between(0, 14_000);
            stage.pass(hidden)?;
        }
        let alone = stage.dice.chance(30);
        let me = stage.fp(to).0;
        let keep = |e: &Entry| !alone || e.fp == fp.0 || e.fp == me;
        let mut made = fork(&mut stage, &base, (gone, to), keep)?;
        if !base.1.roster.as_slice().iter().any(|e| e.fp == fp.0) {
            // From after its removal: it lists itself again.
            let (again, idx) = (bases.last(), fp.0);
            let entry = again.and_then(|(_, a)| a.roster.as_slice().iter().find(|e| e.fp == idx));
            let entry = entry.cloned().ok_or_else(|| Fault::of("it was never there"))?;
            let mut next = stage.next(&base, gone)?;
            let mut roster = next.roster.as_slice().to_vec();
            roster.push(entry);
            stage.list(&mut next, roster, &HOSTS)?;
            made = stage.make(gone, next, &[to], RIGHT, |_| {})?;
        }
        let offered = stage.offer(to, &made)?;
        lives(&mut stage, gone, &made, to)?;
        let looks = stage.looks()?;
        let accepted = offered.installed
            || looks.iter().any(|look| look.lists(fp) || look.generator == Some(fp));
        outcome.tried(accepted, || {
            format!("{gone} from epoch {} to {to}, hidden: {hides}", base.1.epoch)
        });
        if accepted {
            return Ok(outcome);
        }
        stage.censor = None;
        let held = std::mem::take(&mut stage.withheld);
        for (to, poster, envelope) in held {
            stage.hand(to, poster, &envelope)?;
        }
        stage.pass(6_000)?;
    }
    stage.pass(45_000)?;
    // Somebody who was not removed may do the same, once the generator is gone.
    let (by, to) = (here[0], here[1]);
    stage.command("ines", Command::RotateNow)?;
    stage.pass(2_500)?;
    let head = stage.head()?;
    let made = fork(&mut stage, &head, (by, to), |_| true)?;
    stage.censor = Some(Box::new(move |who, _| who != to));
    stage.offer(to, &made)?;
    stage.pass(8_500)?;
    let (by_fp, look) = (stage.fp(by), stage.look(to)?);
    let followed = look.generator == Some(by_fp);
    stage.must(followed, "who was not removed was not followed")?;
    Ok(outcome)
}

/// A branch that somebody made up and keeps alive, to move others off the one that is preferred.
pub(super) fn merge_preference_forged(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let mut outcome = Outcome::default();
    let session = stage.session_id()?;
    for _ in 0..most.min(16) {
        let to = stage.dice.pick(&MEMBERS).unwrap_or("mina");
        let by: Vec<_> = MEMBERS.into_iter().filter(|who| *who != to).collect();
        let by = stage.dice.pick(&by).unwrap_or("jonas");
        let bases = stage.announces()?;
        let by_fp = stage.fp(by).0;
        let bases: Vec<_> = bases
            .into_iter()
            .filter(|(_, a)| a.roster.as_slice().iter().any(|e| e.fp == by_fp))
            .collect();
        let base = stage.dice.pick(&bases).ok_or_else(|| Fault::of("it was never there"))?;
        let before = stage.look(to)?;
        let alone = stage.dice.chance(50);
        let organizer = stage.link.organizer.0;
        let mut made = fork(&mut stage, &base, (by, to), |e| !alone || e.fp == by_fp)?;
        let way = stage.dice.below(4);
        match way {
            // As if the organizer had made it.
            1 => {
                let said = EpochAnnounce {
                    generator: organizer,
                    term: base.1.term,
                    reason: Reason::Manual,
                    ..made.said.clone()
                };
                made.announce = stage.forge(by, Kind::Announce, &said)?;
                made.said = said;
            }
            // As if it had been merged already.
            2 => {
                let head = stage.head()?.0;
                let (term, epoch) = (base.1.term + 5, base.1.epoch + 5);
                let said = EpochAnnounce {
                    merged_h: Some(head),
                    reason: Reason::Merge,
                    term,
                    epoch,
                    ..made.said.clone()
                };
                made.announce = stage.forge(by, Kind::Announce, &said)?;
                made.said = said;
            }
            // With a term and an epoch far ahead.
            3 => {
                let ahead = 1 + stage.dice.below(1_000) as u32;
                let said = EpochAnnounce {
                    term: made.said.term + ahead,
                    epoch: made.said.epoch + ahead,
                    ..made.said.clone()
                };
                made.announce = stage.forge(by, Kind::Announce, &said)?;
                made.said = said;
            }
            _ => {}
        }
        let offered = stage.offer(to, &made)?;
        lives(&mut stage, by, &made, to)?;
        let after = stage.look(to)?;
        let accepted =
            offered.installed || moved(&before, &after) || after.session != Some(session);
        outcome.tried(accepted, || format!("way {way}: {by}'s branch to {to}"));
        if accepted {
            return Ok(outcome);
        }
    }
    // The organizer's own branch is preferred to somebody else's: the room moves to it. A room in
    // which nobody forged: there, everybody has, and none of them is believed in a second branch.
    let mut stage = team(seed)?;
    stage.disconnect("ines")?;
    let mut to = None;
    for _ in 0..60 {
        stage.pass(1_000)?;
        to = follower_of_another(&mut stage)?;
        if to.is_some() {
            break;
        }
    }
    let to = to.ok_or_else(|| Fault::of("nobody took over"))?;
    let (bases, ines) = (stage.announces()?, stage.link.organizer.0);
    let base = bases.into_iter().rev().find(|(_, a)| a.generator == ines);
    let base = base.ok_or_else(|| Fault::of("no announce of the organizer"))?;
    let made = fork(&mut stage, &base, ("ines", to), |_| true)?;
    let before = stage.look(to)?;
    stage.offer(to, &made)?;
    lives(&mut stage, "ines", &made, to)?;
    let after = stage.look(to)?;
    stage.must(moved(&before, &after), "the preferred branch moved nobody")?;
    Ok(outcome)
}

/// A live member that follows another generator than the organizer.
fn follower_of_another(stage: &mut Stage) -> Held<Option<Who>> {
    let organizer = stage.link.organizer;
    for who in MEMBERS {
        let (look, me) = (stage.look(who)?, stage.fp(who));
        let follows = look.generator.is_some_and(|fp| fp != organizer && fp != me);
        if look.phase == Phase::Live && follows {
            return Ok(Some(who));
        }
    }
    Ok(None)
}

fn moved(before: &Look, after: &Look) -> bool {
    after.phase != before.phase || after.generator != before.generator || after.code != before.code
}
