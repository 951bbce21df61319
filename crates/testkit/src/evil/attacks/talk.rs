//! The spoken code with a cheat at the table, a wrong passphrase, and a journal that was changed.

use standfast_crypto::SpokenShare;
use standfast_meeting::{Command, JournalEntry, Phase, SignedJournal, SpokenNow};
use standfast_wire::codec::List;
use standfast_wire::control::{Kind, SasCommit, SasReveal};

use super::{all_hear, open_room, team};
use crate::evil::forge::read;
use crate::evil::stage::{Parcel, Stage, Who};
use crate::evil::{Fault, Held, Outcome};
use standfast_meeting::Admission;

fn words(stage: &mut Stage, who: Who) -> Held<Option<[&'static str; 3]>> {
    Ok(match stage.see(who)?.spoken {
        SpokenNow::Code(words) => Some(words),
        _ => None,
    })
}

/// A member binds itself to one value and shows another, once it has seen everyone else's.
pub(super) fn reveal_changed(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let names = ["ines", "mina", "jonas"];
    let mut stage = open_room(seed, &["mina", "jonas"])?;
    let mut outcome = Outcome::default();
    for _ in 0..most.min(20) {
        let cheat = stage.dice.below(3);
        let (cheat, honest) = (names[cheat], [names[(cheat + 1) % 3], names[(cheat + 2) % 3]]);
        let starts = stage.dice.pick(&honest).unwrap_or(honest[0]);
        // The cheat's device is ours: the honest one in its place hears and says nothing of it.
        stage.censor = Some(Box::new(move |to, p| {
            let sas = |k| matches!(k, Kind::SasCommit | Kind::SasReveal);
            !(to == cheat && matches!(p, Parcel::Control(s, _) if sas(s.kind)))
        }));
        stage.command(starts, Command::StartSpokenCode)?;
        let commit = stage.newest(Kind::SasCommit).map(read::<SasCommit>);
        let SasCommit { h_e, run_id, .. } = commit.ok_or_else(|| Fault::of("no run"))??;
        let (mine, mut shown) = (stage.dice.bytes::<32>(), stage.dice.bytes::<32>());
        if stage.dice.chance(50) {
            shown = mine;
            shown[stage.dice.below(32)] ^= 1 << stage.dice.below(8);
        }
        let me = stage.fp(cheat);
        let commitment = SpokenShare::shown(&mine).commitment(me, &run_id);
        let bound = stage.forge(cheat, Kind::SasCommit, &SasCommit { h_e, run_id, commitment })?;
        stage.post(&bound)?;
        let seen = stage.letters(Kind::SasReveal).map(read::<SasReveal>);
        let seen = seen.filter(|r| r.as_ref().is_ok_and(|r| r.run_id == run_id)).count();
        stage.must(seen == 2, "the others did not show their values")?;
        let ground =
            stage.forge(cheat, Kind::SasReveal, &SasReveal { h_e, run_id, sas_r: shown })?;
        stage.post(&ground)?;
        let code = [words(&mut stage, honest[0])?, words(&mut stage, honest[1])?];
        outcome.tried(code != [None, None], || format!("{cheat}'s, and {code:?}"));
        // The control of this very run's kind: an honest one shows the same words to all.
        stage.censor = None;
        stage.pass(11_000)?;
        stage.command(starts, Command::StartSpokenCode)?;
        let code = words(&mut stage, "ines")?;
        let same = code.is_some() && code == words(&mut stage, "mina")?;
        let same = same && code == words(&mut stage, "jonas")?;
        stage.must(same, "an honest run gave no code")?;
    }
    Ok(outcome)
}

/// Somebody has the link and another passphrase.
pub(super) fn wrong_passphrase(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = Stage::new(seed);
    let right = stage.dice.bytes::<1>()[0];
    for who in ["ines", "mina", "jonas"] {
        stage.passphrases.insert(who, right);
    }
    stage.open(&[], Admission::AnyoneWithLink)?;
    stage.member("mina")?;
    stage.pass(2_500)?;
    all_hear(&mut stage, "ines", 1)?;
    let mut outcome = Outcome::default();
    for _ in 0..most.min(40) {
        // Another passphrase, or none.
        let wrong = right.wrapping_add(1 + stage.dice.below(255) as u8);
        if stage.dice.chance(90) {
            stage.passphrases.insert("otto", wrong);
        } else {
            stage.passphrases.remove("otto");
        }
        let before = [stage.look("ines")?, stage.look("mina")?];
        stage.member("otto")?;
        let wait = stage.dice.between(1, 6_000);
        stage.pass(wait)?;
        let otto = stage.look("otto")?;
        let inside = matches!(otto.phase, Phase::Live) || otto.code.is_some();
        let disturbed = [stage.look("ines")?, stage.look("mina")?] != before;
        outcome.tried(inside || disturbed, || format!("passphrase {wrong}, {:?}", otto.phase));
        stage.stop("otto")?;
    }
    stage.member("jonas")?;
    stage.pass(2_500)?;
    all_hear(&mut stage, "jonas", 2)?;
    Ok(outcome)
}

/// A journal that somebody shortened, mixed, or continued in another way.
pub(super) fn journal_fork(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = team(seed)?;
    let who = stage.dice.pick(&["ines", "mina", "leo"]).unwrap_or("ines");
    let early = stage.device(who)?.meeting.signed_journal();
    let other = stage.device("jonas")?.meeting.signed_journal();
    stage.command("ines", Command::RotateNow)?;
    stage.pass(3_000)?;
    let journal = stage.device(who)?.meeting.signed_journal();
    let whole = journal.verify().is_ok() && early.verify().is_ok() && other.verify().is_ok();
    stage.must(whole, "an honest journal does not hold")?;
    let bytes = journal.to_bytes();
    let entries: Vec<JournalEntry> = journal.entries.as_slice().to_vec();
    let mut outcome = Outcome::default();
    for _ in 0..most.min(200) {
        let (way, at) = (stage.dice.below(7), stage.dice.below(entries.len()));
        let mut forked = journal.clone();
        let mut changed = entries.clone();
        match way {
            0 => drop(changed.remove(at)),
            1 => changed.truncate(at),
            2 => {
                changed.insert(at, stage.dice.pick(&entries).unwrap_or_else(|| entries[0].clone()))
            }
            3 => {
                let of = stage.dice.below(other.entries.as_slice().len());
                changed[at] = other.entries.as_slice()[of].clone();
            }
            4 => changed[at].prev = stage.dice.bytes(),
            // Another head: an early one, or one of another device.
            5 => {
                let head = if stage.dice.chance(50) { &early } else { &other };
                (forked.head, forked.sig) = (head.head.clone(), head.sig);
            }
            _ => {
                let mut bytes = bytes.clone();
                let bit = stage.dice.word() as usize % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                let holds = SignedJournal::from_bytes(&bytes).is_ok_and(|j| j.verify().is_ok());
                outcome.tried(holds, || format!("bit {bit}"));
                continue;
            }
        }
        forked.entries = List::new(changed).map_err(|_| Fault::of("too long a journal"))?;
        let same = forked == journal;
        outcome.tried(!same && forked.verify().is_ok(), || format!("way {way} at {at}"));
    }
    let read = SignedJournal::from_bytes(&bytes).is_ok_and(|j| j.verify().is_ok());
    stage.must(read, "the whole journal does not hold")?;
    Ok(outcome)
}
