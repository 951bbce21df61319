//! Two histories at once: a generator restored from a snapshot, and two boards.

use std::collections::{BTreeMap, BTreeSet};

use standfast_meeting::{Command, Input};
use standfast_wire::control::{Hash, Kind};

use super::{all_hear, open_room, team};
use crate::evil::forge::hash_of;
use crate::evil::stage::{Parcel, Posted, Stage, Who};
use crate::evil::{Dice, Fault, Held, Outcome};

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
            matches!(p, Parcel::Control(s, _) if matches!(s.kind, Kind::Announce | Kind::Wrap));
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
            Parcel::Control(s, _) => seen.get(&s.from).is_none_or(|side| *side == of[to]),
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
        .map(|s| (hash_of(s), fps.get(&s.from).copied().unwrap_or(false)))
        .collect();
    for who in stage.names() {
        let look = stage.look(who)?;
        let (Some((h, _)), Some(code)) = (look.active, look.code.clone()) else { continue };
        let listed: BTreeSet<_> = look.members.iter().map(|m| m.fp.0).collect();
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
        let count =
            look.members.iter().filter(|m| m.confirmed && fps.get(&m.fp.0) != Some(&sides[who]));
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
    let made =
        stage.posted.iter().find(|p| p.sealed.kind == Kind::Announce && hash_of(&p.sealed) == *h);
    let hidden = |p: &Posted| stage.withheld.iter().any(|(_, _, envelope)| *envelope == p.envelope);
    made.is_some_and(hidden)
}
