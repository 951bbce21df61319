//! A bot whose owner never said so.

use standfast_crypto::Scope;
use standfast_meeting::Part;
use standfast_wire::codec::Blob;
use standfast_wire::control::{Act, Carried, EpochAnnounce, Hash, Kind, Own, Role};

use super::announces::{added, entry, free_idx, honest, offered, order, victim};
use super::team;
use crate::evil::forge::{hash_of, read};
use crate::evil::rogue::orders;
use crate::evil::stage::{Stage, Who};
use crate::evil::{Fault, Held, Outcome};

/// Tries in one room.
const EACH: u64 = 80;

fn own(stage: &mut Stage, by: Who, bot: Hash, join_h: Hash) -> Held<Carried> {
    let (at_h, _) = stage.head()?;
    stage.carried(by, Kind::Own, &Own { at_h, bot, join_h })
}

/// The bot on the roster, with its owner and the words that the announce carries.
fn with_bot(
    stage: &mut Stage,
    a: &mut EpochAnnounce,
    (join_h, owner): (Hash, Who),
    said: Vec<Carried>,
) -> Held {
    let idx = free_idx(stage)?;
    let mut bot = entry(stage, "minutes", join_h, idx);
    (bot.role, bot.owner) = (Role::Bot, Some(stage.fp(owner).0));
    orders(a, said)?;
    added(stage, a, bot)
}

/// A bot is seated without its owner's word, or under somebody who is not its owner.
pub(super) fn forged_owner(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let owner = stage.dice.pick(&["mina", "jonas", "leo", "sana"]).unwrap_or("leo");
    let owner_fp = stage.fp(owner);
    stage.start("minutes", Part::Bot { owner: owner_fp })?;
    stage.pass(1_000)?;
    let asked = stage.newest_of("minutes", Kind::Join)?;
    let (join_h, bot) = (hash_of(&asked), stage.fp("minutes").0);
    let (_, knocked) = {
        let (sealed, h) = stage.ask("noor", |_| {})?;
        let envelope = stage.enclose(&sealed)?;
        stage.post(&envelope)?;
        (read::<standfast_wire::control::JoinRequest>(&sealed)?, h)
    };
    let other = Scope { meeting_id: stage.link.meeting_id, session_id: stage.dice.bytes() };
    let mut outcome = Outcome::default();
    for _ in 0..most.min(EACH) {
        let to = victim(&mut stage);
        let host = stage.dice.pick(&["ines", "mina", "jonas"]).unwrap_or("ines");
        let thief = stage.dice.pick(&["ines", "mina", "jonas", "leo", "sana", "otto"]);
        let thief = thief.filter(|who| *who != owner).unwrap_or("otto");
        let way = stage.dice.below(8);
        let (_, accepted) = offered(&mut stage, to, |stage, a| {
            let admit = order(stage, host, Act::Admit, join_h)?;
            let (mut said, mut named) = (vec![admit], owner);
            match way {
                // Nobody says anything.
                0 => {}
                // The bot's own word, or a stranger's.
                1 => said.push(own(stage, "minutes", bot, join_h)?),
                2 => {
                    said.push(own(stage, thief, bot, join_h)?);
                }
                // Under the owner's name.
                3 => {
                    let mut forged = own(stage, thief, bot, join_h)?;
                    forged.from = owner_fp.0;
                    said.push(forged);
                }
                // The owner's word for another request, or for another bot.
                4 => said.push(own(stage, owner, bot, knocked)?),
                5 => {
                    let another = stage.fp(thief).0;
                    said.push(own(stage, owner, another, join_h)?);
                }
                // The owner's word of another session.
                6 => {
                    let (me, (at_h, _)) = (stage.identity(owner), stage.head()?);
                    let own = Own { at_h, bot, join_h };
                    let sealed = stage.letter_in(&other, &me, Kind::Own, &own)?;
                    let body = Blob::new(sealed.body.into_vec()).unwrap_or_default();
                    let sig = sealed.sig.unwrap_or([0; 64]);
                    said.push(Carried { kind: Kind::Own, from: owner_fp.0, body, sig });
                }
                // The owner's word, and another's name on the roster.
                _ => {
                    said.push(own(stage, owner, bot, join_h)?);
                    named = thief;
                }
            }
            with_bot(stage, a, (join_h, named), said)
        })?;
        outcome.tried(accepted, || format!("way {way} by {thief} for {owner}'s, to {to}"));
        if accepted {
            return Ok(outcome);
        }
    }
    let to = victim(&mut stage);
    honest(&mut stage, to, |stage, a| {
        let admit = order(stage, "mina", Act::Admit, join_h)?;
        let own = own(stage, owner, bot, join_h)?;
        with_bot(stage, a, (join_h, owner), vec![admit, own])
    })?;
    Ok(outcome)
}
