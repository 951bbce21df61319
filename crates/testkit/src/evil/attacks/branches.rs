//! Histories beside the history: forks, twins, and two boards.

use std::collections::{BTreeMap, BTreeSet};

use standfast_meeting::{Command, Input};
use standfast_wire::control::{Entry, EpochAnnounce, Hash, Kind, Reason};

use super::announces::RIGHT;
use super::{HOSTS, MEMBERS, all_hear, open_room, team};
use crate::evil::rogue::Made;
use crate::evil::stage::{Look, Parcel, Stage, Who};
use crate::evil::{Dice, Fault, Held, Outcome};

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
fn lives(stage: &mut Stage, by: Who, made: &Made, to: Who) -> Held {
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
    // The organizer's own branch is preferred to somebody else's: the room moves to it.
    stage.disconnect("ines")?;
    stage.pass(12_000)?;
    let mina = stage.fp("mina");
    let taken = stage.look("jonas")?.generator == Some(mina);
    stage.must(taken, "nobody took over")?;
    let bases = stage.announces()?;
    let ines = stage.link.organizer.0;
    let base = bases.into_iter().rev().find(|(_, a)| a.generator == ines);
    let base = base.ok_or_else(|| Fault::of("no announce of the organizer"))?;
    let made = fork(&mut stage, &base, ("ines", "jonas"), |_| true)?;
    let before = stage.look("jonas")?;
    stage.offer("jonas", &made)?;
    lives(&mut stage, "ines", &made, "jonas")?;
    let after = stage.look("jonas")?;
    stage.must(moved(&before, &after), "the preferred branch moved nobody")?;
    Ok(outcome)
}

fn moved(before: &Look, after: &Look) -> bool {
    after.phase != before.phase || after.generator != before.generator || after.code != before.code
}

/// Two rooms with the same past: as when a generator's machine is restored from a snapshot. Both go
/// on, each in its own way.
pub(super) fn restored_generator(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut outcome = Outcome::default();
    let twins = |seed| {
        let names = ["mina", "jonas", "leo"];
        Ok::<_, Fault>([open_room(seed, &names)?, open_room(seed, &names)?])
    };
    let [mut here, mut there] = twins(seed)?;
    let same = here.head()?.0 == there.head()?.0;
    here.must(same, "two rooms of one seed are not the same")?;
    let mut chance = Dice::new(seed ^ 0x7417);
    for _ in 0..most.min(10) {
        // What was the same up to here parts.
        let wait = chance.between(1, 1_500);
        there.pass(wait)?;
        here.command("ines", Command::RotateNow)?;
        another(&mut there, &mut chance)?;
        let (h1, a1) = here.head()?;
        let (h2, a2) = there.head()?;
        let twin = h1 != h2 && (a1.term, a1.epoch) == (a2.term, a2.epoch);
        here.must(twin, "the rooms did not part")?;
        let to = chance.pick(&["mina", "jonas", "leo"]).unwrap_or("mina");
        let speaks = chance.pick(&["ines", "mina", "jonas", "leo"]).unwrap_or("ines");
        let from = there.frames.len();
        for _ in 0..3 {
            there.say(speaks, b"there")?;
        }
        there.pass(2_100)?;
        there.say(speaks, b"there")?;
        let before = (here.look(to)?, here.device(to)?.heard.len());
        let posted: Vec<_> =
            there.posted.iter().rev().take(24).map(|p| p.envelope.clone()).collect();
        let under_new: Vec<_> = there.frames[from..].iter().map(|(_, f)| f.clone()).collect();
        for envelope in posted.iter().rev() {
            let poster = chance.bytes();
            here.hand(to, poster, envelope)?;
        }
        let frame = under_new.last().cloned().unwrap_or_default();
        here.input(to, Input::Media(&frame))?;
        here.run()?;
        let after = here.look(to)?;
        let heard = here.device(to)?.heard.len() > before.1;
        let accepted = after.knows(&h2) || after.code != before.0.code || heard;
        outcome.tried(accepted, || format!("epoch {} shown to {to}, heard: {heard}", a2.epoch));
        if accepted {
            return Ok(outcome);
        }
        let kept = !here.see(to)?.evidence.is_empty();
        here.must(kept, "two announces for one epoch left no evidence")?;
        [here, there] = {
            let next = chance.word();
            twins(next)?
        };
    }
    // Whoever saw only the other one follows that.
    here.censor = Some(Box::new(|to, p| {
        let hidden =
            matches!(p, Parcel::Control(_, s) if matches!(s.kind, Kind::Announce | Kind::Wrap));
        !(to == "mina" && hidden)
    }));
    here.command("ines", Command::RotateNow)?;
    there.command("ines", Command::SetLocked(true))?;
    let (h2, _) = there.head()?;
    let posted: Vec<_> = there.posted.iter().rev().take(24).map(|p| p.envelope.clone()).collect();
    for envelope in posted.iter().rev() {
        let poster = here.dice.bytes();
        here.hand("mina", poster, envelope)?;
    }
    let follows = here.look("mina")?.knows(&h2);
    here.must(follows, "the one announce that somebody saw was not followed")?;
    Ok(outcome)
}

/// What is wanted in the other room: another epoch than a plain rotation.
fn another(stage: &mut Stage, chance: &mut Dice) -> Held {
    if chance.chance(50) {
        return stage.command("ines", Command::SetLocked(true));
    }
    let who = chance.pick(&["mina", "jonas", "leo"]).unwrap_or("leo");
    let fp = stage.fp(who);
    stage.command("ines", Command::Remove(fp))
}

/// The relay shows some what it hides from others: two boards for one session.
pub(super) fn two_boards(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut outcome = Outcome::default();
    let everyone = ["ines", "mina", "jonas", "leo", "sana"];
    for turn in 0..most.min(3) {
        let mut stage = team(seed.wrapping_add(turn << 40))?;
        let mut sides: BTreeMap<Who, bool> =
            everyone.into_iter().map(|who| (who, stage.dice.chance(50))).collect();
        if sides.values().all(|side| *side == sides["ines"]) {
            let other = !sides["ines"];
            sides.insert("leo", other);
        }
        let fps: BTreeMap<[u8; 32], bool> =
            sides.iter().map(|(who, side)| (stage.fp(who).0, *side)).collect();
        let (of, seen) = (sides.clone(), fps.clone());
        stage.censor = Some(Box::new(move |to, p| match p {
            Parcel::Control(_, s) => seen.get(&s.from).is_none_or(|side| *side == of[to]),
            _ => true,
        }));
        let hides = stage.dice.between(9_000, 40_000);
        let step = stage.dice.between(500, 3_000);
        let (mut passed, mut wrong) = (0, None);
        while passed < hides && wrong.is_none() {
            stage.pass(step)?;
            passed += step;
            if stage.dice.chance(20) {
                let by = stage.dice.pick(&everyone).unwrap_or("ines");
                stage.command(by, Command::RotateNow)?;
            }
            for who in everyone {
                stage.say(who, who.as_bytes())?;
            }
            wrong = contradiction(&mut stage, &fps, &sides)?;
        }
        outcome.tried(wrong.is_some(), || wrong.unwrap_or_default());
        // One board again: all come together.
        stage.censor = None;
        for (to, poster, envelope) in std::mem::take(&mut stage.withheld) {
            stage.hand(to, poster, &envelope)?;
        }
        stage.pass(90_000)?;
        all_hear(&mut stage, "ines", 4)?;
    }
    Ok(outcome)
}

/// What must never be seen while there are two boards.
fn contradiction(
    stage: &mut Stage,
    fps: &BTreeMap<[u8; 32], bool>,
    sides: &BTreeMap<Who, bool>,
) -> Held<Option<String>> {
    let mut codes: BTreeMap<Hash, (String, BTreeSet<[u8; 32]>)> = BTreeMap::new();
    let mut epochs: BTreeMap<String, Hash> = BTreeMap::new();
    let announced: BTreeMap<Hash, bool> = stage
        .letters(Kind::Announce)
        .map(|s| (crate::evil::forge::hash_of(s), fps.get(&s.from).copied().unwrap_or(false)))
        .collect();
    for who in stage.names() {
        let look = stage.look(who)?;
        let (Some((h, _)), Some(code)) = (look.active, look.code.clone()) else { continue };
        let listed: BTreeSet<_> = look.members.iter().map(|m| m.0.0).collect();
        if let Some((other, _)) = codes.get(&h).filter(|(other, _)| *other != code) {
            return Ok(Some(format!("one announce, two codes: {code} and {other}")));
        }
        if epochs.insert(code.clone(), h).is_some_and(|other| other != h) {
            return Ok(Some(format!("two announces, one code: {code}")));
        }
        codes.insert(h, (code, listed));
        // Made since the boards are two, on the other side: nobody here can have followed it.
        let newest = look.coming.or(look.active).map(|(h, _)| h);
        let foreign =
            newest.and_then(|h| announced.get(&h)).is_some_and(|side| *side != sides[who]);
        let count = look.members.iter().filter(|m| m.2 && fps.get(&m.0.0) != Some(&sides[who]));
        let both =
            count.count() > 0 && !foreign && newest.is_some_and(|h| is_of_the_split(stage, &h));
        if both {
            return Ok(Some(format!("{who} shows somebody on the other board as confirmed")));
        }
    }
    Ok(None)
}

/// Whether an announce was made after everyone had last confirmed one: it is known on one side only.
fn is_of_the_split(stage: &Stage, h: &Hash) -> bool {
    let made = stage
        .posted
        .iter()
        .find(|p| p.sealed.kind == Kind::Announce && crate::evil::forge::hash_of(&p.sealed) == *h);
    let hidden = |p: &crate::evil::stage::Posted| {
        stage.withheld.iter().any(|(_, _, envelope)| *envelope == p.envelope)
    };
    made.is_some_and(hidden)
}
