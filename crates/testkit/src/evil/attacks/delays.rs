//! A relay that withholds, delays, replays and lies about lines.

use standfast_meeting::{Command, Input, Microphone, Part, Phase};
use standfast_wire::control::{Heartbeat, Kind, Reason};

use super::{all_hear, open_room};
use crate::evil::forge::read;
use crate::evil::stage::{Parcel, Stage, Who, copy};
use crate::evil::{Fault, Held, Outcome};
use standfast_meeting::Admission;

/// Without a heartbeat for so long, or so far behind, nothing may be sent, ms.
const CUT_MS: u64 = 15_000;

/// Yesterday's session is shown to a scheduled member, in whole or in part, in any order.
pub(super) fn yesterday_replayed(seed: u64, most: u64) -> Result<Outcome, Fault> {
    // The day before: bundles are left at the relay.
    let mut stage = open_room(seed, &["mina"])?;
    let kept: Vec<_> = stage.device("mina")?.stored.iter().map(|b| b.to_secret()).collect();
    stage.command("ines", Command::End)?;
    stage.pass(2_000)?;
    stage.devices.clear();
    stage.now.mono_ms += 86_400_000;
    stage.posted.clear();
    // Yesterday: Mina was scheduled and came in with her bundle. The control of what is replayed.
    stage.open(&["mina", "jonas"], Admission::Lobby)?;
    stage.start("mina", Part::Member { prekeys: kept.iter().map(copy).collect() })?;
    stage.pass(2_500)?;
    all_hear(&mut stage, "ines", 1)?;
    let by_bundle = stage.look("mina")?.active.is_some_and(|(_, number)| number == 1);
    stage.must(by_bundle, "the bundle was of no use")?;
    stage.command("ines", Command::RotateNow)?;
    stage.pass(5_000)?;
    stage.say("ines", b"yesterday")?;
    let session_id = stage.session_id()?;
    let board: Vec<_> = stage.posted.iter().map(|p| p.envelope.clone()).collect();
    let frames = stage.frames.clone();
    for who in ["ines", "mina"] {
        stage.stop(who)?;
    }
    let mut outcome = Outcome::default();
    for _ in 0..most.min(30) {
        stage.now.mono_ms += 3_600_000 + stage.dice.between(0, 86_400_000);
        let restored = stage.dice.chance(70);
        let prekeys = if restored { kept.iter().map(copy).collect() } else { Vec::new() };
        // The hub's own board is not shown: what is shown comes from here.
        stage.censor = Some(Box::new(|_, _| false));
        stage.start("mina", Part::Member { prekeys })?;
        stage.device("mina")?.heard.clear();
        let upto = 1 + stage.dice.below(board.len());
        let mut shown = board[..upto].to_vec();
        match stage.dice.below(4) {
            0 => shown = board.clone(),
            1 => shown = stage.dice.some(&shown),
            2 => {
                let rest = shown.len().min(2);
                let mut dice = stage.dice.split();
                dice.shuffle(&mut shown[rest..]);
            }
            _ => {}
        }
        let sealed = stage.frames.len();
        let mut inside = false;
        let delay = stage.dice.between(0, 400);
        for (nth, envelope) in shown.iter().enumerate() {
            let poster = stage.dice.bytes();
            stage.hand("mina", poster, envelope)?;
            if nth % 5 == 4 {
                stage.pass(delay)?;
                stage.input("mina", Input::CaughtUp { session_id })?;
                stage.run()?;
            }
        }
        for _ in 0..6 {
            for (_, frame) in &frames {
                stage.input("mina", Input::Media(frame))?;
            }
            stage.say("mina", b"today")?;
            stage.pass(700)?;
            let see = stage.see("mina")?;
            inside |= see.phase == Phase::Live || see.microphone != Microphone::ClosedNotLive;
        }
        let heard = !stage.device("mina")?.heard.is_empty();
        let said = stage.frames.len() > sealed;
        outcome.tried(inside || heard || said, || {
            format!("{} of {} shown, restored: {restored}", shown.len(), board.len())
        });
        stage.stop("mina")?;
    }
    Ok(outcome)
}

/// A relay that lets heartbeats through ever later, so that none is missing.
pub(super) fn stretched_clock(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = open_room(seed, &["mina"])?;
    let mut outcome = Outcome::default();
    // Evenly late is no stretching: the control.
    let steady = stage.dice.between(1, 2_000);
    let (lag, open) = stretch(&mut stage, (2_000, 0), steady, 20_000)?;
    stage.must(lag < 6_000 && open, "an even delay closed the microphone")?;
    for _ in 0..most.min(4) {
        // Of each so many ms 2 s of heartbeats are let through.
        let pace = stage.dice.between(2_300, 7_000);
        let jitter = stage.dice.between(0, 400);
        let until_ms = 2_000 * CUT_MS * 2 / (pace - 2_000).max(300) + 10_000;
        let (lag, open) = stretch(&mut stage, (pace, jitter), 0, until_ms.min(160_000))?;
        let accepted = open && lag > CUT_MS + 1_000;
        outcome.tried(accepted, || format!("2 s in {pace} ms, {lag} ms behind, and open"));
        stage = {
            let seed = stage.dice.word();
            open_room(seed, &["mina"])?
        };
    }
    Ok(outcome)
}

/// Delivers to Mina one heartbeat each `pace` ms. Gives how far behind she is at last, and whether
/// she could be heard at any moment at which she was further behind than the protocol allows; or,
/// when she never was, at last.
fn stretch(
    stage: &mut Stage,
    (pace, jitter): (u64, u64),
    delay: u64,
    until_ms: u64,
) -> Held<(u64, bool)> {
    stage.censor = Some(Box::new(|to, p| to != "mina" || matches!(p, Parcel::Media(_))));
    stage.withheld.clear();
    stage.pass(delay)?;
    let begun = stage.now.mono_ms;
    let (mut base, mut lag, mut open) = (None, 0, false);
    let mut late_and_open = false;
    while stage.now.mono_ms < begun + until_ms {
        let wobble = stage.dice.between(0, 2 * jitter);
        stage.pass((pace + wobble).saturating_sub(jitter))?;
        let beat = loop {
            if stage.withheld.is_empty() {
                break None;
            }
            let (_, poster, envelope) = stage.withheld.remove(0);
            let sealed = crate::evil::forge::unbox(&stage.link.keys(), &envelope);
            let sealed = sealed.ok_or_else(|| Fault::of("an unreadable letter"))?;
            stage.hand("mina", poster, &envelope)?;
            if sealed.kind == Kind::Heartbeat {
                break Some(read::<Heartbeat>(&sealed)?.age_ms);
            }
        };
        let Some(age_ms) = beat else { continue };
        let behind = stage.now.mono_ms as i64 - age_ms as i64;
        let least = *base.get_or_insert(behind);
        base = Some(least.min(behind));
        lag = (behind - least.min(behind)) as u64;
        open = stage.device("mina")?.meeting.microphone_open();
        late_and_open |= open && lag > CUT_MS + 1_000;
        if late_and_open {
            return Ok((lag, true));
        }
    }
    Ok((lag, if lag > CUT_MS { late_and_open } else { open }))
}

/// Everyone in the room of the next two attacks.
const NAMES: [Who; 4] = ["ines", "mina", "jonas", "leo"];

/// Confirmations are kept from some: they wait no longer than they may, and count what they have.
pub(super) fn withheld_acks(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = open_room(seed, &["mina", "jonas", "leo"])?;
    let mut outcome = Outcome::default();
    for _ in 0..most.min(12) {
        let to = stage.dice.some(&NAMES);
        let from = stage.dice.some(&NAMES);
        let (hidden, authors) = (to.clone(), from.clone());
        let authors: Vec<_> = authors.iter().map(|who| stage.fp(who).0).collect();
        stage.censor = Some(Box::new(move |who, p| match p {
            Parcel::Control(s, _) if s.kind == Kind::Ack => {
                !(hidden.contains(&who) && authors.contains(&s.from))
            }
            _ => true,
        }));
        stage.command("ines", Command::RotateNow)?;
        let (h, announce) = stage.head()?;
        let mut wrong = None;
        let begun = stage.now.mono_ms;
        while stage.now.mono_ms < begun + 2_400 {
            stage.pass(100)?;
            for who in NAMES {
                let look = stage.look(who)?;
                let kept =
                    if to.contains(&who) { from.iter().filter(|f| **f != who).count() } else { 0 };
                if look.confirmed > NAMES.len() - kept {
                    wrong = Some(format!("{who} counts {} with {kept} kept back", look.confirmed));
                }
                let over = stage.now.mono_ms > begun + u64::from(announce.max_ms) + 100;
                if over && look.active.is_none_or(|(active, _)| active != h) {
                    wrong = Some(format!("{who} waits longer than it may"));
                }
            }
        }
        outcome.tried(wrong.is_some(), || wrong.unwrap_or_default());
        stage.censor = None;
        for (to, poster, envelope) in std::mem::take(&mut stage.withheld) {
            stage.hand(to, poster, &envelope)?;
        }
        for who in NAMES {
            let all = stage.look(who)?.confirmed == NAMES.len();
            stage.must(all, "with every confirmation not all are confirmed")?;
        }
    }
    Ok(outcome)
}

/// Wraps are kept from some: they are not counted, and hear and say nothing in that epoch.
pub(super) fn withheld_wraps(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = open_room(seed, &["mina", "jonas", "leo"])?;
    let mut outcome = Outcome::default();
    for _ in 0..most.min(8) {
        let mut to = stage.dice.some(&NAMES[1..]);
        if to.is_empty() {
            to.push("leo");
        }
        let hidden = to.clone();
        stage.censor = Some(Box::new(move |who, p| {
            !(hidden.contains(&who) && matches!(p, Parcel::Control(s, _) if s.kind == Kind::Wrap))
        }));
        stage.command("ines", Command::RotateNow)?;
        let (h, _) = stage.head()?;
        let waits = stage.dice.between(100, 5_000);
        stage.pass(waits)?;
        let mut wrong = None;
        for who in to.iter().copied() {
            let fp = stage.fp(who);
            if stage.look(who)?.knows(&h) {
                wrong = Some(format!("{who} holds a key that it never got"));
            }
            let shown = stage.look("ines")?.members;
            if shown.iter().any(|m| m.fp == fp && m.confirmed) {
                wrong = Some(format!("{who} counts as confirmed without a key"));
            }
            let heard = stage.hearers("ines")?.contains(&who);
            let in_use = stage.look("ines")?.active.is_some_and(|(active, _)| active == h);
            if heard && in_use {
                wrong = Some(format!("{who} hears what it has no key for"));
            }
        }
        outcome.tried(wrong.is_some(), || wrong.unwrap_or_default());
        // Let through, or asked for again: the control.
        stage.censor = None;
        stage.withheld.clear();
        stage.pass(30_000)?;
        all_hear(&mut stage, "ines", 3)?;
    }
    Ok(outcome)
}

/// The relay says that somebody's line broke, who is there and heard by all.
pub(super) fn liar_about_leavers(seed: u64, most: u64) -> Result<Outcome, Fault> {
    let mut stage = open_room(seed, &["mina", "jonas", "leo"])?;
    let before = stage.head()?.0;
    let generator = stage.fp("ines");
    let mut outcome = Outcome::default();
    for _ in 0..most.min(60) {
        let meeting_id = stage.link.meeting_id;
        let of = stage.dice.pick(&NAMES).unwrap_or("mina");
        let poster = stage.identity(of).pseudonym("relay.evil", &meeting_id).public();
        let to = stage.dice.pick(&NAMES).unwrap_or("ines");
        stage.input(to, Input::PeerGone { poster })?;
        // A living member is heard at least once in 3 s here: it speaks.
        for who in NAMES {
            stage.say(who, b"here")?;
        }
        let wait = stage.dice.between(0, 2_400);
        stage.pass(wait)?;
        let gone = stage.look(to)?.members.len() < 4;
        let look = stage.look(to)?;
        let rekeyed = stage
            .announces()?
            .iter()
            .rev()
            .take_while(|(h, _)| *h != before)
            .any(|(_, a)| matches!(a.reason, Reason::Drop | Reason::Leave | Reason::Takeover));
        let accepted = gone || rekeyed || look.generator != Some(generator);
        outcome.tried(accepted, || format!("of {of} to {to}"));
        if accepted {
            return Ok(outcome);
        }
    }
    // The same words, and it is true.
    let poster = {
        let meeting_id = stage.link.meeting_id;
        stage.identity("leo").pseudonym("relay.evil", &meeting_id).public()
    };
    stage.stop("leo")?;
    stage.input("ines", Input::PeerGone { poster })?;
    stage.pass(9_000)?;
    let gone = stage.look("ines")?.members.len() == 3;
    stage.must(gone, "who is really gone was not dropped")?;
    Ok(outcome)
}
