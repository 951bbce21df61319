//! A split that heals: what one side knows and the other does not.

use standfast_meeting::{Admission, Command, LeftWhy, Phase};
use standfast_wire::control::Kind;

use crate::authority::team;
use crate::life::meeting;
use crate::room::{Room, identity};

/// Nothing that is posted from here on passes between `island` and the others.
fn split(room: &mut Room, island: &'static [&'static str]) {
    let reader = room.reader();
    let fps: Vec<_> = island.iter().map(|name| identity(name).fingerprint().0).collect();
    let before: Vec<_> = room.board.iter().map(|(_, e)| e.sealed.clone()).collect();
    room.tamper = Some(Box::new(move |to, envelope| {
        if before.contains(&envelope.sealed) {
            return Some(envelope.clone());
        }
        let from = fps.contains(&reader(envelope).from);
        (from == island.contains(&to)).then(|| envelope.clone())
    }));
}

/// All messages pass again, and everyone reads what the board holds.
fn heal(room: &mut Room, names: &[&'static str]) {
    room.tamper = None;
    for name in names {
        room.disconnect(name);
        room.connect(name);
    }
}

#[test]
fn a_readmission_holds_when_a_branch_that_does_not_know_it_is_merged() {
    let mut room = meeting(&["mina", "leo", "jonas"]);
    let jonas = identity("jonas").fingerprint();
    room.command("ines", Command::Remove(jonas));
    room.pass(2_000);
    room.devices.remove("jonas");
    split(&mut room, &["mina"]);
    room.pass(30_000);
    assert!(room.see("mina").generator);
    room.command("ines", Command::Readmit(jonas));
    room.pass(2_000);
    room.member("jonas", Vec::new());
    room.pass(15_000);
    assert_eq!(room.see("jonas").phase, Phase::Live);
    heal(&mut room, &["ines", "leo", "mina", "jonas"]);
    room.pass(40_000);
    assert_eq!(room.hearers("ines", 96_000), ["jonas", "leo", "mina"]);
}

#[test]
fn an_ack_that_did_not_come_is_read_again() {
    let mut room = meeting(&["mina"]);
    let reader = room.reader();
    let mut lost = false;
    room.tamper = Some(Box::new(move |to, envelope| {
        let drops = !lost && to == "mina" && reader(envelope).kind == Kind::Ack;
        lost |= drops;
        (!drops).then(|| envelope.clone())
    }));
    room.command("ines", Command::RotateNow);
    room.pass(500);
    let epoch = room.see("mina").coming.unwrap();
    assert_eq!((epoch.confirmed, epoch.members), (1, 2), "the control");
    room.pass(7_000);
    assert_eq!(room.see("mina").active.unwrap().number, epoch.number);
    assert_eq!(room.see("mina").active.unwrap().confirmed, 2);
    room.pass(40_000);
    assert_eq!(room.devices["mina"].reads, 1, "once");
}

#[test]
fn a_removal_that_only_one_has_seen_comes_with_them_into_the_branch_that_goes_on() {
    let mut room = team();
    let leo = identity("leo").fingerprint();
    split(&mut room, &["mina", "jonas"]);
    room.pass(30_000);
    room.command("mina", Command::Remove(leo));
    room.pass(2_000);
    assert!(room.see("jonas").removed.iter().any(|r| r.fp == leo), "the control");
    // Nobody on the other side ever gets what that branch announced, nor what is said of it.
    let reader = room.reader();
    let lost: Vec<_> = [identity("mina"), identity("jonas")].map(|i| i.fingerprint().0).to_vec();
    let of_the_branch: Vec<_> = room
        .board
        .iter()
        .filter(|(_, e)| lost.contains(&reader(e).from) && reader(e).kind == Kind::Announce)
        .map(|(_, e)| e.sealed.clone())
        .collect();
    room.devices.remove("mina");
    room.disconnect("leo");
    room.pass(30_000);
    let hidden = of_the_branch.clone();
    room.tamper = Some(Box::new(move |to, envelope| {
        (to == "jonas" || !hidden.contains(&envelope.sealed)).then(|| envelope.clone())
    }));
    room.disconnect("jonas");
    room.connect("jonas");
    room.pass(40_000);
    assert_eq!(room.hearers("ines", 96_000), ["jonas"], "he came to her");
    assert!(room.see("ines").removed.is_empty(), "who does not know");
    room.connect("leo");
    room.pass(5_000);
    assert!(room.see("ines").members.iter().any(|m| m.name == "leo"), "and lets him in again");
    room.tamper = None;
    room.pass(60_000);
    assert!(room.see("ines").removed.iter().any(|r| r.fp == leo));
    assert_eq!(room.hearers("ines", 96_002), ["jonas"]);
}

#[test]
fn the_lock_of_somebody_who_was_removed_does_not_come_with_their_branch() {
    let mut room = team();
    split(&mut room, &["mina", "jonas"]);
    room.pass(30_000);
    room.command("mina", Command::SetLocked(true));
    for _ in 0..6 {
        room.command("mina", Command::RotateNow);
        room.pass(3_000);
    }
    room.command("ines", Command::Remove(identity("mina").fingerprint()));
    room.pass(2_000);
    room.devices.remove("mina");
    let before = room.see("jonas").active.unwrap().number;
    assert!(before > room.see("ines").active.unwrap().number + 2, "the control");
    assert!(room.see("jonas").locked && !room.see("ines").locked, "the control");
    heal(&mut room, &["ines", "leo", "jonas"]);
    room.pass(40_000);
    assert!(room.common_code(&["ines", "leo", "jonas"]).is_some());
    assert!(room.see("ines").active.unwrap().number > before, "for who comes from there it grows");
    assert!(!room.see("ines").locked, "what she did does not come along");
}

#[test]
fn who_leaves_alone_after_a_split_ends_nothing_for_those_on_the_other_side() {
    let mut room = meeting(&["mina", "leo"]);
    split(&mut room, &["mina", "leo"]);
    // She is alone once the others are dropped.
    room.pass(24_000);
    assert_eq!(room.see("ines").members.len(), 1, "the control");
    room.command("ines", Command::Leave);
    room.pass(2_000);
    assert_eq!(room.see("ines").phase, Phase::Left(LeftWhy::Left));
    heal(&mut room, &["mina", "leo"]);
    room.pass(40_000);
    assert_eq!(room.hearers("mina", 96_000), ["leo"]);
}

#[test]
fn who_leaves_alone_after_goodbyes_ends_the_meeting() {
    let mut room = meeting(&["mina"]);
    room.command("mina", Command::Leave);
    room.pass(3_000);
    room.command("ines", Command::Leave);
    room.pass(2_000);
    assert_eq!(room.see("ines").phase, Phase::Left(LeftWhy::Ended));
}

#[test]
fn a_split_is_told_in_its_own_session_only() {
    let mut room = meeting(&["mina", "leo"]);
    split(&mut room, &["mina"]);
    room.pass(30_000);
    heal(&mut room, &["ines", "leo", "mina"]);
    room.pass(40_000);
    assert!(room.see("ines").split.is_some(), "the control");
    let old = room.session_id();
    room.command("ines", Command::End);
    room.pass(2_000);
    // The board is left, and is read before the next session is opened.
    room.devices.clear();
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(10_000);
    assert_ne!(room.session_id(), old);
    assert_eq!(room.see("ines").split, None);
}

#[test]
fn a_removal_on_the_other_side_of_a_split_holds_for_both_when_it_heals() {
    let mut room = team();
    split(&mut room, &["mina"]);
    room.command("mina", Command::Remove(identity("leo").fingerprint()));
    room.pass(30_000);
    assert!(room.see("mina").generator && room.see("ines").generator);
    assert_eq!(room.see("leo").phase, Phase::Live, "the control");
    room.tamper = None;
    room.pass(40_000);
    assert_eq!(room.see("leo").phase, Phase::Left(LeftWhy::Removed));
    assert_eq!(room.hearers("ines", 96_000), ["jonas", "mina"]);
}

#[test]
fn a_generator_who_was_removed_in_another_branch_hands_the_key_on_and_goes() {
    let mut room = team();
    room.devices.remove("ines");
    split(&mut room, &["mina", "leo"]);
    room.pass(40_000);
    assert!(room.see("mina").generator && room.see("jonas").generator, "the control");
    room.command("jonas", Command::Remove(identity("mina").fingerprint()));
    room.pass(5_000);
    let before = room.see("leo").active.map(|e| e.number);
    room.tamper = None;
    room.pass(40_000);
    assert_eq!(room.see("mina").phase, Phase::Left(LeftWhy::Removed));
    assert_eq!(room.hearers("jonas", 96_000), ["leo"]);
    let after = room.see("leo").active.map(|e| e.number);
    assert!(before.is_some() && after <= before.map(|n| n + 6), "a storm: {before:?} {after:?}");
}

#[test]
fn who_is_left_alone_and_was_removed_on_the_other_side_goes() {
    let mut room = team();
    room.devices.remove("ines");
    split(&mut room, &["mina"]);
    room.pass(40_000);
    assert!(room.see("mina").generator, "the control");
    room.command("jonas", Command::Remove(identity("mina").fingerprint()));
    room.pass(5_000);
    assert_eq!(room.see("mina").phase, Phase::Live, "who has not heard of it");
    room.tamper = None;
    room.pass(20_000);
    assert_eq!(room.see("mina").phase, Phase::Left(LeftWhy::Removed));
    assert_eq!(room.hearers("jonas", 96_000), ["leo"]);
}
